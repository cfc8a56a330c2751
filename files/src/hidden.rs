//! Hidden characters of a text: those that a terminal or a page would obey, and those that are invisible.
//!
//! After `DerivedCoreProperties.txt` of the Unicode Character Database (`Default_Ignorable_Code_Point`), and its chapter
//! 23.2 on joiners. Two kinds of invisible characters make others what they are, and hide only where they stand beside no
//! such character: joiners, which make letters in Arabic and Indic scripts, and selectors of variants, which make emoji of
//! signs and choose forms of ideographs.

/// Characters that are hidden in every context: control characters, separators of lines and paragraphs, marks of direction, what
/// has no width or no ink, tags, and what Unicode keeps from being a character.
fn always_hides(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' // soft hyphen
                | '\u{34f}' // combining grapheme joiner
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}' // fillers of Hangul
                | '\u{17b4}'..='\u{17b5}' // vowels of Khmer without ink
                | '\u{180e}'
                | '\u{200b}' | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{fdd0}'..='\u{fdef}'
                | '\u{feff}'
                | '\u{fff0}'..='\u{fffb}' // among them interlinear annotation
                | '\u{1bca0}'..='\u{1bca3}' // controls of shorthand
                | '\u{1d173}'..='\u{1d17a}' // controls of music
                | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' // tags
        )
        || u32::from(character) & 0xfffe == 0xfffe
}

/// Whether an invisible character makes something of its neighbours. None for characters that are no such thing.
fn is_in_context(character: char, before: Option<char>, after: Option<char>) -> Option<bool> {
    let before = before.filter(|&character| !always_hides(character));
    let after = after.filter(|&character| !always_hides(character));
    match character {
        // Within a word, behind a sign that takes a consonant's vowel away, which may end the word, or between emoji.
        '\u{200c}' | '\u{200d}' => Some(before.is_some_and(|before| {
            is_virama(before)
                || is_joining(before) && after.is_some_and(is_joining)
                || character == '\u{200d}' && is_of_emoji(before) && after.is_some_and(is_of_emoji)
        })),
        '\u{fe0e}' | '\u{fe0f}' if before.is_some_and(|before| "#*0123456789".contains(before)) => Some(true),
        '\u{fe00}'..='\u{fe0f}' => Some(before.is_some_and(has_variants)),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => {
            Some(before.is_some_and(|before| matches!(before, '\u{1820}'..='\u{18aa}')))
        }
        '\u{e0100}'..='\u{e01ef}' => Some(before.is_some_and(is_ideograph)),
        _ => None,
    }
}

/// Letters and marks of scripts that have joiners: those from Arabic to Vedic, and later ones of the same families.
fn is_joining(character: char) -> bool {
    matches!(
        character,
        '\u{600}'..='\u{109f}' | '\u{1700}'..='\u{1cff}' | '\u{a800}'..='\u{a82f}' | '\u{a840}'..='\u{a8ff}'
            | '\u{a930}'..='\u{aaff}' | '\u{abc0}'..='\u{abff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
            | '\u{10a00}'..='\u{10fff}' | '\u{11000}'..='\u{11fff}' | '\u{1e900}'..='\u{1e95f}'
    ) && !is_punctuation(character)
}

/// The commoner punctuation among [`is_joining`], beside which a joiner stands for nothing.
fn is_punctuation(character: char) -> bool {
    matches!(character, '\u{60c}' | '\u{61b}' | '\u{61f}' | '\u{6d4}' | '\u{964}'..='\u{965}')
}

/// The signs that take a consonant's vowel away, of the scripts of South and South-East Asia in the basic plane.
fn is_virama(character: char) -> bool {
    matches!(
        character,
        '\u{94d}'
            | '\u{9cd}'
            | '\u{a4d}'
            | '\u{acd}'
            | '\u{b4d}'
            | '\u{bcd}'
            | '\u{c4d}'
            | '\u{ccd}'
            | '\u{d3b}'
            | '\u{d3c}'
            | '\u{d4d}'
            | '\u{dca}'
            | '\u{1039}'
            | '\u{103a}'
            | '\u{17d2}'
            | '\u{a806}'
            | '\u{a8c4}'
            | '\u{a953}'
            | '\u{a9c0}'
            | '\u{aaf6}'
            | '\u{abed}'
    )
}

