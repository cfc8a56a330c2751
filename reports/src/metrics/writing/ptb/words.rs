//! Words, with what is joined by hyphens and apostrophes, abbreviations and addresses.

use unicode_normalization::char::is_combining_mark;

use super::characters::{is_apostrophe, is_digit, is_letter, is_like_apostrophe, is_word};
use super::{Token, at, continues, run_end};

/// Abbreviations that keep their point.
const ABBREVIATIONS: &str = "adm al apr ariz assn assoc aug ave bldg blvd bros calif capt cf co col comdr conn corp cos cpl ct dec dept \
    det dr ed esq est etc feb fla ft ga gen gov hon ill inc ind jan jr jul jun kan ky lt ltd maj mar mass md messrs mex \
    mfg mich minn mo mon mr mrs ms mt nev nov natl oct okla ore pa pa ph plc prof pvt rd rep reps rev sen sens sept sep sgt \
    sr st sta ste tel tenn tex thu thurs tue tues univ va vs vt wed wis wyo fri st sq";

/// Abbreviations that keep their point where a number follows.
const BEFORE_NUMBERS: &str = "fig figs eq no nos art p pp vols ch ex";

fn is_in(list: &str, word: &str) -> bool {
    list.split_ascii_whitespace().any(|own| own == word)
}

/// The end of a clitic that begins with an apostrophe, as `'s`; no letter follows it.
fn clitic_end(text: &[char], place: usize) -> Option<usize> {
    at(text, place).filter(|own| is_apostrophe(*own))?;
    let clitics = ["ll", "re", "ve", "s", "m", "d"];
    let end = clitics.iter().find(|own| continues(text, place + 1, own)).map(|own| place + 1 + own.len())?;
    (!at(text, end).is_some_and(is_letter)).then_some(end)
}

/// The end of `n't` from a place on; no letter follows it.
fn negation_end(text: &[char], place: usize) -> Option<usize> {
    let is_negation = matches!(at(text, place)?, 'n' | 'N')
        && at(text, place + 1).is_some_and(is_like_apostrophe)
        && matches!(at(text, place + 2), Some('t' | 'T'));
    (is_negation && !at(text, place + 3).is_some_and(is_letter)).then_some(place + 3)
}

/// `'s`, `'re`, `n't` and the like.
pub(super) fn clitic(text: &[char], place: usize) -> Option<Token> {
    let end = clitic_end(text, place).or_else(|| negation_end(text, place))?;
    let straight = |own: &char| match own {
        '\u{2019}' => '\'',
        '\u{2018}' | '\u{201b}' => '`',
        own => *own,
    };
    Some(Token::written(end, text[place..end].iter().map(straight).collect::<String>()))
}

/// Two words that are written as one and parted: `can|not`, `gon|na`, `'t|is`. The first of them is given.
pub(super) fn assimilation(text: &[char], place: usize) -> Option<Token> {
    let pairs = [
        ("can", "not"),
        ("gon", "na"),
        ("got", "ta"),
        ("lem", "me"),
        ("gim", "me"),
        ("wan", "na"),
        ("'t", "is"),
        ("'t", "was"),
    ];
    let is_whole = |end: usize| !at(text, end).is_some_and(is_word);
    let found = pairs.into_iter().find(|(first, second)| {
        let middle = place + first.len();
        continues(text, place, first) && continues(text, middle, second) && is_whole(middle + second.len())
    });
    found.map(|(first, _)| Token::to(place + first.len()))
}

/// The end of a run of letters and digits, if one begins here. `n` of `n't` and what an apostrophe parts are left.
fn plain_end(text: &[char], place: usize) -> Option<usize> {
    at(text, place).filter(|own| is_word(*own))?;
    let end = run_end(text, place, is_word);
    match end.checked_sub(1).filter(|last| *last > place) {
        Some(last) if negation_end(text, last) == Some(end + 2) => Some(last),
        _ => Some(end),
    }
}

/// Letters and digits. A first part of [`assimilation`]s ends where its second begins.
pub(super) fn word(text: &[char], place: usize) -> Option<Token> {
    if assimilation(text, place).is_some() {
        return None;
    }
    plain_end(text, place).map(Token::to)
}

