//! One spelling for texts that look alike.
//!
//! Unicode NFC is the normal form. It excludes some letters from composition: Devanagari and Bengali letters
//! with a nukta (क़, ড়) stay two code points, which is the form that a model sees here.

mod joiners;

use joiners::{is_joiner, joined};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A text in its normal form for a language (a code such as `hi`).
///
/// In every language: NFC; joiners (U+200C, U+200D) removed where they stand for nothing (`joiners.rs`), and all other invisible
/// format characters; runs of white space, the no-break space included, become one space, none at the ends; one apostrophe
/// `'` and one hyphen `-` for all their variants. English besides: lower case, letters without their diacritics.
#[must_use]
pub fn normalise(text: &str, language: &str) -> String {
    let is_english = language == "en";
    let is_seen = |character: &char| !is_format(*character) || (is_joiner(*character) && !is_english);
    let visible = text.chars().filter(is_seen).map(unify);
    let spelled: String = if is_english {
        plain_latin(visible)
    } else if text.contains(is_joiner) {
        // Marks are in their order before joiners are checked against their neighbours.
        joined(&visible.nfc().collect::<Vec<char>>()).into_iter().nfc().collect()
    } else {
        visible.nfc().collect()
    };
    let mut normal = String::with_capacity(spelled.len());
    for word in spelled.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(word);
    }
    normal
}

/// The words of a name: split at spaces and hyphens, none of them empty. The text is in normal form.
#[must_use]
pub fn words(text: &str) -> Vec<&str> {
    text.split([' ', '-']).filter(|word| !word.is_empty()).collect()
}

/// The key of an English or romanised name, by which splits go. Spellings that differ only in case,
/// diacritics, hyphens or punctuation share it: `St. Barthélemy` and `st barthelemy`, `A-Pucikwar` and
/// `a pucikwar`. Empty where the text has neither letter nor digit.
#[must_use]
pub fn whole_name_key(english: &str) -> String {
    let spaced: String = normalise(english, "en")
        .chars()
        .filter(|character| !matches!(character, '\'' | '.' | ','))
        .map(|character| if character.is_alphanumeric() { character } else { ' ' })
        .collect();
    words(&spaced).join(" ")
}

/// Lower case without diacritics. Letters that Unicode does not decompose are spelled out as in passports
/// and gazetteers.
fn plain_latin(characters: impl Iterator<Item = char>) -> String {
    let mut plain = String::new();
    for character in
        characters.flat_map(char::to_lowercase).nfd().filter(|&letter| !is_combining_mark(letter))
    {
        match character {
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            'ð' | 'đ' | 'ɖ' => plain.push('d'),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'ħ' => plain.push('h'),
            'ı' => plain.push('i'),
            'ŋ' => plain.push('n'),
            'ə' | 'ǝ' => plain.push('e'),
            other => plain.push(other),
        }
    }
    plain.nfc().collect()
}

