//! Words of sides, which no longer hold once an image is flipped.

use unicode_normalization::UnicodeNormalization;

/// Words of sides of a language.
struct SideWords {
    /// Code of the language.
    code: &'static str,
    /// Words in small letters. One that ends with `*` is the beginning of a word; one with a blank in it is found as it stands.
    words: &'static [&'static str],
    /// Whether words stand without anything between them, so that they are found anywhere.
    is_unspaced: bool,
}

/// Codes of the languages in which words of sides are known.
pub const LANGUAGES_OF_SIDES: [&str; 12] =
    ["en", "hi", "ta", "kn", "bn", "ja", "zh", "pl", "de", "fr", "es", "it"];

const SIDES: [SideWords; 12] = [
    SideWords {
        code: "en",
        words: &[
            "left*",
            "right",
            "righthand",
            "rightmost",
            "rightward*",
            "clockwise",
            "anticlockwise",
            "counterclockwise",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "hi",
        words: &[
            "बाएँ",
            "बाएं",
            "बायें",
            "बाये",
            "बायाँ",
            "बायां",
            "बाया",
            "बाईं",
            "बाईँ",
            "बायीं",
            "बाँया",
            "बाँये",
            "बाँयी",
            "बांया",
            "बांये",
            "बांयी",
            "बाँए",
            "बांए",
            "वाम",
            "दाएँ",
            "दाएं",
            "दायें",
            "दाये",
            "दायाँ",
            "दायां",
            "दाया",
            "दाईं",
            "दाईँ",
            "दायीं",
            "दाँया",
            "दाँये",
            "दाँयी",
            "दांया",
            "दांये",
            "दांयी",
            "दाँए",
            "दांए",
            "दाहिन*",
            "दक्षिणावर्त*",
            "वामावर्त*",
            "घड़ी की दिशा",
            "घड़ी की उल्टी",
            "घड़ी की विपरीत",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "ta",
        words: &[
            "இடது*",
            "வலது*",
            "இடப்பக்க*",
            "வலப்பக்க*",
            "இடப்புற*",
            "வலப்புற*",
            "இடஞ்சுழி*",
            "வலஞ்சுழி*",
            "இடமிருந்து",
            "வலமிருந்து",
            "கடிகார திசை",
            "கடிகாரத் திசை",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "kn",
        words: &[
            "ಎಡ",
            "ಎಡಕ್ಕೆ",
            "ಎಡಗಡೆ*",
            "ಎಡಭಾಗ*",
            "ಎಡದ",
            "ಎಡದಿಂದ",
            "ಎಡದಿಕ್ಕ*",
            "ಎಡಮುಖ*",
            "ಎಡಗೈ*",
            "ಎಡಬದಿ*",
            "ಬಲ",
            "ಬಲಕ್ಕೆ",
            "ಬಲಗಡೆ*",
            "ಬಲಭಾಗ*",
            "ಬಲದ",
            "ಬಲದಿಂದ",
            "ಬಲದಿಕ್ಕ*",
            "ಬಲಮುಖ*",
            "ಬಲಗೈ*",
            "ಬಲಬದಿ*",
            "ಪ್ರದಕ್ಷಿಣ*",
            "ಅಪ್ರದಕ್ಷಿಣ*",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "bn",
        words: &[
            "বাম",
            "বামে",
            "বামদিক*",
            "বামপাশ*",
            "বামমুখ*",
            "বাঁ",
            "বাঁয়ে",
            "বাঁয়ের",
            "বাঁদিক*",
            "বাদিক*",
            "বাঁপাশ*",
            "ডান",
            "ডানে",
            "ডানদিক*",
            "ডানপাশ*",
            "ডানমুখ*",
            "ডাইনে",
            "দক্ষিণাবর্ত*",
            "বামাবর্ত*",
            "ঘড়ির কাঁটার",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "ja",
        words: &["左", "右", "時計回り", "時計まわり", "ひだり", "みぎ"],
        is_unspaced: true,
    },
    SideWords {
        code: "zh", words: &["左", "右", "顺时针", "逆时针", "順時針", "逆時針"], is_unspaced: true
    },
    SideWords {
        code: "pl",
        words: &[
            "lewo",
            "lewa",
            "lewy",
            "lewe",
            "lewej",
            "lewego",
            "lewemu",
            "lewym",
            "lewymi",
            "lewych",
            "lewą",
            "lewoskrętn*",
            "lewostronn*",
            "prawo",
            "prawa",
            "prawy",
            "prawe",
            "prawej",
            "prawego",
            "prawemu",
            "prawym",
            "prawymi",
            "prawych",
            "prawą",
            "prawoskrętn*",
            "prawostronn*",
            "ruchem wskazówek",
            "ruchu wskazówek",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "de",
        words: &[
            "links*",
            "linke*",
            "rechts*",
            "rechte",
            "rechtem",
            "rechten",
            "rechter",
            "rechtes",
            "uhrzeigersinn",
        ],
        is_unspaced: false,
    },
    SideWords {
        code: "fr",
        words: &["gauche*", "droite", "droites", "sens des aiguilles", "sens horaire", "sens antihoraire"],
        is_unspaced: false,
    },
    SideWords { code: "es", words: &["izquierd*", "derech*", "agujas del reloj"], is_unspaced: false },
    SideWords {
        code: "it",
        words: &["sinistr*", "destr*", "senso orario", "senso antiorario"],
        is_unspaced: false,
    },
];

/// Whether a text in a language has a word of sides. A text of which no language is known is looked through for the words of all;
/// none is known of a language without a list, for which [`LANGUAGES_OF_SIDES`] is to be asked.
#[must_use]
pub fn has_side(text: &str, language: Option<&str>) -> bool {
    let text: String = text.nfc().flat_map(char::to_lowercase).collect();
    // What is behind a hyphen, as in `zh-Hant`, does not count.
    let own = language.map(|code| code.split('-').next().unwrap_or(code));
    SIDES.iter().filter(|list| own.is_none_or(|own| own == list.code)).any(|list| list.is_in(&text))
}

impl SideWords {
    /// Whether one of the words is in a text in small letters.
    fn is_in(&self, text: &str) -> bool {
        // A mark belongs to the letter before it, and a joiner stands within words.
        let is_part = |letter: char| {
            letter.is_alphanumeric()
                || unicode_normalization::char::is_combining_mark(letter)
                || matches!(letter, '\u{200c}' | '\u{200d}')
        };
        self.words.iter().any(|word| {
            let word: String = word.nfc().collect();
            if self.is_unspaced || word.contains(' ') {
                return text.contains(&word);
            }
            let mut words = text.split(|letter| !is_part(letter));
            match word.strip_suffix('*') {
                Some(beginning) => words.any(|own| own.starts_with(beginning)),
                None => words.any(|own| own == word),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_those_of_the_languages_that_are_told_of() {
        assert_eq!(SIDES.each_ref().map(|list| list.code), LANGUAGES_OF_SIDES);
        for list in &SIDES {
            for word in list.words {
                assert!(has_side(word.trim_end_matches('*'), Some(list.code)), "{word}");
                assert_eq!(*word, word.to_lowercase());
            }
        }
    }

    #[test]
    fn sides_are_found_as_words_and_not_within_others() {
        for (language, text) in [
            ("en", "Left-facing fist"),
            ("en", "the circle is to the RIGHT."),
            ("hi", "बाएँ-दाएँ तीर"),
            ("hi", "लाल वृत्त के बाईं ओर"),
            ("ta", "வலதுபுறமாகத் தள்ளும் கை"),
            ("kn", "ಎಡ-ಬಲ ಬಾಣ"),
            ("bn", "ডানদিকে হাত"),
            ("ja", "右向きのこぶし"),
            ("zh-Hant", "向左箭頭"),
            ("pl", "Strzałka w lewo"),
            ("pl", "strzałki zgodne z ruchem wskazówek zegara"),
        ] {
            assert!(has_side(text, Some(language)), "{language}: {text}");
            assert!(has_side(text, None), "{text}");
        }
        for (language, text) in [
            ("en", "copyright, and a bright button"),
            ("hi", "औरत घुटनों के बल"),
            ("kn", "ಕೆಂಪು ಬಲೂನ್"),
            ("bn", "পাখির ডানা"),
            ("bn", "বামন"),
            ("ja", "赤い丸"),
            ("pl", "znak praw autorskich"),
            ("en", "links"),
        ] {
            assert!(!has_side(text, Some(language)), "{language}: {text}");
        }
    }

    #[test]
    fn letters_are_compared_in_one_normal_form() {
        // A letter with its nukta, composed and decomposed.
        assert!(has_side("\u{9ac}\u{9be}\u{981}\u{9df}\u{9c7}", Some("bn")));
        assert!(has_side("praw\u{61}\u{328}", Some("pl")));
    }
}
