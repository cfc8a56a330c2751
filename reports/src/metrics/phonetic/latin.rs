//! Sounds of words in Latin letters, read by English spelling conventions.

use super::sound::Sound::{self, Consonant, Weak};
use unicode_normalization::UnicodeNormalization;

/// Spellings of several letters and the classes they stand for, a longer one before its beginning. `.` is a
/// vowel.
const SPELLINGS: &[(&str, &str)] = &[
    ("tsch", "S"),
    ("sch", "S"),
    ("tch", "S"),
    ("chh", "S"),
    ("ksh", "KS"),
    ("tio", "S."),
    ("sio", "S."),
    ("igh", "."),
    ("ch", "S"),
    ("sh", "S"),
    ("zh", "S"),
    ("jh", "S"),
    ("cz", "S"),
    ("dz", "S"),
    ("ph", "P"),
    ("bh", "P"),
    ("kh", "K"),
    ("gh", "K"),
    ("ck", "K"),
    ("cq", "K"),
    ("qu", "KP"),
    ("th", "T"),
    ("dh", "T"),
    ("wr", "R"),
    ("x", "KS"),
];

/// A letter of the Latin script, with or without marks.
pub(super) fn is_letter(character: char) -> bool {
    character.is_alphabetic() && matches!(u32::from(character), 0x41..=0x24f | 0x1e00..=0x1eff)
        || matches!(u32::from(character), 0x300..=0x36f)
}

/// The sounds of a run of Latin letters.
pub(super) fn sounds(word: &[char]) -> Vec<Sound> {
    let letters: String = word
        .iter()
        .collect::<String>()
        .nfd()
        .flat_map(char::to_lowercase)
        .filter(|letter| !matches!(u32::from(*letter), 0x300..=0x36f))
        .flat_map(|letter| plain(letter).chars().collect::<Vec<_>>().into_iter().chain(unmapped(letter)))
        .collect();
    let mut sounds = Vec::new();
    let mut rest = letters.as_str();
    let mut previous = None;
    while let Some(letter) = rest.chars().next() {
        let spelling = SPELLINGS.iter().find(|(spelling, _)| rest.starts_with(spelling));
        let taken = match spelling {
            Some((spelling, classes)) => {
                sounds
                    .extend(classes.chars().map(|class| if class == '.' { Weak } else { Consonant(class) }));
                spelling.len()
            }
            None if previous.is_none() && rest.starts_with("kn") => {
                sounds.push(Consonant('N'));
                2
            }
            None => {
                let next = rest.chars().nth(1);
                sounds.push(sound(letter, previous, next));
                letter.len_utf8()
            }
        };
        previous = rest[..taken].chars().last();
        rest = &rest[taken..];
    }
    sounds
}

fn sound(letter: char, previous: Option<char>, next: Option<char>) -> Sound {
    let soft = next.is_some_and(|next| matches!(next, 'e' | 'i' | 'y'));
    match letter {
        'c' | 'g' if soft => Consonant('S'),
        'c' | 'g' | 'k' | 'q' => Consonant('K'),
        'j' | 's' | 'z' => Consonant('S'),
        't' | 'd' => Consonant('T'),
        // The second half of a diphthong: Warsaw, Newton, Howrah.
        'w' if previous.is_some_and(|previous| matches!(previous, 'a' | 'e' | 'o'))
            && !next.is_some_and(is_vowel) =>
        {
            Weak
        }
        'p' | 'b' | 'f' | 'v' | 'w' => Consonant('P'),
        'm' => Consonant('M'),
        'n' => Consonant('N'),
        'r' => Consonant('R'),
        'l' => Consonant('L'),
        'a' | 'e' | 'i' | 'o' | 'u' | 'y' | 'h' => Weak,
        other => Sound::Other(other),
    }
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y')
}

/// Letters that have no decomposition in Unicode, spelt with plain ones; empty for the others.
fn plain(letter: char) -> &'static str {
    match letter {
        'ß' => "ss",
        'æ' | 'œ' => "e",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        'ŋ' => "n",
        'ħ' => "h",
        _ => "",
    }
}

fn unmapped(letter: char) -> Option<char> {
    plain(letter).is_empty().then_some(letter)
}
