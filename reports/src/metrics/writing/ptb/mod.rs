//! Tokens of captions, as the published evaluation of COCO captions makes them (`pycocoevalcap` 1.2): those of the Penn Treebank
//! in lower case, without punctuation marks.
//!
//! The conventions are those of Stanford's tokenizer (`PTBTokenizer` of `CoreNLP` 3.4.1 with `-preserveLines -lowerCase`), found by
//! its outputs and written anew: the longest match wins, and of equally long ones the first rule. Brackets stay as `-lrb-`,
//! since the published list of punctuation marks has them in upper case and the tokens are in lower case; so do runs as `!!`.

mod characters;
mod numbers;
mod words;

use characters::{escape, is_blank, is_kept, is_letter, normalized_symbol};

/// Punctuation marks that are left out.
const PUNCTUATION: [&str; 12] = ["''", "'", "``", "`", ".", "?", "!", ",", ":", "-", "--", ";"];

/// A rule: where a token that begins at a place ends, and how it is written where that is not how it stands.
type Rule = fn(&[char], usize) -> Option<Token>;

/// A token: where it ends, and how it is written; none: as it stands.
struct Token {
    end: usize,
    text: Option<String>,
}

impl Token {
    fn to(end: usize) -> Self {
        Self { end, text: None }
    }

    fn written(end: usize, text: impl Into<String>) -> Self {
        Self { end, text: Some(text.into()) }
    }
}

/// All rules, in the order in which they go before others of the same length.
const RULES: &[Rule] = &[
    words::clitic,
    words::assimilation,
    tag,
    words::address,
    numbers::fraction,
    numbers::telephone,
    numbers::number,
    words::abbreviation,
    words::with_apostrophe,
    words::joined,
    words::word,
    numbers::currency,
    entity,
    smiley,
    face,
    words::mention,
    ellipsis,
    dashes,
    quotes,
    run,
    single,
];

/// The tokens of a caption. A few of them hold a blank that is none of ASCII's (`3\u{a0}1/2`), by which some metrics part them.
pub(crate) fn caption_tokens(caption: &str) -> Vec<String> {
    let characters: Vec<char> = caption.chars().filter(|&character| character != '\u{ad}').collect();
    let mut tokens = Vec::new();
    let mut place = 0;
    while place < characters.len() {
        if is_blank(characters[place]) {
            place += 1;
            continue;
        }
        let mut longest: Option<Token> = None;
        for rule in RULES {
            let found = rule(&characters, place);
            if let Some(token) = found
                && longest.as_ref().is_none_or(|other| token.end > other.end)
            {
                longest = Some(token);
            }
        }
        // What no rule takes is left out, as characters beyond the basic plane are.
        let Some(token) = longest else {
            place += 1;
            continue;
        };
        let text = token.text.unwrap_or_else(|| escape(&characters[place..token.end]));
        let text = text.to_lowercase();
        if !text.is_empty() && !PUNCTUATION.contains(&text.as_str()) && text != "..." {
            tokens.push(text);
        }
        place = token.end;
    }
    tokens
}

/// The end of a run of characters of a kind from a place on.
fn run_end(text: &[char], place: usize, is: impl Fn(char) -> bool) -> usize {
    place + text[place..].iter().take_while(|&&character| is(character)).count()
}

/// Whether a text continues with these characters, in upper or lower case.
fn continues(text: &[char], place: usize, with: &str) -> bool {
    let mut rest = text.get(place..).unwrap_or_default().iter();
    with.chars().all(|expected| rest.next().is_some_and(|found| found.to_ascii_lowercase() == expected))
}

/// The character at a place.
fn at(text: &[char], place: usize) -> Option<char> {
    text.get(place).copied()
}

/// A tag of SGML: `<b>`, `</b>`, `<img src="x">`.
fn tag(text: &[char], place: usize) -> Option<Token> {
    if at(text, place) != Some('<') {
        return None;
    }
    let next = at(text, place + 1)?;
    if next == '!' || next == '?' {
        at(text, place + 2).filter(|first| first.is_ascii_alphabetic() || *first == '-')?;
        let end = run_end(text, place + 2, |character| character != '>');
        return (at(text, end) == Some('>')).then(|| Token::to(end + 1));
    }
    let begin = place + 1 + usize::from(next == '/');
    at(text, begin).filter(char::is_ascii_alphabetic)?;
    let is_name = |character: char| character.is_ascii_alphanumeric() || ":._-".contains(character);
    let mut end = run_end(text, begin, is_name);
    loop {
        let blank = run_end(text, end, |character| character == ' ');
        let equals = run_end(text, blank, is_name);
        if blank == end || equals == blank || at(text, equals) != Some('=') {
            end = blank;
            break;
        }
        end = match at(text, equals + 1)? {
            quote @ ('"' | '\'') => run_end(text, equals + 2, |character| character != quote) + 1,
            _ => run_end(text, equals + 1, |character| character != ' ' && character != '>'),
        };
    }
    end += usize::from(at(text, end) == Some('/'));
    (at(text, end) == Some('>')).then(|| Token::written(end + 1, spaced(&text[place..=end])))
}

/// Characters with blanks that part nothing.
fn spaced(text: &[char]) -> String {
    text.iter().map(|&character| if character == ' ' { '\u{a0}' } else { character }).collect()
}

