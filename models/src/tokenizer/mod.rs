//! Tokenizers: reading `tokenizer.json`, and building vocabularies of characters and of words.

mod added;
mod bert;
mod cut;
mod encoding;
mod files;
mod limits;
mod names;
mod open;
mod parsing;
mod prompt;
mod reading;
mod saving;
mod special;
mod template;
mod training;
mod words;

pub use encoding::{EncodedText, Tokenizer};
pub use files::TokenizerFiles;
pub use reading::Reading;
pub use special::language_tag;
pub use training::Pieces;
pub use words::{Piece, word_places};
