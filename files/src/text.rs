//! Text that comes from files, made safe to show.
//!
//! Labels, names of files and whatever else data holds may contain escape sequences, which a terminal would obey, or marks
//! that turn the direction of what follows. They are shown as what they are, and long ones are cut.

use std::fmt::Write as _;

/// Characters of a quoted value that a message shows.
pub const SHOWN: usize = 80;

/// True of characters that are not to reach a terminal or a page as they are: control characters, separators of lines and
/// paragraphs, marks of direction, and those of no width that hide within words.
#[must_use]
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// The text with each hidden character as its number, `\u{1b}`; tabs and line ends as `\t` and `\n`.
#[must_use]
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => shown.push_str("\\t"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            hidden if is_hidden(hidden) => {
                // Writing into a string cannot fail.
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(hidden));
            }
            other => shown.push(other),
        }
    }
    shown
}

/// Characters of the beginning and of the end that [`elided`] leaves.
const LEFT: (usize, usize) = (120, 180);

/// A path or what a parser says, whose end tells as much as its beginning: [`visible`], and cut in the middle where it has more
/// than 300 characters.
#[must_use]
pub fn elided(text: &str) -> String {
    let count = text.chars().count();
    if count <= LEFT.0 + LEFT.1 {
        return visible(text);
    }
    let beginning: String = text.chars().take(LEFT.0).collect();
    let end: String = text.chars().skip(count - LEFT.1).collect();
    format!("{}… ({} bytes) …{}", visible(&beginning), text.len(), visible(&end))
}

/// A value as a message quotes it: [`visible`], and cut after [`SHOWN`] characters, with how many bytes there are.
#[must_use]
pub fn quoted(text: &str) -> String {
    shortened(text, SHOWN)
}

/// The same as [`quoted`], cut after another number of characters.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => visible(text),
        Some((end, _)) => format!("{}… ({} bytes)", visible(&text[..end]), text.len()),
    }
}

/// A text of several lines, each shown as [`shortened`] has it; only the line ends between them stay what they are.
#[must_use]
pub fn visible_lines(text: &str, most: usize) -> String {
    text.split('\n').map(|line| shortened(line, most)).collect::<Vec<_>>().join("\n")
}

/// JSON with each hidden character within its strings as `\u001b`: the same values, and nothing that a terminal or a page
/// would obey.
#[must_use]
pub fn json_visible(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        // White space stands between values; a writer of JSON has escaped it within strings.
        if is_hidden(character) && !matches!(character, '\n' | '\r' | '\t') {
            // Writing into a string cannot fail. All hidden characters are of the basic plane.
            let _ = write!(shown, "\\u{:04x}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
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
    fn json_keeps_its_values() {
        let json = "{\n  \"a\": \"\u{202e}b\u{85}\u{7f}é\"\n}";
        let shown = json_visible(json);
        assert_eq!(shown, "{\n  \"a\": \"\\u202eb\\u0085\\u007fé\"\n}");
    }
}