/// Words with an apostrophe within, before or behind them that parts nothing.
pub(super) fn with_apostrophe(text: &[char], place: usize) -> Option<Token> {
    let first = at(text, place)?;
    if is_apostrophe(first) {
        let is_letter_next = |end: usize| at(text, end).is_some_and(is_letter);
        if matches!(at(text, place + 1), Some('2'..='9')) && continues(text, place + 2, "0s") {
            return Some(Token::to(place + 4));
        }
        for known in ["cause", "till", "til", "em"] {
            if continues(text, place + 1, known) {
                return Some(Token::to(place + 1 + known.len()));
            }
        }
        if matches!(at(text, place + 1), Some('n' | 'N')) && !is_letter_next(place + 2) {
            let is_closed =
                at(text, place + 2).is_some_and(is_apostrophe) && clitic_end(text, place + 2).is_none();
            return Some(Token::to(place + 2 + usize::from(is_closed)));
        }
        return None;
    }
    let whole = |word: &str| continues(text, place, word).then(|| place + word.chars().count());
    let is_end = |end: usize| !at(text, end).is_some_and(is_letter);
    let known = ["ol'", "somethin'", "dunkin'", "c'mon", "s'mores", "ev'ry", "li'l", "nat'l", "e'er"];
    if let Some(end) = known.into_iter().find_map(whole).filter(|end| is_end(*end)) {
        return Some(Token::to(end));
    }
    let letters = run_end(text, place, is_letter);
    let apostrophe = at(text, letters).filter(|own| is_like_apostrophe(*own));
    apostrophe?;
    let behind = run_end(text, letters + 1, is_word);
    let count = behind - letters - 1;
    if letters == place + 1 {
        let takes_more = matches!(first, 'A'..='H' | 'J'..='X' | 'Z' | 'n' | 'd' | 'l' | 'o');
        let is_clitic = clitic_end(text, letters).is_some();
        if takes_more && count >= 2 && !is_clitic {
            return Some(Token::to(behind));
        }
        if matches!(first, 'l' | 'L' | 'd' | 'D' | 'j' | 'J') && !is_clitic {
            return Some(Token::to(letters + 1));
        }
        return (matches!(first, 'y' | 'Y') && count > 0 && !is_clitic).then(|| Token::to(letters + 1));
    }
    // `ma'am`: a vowel before it, and a vowel or a capital behind it.
    let is_vowel = |own: char| "aeiouy".contains(own.to_ascii_lowercase());
    let before = at(text, letters.wrapping_sub(1)).is_some_and(is_vowel);
    let next = at(text, letters + 1).is_some_and(|own| "aeiou".contains(own) || own.is_ascii_uppercase());
    let is_clitic = clitic_end(text, letters).is_some();
    (letters > place + 1 && before && next && !is_clitic)
        .then(|| Token::to(run_end(text, letters + 1, is_letter)))
}

/// Words joined by hyphens, points, slashes, underscores or `&`.
pub(super) fn joined(text: &[char], place: usize) -> Option<Token> {
    let first = plain_end(text, place)?;
    let is_worded = text[place].is_alphabetic();
    let candidates = [
        hyphenated(text, place),
        chain(text, place, ".", char::is_alphabetic).filter(|_| is_worded),
        chain(text, place, "!?", char::is_alphabetic).filter(|_| is_worded),
        slashes(text, place),
        chain(text, place, "_", |own| own.is_ascii_alphanumeric()),
        ampersands(text, place),
        languages(text, place),
    ];
    let end = candidates.into_iter().flatten().max().filter(|end| *end > first)?;
    let written: String = text[place..end].iter().collect();
    Some(Token::written(end, written.replace("&amp;", "&")))
}

/// `state-of-the-art`, `12-inch`, `1.5-inch`, `U.S.-based`.
fn hyphenated(text: &[char], place: usize) -> Option<usize> {
    let plain = run_end(text, place, is_word);
    // Vowel signs and other marks are in no word with hyphens.
    let is_plain = !text[place..plain].iter().any(|own| is_combining_mark(*own));
    let plain = is_plain.then(|| hyphen_parts(text, plain, is_word)).flatten();
    plain.max(hyphen_parts(text, marked_end(text, place), |own| own.is_ascii_alphanumeric()))
}