/// Signs that emoji are joined of, with selectors of their form and colours of skin.
fn is_of_emoji(character: char) -> bool {
    matches!(character, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3fffd}')
}

/// Signs and letters that have variants: emoji, mathematical signs, ideographs and their punctuation, Myanmar, Phags-pa.
fn has_variants(character: char) -> bool {
    is_ideograph(character)
        || matches!(
            character,
            '\u{a9}' | '\u{ae}' | '\u{1000}'..='\u{109f}' | '\u{2030}'..='\u{205e}' | '\u{2100}'..='\u{2bff}'
                | '\u{3000}'..='\u{33ff}' | '\u{a840}'..='\u{a87f}' | '\u{ff01}'..='\u{ff60}' | '\u{1f000}'..='\u{1faff}'
        )
}

/// The text with what `write` makes of each character that hides; all others as they are.
pub(crate) fn replace(text: &str, mut write: impl FnMut(&mut String, char)) -> String {
    let mut shown = String::with_capacity(text.len());
    for (character, hides) in classified(text) {
        if hides {
            write(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The first character of a text that is not to reach a terminal or a page as it is; line ends and tabs are such.
#[must_use]
pub fn first_hidden(text: &str) -> Option<char> {
    classified(text).find_map(|(character, hides)| hides.then_some(character))
}

/// Each character with whether it hides where it stands.
fn classified(text: &str) -> impl Iterator<Item = (char, bool)> {
    let mut before = None;
    let mut characters = text.chars().peekable();
    std::iter::from_fn(move || {
        let character = characters.next()?;
        let hides = always_hides(character)
            || is_in_context(character, before, characters.peek().copied()) == Some(false);
        before = Some(character);
        Some((character, hides))
    })
}

#[cfg(test)]
mod tests {
    use super::first_hidden;

    #[test]
    fn invisible_characters_hide() {
        for hidden in [
            '\0',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180e}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2064}',
            '\u{2066}',
            '\u{206a}',
            '\u{3164}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{ffff}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{10fffe}',
            '\u{200c}',
            '\u{200d}',
            '\u{fe0f}',
            '\u{e0100}',
            '\u{180b}',
        ] {
            assert_eq!(first_hidden(&format!("ye{hidden}s")), Some(hidden), "{:x}", u32::from(hidden));
        }
    }

    #[test]
    fn joiners_within_words_do_not_hide() {
        // Persian "I want", Hindi with an eyelash ra, Malayalam and Sinhala with a joiner at the end and within.
        for word in ["می‌خواهم", "दऱ्‍या", "क्‍ष", "അവന്‍", "ශ්‍රී", "क्‌"]
        {
            assert!(word.contains(['\u{200c}', '\u{200d}']), "{word}");
            assert_eq!(first_hidden(word), None, "{word}");
        }
        for text in [
            "yes\u{200c}",
            "\u{200d}क",
            "می\u{200c}",
            "می\u{200c}\u{200c}خواهم",
            "क\u{200d} ख",
            "क।\u{200c}क",
        ] {
            assert!(first_hidden(text).is_some(), "{text}");
        }
    }

    #[test]
    fn selectors_after_what_they_change_do_not_hide() {
        let mongolian = "\u{1820}\u{180b}";
        for text in [
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "👩\u{200d}❤\u{fe0f}\u{200d}👩🏽",
            "葛\u{e0100}",
            mongolian,
            "©\u{fe0f}",
        ] {
            assert_eq!(first_hidden(text), None, "{text}");
        }
        for text in ["é\u{fe0f}", "❤\u{fe0f}\u{fe0f}", "葛\u{e0100}\u{e0101}", "a\u{fe01}", "\u{fe0f}"] {
            assert!(first_hidden(text).is_some(), "{text}");
        }
    }
}
