//! Languages and the scripts they are written in.

/// A script, known by its blocks of Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Script {
    /// Latin letters with or without diacritics.
    Latin,
    /// Perso-Arabic, as for Urdu, Sindhi and Kashmiri.
    Arabic,
    /// Devanagari.
    Devanagari,
    /// Bengali and Assamese.
    Bengali,
    /// Gurmukhi.
    Gurmukhi,
    /// Gujarati.
    Gujarati,
    /// Odia.
    Odia,
    /// Tamil.
    Tamil,
    /// Telugu.
    Telugu,
    /// Kannada.
    Kannada,
    /// Malayalam.
    Malayalam,
    /// Sinhala.
    Sinhala,
    /// Meetei Mayek.
    MeeteiMayek,
    /// Chinese characters.
    Han,
    /// Kana and Chinese characters.
    Japanese,
    /// Hangul.
    Hangul,
    /// Cyrillic.
    Cyrillic,
    /// Greek.
    Greek,
    /// Hebrew.
    Hebrew,
    /// Thai.
    Thai,
}

impl Script {
    /// The script's blocks, first and last code point of each.
    fn blocks(self) -> &'static [(u32, u32)] {
        match self {
            Self::Latin => &[(0x41, 0x24f), (0x1e00, 0x1eff)],
            Self::Arabic => {
                &[(0x600, 0x6ff), (0x750, 0x77f), (0x8a0, 0x8ff), (0xfb50, 0xfdff), (0xfe70, 0xfeff)]
            }
            Self::Devanagari => &[(0x900, 0x97f), (0xa8e0, 0xa8ff)],
            Self::Bengali => &[(0x980, 0x9ff)],
            Self::Gurmukhi => &[(0xa00, 0xa7f)],
            Self::Gujarati => &[(0xa80, 0xaff)],
            Self::Odia => &[(0xb00, 0xb7f)],
            Self::Tamil => &[(0xb80, 0xbff)],
            Self::Telugu => &[(0xc00, 0xc7f)],
            Self::Kannada => &[(0xc80, 0xcff)],
            Self::Malayalam => &[(0xd00, 0xd7f)],
            Self::Sinhala => &[(0xd80, 0xdff)],
            Self::MeeteiMayek => &[(0xaae0, 0xaaff), (0xabc0, 0xabff)],
            Self::Han => &[(0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xf900, 0xfaff), (0x2_0000, 0x3_ffff)],
            Self::Japanese => &[(0x3041, 0x30ff), (0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xff66, 0xff9f)],
            Self::Hangul => &[(0x1100, 0x11ff), (0x3131, 0x318e), (0xac00, 0xd7a3)],
            Self::Cyrillic => &[(0x400, 0x52f)],
            Self::Greek => &[(0x370, 0x3ff), (0x1f00, 0x1fff)],
            Self::Hebrew => &[(0x5d0, 0x5f2)],
            Self::Thai => &[(0xe01, 0xe4e)],
        }
    }

    /// Whether the character is a letter of this script. Digits, punctuation and signs that only alter a
    /// letter (virama, nukta) are not.
    #[must_use]
    pub fn has_letter(self, character: char) -> bool {
        let code = u32::from(character);
        character.is_alphabetic() && self.blocks().iter().any(|&(first, last)| (first..=last).contains(&code))
    }
}

/// A language that the corpora hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    /// ISO 639 code, of two letters where there is one.
    pub code: &'static str,
    /// English name.
    pub name: &'static str,
    /// The script of its native forms.
    pub script: Script,
}

