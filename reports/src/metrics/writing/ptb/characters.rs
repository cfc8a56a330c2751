//! Characters as the tokenizer of the Penn Treebank knows them.

use unicode_normalization::char::is_combining_mark;

/// Whether a character parts tokens.
pub(super) fn is_blank(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '\u{1c}'..='\u{1f}' | '\u{180e}' | '\u{200b}'..='\u{200e}' | '\u{2060}' | '\u{feff}')
}

/// Whether a character belongs to words: letters of the basic plane with their marks. The selectors of variants do not.
pub(super) fn is_letter(character: char) -> bool {
    let is_symbol =
        matches!(character, '\u{24b6}'..='\u{24e9}' | '\u{2160}'..='\u{2188}' | '\u{fe00}'..='\u{fe0f}');
    let is_mark = is_combining_mark(character);
    (character.is_alphabetic() || is_mark) && character <= '\u{ffff}' && !is_symbol
}

/// Whether a character is a decimal digit of any script of the basic plane.
pub(super) fn is_digit(character: char) -> bool {
    let is_decimal = character.is_numeric() && !character.is_alphabetic();
    let is_other = matches!(
        character,
        '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{bc}'..='\u{be}' | '\u{9f4}'..='\u{9f9}' | '\u{b72}'..='\u{b77}'
            | '\u{bf0}'..='\u{bf2}' | '\u{f2a}'..='\u{f33}' | '\u{1369}'..='\u{137c}' | '\u{2070}'..='\u{218b}'
            | '\u{2460}'..='\u{24ff}' | '\u{2776}'..='\u{2793}' | '\u{3007}'..='\u{33ff}' | '\u{10000}'..
    );
    is_decimal && !is_other
}

/// Whether a character belongs to words with digits.
pub(super) fn is_word(character: char) -> bool {
    is_letter(character) || is_digit(character)
}

/// Whether a character is an apostrophe.
pub(super) fn is_apostrophe(character: char) -> bool {
    matches!(character, '\'' | '\u{2019}')
}

/// Whether a character stands for an apostrophe between letters: a quotation mark, too.
pub(super) fn is_like_apostrophe(character: char) -> bool {
    is_apostrophe(character) || matches!(character, '`' | '\u{2018}' | '\u{201b}')
}

/// Whether a character that is neither letter nor digit is a token. Others are left out.
pub(super) fn is_kept(character: char) -> bool {
    matches!(
        character,
        '!'..='~' | '\u{a1}' | '\u{a5}'..='\u{ac}' | '\u{ae}'..='\u{bf}' | '\u{d7}' | '\u{f7}' | '\u{387}' | '\u{5be}' | '\u{5c0}'
            | '\u{5c3}' | '\u{5c6}' | '\u{5f3}' | '\u{5f4}' | '\u{606}'..='\u{60a}' | '\u{60c}' | '\u{61b}' | '\u{61e}'
            | '\u{61f}' | '\u{66a}' | '\u{66d}' | '\u{6d4}' | '\u{703}'..='\u{70d}' | '\u{964}' | '\u{965}' | '\u{e4f}'
            | '\u{1fbd}' | '\u{2016}' | '\u{2017}' | '\u{201e}' | '\u{2020}'..='\u{2023}' | '\u{2030}'..='\u{2038}'
            | '\u{203b}' | '\u{203e}'..='\u{2042}' | '\u{2044}' | '\u{2070}' | '\u{2074}'..='\u{208e}'
            | '\u{2100}'..='\u{214f}' | '\u{2190}'..='\u{2bff}' | '\u{3001}' | '\u{3002}' | '\u{3012}' | '\u{30fb}'
            | '\u{ff01}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}' | '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}'
    )
}

/// How a symbol is written in the Penn Treebank, where that is otherwise.
pub(super) fn normalized_symbol(character: char) -> Option<&'static str> {
    Some(match character {
        '(' => "-LRB-",
        ')' => "-RRB-",
        '[' => "-LSB-",
        ']' => "-RSB-",
        '{' => "-LCB-",
        '}' => "-RCB-",
        '\u{a2}' => "cents",
        '\u{a3}' => "#",
        '\u{80}' | '\u{a4}' | '\u{20a0}' | '\u{20ac}' => "$",
        _ => return None,
    })
}

/// A token with its brackets as the Penn Treebank has them, and quotation marks within words as `'` and `` ` ``.
pub(super) fn escape(token: &[char]) -> String {
    let mut text = String::with_capacity(token.len());
    for &character in token {
        match character {
            '(' | ')' => text.push_str(normalized_symbol(character).unwrap_or_default()),
            '\u{2018}' | '\u{201b}' => text.push('`'),
            _ => text.push(character),
        }
    }
    text
}
