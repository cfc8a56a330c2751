//! Tokenizers of BLEU, as sacrebleu 2.6 has them (Post, 2018; `13a` and `intl` after NIST's `mteval`, `zh` after WMT's script).

use std::sync::LazyLock;

use alambic_data::benchmarks::{is_space, split};
use regex::Regex;

/// How texts are parted into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BleuTokenizer {
    /// `13a`: punctuation marks of ASCII, but for points and commas within numbers.
    Western,
    /// `zh`: each Chinese character, the rest as `13a`.
    Chinese,
    /// `char`: each character.
    Characters,
    /// `intl`: punctuation marks and symbols of Unicode.
    International,
    /// `none`: at blanks alone.
    Blanks,
}

impl BleuTokenizer {
    /// The tokenizer for a language, by its code: `zh` for Chinese, `char` for Japanese, where sacrebleu needs `MeCab`, `13a` for all
    /// others.
    #[must_use]
    pub fn of_language(language: Option<&str>) -> Self {
        let first = language.and_then(|code| code.split(['-', '_']).next());
        match first.map(str::to_ascii_lowercase).as_deref() {
            Some("zh" | "zho" | "yue" | "cmn") => Self::Chinese,
            Some("ja" | "jpn") => Self::Characters,
            _ => Self::Western,
        }
    }

    /// The text with blanks between its tokens.
    pub(crate) fn tokenize(self, text: &str) -> String {
        let text = text.trim_end_matches(is_space);
        match self {
            Self::Western => western(&format!(" {} ", unescaped(text))),
            Self::Chinese => western(&chinese(text.trim_matches(is_space))),
            Self::Characters => text.chars().flat_map(|character| [character, ' ']).collect(),
            Self::International => international(text),
            Self::Blanks => text.to_owned(),
        }
    }
}

/// The tokens of a tokenized text.
pub(crate) fn tokens(tokenized: &str) -> Vec<&str> {
    split(tokenized).collect()
}

/// A line without skipped segments, line breaks and entities.
fn unescaped(text: &str) -> String {
    let text = text.replace("<skipped>", "").replace("-\n", "").replace('\n', " ");
    if !text.contains('&') {
        return text;
    }
    text.replace("&quot;", "\"").replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
}

/// Marks with blanks around them; points and commas only where no digit stands before, or behind them; hyphens behind digits.
fn western(text: &str) -> String {
    let is_mark = |own: char| matches!(own, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    let mut marked = String::with_capacity(2 * text.len());
    for character in text.chars() {
        if is_mark(character) {
            marked.extend([' ', character, ' ']);
        } else {
            marked.push(character);
        }
    }
    let is_point = |own: char| own == '.' || own == ',';
    let behind = |one: char, other: char| !one.is_ascii_digit() && is_point(other);
    let marked = each_pair(&marked, behind, |one, other| [one, ' ', other, ' ']);
    let before = |one: char, other: char| is_point(one) && !other.is_ascii_digit();
    let marked = each_pair(&marked, before, |one, other| [' ', one, ' ', other]);
    each_pair(&marked, |one, other| one.is_ascii_digit() && other == '-', |one, other| [one, ' ', other, ' '])
}

/// A text in which pairs of characters next to each other are written otherwise, from the left, none of them twice.
fn each_pair(
    text: &str,
    is_meant: impl Fn(char, char) -> bool,
    written: impl Fn(char, char) -> [char; 4],
) -> String {
    let mut result = String::with_capacity(2 * text.len());
    let mut rest = text.chars().peekable();
    while let Some(one) = rest.next() {
        match rest.peek().copied().filter(|other| is_meant(one, *other)) {
            Some(other) => {
                rest.next();
                result.extend(written(one, other));
            }
            None => result.push(one),
        }
    }
    result
}

/// Chinese characters with blanks around them.
fn chinese(text: &str) -> String {
    let mut spaced = String::with_capacity(3 * text.len());
    for character in text.chars() {
        if is_chinese(character) {
            spaced.extend([' ', character, ' ']);
        } else {
            spaced.push(character);
        }
    }
    spaced
}

/// What sacrebleu takes for a Chinese character: ideographs, their radicals and marks, full-width forms, symbols. Two of its ranges
/// are meant for ideographs beyond the basic plane and written with five digits, of which Python reads four; so they are U+2001 to
/// U+2A6D, with dashes, arrows and signs of mathematics, and U+2F81 to U+2FA1, as here.
fn is_chinese(character: char) -> bool {
    matches!(
        character,
        '\u{2001}'..='\u{2a6d}' | '\u{2e80}'..='\u{2fdf}' | '\u{2ff0}'..='\u{303f}' | '\u{3100}'..='\u{312f}'
            | '\u{31a0}'..='\u{31bf}' | '\u{31c0}'..='\u{31ef}' | '\u{3200}'..='\u{4db5}' | '\u{4e00}'..='\u{9fbb}'
            | '\u{f900}'..='\u{fa2d}' | '\u{fa30}'..='\u{fa6a}' | '\u{fa70}'..='\u{fad9}' | '\u{fe10}'..='\u{fe1f}'
            | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}'
    )
}

/// Categories of Unicode that `intl` asks for.
struct Categories {
    number: Regex,
    punctuation: Regex,
    symbol: Regex,
}

static CATEGORIES: LazyLock<Option<Categories>> = LazyLock::new(|| {
    let expression = |text: &str| Regex::new(text).ok();
    Some(Categories {
        number: expression(r"^\p{N}")?,
        punctuation: expression(r"^\p{P}")?,
        symbol: expression(r"^\p{S}")?,
    })
});

/// Marks behind or before what is no number, and symbols, with blanks around them.
fn international(text: &str) -> String {
    let Some(categories) = CATEGORIES.as_ref() else { return text.to_owned() };
    let is = |expression: &Regex, own: char| expression.is_match(own.encode_utf8(&mut [0; 4]));
    let is_mark = |own: char| is(&categories.punctuation, own);
    let is_number = |own: char| is(&categories.number, own);
    let behind = |one: char, other: char| !is_number(one) && is_mark(other);
    let marked = each_pair(text, behind, |one, other| [one, ' ', other, ' ']);
    let before = |one: char, other: char| is_mark(one) && !is_number(other);
    let marked = each_pair(&marked, before, |one, other| [' ', one, ' ', other]);
    let mut result = String::with_capacity(2 * marked.len());
    for character in marked.chars() {
        if is(&categories.symbol, character) {
            result.extend([' ', character, ' ']);
        } else {
            result.push(character);
        }
    }
    result
}