/// The end of letters and digits of ASCII with points and commas within them, and behind them before a hyphen; of digits with `/`
/// between them.
fn marked_end(text: &[char], place: usize) -> usize {
    let is_part = |own: char| own.is_ascii_alphanumeric();
    let mut end = run_end(text, place, is_part);
    loop {
        let marks = run_end(text, end, |own| matches!(own, '.' | ','));
        let more = run_end(text, marks, is_part);
        if marks == end || more == marks && at(text, marks) != Some('-') {
            break;
        }
        end = more;
    }
    let is_number = text[place..end].iter().all(char::is_ascii_digit);
    if at(text, end) == Some('/') && is_number { run_end(text, end + 1, is_part) } else { end }
}

/// The end of parts with hyphens before them, the first of which begins at a place; none where there is none.
fn hyphen_parts(text: &[char], place: usize, is_part: fn(char) -> bool) -> Option<usize> {
    let mut end = place;
    let mut last = None;
    while at(text, end) == Some('-') && at(text, end + 1).is_some_and(is_part) {
        let next = initials_end(text, end + 1).unwrap_or_else(|| run_end(text, end + 1, is_part));
        if text[end + 1..next].iter().any(|own| is_combining_mark(*own)) {
            break;
        }
        // `n't` is parted from the last of them.
        let is_negated = next > end + 2 && negation_end(text, next - 1).is_some();
        end = next - usize::from(is_negated);
        last = Some(end);
    }
    last
}

/// The end of single letters with points, as `U.S.`, of two letters at least.
fn initials_end(text: &[char], place: usize) -> Option<usize> {
    let is_single = |at_place: usize| {
        at(text, at_place).is_some_and(|own| own.is_ascii_alphabetic())
            && !at(text, at_place + 1).is_some_and(is_word)
    };
    let mut end = place;
    let mut count = 0;
    while is_single(end) && (count == 0 || at(text, end - 1) == Some('.')) {
        count += 1;
        end += 1;
        if at(text, end) == Some('.') {
            end += 1;
        } else {
            break;
        }
    }
    (count >= 2).then_some(end)
}

/// Words with one of some marks between them.
fn chain(text: &[char], place: usize, marks: &str, begins: fn(char) -> bool) -> Option<usize> {
    let mut end = run_end(text, place, is_word);
    let mut last = None;
    while at(text, end).is_some_and(|own| marks.contains(own)) && at(text, end + 1).is_some_and(begins) {
        end = run_end(text, end + 1, is_word);
        last = Some(end);
    }
    last
}

/// Words with slashes between them, each perhaps with hyphens.
fn slashes(text: &[char], place: usize) -> Option<usize> {
    let part = |place: usize| hyphenated(text, place).unwrap_or_else(|| run_end(text, place, is_word));
    let mut end = part(place);
    let mut last = None;
    while at(text, end) == Some('/') && at(text, end + 1).is_some_and(is_word) {
        end = part(end + 1);
        last = Some(end);
    }
    last
}

/// `AT&T`, `A+B`: capital letters alone, with the entity of `&` as well.
fn ampersands(text: &[char], place: usize) -> Option<usize> {
    let is_capital = |own: char| own.is_ascii_uppercase();
    let mut end = run_end(text, place, is_capital);
    let mut last = None;
    while end > place && matches!(at(text, end), Some('&' | '+')) {
        let mark = if continues(text, end, "&amp;") { "&amp;".len() } else { 1 };
        let next = run_end(text, end + mark, is_capital);
        if next == end + mark {
            break;
        }
        end = next;
        last = Some(end);
    }
    last
}

/// `C++`, `C#`, `F#`.
fn languages(text: &[char], place: usize) -> Option<usize> {
    let is_alone = place == 0 || !is_word(text[place - 1]);
    let found = ["c++", "c#", "f#"].into_iter().find(|own| continues(text, place, own));
    found.filter(|_| is_alone).map(|own| place + own.len())
}

/// Abbreviations with their points: `Mr.`, `e.g.`, `U.S.`, a single letter with a point.
pub(super) fn abbreviation(text: &[char], place: usize) -> Option<Token> {
    if let Some(end) = initials_end(text, place) {
        return Some(Token::to(end));
    }
    let end = run_end(text, place, is_letter);
    if end == place || at(text, end) != Some('.') {
        return None;
    }
    let word: String = text[place..end].iter().flat_map(|own| own.to_lowercase()).collect();
    if let ("ph" | "ed", Some('d' | 'D'), Some('.')) = (word.as_str(), at(text, end + 1), at(text, end + 2)) {
        return Some(Token::to(end + 3));
    }
    // Within a sentence any word may be one.
    if at(text, end + 1).is_some_and(|next| matches!(next, ',' | ';' | ':' | '\u{3001}')) {
        return Some(Token::to(end + 1));
    }
    let is_single = end == place + 1 && text[place].is_ascii_alphabetic();
    let is_number_next = || {
        let begin = run_end(text, end + 1, |own| own == ' ');
        at(text, begin).is_some_and(is_digit)
    };
    let is_known = is_single && !begins_sentence(text, end + 1)
        || is_in(ABBREVIATIONS, &word)
        || is_in(BEFORE_NUMBERS, &word) && is_number_next();
    is_known.then(|| Token::to(end + 1))
}

