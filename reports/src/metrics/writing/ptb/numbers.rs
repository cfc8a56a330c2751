//! Numbers, fractions, amounts of money and telephone numbers.

use super::characters::{is_digit, is_letter, is_word};
use super::{Token, at, run_end};

/// A number: digits with points, commas or colons between them, perhaps with a sign.
pub(super) fn number(text: &[char], place: usize) -> Option<Token> {
    let first = at(text, place)?;
    let begin = place + usize::from(matches!(first, '+' | '-'));
    let mut end = run_end(text, begin, is_digit);
    let is_separator = |own: char| matches!(own, '.' | ',' | ':' | '\u{66b}' | '\u{66c}');
    while at(text, end).is_some_and(is_separator) && at(text, end + 1).is_some_and(is_digit) {
        end = run_end(text, end + 1, is_digit);
    }
    let is_word = at(text, begin).is_some_and(is_digit) && at(text, end).is_some_and(is_letter);
    // Digits alone that a letter follows are part of a word.
    let is_plain = text[begin..end].iter().all(|&own| is_digit(own));
    (end > begin && !(is_word && is_plain && begin == place)).then(|| Token::to(end))
}

/// A fraction, `1/2`, perhaps behind a whole number, as in `3 1/2`, or one of the characters `¼`, `½`, `¾`, `⅓`, `⅔`.
pub(super) fn fraction(text: &[char], place: usize) -> Option<Token> {
    let vulgar = |place: usize| {
        Some(match at(text, place)? {
            '\u{bc}' => "1/4",
            '\u{bd}' => "1/2",
            '\u{be}' => "3/4",
            '\u{2153}' => "1/3",
            '\u{2154}' => "2/3",
            _ => return None,
        })
    };
    let digits = |place: usize| {
        let end = run_end(text, place, is_digit);
        (1..=4).contains(&(end - place)).then_some(end)
    };
    let plain = |place: usize| {
        let slash = digits(place)?;
        at(text, slash).filter(|own| matches!(own, '/' | '\u{2044}'))?;
        digits(slash + 1)
    };
    if let Some(written) = vulgar(place) {
        return Some(Token::written(place + 1, written));
    }
    let direct = plain(place).map(Token::to);
    let Some(whole) = digits(place) else { return direct };
    let Some(joint) = at(text, whole).filter(|own| matches!(own, ' ' | '-' | '\u{a0}')) else {
        return direct;
    };
    let Some(end) = plain(whole + 1) else { return direct };
    let mut written: Vec<char> = text[place..end].to_vec();
    written[whole - place] = if joint == '-' { '-' } else { '\u{a0}' };
    Some(Token::written(end, written.into_iter().collect::<String>()))
}

/// A telephone number with its area code in brackets: `(555) 555-1234`.
pub(super) fn telephone(text: &[char], place: usize) -> Option<Token> {
    let digits = |place: usize, count: usize| {
        let end = run_end(text, place, |own| own.is_ascii_digit());
        (end - place == count).then_some(end)
    };
    at(text, place).filter(|own| *own == '(')?;
    let close = digits(place + 1, 3)?;
    at(text, close).filter(|own| *own == ')')?;
    let begin = run_end(text, close + 1, |own| own == ' ').min(close + 2);
    let dash = digits(begin, 3)?;
    at(text, dash).filter(|own| matches!(own, '-' | '.' | ' '))?;
    let end = digits(dash + 1, 4)?;
    let code: String = text[place + 1..close].iter().collect();
    let rest: String = text[begin..end].iter().collect();
    let joint = if begin > close + 1 { "\u{a0}" } else { "" };
    (!at(text, end).is_some_and(is_word))
        .then(|| Token::written(end, format!("-LRB-{code}-RRB-{joint}{rest}")))
}

/// The sign of dollars with the capital letters of a country before it: `US$`.
pub(super) fn currency(text: &[char], place: usize) -> Option<Token> {
    let letters = run_end(text, place, |own| own.is_ascii_uppercase());
    (at(text, letters) == Some('$')).then(|| Token::to(letters + 1))
}
