use unicode_normalization::UnicodeNormalization;

use super::sound::Sound;
use super::{indic, latin};

/// The code of `text`: capital letters of the table of [`super`], digits, and what no table knows.
#[must_use]
pub fn phonetic_code(text: &str) -> String {
    // Zero-width joiners choose the shape of a ligature, never a sound.
    let text: Vec<char> =
        text.nfc().filter(|character| !matches!(character, '\u{200c}' | '\u{200d}')).collect();
    let mut code = String::new();
    let mut rest = text.as_slice();
    while let Some(&character) = rest.first() {
        let (length, sounds) = match indic::block(character) {
            Some(block) => {
                let run = rest.iter().take_while(|&&next| indic::block(next) == Some(block)).count();
                (run, indic::sounds(block, &rest[..run]))
            }
            None if indic::is_shared(character) => (1, Vec::new()),
            None if latin::is_letter(character) => {
                let run = rest.iter().take_while(|&&next| latin::is_letter(next)).count();
                (run, latin::sounds(&rest[..run]))
            }
            None if character.is_alphanumeric() => (1, vec![Sound::Other(character)]),
            None => (1, Vec::new()),
        };
        code.push_str(&reduced(&sounds));
        rest = &rest[length..];
    }
    code
}

/// The code of one word: neighbours of one class merged, weak sounds dropped but for an initial one.
fn reduced(sounds: &[Sound]) -> String {
    let mut merged: Vec<Sound> = Vec::new();
    for (index, &sound) in sounds.iter().enumerate() {
        let before_labial = sounds.get(index + 1) == Some(&Sound::Consonant('P'));
        let sound =
            if sound == Sound::Consonant('N') && before_labial { Sound::Consonant('M') } else { sound };
        // Final ng is written with and without its g: ங், ং, ंग, ng.
        let after_nasal = merged.last() == Some(&Sound::Consonant('N'));
        if sound == Sound::Consonant('K') && after_nasal {
            continue;
        }
        if merged.last() != Some(&sound) || matches!(sound, Sound::Other(_)) {
            merged.push(sound);
        }
    }
    let initial = (merged.first() == Some(&Sound::Weak)).then_some('A');
    let rest = merged.iter().filter_map(|sound| match sound {
        Sound::Consonant(letter) | Sound::Other(letter) => Some(*letter),
        Sound::Weak => None,
    });
    initial.into_iter().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::phonetic_code;

    /// One name in English, Hindi, Tamil, Kannada and Bengali.
    #[test]
    fn the_scripts_agree_on_a_name() {
        for (code, spellings) in [
            ("TL", ["Delhi", "दिल्ली", "டெல்லி", "ದೆಹಲಿ", "দিল্লি"]),
            ("KLKT", ["Kolkata", "कोलकाता", "கொல்கத்தா", "ಕೊಲ್ಕತ್ತಾ", "কলকাতা"]),
            ("SN", ["Chennai", "चेन्नई", "சென்னை", "ಚೆನ್ನೈ", "চেন্নাই"]),
            ("LNTN", ["London", "लंदन", "லண்டன்", "ಲಂಡನ್", "লন্ডন"]),
            ("PNLR", ["Bengaluru", "बेंगलुरु", "பெங்களூரு", "ಬೆಂಗಳೂರು", "বেঙ্গালুরু"]),
            ("PSNTN", ["Washington", "वाशिंगटन", "வாஷிங்டன்", "ವಾಷಿಂಗ್ಟನ್", "ওয়াশিংটন"]),
            ("AMN", ["Yemen", "यमन", "ஏமன்", "ಯೆಮೆನ್", "ইয়েমেন"]),
            ("AMPL", ["Ambala", "अंबाला", "அம்பாலா", "ಅಂಬಾಲ", "আম্বালা"]),
        ] {
            for spelling in spellings {
                assert_eq!(phonetic_code(spelling), code, "{spelling}");
            }
        }
    }

    #[test]
    fn different_names_keep_different_codes() {
        assert_ne!(phonetic_code("मुंबई"), phonetic_code("दिल्ली"));
        assert_ne!(phonetic_code("राम"), phonetic_code("रमन"));
        assert_eq!(phonetic_code("Mama"), "MM");
        assert_eq!(phonetic_code("Amma"), "AM");
        assert_ne!(phonetic_code("Srinagar"), phonetic_code("Srinar"));
    }

    #[test]
    fn english_spelling_is_read() {
        for (word, code) in [
            ("Philip", "PLP"),
            ("Cecil", "SSL"),
            ("Czech", "SS"),
            ("George", "SRS"),
            ("Knight", "NT"),
            ("Mexico", "MKSK"),
            ("Québec", "KPPK"),
            ("Łódź", "LS"),
            ("Thatcher", "TSR"),
            ("Station", "STSN"),
            ("Queen", "KPN"),
        ] {
            assert_eq!(phonetic_code(word), code, "{word}");
        }
    }

    #[test]
    fn letters_with_a_reading_of_their_own() {
        // Bengali ya is j, with its dot y; ya-phalaa is a vowel mark.
        assert_eq!(phonetic_code("যশ"), "SS");
        assert_eq!(phonetic_code("ব্যাংক"), "PN");
        // Tamil ṟṟ is a stop, aytham is silent.
        assert_eq!(phonetic_code("காற்று"), "KT");
        assert_eq!(phonetic_code("ஃபாக்ஸ்"), "PKS");
        // The final anusvara is m in Kannada, n in Hindi.
        assert_eq!(phonetic_code("ಬೆಂಗಳೂರುಂ"), "PNLRM");
        assert_eq!(phonetic_code("में"), "MN");
    }

    #[test]
    fn joiners_spaces_and_composition_make_no_difference() {
        assert_eq!(phonetic_code("क्\u{200d}ष"), phonetic_code("क्ष"));
        assert_eq!(phonetic_code("\u{95c}"), phonetic_code("\u{921}\u{93c}"));
        assert_eq!(phonetic_code("New York"), phonetic_code("new-york"));
    }

    #[test]
    fn what_no_table_knows_stays() {
        assert_eq!(phonetic_code("東京"), "東京");
        assert_ne!(phonetic_code("東京"), phonetic_code("京都"));
        assert_eq!(phonetic_code("१२ab"), "12AP");
        assert_eq!(phonetic_code("11"), "11");
        assert_eq!(phonetic_code(" !"), "");
    }
}