/// Words with which a sentence begins, behind a single letter with a point.
const SENTENCE_BEGINNINGS: &str = "a about after an as at but earlier he her here however if in it last many more now once one other our \
    she since so some such that the their then there these they this we what when while yet you";

/// Whether a blank and a capitalised word of [`SENTENCE_BEGINNINGS`] follow.
fn begins_sentence(text: &[char], place: usize) -> bool {
    let begin = run_end(text, place, char::is_whitespace);
    let end = run_end(text, begin, is_letter);
    let word: String = text[begin..end].iter().flat_map(|own| own.to_lowercase()).collect();
    begin > place && at(text, begin).is_some_and(char::is_uppercase) && is_in(SENTENCE_BEGINNINGS, &word)
}

/// Addresses of the web and of mail.
pub(super) fn address(text: &[char], place: usize) -> Option<Token> {
    let is_rest = |own: char| !own.is_whitespace() && !"\"<>|()".contains(own);
    let is_last = |own: char| is_rest(own) && !".!?{},-".contains(own);
    let trimmed = |begin: usize, end: usize| {
        let mut end = end;
        while end > begin && !is_last(text[end - 1]) {
            end -= 1;
        }
        end
    };
    if let Some(begin) =
        ["http://", "https://"].iter().find(|own| continues(text, place, own)).map(|own| place + own.len())
    {
        let end = trimmed(begin, run_end(text, begin, is_rest));
        return (end >= begin + 2).then(|| Token::to(end));
    }
    let word = run_end(text, place, |own| is_rest(own) && own != '@');
    if at(text, word) == Some('@') && text[place].is_ascii_alphanumeric() {
        let is_host = |own: char| is_rest(own) && own != '.';
        let mut end = run_end(text, word + 1, is_host);
        while end > word + 1 && at(text, end) == Some('.') && at(text, end + 1).is_some_and(is_host) {
            end = run_end(text, end + 1, is_host);
        }
        return (end > word + 1).then(|| Token::to(end));
    }
    site(text, place)
}

/// `www.a.org`, `a.com/path`.
fn site(text: &[char], place: usize) -> Option<Token> {
    let is_part = |own: char| own.is_alphanumeric() || own == '-' || own == '_';
    at(text, place).filter(|own| own.is_alphanumeric())?;
    let mut end = run_end(text, place, is_part);
    let mut last = None;
    let is_web = continues(text, place, "www.");
    while at(text, end) == Some('.') && at(text, end + 1).is_some_and(is_part) {
        let next = run_end(text, end + 1, is_part);
        let part: String = text[end + 1..next].iter().map(char::to_ascii_lowercase).collect();
        end = next;
        if is_web || ["com", "net", "org", "edu"].contains(&part.as_str()) {
            last = Some(end);
        }
    }
    let mut end = last?;
    while at(text, end - 1).is_some_and(|own| own == '-' || own == '_') {
        end -= 1;
    }
    if at(text, end) == Some('/') {
        let is_path = |own: char| !own.is_whitespace() && !"\"`'<>|".contains(own);
        let mut path = run_end(text, end, is_path);
        while path > end && ".!?(){},-".contains(text[path - 1]) {
            path -= 1;
        }
        if path > end + 2 {
            end = path;
        }
    }
    Some(Token::to(end))
}

/// `@name` and `#topic`.
pub(super) fn mention(text: &[char], place: usize) -> Option<Token> {
    match at(text, place)? {
        '@' => {
            at(text, place + 1).filter(|own| own.is_ascii_alphabetic() || *own == '_')?;
            Some(Token::to(run_end(text, place + 1, |own| own.is_ascii_alphanumeric() || own == '_')))
        }
        '#' => {
            let end = run_end(text, place + 1, is_letter);
            (end > place + 1).then(|| Token::to(end))
        }
        _ => None,
    }
}
