//! White space as Python has it, by which published scripts read lines and count words.

/// Whether Python's `str.split` and `str.strip` take a character for white space: Unicode's white space, and the four
/// separators of ASCII, U+001C to U+001F.
#[must_use]
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

/// A text without white space around it, as `str.strip`.
#[must_use]
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The words of a text between white space, as `str.split`.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{split, strip};

    /// Values of Python 3.11.
    #[test]
    fn white_space_is_that_of_python() {
        assert_eq!(strip("\u{1f}\u{a0} a\u{200b}\u{2028}"), "a\u{200b}");
        let words: Vec<&str> = split("a\u{1c}b\u{85}c\u{3000}d\u{feff}e\u{180e}f").collect();
        assert_eq!(words, ["a", "b", "c", "d\u{feff}e\u{180e}f"]);
    }
}
