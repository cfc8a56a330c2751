//! Sounds of words in the nine scripts whose Unicode blocks follow the layout of ISCII.

use super::sound::Sound;

/// The scripts, by the start of their block of 128 code points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Devanagari,
    Bengali,
    Gurmukhi,
    Gujarati,
    Oriya,
    Tamil,
    Telugu,
    Kannada,
    Malayalam,
}

const VIRAMA: u32 = 0x4d;
const NUKTA: u32 = 0x3c;
const RRA: u32 = 0x31;
const YA: u32 = 0x2f;
const LETTER_O: u32 = 0x13;

/// The script of a character, none for what is not of the nine or is shared by them.
pub(super) fn block(character: char) -> Option<Block> {
    if is_shared(character) {
        return None;
    }
    Some(match u32::from(character) & !0x7f {
        0x0900 => Block::Devanagari,
        0x0980 => Block::Bengali,
        0x0a00 => Block::Gurmukhi,
        0x0a80 => Block::Gujarati,
        0x0b00 => Block::Oriya,
        0x0b80 => Block::Tamil,
        0x0c00 => Block::Telugu,
        0x0c80 => Block::Kannada,
        0x0d00 => Block::Malayalam,
        _ => return None,
    })
}

/// Dandas and the abbreviation sign: punctuation of all the scripts, in the block of Devanagari.
pub(super) fn is_shared(character: char) -> bool {
    matches!(character, '\u{964}' | '\u{965}' | '\u{970}')
}

/// What a letter of a block stands for, before its neighbours are looked at.
enum Letter {
    Consonant(char),
    Vowel,
    VowelSign,
    /// Vocalic r or l, as a letter or as a sign.
    Vocalic(char),
    /// Anusvara, candrabindu and the like.
    Nasalisation,
    Digit(char),
    Silent,
    Unknown,
}

/// The sounds of a run of characters of one block.
pub(super) fn sounds(block: Block, word: &[char]) -> Vec<Sound> {
    let offsets: Vec<u32> = word.iter().map(|&character| u32::from(character) & 0x7f).collect();
    let at = |index: usize| offsets.get(index).copied();
    let mut sounds = Vec::new();
    for (index, &offset) in offsets.iter().enumerate() {
        let previous = index.checked_sub(1).and_then(at);
        let nukta = at(index + 1) == Some(NUKTA);
        match letter(block, offset, previous, nukta) {
            Letter::Consonant(class) => {
                if is_double_rra(block, &offsets, index) {
                    sounds.pop();
                    sounds.push(Sound::Consonant('T'));
                } else {
                    sounds.push(Sound::Consonant(class));
                }
                if has_inherent_vowel(block, offset, at(index + 1 + usize::from(nukta))) {
                    sounds.push(Sound::Weak);
                }
            }
            // Bengali ওয় is w, which stands for v as well.
            Letter::Vowel
                if block == Block::Bengali
                    && offset == LETTER_O
                    && at(index + 1) == Some(YA)
                    && at(index + 2) == Some(NUKTA) =>
            {
                sounds.push(Sound::Consonant('P'));
            }
            Letter::Vowel | Letter::VowelSign => sounds.push(Sound::Weak),
            Letter::Vocalic(class) => sounds.extend([Sound::Consonant(class), Sound::Weak]),
            Letter::Nasalisation => {
                let last = index + 1 == offsets.len();
                let labial = matches!(block, Block::Kannada | Block::Telugu | Block::Malayalam);
                sounds.push(Sound::Consonant(if last && labial { 'M' } else { 'N' }));
            }
            Letter::Digit(digit) => sounds.push(Sound::Other(digit)),
            Letter::Unknown => sounds.push(Sound::Other(word[index])),
            Letter::Silent => {}
        }
    }
    sounds
}

/// Tamil ற்ற, pronounced as a stop: is the letter at `index` its second half?
fn is_double_rra(block: Block, offsets: &[u32], index: usize) -> bool {
    block == Block::Tamil && index >= 2 && offsets[index - 2..=index] == [RRA, VIRAMA, RRA]
}