/// An entity of HTML.
fn entity(text: &[char], place: usize) -> Option<Token> {
    let entities =
        [("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "''"), ("&apos;", "'"), ("&nbsp;", "")];
    let (entity, written) = entities.into_iter().find(|(entity, _)| continues(text, place, entity))?;
    Some(Token::written(place + entity.len(), written))
}

/// A smiley, as `:-)`, which no letter or digit follows.
fn smiley(text: &[char], place: usize) -> Option<Token> {
    let mut end = place + usize::from(matches!(at(text, place), Some('<' | '>')));
    at(text, end).filter(|eyes| ":;=".contains(*eyes))?;
    end += 1;
    if at(text, end).is_some_and(|nose| "-o*'".contains(nose))
        && at(text, end + 1).is_some_and(|mouth| "()DPdpO\\{@|[]".contains(mouth))
    {
        end += 1;
    }
    at(text, end).filter(|mouth| "()DPdpO\\{@|[]".contains(*mouth))?;
    let is_followed = at(text, end + 1).is_some_and(|next| next.is_ascii_alphanumeric());
    (!is_followed).then(|| Token::to(end + 1))
}

/// A face of two eyes, as `^_^`, perhaps in brackets.
fn face(text: &[char], place: usize) -> Option<Token> {
    let begin = place + usize::from(at(text, place) == Some('('));
    let is_eye = |place: usize| at(text, place).is_some_and(|own| "-^x=~<>'".contains(own));
    let is_face = is_eye(begin) && at(text, begin + 1) == Some('_') && is_eye(begin + 2);
    let end = begin + 3;
    if !is_face || (begin > place && at(text, end) != Some(')')) {
        return None;
    }
    Some(Token::to(end + begin - place))
}

/// Three points and more, also with blanks between them, or the one character of it.
fn ellipsis(text: &[char], place: usize) -> Option<Token> {
    if at(text, place) == Some('\u{2026}') {
        return Some(Token::written(place + 1, "..."));
    }
    let points = run_end(text, place, |character| character == '.');
    if points >= place + 3 {
        return Some(Token::written(points, "..."));
    }
    let spaced = [' ', '.', ' ', '.'];
    let is_spaced = points == place + 1 && text.get(points..points + 4) == Some(&spaced[..]);
    is_spaced.then(|| Token::written(points + 4, "..."))
}

/// One or more dashes.
fn dashes(text: &[char], place: usize) -> Option<Token> {
    let first = at(text, place)?;
    if matches!(first, '\u{2011}' | '\u{2012}'..='\u{2015}') {
        return Some(Token::written(run_end(text, place, |own| own == first), "--"));
    }
    let end = run_end(text, place, |character| character == '-');
    match end - place {
        0 => None,
        1 => Some(Token::to(end)),
        _ => Some(Token::written(end, "--")),
    }
}

/// Quotation marks.
fn quotes(text: &[char], place: usize) -> Option<Token> {
    match at(text, place)? {
        '"' | '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' => Some(Token::written(place + 1, "''")),
        '`' | '\'' | '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2039}' | '\u{203a}' => {
            let same = at(text, place + 1) == at(text, place);
            Some(Token::written(place + 1 + usize::from(same), "'"))
        }
        _ => None,
    }
}

/// A run of one mark that is a token as a whole.
fn run(text: &[char], place: usize) -> Option<Token> {
    let first = at(text, place)?;
    match first {
        '?' | '!' => Some(Token::to(run_end(text, place, |own| own == '?' || own == '!'))),
        '*' | '#' | '@' | '_' => Some(Token::to(run_end(text, place, |own| own == first))),
        '<' | '>' if at(text, place + 1) == Some(first) => Some(Token::to(place + 2)),
        _ => None,
    }
}

/// A character by itself.
fn single(text: &[char], place: usize) -> Option<Token> {
    let character = at(text, place)?;
    if let Some(written) = normalized_symbol(character) {
        return Some(Token::written(place + 1, written));
    }
    (is_kept(character) || is_letter(character)).then(|| Token::to(place + 1))
}

#[cfg(test)]
mod tests {
    use super::caption_tokens;

    /// Outputs of `pycocoevalcap` 1.2, tokens separated by spaces.
    #[test]
    fn caption_tokens_are_those_of_the_published_evaluation() {
        for (caption, expected) in [
            (
                "A man isn't riding the \"big\" horse, can't he?",
                "a man is n't riding the big horse ca n't he",
            ),
            (
                "He's gonna; cannot they're I'd we'll you've",
                "he 's gon na can not they 're i 'd we 'll you 've",
            ),
            (
                "The U.S. team (in red) won 1,234.56 -- 10% off!!",
                "the u.s. team -lrb- in red -rrb- won 1,234.56 10 % off !!",
            ),
            (
                "mother-in-law's and/or 1/2 $3.50 €7 Mr. Smith.",
                "mother-in-law 's and/or 1/2 $ 3.50 $ 7 mr. smith",
            ),
            ("rock 'n' roll '90s dogs' o'clock y'all", "rock 'n' roll '90s dogs o'clock y' all"),
            ("AT&T a&b w/ x/y 10:30am 3.5mm 10am", "at&t a & b w / x/y 10:30 am 3.5 mm 10am"),
            ("赤い円があります。 एक लाल वृत्त है। naïve", "赤い円があります 。 एक लाल वृत्त है । naïve"),
            ("A\u{3000}cat\u{a0}sat\u{2003}here 😀 \u{200b} x\u{ad}y", "a cat sat here xy"),
            ("", ""),
            (" . , ! ", ""),
        ] {
            assert_eq!(caption_tokens(caption).join(" "), expected, "{caption}");
        }
    }
}
