//! Inputs that resemble those of a corpus.

use std::collections::BTreeSet;

/// Bytes of the longest input that is drawn.
const LONGEST: usize = 1 << 16;

/// Numbers at the edges of types and limits, as text.
const NUMBERS: [&str; 20] = [
    "0",
    "-1",
    "1",
    "2",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e309",
    "-1e-400",
    "NaN",
    "inf",
    "0.1",
    "1000000",
];

/// Pieces of text with a meaning somewhere.
const PIECES: [&str; 36] = [
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    ",",
    ":",
    ";",
    "\t",
    "\n",
    "\r\n",
    "\\",
    "\\u0000",
    "\\ud800",
    "\0",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{202e}",
    "\u{2028}",
    "\u{feff}",
    "\u{85}",
    "é",
    "日本",
    "null",
    "true",
    "{}",
    "[]",
    "<![CDATA[",
    "&#x41;",
    "..",
    "/",
];

/// Draws inputs that resemble some others.
pub(crate) struct Mutator<'i> {
    inputs: &'i [Vec<u8>],
    /// Words of the inputs.
    words: Vec<Vec<u8>>,
    state: u64,
}

impl<'i> Mutator<'i> {
    pub(crate) fn new(inputs: &'i [Vec<u8>], seed: u64) -> Self {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.#%".contains(&byte);
        let words: BTreeSet<Vec<u8>> = inputs
            .iter()
            .flat_map(|input| input.split(|&byte| !is_word(byte)))
            .filter(|word| (2..40).contains(&word.len()))
            .map(<[u8]>::to_vec)
            .collect();
        Self { inputs, words: words.into_iter().collect(), state: seed }
    }

    /// A number below `limit`, or 0 (`SplitMix64`).
    fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % limit.max(1) as u64) as usize
    }

    /// The next input.
    pub(crate) fn input(&mut self) -> Vec<u8> {
        let chosen = self.below(self.inputs.len());
        let mut bytes = self.inputs[chosen].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes);
        }
        bytes.truncate(LONGEST);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let scale = self.below(7);
        let length = self.below(1 << scale).min(bytes.len() - at);
        match self.below(12) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 0xff, b' ', b'.'][self.below(7)],
            2 => {
                let number =
                    [0, 1, u64::MAX, 1 << 31, (1 << 31) - 1, 1 << 32, 1 << 16, 1 << 62][self.below(8)];
                let width = (1 << self.below(4)).min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&number.to_le_bytes()[..width]);
            }
            3 => self.replace_number(bytes, at),
            4 => bytes.truncate(at),
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let times = [1, 2, 10, 1000][self.below(4)];
                let piece = bytes[at..at + length].repeat(times);
                bytes.splice(at..at, piece.into_iter().take(LONGEST));
            }
            7 => {
                let other = &self.inputs[self.below(self.inputs.len())];
                let from = self.below(other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            8 => {
                let other = &self.inputs[self.below(self.inputs.len())];
                let from = self.below(other.len());
                let length = self.below(64).min(other.len() - from);
                bytes.splice(at..at, other[from..from + length].iter().copied());
            }
            9 => {
                let piece = PIECES[self.below(PIECES.len())];
                let times = [1, 1, 2, 5000][self.below(4)];
                bytes.splice(at..at + length.min(4), piece.repeat(times).into_bytes());
            }
            10 if !self.words.is_empty() => self.replace_word(bytes, at),
            _ => {
                let byte = self.below(256) as u8;
                bytes.insert(at, byte);
            }
        }
    }

    /// Puts another number in the place of the next one behind a place.
    fn replace_number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|start| at + start) else {
            return;
        };
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = NUMBERS[self.below(NUMBERS.len())];
        bytes.splice(start..start + length, number.bytes());
    }

    /// Puts another word in the place of the next one behind a place.
    fn replace_word(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(start) = bytes[at..].iter().position(u8::is_ascii_alphanumeric).map(|start| at + start)
        else {
            return;
        };
        let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let chosen = self.below(self.words.len());
        let word = self.words[chosen].clone();
        bytes.splice(start..start + length, word);
    }
}
