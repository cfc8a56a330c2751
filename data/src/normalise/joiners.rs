//! The zero-width joiner and non-joiner, which make letters in some scripts and stand for nothing elsewhere.
//!
//! After chapters 9, 12 and 13 of the Unicode Standard, on Arabic and the scripts of India and Sri Lanka.

const JOINER: char = '\u{200d}';
const NON_JOINER: char = '\u{200c}';

/// Malayalam letters with the chillu that each makes with a virama and a joiner: what was written before Unicode 5.1.
const CHILLUS: [(char, char); 9] = [
    ('\u{d15}', '\u{d7f}'),
    ('\u{d23}', '\u{d7a}'),
    ('\u{d28}', '\u{d7b}'),
    ('\u{d2e}', '\u{d54}'),
    ('\u{d2f}', '\u{d55}'),
    ('\u{d30}', '\u{d7c}'),
    ('\u{d32}', '\u{d7d}'),
    ('\u{d33}', '\u{d7e}'),
    ('\u{d34}', '\u{d56}'),
];

const MALAYALAM_VIRAMA: char = '\u{d4d}';
const BENGALI_VIRAMA: char = '\u{9cd}';
const BENGALI_TA: char = '\u{9a4}';
const KHANDA_TA: char = '\u{9ce}';
const BENGALI_YA: char = '\u{9af}';

/// The two letters ra of Bengali and Assamese.
const BENGALI_RA: [char; 2] = ['\u{9b0}', '\u{9f0}'];

const KANNADA_RA: char = '\u{cb0}';
const KANNADA_VIRAMA: char = '\u{ccd}';
const SINHALA_VIRAMA: char = '\u{dca}';

/// Ra and virama of scripts in which a joiner behind them makes another half of the letter: the eyelash of Devanagari, and the
/// reph that Telugu writes on demand.
const HALF_RA: [[char; 2]; 2] = [['\u{930}', '\u{94d}'], ['\u{c30}', '\u{c4d}']];

/// The signs that take a consonant's vowel away, each within the block of its script.
const VIRAMAS: [char; 10] = [
    '\u{94d}', '\u{9cd}', '\u{a4d}', '\u{acd}', '\u{b4d}', '\u{bcd}', '\u{c4d}', '\u{ccd}', '\u{d4d}',
    '\u{dca}',
];

/// Whether a character is one of the two.
pub(super) fn is_joiner(character: char) -> bool {
    matches!(character, JOINER | NON_JOINER)
}

/// Characters without the joiners that stand for nothing, and one spelling of what the others make:
///
/// - Chillus of Malayalam and khanda ta of Bengali become characters of their own.
/// - Ra, which would become a reph, stays what it is before ya in Bengali, and before any letter in Kannada: the joiner stands
///   between ra and virama.
/// - A joiner stays behind ra and virama in Devanagari and Telugu, and on either side of the virama in Sinhala.
/// - A non-joiner stays between a virama and a letter, and between letters of Arabic that would join.
pub(super) fn joined(characters: &[char]) -> Vec<char> {
    let mut kept: Vec<char> = Vec::with_capacity(characters.len());
    for (place, &character) in characters.iter().enumerate() {
        if !is_joiner(character) {
            kept.push(character);
            continue;
        }
        let mut following = characters[place + 1..].iter().copied().filter(|other| !is_joiner(*other));
        let next = [following.next().unwrap_or(' '), following.next().unwrap_or(' ')];
        let last = kept.last().copied().unwrap_or(' ');
        let before = kept.len().checked_sub(2).and_then(|place| kept.get(place)).copied().unwrap_or(' ');
        if let Some(letter) = letter_of(before, last).filter(|_| character == JOINER) {
            kept.truncate(kept.len() - 2);
            kept.push(letter);
        } else if is_plain_ra(last, next) {
            kept.push(JOINER);
        } else if character == JOINER && is_plain_ra(before, [last, next[0]]) {
            kept.pop();
            kept.extend([JOINER, last]);
        } else if character == JOINER && makes_half(before, last, next[0])
            || character == NON_JOINER && separates(&kept, next[0])
        {
            kept.push(character);
        }
    }
    kept
}

/// The letter that a consonant, a virama and a joiner make.
fn letter_of(consonant: char, virama: char) -> Option<char> {
    match (consonant, virama) {
        (BENGALI_TA, BENGALI_VIRAMA) => Some(KHANDA_TA),
        (_, MALAYALAM_VIRAMA) => {
            CHILLUS.iter().find(|(letter, _)| *letter == consonant).map(|(_, chillu)| *chillu)
        }
        _ => None,
    }
}

/// Whether a letter is a ra that a joiner keeps from becoming a reph before virama and letter.
fn is_plain_ra(letter: char, [virama, following]: [char; 2]) -> bool {
    match virama {
        BENGALI_VIRAMA => BENGALI_RA.contains(&letter) && following == BENGALI_YA,
        KANNADA_VIRAMA => letter == KANNADA_RA && is_of_block(following, KANNADA_RA),
        _ => false,
    }
}

/// Whether a joiner between these makes another form of a letter.
fn makes_half(before: char, last: char, next: char) -> bool {
    let is_half_ra = HALF_RA.contains(&[before, last]) && is_of_block(next, last);
    let is_sinhala = (last == SINHALA_VIRAMA && is_of_block(next, SINHALA_VIRAMA))
        || (next == SINHALA_VIRAMA && is_of_block(last, SINHALA_VIRAMA));
    is_half_ra || is_sinhala
}

/// Whether a non-joiner behind these characters separates letters that would join.
fn separates(kept: &[char], next: char) -> bool {
    let Some(&last) = kept.last() else { return false };
    if VIRAMAS.contains(&last) {
        return is_of_block(next, last);
    }
    // Marks above and below letters do not count.
    let letter = kept
        .iter()
        .rev()
        .find(|character| !matches!(character, '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'));
    letter.is_some_and(|letter| is_arabic(*letter) && joins_next(*letter)) && is_arabic(next)
}

/// Whether a character is a letter of the block of 128 characters in which another one is.
fn is_of_block(character: char, other: char) -> bool {
    character.is_alphabetic() && u32::from(character) >> 7 == u32::from(other) >> 7
}

fn is_arabic(character: char) -> bool {
    character.is_alphabetic()
        && matches!(character, '\u{620}'..='\u{6ff}' | '\u{750}'..='\u{77f}' | '\u{8a0}'..='\u{8ff}')
}

/// Whether a letter of Arabic joins with the one behind it. Those that do not are alef, dal, reh, waw and their kin.
fn joins_next(letter: char) -> bool {
    !matches!(letter,
        '\u{621}'..='\u{625}' | '\u{627}' | '\u{629}' | '\u{62f}'..='\u{632}' | '\u{648}' | '\u{671}'..='\u{677}'
        | '\u{688}'..='\u{699}' | '\u{6c0}' | '\u{6c3}'..='\u{6cb}' | '\u{6cd}' | '\u{6cf}' | '\u{6d2}'..='\u{6d5}'
        | '\u{6ee}' | '\u{6ef}' | '\u{759}'..='\u{75b}' | '\u{76b}' | '\u{76c}' | '\u{771}' | '\u{773}' | '\u{774}'
        | '\u{778}' | '\u{779}' | '\u{8aa}'..='\u{8ac}' | '\u{8ae}' | '\u{8b1}' | '\u{8b2}' | '\u{8b9}')
}
