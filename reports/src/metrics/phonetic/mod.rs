//! A script-neutral phonetic code: two spellings of one name get one code, whatever script each is in.
//!
//! The idea is Soundex (Russell, US patent 1,261,167 of 1918): keep the consonants as classes of sounds that
//! are easily confused, drop the vowels, keep a mark for an initial one. The classes come from Indic phonology.
//! The scripts of India order their letters by place and manner of articulation, and the Unicode blocks of nine
//! of them follow one layout (ISCII, IS 13194:1991; The Unicode Standard, chapter 12), so that one table over
//! `code point - start of block` serves Devanagari, Bengali, Gurmukhi, Gujarati, Oriya, Tamil, Telugu, Kannada
//! and Malayalam. Latin letters are read by English spelling conventions.
//!
//! A distinction is dropped when one of the scripts cannot carry it:
//!
//! | code | sounds | why one class |
//! | --- | --- | --- |
//! | `K` | k kh g gh, q | Tamil writes one letter for all four stops of a row |
//! | `S` | c ch j jh, ś ṣ s, z | Tamil ச is c, s and ś; z is written with the letter for j; Latin ch, s, c overlap |
//! | `T` | ṭ ṭh ḍ ḍh, t th d dh | Latin t and d are either retroflex or dental; flaps (ड़ ড়) go with their base |
//! | `P` | p ph b bh, f, v w | Tamil again; Bengali has no v and writes b or bh |
//! | `N` | ṅ ñ ṇ n, anusvara, candrabindu | Latin has one n; the anusvara is the nasal of the next consonant |
//! | `M` | m, and any nasal before `P`; the final anusvara of Kannada, Telugu and Malayalam | pronounced m |
//! | `R` | r ṟ, vocalic ṛ | |
//! | `L` | l ḷ ḻ, vocalic ḷ | Latin has one l |
//! | `A` | a word that begins with a vowel, y or h | which vowel differs from script to script |
//!
//! Vowels, y and h are dropped elsewhere: vowel length and quality are the least stable part of a borrowed
//! name (English short o is ऑ, ஆ or Bengali's inherent vowel), y is a glide that Bengali and English write as a
//! vowel, and native Tamil spelling has no h. They still keep apart what they stand between: *Mama* is `MM`,
//! *Amma* is `AM`, doubled consonants and neighbours of one class counting once. `NK` without a vowel between
//! is `N`, since final *ng* is written with and without its g. Digits of all scripts become ASCII digits. What
//! no table knows stays as it is, so that two unknown strings are equal only if they are. Spaces and
//! punctuation end a word and are dropped.
//!
//! `docs/phonetic-code.md` has the letter tables and measurements.

mod code;
mod indic;
mod latin;
mod sound;

pub use code::phonetic_code;
