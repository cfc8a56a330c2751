use alambic_files::text::{shortened, visible};

/// The most characters of a paragraph or a cell, and of a line of code, which would not run if it were cut.
const MAX_CHARACTERS: usize = 2000;
pub(super) const MAX_CODE: usize = 20_000;

/// White space of Unicode that ends no line of Markdown or HTML, nor does anything else there: it stays in texts.
const SEPARATORS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// A text in one line, its line ends as blanks, other hidden characters shown, and cut if it is longer than any page wants
/// it.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    if text.chars().nth(MAX_CHARACTERS).is_some() {
        return shortened(&text, MAX_CHARACTERS);
    }
    let show = |part: &str| match part.strip_suffix(SEPARATORS) {
        Some(before) => format!("{}{}", visible(before), &part[before.len()..]),
        None => visible(part),
    };
    text.split_inclusive(SEPARATORS).map(show).collect()
}

/// Splits a text at backticks: plain and code in turn. A backtick without its partner is text.
pub(super) fn runs(text: &str) -> Vec<(bool, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![(false, text)];
    }
    parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (index % 2 == 1, part))
        .filter(|(_, part)| !part.is_empty())
        .collect()
}