/// English and the languages of Dakshina and Aksharantar, sorted by code.
pub const LANGUAGES: &[Language] = &[
    Language { code: "as", name: "Assamese", script: Script::Bengali },
    Language { code: "bn", name: "Bengali", script: Script::Bengali },
    Language { code: "brx", name: "Bodo", script: Script::Devanagari },
    Language { code: "en", name: "English", script: Script::Latin },
    Language { code: "gu", name: "Gujarati", script: Script::Gujarati },
    Language { code: "hi", name: "Hindi", script: Script::Devanagari },
    Language { code: "kn", name: "Kannada", script: Script::Kannada },
    Language { code: "kok", name: "Konkani", script: Script::Devanagari },
    Language { code: "ks", name: "Kashmiri", script: Script::Arabic },
    Language { code: "mai", name: "Maithili", script: Script::Devanagari },
    Language { code: "ml", name: "Malayalam", script: Script::Malayalam },
    Language { code: "mni", name: "Manipuri", script: Script::MeeteiMayek },
    Language { code: "mr", name: "Marathi", script: Script::Devanagari },
    Language { code: "ne", name: "Nepali", script: Script::Devanagari },
    Language { code: "or", name: "Odia", script: Script::Odia },
    Language { code: "pa", name: "Punjabi", script: Script::Gurmukhi },
    Language { code: "sa", name: "Sanskrit", script: Script::Devanagari },
    Language { code: "sd", name: "Sindhi", script: Script::Arabic },
    Language { code: "si", name: "Sinhala", script: Script::Sinhala },
    Language { code: "ta", name: "Tamil", script: Script::Tamil },
    Language { code: "te", name: "Telugu", script: Script::Telugu },
    Language { code: "ur", name: "Urdu", script: Script::Arabic },
];

/// Further languages of sentences, sorted by code. They are not looked for among the columns of names: `id` and `it` are
/// called otherwise there.
const OTHERS: &[Language] = &[
    Language { code: "ar", name: "Arabic", script: Script::Arabic },
    Language { code: "bg", name: "Bulgarian", script: Script::Cyrillic },
    Language { code: "cs", name: "Czech", script: Script::Latin },
    Language { code: "da", name: "Danish", script: Script::Latin },
    Language { code: "de", name: "German", script: Script::Latin },
    Language { code: "el", name: "Greek", script: Script::Greek },
    Language { code: "es", name: "Spanish", script: Script::Latin },
    Language { code: "et", name: "Estonian", script: Script::Latin },
    Language { code: "fa", name: "Persian", script: Script::Arabic },
    Language { code: "fi", name: "Finnish", script: Script::Latin },
    Language { code: "fr", name: "French", script: Script::Latin },
    Language { code: "he", name: "Hebrew", script: Script::Hebrew },
    Language { code: "hr", name: "Croatian", script: Script::Latin },
    Language { code: "hu", name: "Hungarian", script: Script::Latin },
    Language { code: "id", name: "Indonesian", script: Script::Latin },
    Language { code: "it", name: "Italian", script: Script::Latin },
    Language { code: "ja", name: "Japanese", script: Script::Japanese },
    Language { code: "ko", name: "Korean", script: Script::Hangul },
    Language { code: "lt", name: "Lithuanian", script: Script::Latin },
    Language { code: "lv", name: "Latvian", script: Script::Latin },
    Language { code: "ms", name: "Malay", script: Script::Latin },
    Language { code: "nl", name: "Dutch", script: Script::Latin },
    Language { code: "no", name: "Norwegian", script: Script::Latin },
    Language { code: "pl", name: "Polish", script: Script::Latin },
    Language { code: "pt", name: "Portuguese", script: Script::Latin },
    Language { code: "ro", name: "Romanian", script: Script::Latin },
    Language { code: "ru", name: "Russian", script: Script::Cyrillic },
    Language { code: "sk", name: "Slovak", script: Script::Latin },
    Language { code: "sl", name: "Slovene", script: Script::Latin },
    Language { code: "sv", name: "Swedish", script: Script::Latin },
    Language { code: "sw", name: "Swahili", script: Script::Latin },
    Language { code: "th", name: "Thai", script: Script::Thai },
    Language { code: "tr", name: "Turkish", script: Script::Latin },
    Language { code: "uk", name: "Ukrainian", script: Script::Cyrillic },
    Language { code: "vi", name: "Vietnamese", script: Script::Latin },
    Language { code: "zh", name: "Chinese", script: Script::Han },
];

