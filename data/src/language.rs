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
        assert!(Script::Latin.has_letter('z'));
        assert!(!Script::Latin.has_letter('['));
    }

    #[test]
    fn languages_are_sorted_and_found() {
        assert!(LANGUAGES.is_sorted_by(|a, b| a.code < b.code));
        assert_eq!(find("ta").map(|language| language.name), Some("Tamil"));
        assert_eq!(find("xx"), None);
    }
}
