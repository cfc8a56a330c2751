//! Escaping of text that comes from files, for terminals and pages.
//!
//! Labels, names of files and whatever else data holds may contain escape sequences, which a terminal would obey, or marks
//! that turn the direction of what follows. They are shown as what they are, and long ones are cut.

use std::fmt::Write as _;

use crate::hidden;
pub use crate::hidden::first_hidden;

/// The most characters of a quoted value that a message shows.
pub const MAX_QUOTED_CHARACTERS: usize = 80;

/// The text with each hidden character as its number, `\u{1b}`; tabs and line ends as `\t` and `\n`.
#[must_use]
pub fn visible(text: &str) -> String {
    hidden::replace(text, |shown, character| match character {
        '\t' => shown.push_str("\\t"),
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        other => {
            // Writing into a string cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(other));
        }
    })
}

/// Characters of the beginning and of the end that [`elided`] leaves.
const ELIDED_ENDS: (usize, usize) = (120, 180);

/// A path or what a parser says, whose end matters as much as its beginning: [`visible`], and cut in the middle where it has more
/// than 300 characters.
#[must_use]
pub fn elided(text: &str) -> String {
    let count = text.chars().count();
    if count <= ELIDED_ENDS.0 + ELIDED_ENDS.1 {
        return visible(text);
    }
    let beginning: String = text.chars().take(ELIDED_ENDS.0).collect();
    let end: String = text.chars().skip(count - ELIDED_ENDS.1).collect();
    format!("{}… ({} bytes) …{}", visible(&beginning), text.len(), visible(&end))
}

/// A value as a message quotes it: [`visible`], and cut after [`MAX_QUOTED_CHARACTERS`] characters, with how many bytes
/// there are.
#[must_use]
pub fn quoted(text: &str) -> String {
    shortened(text, MAX_QUOTED_CHARACTERS)
}

/// The same as [`quoted`], cut after another number of characters.
#[must_use]
pub fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => visible(text),
        Some((end, _)) => format!("{}… ({} bytes)", visible(&text[..end]), text.len()),
    }
}

/// A text of several lines, each shown as [`shortened`] has it; only the line ends between them stay what they are.
#[must_use]
pub fn visible_lines(text: &str, max: usize) -> String {
    text.split('\n').map(|line| shortened(line, max)).collect::<Vec<_>>().join("\n")
}

/// The results of a command, whose lines and columns stay: each hidden character as its number but for line ends and tabs.
#[must_use]
pub fn visible_output(text: &str) -> String {
    text.split_inclusive(['\n', '\t'])
        .map(|part| match part.strip_suffix(['\n', '\t']) {
            Some(before) => visible(before) + &part[before.len()..],
            None => visible(part),
        })
        .collect()
}

/// JSON with each hidden character within its strings as `\u001b`, or as two such numbers beyond the basic plane: the same
/// values, and nothing that a terminal or a page would obey.
#[must_use]
pub fn json_visible(json: &str) -> String {
    hidden::replace(json, |shown, character| match character {
        // White space stands between values; a writer of JSON has escaped it within strings.
        '\n' | '\r' | '\t' => shown.push(character),
        other => {
            for unit in other.encode_utf16(&mut [0; 2]) {
                // Writing into a string cannot fail.
                let _ = write!(shown, "\\u{unit:04x}");
            }
        }
    })
}

/// A text between double quotes, in one line, as TOML, YAML and Python read it: each gets the same text.
#[must_use]
pub fn string_literal(text: &str) -> String {
    format!("\"{}\"", numbered(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A text as one argument of a shell, in one line, quoted where it has to be. What begins with a hyphen is set apart from
/// options.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:".contains(character);
    let word = if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else if hidden::first_hidden(text).is_some() {
        // Bash, Zsh and others read the numbers of characters between such quotes alone.
        format!("$'{}'", numbered(&text.replace('\\', "\\\\").replace('\'', "\\'")))
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    };
    if text.starts_with('-') { format!("-- {word}") } else { word }
}

/// The text with each hidden character as `\u202e`, or `\U000e0041` beyond the basic plane; tabs and line ends as `\t` and
/// `\n`. Not for JSON, which knows no such numbers beyond the plane.
fn numbered(text: &str) -> String {
    hidden::replace(text, |shown, character| {
        // Writing into a string cannot fail.
        let _ = match (character, u32::from(character)) {
            ('\t', _) => write!(shown, "\\t"),
            ('\n', _) => write!(shown, "\\n"),
            ('\r', _) => write!(shown, "\\r"),
            (_, number @ ..0x1_0000) => write!(shown, "\\u{number:04x}"),
            (_, number) => write!(shown, "\\U{number:08x}"),
        };
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines_and_hidden_characters_are_shown() {
        assert_eq!(visible_lines("a\u{1b}[2J\nb\rc", 80), "a\\u{1b}[2J\nb\\rc");
        assert_eq!(visible_lines(&"x".repeat(100), 10), format!("{}… (100 bytes)", "x".repeat(10)));
    }

    #[test]
    fn output_keeps_lines_and_columns_alone() {
        assert_eq!(visible_output("a\tb\u{1b}\nc\r\n"), "a\tb\\u{1b}\nc\\r\n");
    }

    #[test]
    fn json_keeps_its_values() {
        let json = "{\n  \"a\": \"\u{202e}b\u{85}\u{7f}é\"\n}";
        let shown = json_visible(json);
        assert_eq!(shown, "{\n  \"a\": \"\\u202eb\\u0085\\u007fé\"\n}");
    }

    #[test]
    fn json_beyond_the_basic_plane_is_of_two_numbers() {
        let json = serde_json::to_string("a\u{e0041}\u{200b}").unwrap();
        let shown = json_visible(&json);
        assert_eq!(shown, "\"a\\udb40\\udc41\\u200b\"");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), "a\u{e0041}\u{200b}");
    }

    #[test]
    fn a_shell_gets_one_argument_of_one_line() {
        assert_eq!(shell_word("names-1.toml"), "names-1.toml");
        assert_eq!(shell_word(""), "''");
        assert_eq!(shell_word("it's"), "'it'\\''s'");
        assert_eq!(shell_word("$(touch x) `y` \\"), "'$(touch x) `y` \\'");
        assert_eq!(shell_word("a\nb's\u{202e}\\"), "$'a\\nb\\'s\\u202e\\\\'");
        assert_eq!(shell_word("\u{e0041}a"), "$'\\U000e0041a'");
        assert_eq!(shell_word("--help"), "-- --help");
    }

    #[test]
    fn a_literal_is_one_line() {
        assert_eq!(
            string_literal("a\"\\\n\r\t\u{7f}\u{e0041}é"),
            "\"a\\\"\\\\\\n\\r\\t\\u007f\\U000e0041é\""
        );
    }
}
