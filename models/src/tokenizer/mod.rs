//! Tokenizers: reading `tokenizer.json`, and building vocabularies of characters and of words.

mod bert;
mod characters;
mod common_words;
mod encoding;
mod extend;
mod files;
mod ids;
mod language_codes;
mod limits;
mod multilingual;
mod open;
mod options;
mod own_tokens;
mod parsing;
mod pieces;
mod prompt;
mod prune;
mod saving;
mod script;
mod sentencepiece;
mod slow;
mod spans;
mod special;
mod template;
mod training;
mod windows;

pub use common_words::{CommonWord, common_words};
pub use encoding::{EncodedText, Tokenizer};
pub use files::TokenizerFiles;
pub use language_codes::TargetPrefix;
pub use options::EncodingOptions;
pub use script::UnifiedScript;
pub use spans::{TokenSpan, word_spans};
pub use special::{language_tag, sentinel};
pub use training::TokenizerModel;
pub use windows::{TokenWindow, WindowSizes};