/// Is a consonant followed by the vowel that is not written? `next` is what comes after it and its dot.
fn has_inherent_vowel(block: Block, offset: u32, next: Option<u32>) -> bool {
    // Bengali khanda ta and the chillus of Malayalam are consonants without a vowel.
    let bare = matches!(
        (block, offset),
        (Block::Bengali | Block::Malayalam, 0x4e) | (Block::Malayalam, 0x7a..=0x7f)
    );
    !bare && !matches!(next, Some(VIRAMA | 0x3e..=0x4c | 0x55..=0x57 | 0x62 | 0x63))
}

/// The table. `previous` is the offset before, `nukta` whether a dot below follows.
fn letter(block: Block, offset: u32, previous: Option<u32>, nukta: bool) -> Letter {
    if let Some(letter) = own_letter(block, offset, previous, nukta) {
        return letter;
    }
    match offset {
        0x15..=0x18 => Letter::Consonant('K'),
        0x1a..=0x1d | 0x36..=0x38 => Letter::Consonant('S'),
        0x1f..=0x22 | 0x24..=0x27 => Letter::Consonant('T'),
        0x2a..=0x2d | 0x35 => Letter::Consonant('P'),
        0x19 | 0x1e | 0x23 | 0x28 | 0x29 => Letter::Consonant('N'),
        0x2e => Letter::Consonant('M'),
        0x30 | RRA => Letter::Consonant('R'),
        0x32..=0x34 => Letter::Consonant('L'),
        0x0b | 0x60 | 0x43 | 0x44 => Letter::Vocalic('R'),
        0x0c | 0x61 | 0x62 | 0x63 => Letter::Vocalic('L'),
        // y, h and visarga are as weak as the vowels.
        0x04..=0x14 | YA | 0x39 => Letter::Vowel,
        0x03 | 0x3e..=0x4c | 0x55..=0x57 => Letter::VowelSign,
        0x00..=0x02 => Letter::Nasalisation,
        0x66..=0x6f => Letter::Digit(char::from(b'0' + (offset - 0x66) as u8)),
        NUKTA | 0x3d | VIRAMA | 0x51..=0x54 => Letter::Silent,
        _ => Letter::Unknown,
    }
}

/// The letters that one script reads differently, or has beyond the common layout.
fn own_letter(block: Block, offset: u32, previous: Option<u32>, nukta: bool) -> Option<Letter> {
    Some(match (block, offset) {
        // ya is j, y with its dot, and a mark of the vowel or of doubling after a virama.
        (Block::Bengali | Block::Oriya, YA) if !nukta && previous != Some(VIRAMA) => Letter::Consonant('S'),
        // Tamil aytham before p makes f; addak doubles the next letter.
        (Block::Tamil, 0x03) | (Block::Gurmukhi, 0x71) => Letter::Silent,
        (Block::Devanagari, 0x72..=0x77 | 0x7a) | (Block::Gurmukhi, 0x72 | 0x73) | (Block::Oriya, 0x5f) => {
            Letter::Vowel
        }
        (Block::Devanagari, 0x78 | 0x7e) | (Block::Bengali, 0x4e) | (Block::Gurmukhi, 0x5c) => {
            Letter::Consonant('T')
        }
        (Block::Devanagari, 0x79 | 0x7c) | (Block::Telugu, 0x58 | 0x59) => Letter::Consonant('S'),
        (Block::Devanagari, 0x7b) | (Block::Malayalam, 0x7f) => Letter::Consonant('K'),
        (Block::Devanagari, 0x7f) | (Block::Bengali | Block::Oriya, 0x71) => Letter::Consonant('P'),
        (Block::Bengali, 0x70) | (Block::Telugu, 0x5a) | (Block::Malayalam, 0x4e | 0x7c) => {
            Letter::Consonant('R')
        }
        (Block::Gurmukhi, 0x70) => Letter::Nasalisation,
        (Block::Telugu | Block::Kannada, 0x5d) | (Block::Malayalam, 0x7a | 0x7b) => Letter::Consonant('N'),
        (Block::Kannada, 0x5e) | (Block::Malayalam, 0x7d | 0x7e) => Letter::Consonant('L'),
        _ => return None,
    })
}