/// Characters that steer rendering and are not seen: the general category Cf of Unicode, less the signs that
/// enclose numbers in Arabic script.
fn is_format(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{70f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// One character for the variants of the apostrophe and one for those of the hyphen.
fn unify(character: char) -> char {
    match character {
        '\u{2018}'
        | '\u{2019}'
        | '\u{201b}'
        | '\u{2032}'
        | '\u{2bb}'..='\u{2bd}'
        | '\u{2b9}'
        | '\u{60}'
        | '\u{b4}'
        | '\u{ff07}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}' => '-',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joiners_that_make_a_letter_are_kept_in_one_spelling() {
        for (language, text, normal) in [
            // Chillus of Malayalam: of six letters and, since Unicode 9, three more.
            ("ml", "\u{d28}\u{d4d}\u{200d}", "\u{d7b}"),
            ("ml", "\u{d23}\u{d4d}\u{200d}\u{d15}\u{d4d}\u{200d}", "\u{d7a}\u{d7f}"),
            (
                "ml",
                "\u{d30}\u{d4d}\u{200d}\u{d32}\u{d4d}\u{200d}\u{d33}\u{d4d}\u{200d}",
                "\u{d7c}\u{d7d}\u{d7e}",
            ),
            (
                "ml",
                "\u{d2e}\u{d4d}\u{200d}\u{d2f}\u{d4d}\u{200d}\u{d34}\u{d4d}\u{200d}",
                "\u{d54}\u{d55}\u{d56}",
            ),
            ("ml", "\u{d28}\u{d4d}", "\u{d28}\u{d4d}"),
            // Ya-phala behind ra in Bengali and Assamese, and khanda ta as it was written before Unicode 4.1.
            ("bn", "\u{9b0}\u{200d}\u{9cd}\u{9af}", "\u{9b0}\u{200d}\u{9cd}\u{9af}"),
            ("bn", "\u{9b0}\u{9cd}\u{200d}\u{9af}", "\u{9b0}\u{200d}\u{9cd}\u{9af}"),
            ("bn", "\u{9b0}\u{200c}\u{9cd}\u{9af}", "\u{9b0}\u{200d}\u{9cd}\u{9af}"),
            ("as", "\u{9f0}\u{200d}\u{9cd}\u{9af}", "\u{9f0}\u{200d}\u{9cd}\u{9af}"),
            ("bn", "\u{9b9}\u{9a0}\u{9be}\u{9a4}\u{9cd}\u{200d}", "\u{9b9}\u{9a0}\u{9be}\u{9ce}"),
            // Ra that does not become a reph in Kannada; eyelash ra of Marathi and Nepali; joined letters of Sinhala.
            ("kn", "\u{cb0}\u{200d}\u{ccd}\u{caf}", "\u{cb0}\u{200d}\u{ccd}\u{caf}"),
            ("kn", "\u{cb0}\u{ccd}\u{200d}\u{caf}", "\u{cb0}\u{200d}\u{ccd}\u{caf}"),
            ("mr", "\u{930}\u{94d}\u{200d}\u{92f}", "\u{930}\u{94d}\u{200d}\u{92f}"),
            ("si", "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}", "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}"),
            // Letters that do not join: a virama that is seen, and Persian and Urdu within a word.
            ("kn", "\u{c9c}\u{ccd}\u{200c}\u{c95}", "\u{c9c}\u{ccd}\u{200c}\u{c95}"),
            ("ur", "\u{645}\u{6cc}\u{200c}\u{62e}", "\u{645}\u{6cc}\u{200c}\u{62e}"),
        ] {
            assert_eq!(normalise(text, language), normal, "{text:?}");
            assert_eq!(normalise(normal, language), normal);
        }
    }

    #[test]
    fn joiners_that_stand_for_nothing_go() {
        for (language, text, normal) in [
            ("bn", "\u{9b0}\u{9be}\u{200d}\u{9ae}", "\u{9b0}\u{9be}\u{9ae}"),
            ("hi", "\u{200d}\u{915}\u{94d}\u{200d}\u{937}\u{200c}", "\u{915}\u{94d}\u{937}"),
            ("kn", "\u{c95}\u{ccd}\u{200c}", "\u{c95}\u{ccd}"),
            ("ur", "\u{62f}\u{200c}\u{628}\u{200d}", "\u{62f}\u{628}"),
            ("ur", "\u{628}\u{200c}\u{200c}\u{628}", "\u{628}\u{200c}\u{628}"),
            ("si", "\u{dc1}\u{200d}\u{dbb}", "\u{dc1}\u{dbb}"),
            ("en", "na\u{200d}me", "name"),
        ] {
            assert_eq!(normalise(text, language), normal, "{text:?}");
        }
    }

    #[test]
    fn english_is_plain() {
        for (text, normal) in [
            ("Café", "cafe"),
            ("  São\u{a0}Tomé \t and  Príncipe ", "sao tome and principe"),
            ("Adıyaman İzmir", "adiyaman izmir"),
            ("Łódź", "lodz"),
            ("A’ana ʻEua", "a'ana 'eua"),
            ("Guinea‑Bissau", "guinea-bissau"),
            ("Straße", "strasse"),
        ] {
            assert_eq!(normalise(text, "en"), normal);
        }
    }

    #[test]
    fn native_forms_keep_their_signs() {
        assert_eq!(normalise("क्\u{200d}ष", "hi"), "क्ष", "joiner removed");
        assert_eq!(normalise("\u{958}", "hi"), "\u{915}\u{93c}", "nukta letters are not composed");
        assert_eq!(normalise("\u{bc6}\u{bbe}", "ta"), "\u{bca}", "vowel signs are composed");
        assert_eq!(normalise("ಅ ಕೊರು\u{feff}ನ್ಯಾ", "kn"), "ಅ ಕೊರುನ್ಯಾ");
    }

    #[test]
    fn normal_form_is_stable() {
        for language in ["en", "hi", "ta", "kn", "bn"] {
            for text in ["Côtes-d'Armor", "अब्ख़ाज़ियन", "கொருணா", "ಕೊರುನ್ಯಾ", "ড়\u{200c}া", "İ", "ǅ"]
            {
                let once = normalise(text, language);
                assert_eq!(normalise(&once, language), once);
            }
        }
    }

    #[test]
    fn keys_forgive_punctuation() {
        assert_eq!(whole_name_key("St. Barthélemy"), "st barthelemy");
        assert_eq!(whole_name_key("A-Pucikwar"), whole_name_key("a pucikwar"));
        assert_eq!(whole_name_key("Côtes-d’Armor"), "cotes darmor");
        assert_eq!(whole_name_key("—"), "");
    }

    #[test]
    fn words_part_at_spaces_and_hyphens() {
        assert_eq!(words("ए-पुसीकवार नगर"), ["ए", "पुसीकवार", "नगर"]);
        assert_eq!(words("-"), Vec::<&str>::new());
    }
}