/// Scripts by their codes in ISO 15924, as a language code names them: `pa-Arab`, `sr-Latn`, `zh-Hant`.
const CODES: &[(&str, Script)] = &[
    ("arab", Script::Arabic),
    ("beng", Script::Bengali),
    ("cyrl", Script::Cyrillic),
    ("deva", Script::Devanagari),
    ("grek", Script::Greek),
    ("gujr", Script::Gujarati),
    ("guru", Script::Gurmukhi),
    ("hang", Script::Hangul),
    ("hani", Script::Han),
    ("hans", Script::Han),
    ("hant", Script::Han),
    ("hebr", Script::Hebrew),
    ("jpan", Script::Japanese),
    ("knda", Script::Kannada),
    ("kore", Script::Hangul),
    ("latn", Script::Latin),
    ("mlym", Script::Malayalam),
    ("mtei", Script::MeeteiMayek),
    ("orya", Script::Odia),
    ("sinh", Script::Sinhala),
    ("taml", Script::Tamil),
    ("telu", Script::Telugu),
    ("thai", Script::Thai),
];

/// The script of texts of a language code: the one that the code names, and else that in which the language is written. None
/// where either is not known.
#[must_use]
pub fn script(code: &str) -> Option<Script> {
    let named = code
        .split(['-', '_'])
        .skip(1)
        .find(|part| part.len() == 4 && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    match named {
        Some(named) => {
            CODES.iter().find(|(code, _)| named.eq_ignore_ascii_case(code)).map(|(_, script)| *script)
        }
        None => find_any(code).map(|language| language.script),
    }
}

/// All known languages.
pub(crate) fn all() -> impl Iterator<Item = &'static Language> {
    LANGUAGES.iter().chain(OTHERS)
}

/// The language of a code, of names or of sentences. What is behind a hyphen, as in `zh-CN`, does not count.
#[must_use]
pub fn find_any(code: &str) -> Option<&'static Language> {
    let code = code.split(['-', '_']).next().unwrap_or(code);
    find(code).or_else(|| OTHERS.iter().find(|language| language.code == code))
}

/// The language of a code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| language.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_of_their_script() {
        assert!(Script::Devanagari.has_letter('क'));
        assert!(Script::Devanagari.has_letter('ा'), "vowel signs are letters");
        assert!(!Script::Devanagari.has_letter('\u{94d}'), "a virama alone writes nothing");
        assert!(!Script::Devanagari.has_letter('१'));
        assert!(!Script::Devanagari.has_letter('க'));
        assert!(Script::Japanese.has_letter('が') && Script::Japanese.has_letter('語'));
        assert!(!Script::Han.has_letter('が') && Script::Hangul.has_letter('한'));
        assert!(Script::Latin.has_letter('z'));
        assert!(!Script::Latin.has_letter('['));
    }

    #[test]
    fn languages_are_sorted_and_found() {
        assert!(LANGUAGES.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(find("ta").map(|language| language.name), Some("Tamil"));
        assert_eq!(find("xx"), None);
        assert!(OTHERS.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!((find("ja"), find_any("xx")), (None, None));
        assert_eq!(find_any("zh-CN").map(|language| language.script), Some(Script::Han));
        assert!(CODES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn a_code_that_names_a_script_is_of_that_script() {
        for (code, expected) in [
            ("pa", Some(Script::Gurmukhi)),
            ("pa-Arab", Some(Script::Arabic)),
            ("pa_Arab_PK", Some(Script::Arabic)),
            ("sr-Latn", Some(Script::Latin)),
            ("zh-hant-TW", Some(Script::Han)),
            ("zh-TW", Some(Script::Han)),
            ("hy-Armn", None),
            ("en-1996", Some(Script::Latin)),
        ] {
            assert_eq!(script(code), expected, "{code}");
        }
    }
}
