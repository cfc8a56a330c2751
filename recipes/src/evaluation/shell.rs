//! Texts as arguments of a shell.

use alambic_files::text::is_hidden;

/// A text as one argument of a shell, in one line. What begins with a hyphen is set apart from options.
pub(crate) fn shell_quoted(text: &str) -> String {
    let quoted = if text.chars().any(is_hidden) {
        let escaped = text.chars().map(|character| match character {
            '\'' | '\\' => format!("\\{character}"),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            hidden if is_hidden(hidden) => format!("\\u{:04x}", u32::from(hidden)),
            other => other.to_string(),
        });
        format!("$'{}'", escaped.collect::<String>())
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    };
    if text.starts_with('-') { format!("-- {quoted}") } else { quoted }
}

/// A name as one argument of a shell, quoted where it has to be.
pub(crate) fn shell_word(name: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:".contains(character);
    if name.chars().all(is_plain) && !name.starts_with('-') { name.to_owned() } else { shell_quoted(name) }
}

#[cfg(test)]
mod tests {
    use super::shell_quoted;

    #[test]
    fn a_text_is_one_argument_of_one_line() {
        assert_eq!(shell_quoted("it's"), "'it'\\''s'");
        assert_eq!(shell_quoted("$(touch x) `y` \\"), "'$(touch x) `y` \\'");
        assert_eq!(shell_quoted("a\nb's\u{202e}\\"), "$'a\\nb\\'s\\u202e\\\\'");
        assert_eq!(shell_quoted("--help"), "-- '--help'");
    }
}
