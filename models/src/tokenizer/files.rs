//! The files of a folder that its tokenizer is made of.

use std::path::Path;

use alambic_files::{digests, read, write};
use serde_json::{Value, json};

use super::limits::FILE;
use crate::folder::{modules, sentence_options};
use crate::{ModelError, json};

/// The file that says all of a tokenizer.
pub(super) const JSON: &str = "tokenizer.json";

/// File of the tokenizer's settings in transformers.
pub(super) const CONFIG: &str = "tokenizer_config.json";

/// Names of special tokens, in older folders.
pub(super) const SPECIAL: &str = "special_tokens_map.json";

/// Tokens behind the vocabulary, in older folders.
pub(super) const ADDED: &str = "added_tokens.json";

/// BERT's vocabulary, a token a line.
pub(super) const VOCABULARY: &str = "vocab.txt";

/// File of the length and the case of texts in sentence-transformers.
pub(super) const SENTENCE: &str = sentence_options::TRANSFORMER[0];

/// File of the prompts in sentence-transformers.
pub(super) const PROMPTS: &str = sentence_options::MODEL;

/// Vocabularies of classes that have a file of numbers by token.
pub(super) const IDS: &str = "vocab.json";

/// Merges of byte-level vocabularies, a pair a line.
pub(super) const MERGES: &str = "merges.txt";

/// SentencePiece models of one language or of all.
pub(super) const PIECES: [&str; 2] = ["sentencepiece.bpe.model", "spiece.model"];

/// SentencePiece model of the texts that a Marian model reads.
pub(super) const SOURCE: &str = "source.spm";

/// SentencePiece model of the texts that a Marian model writes.
pub(super) const TARGET: &str = "target.spm";

/// Vocabulary of the texts that a Marian model writes, where it is not that of all.
pub(super) const TARGET_IDS: &str = "target_vocab.json";

/// Files of vocabularies that [`JSON`] stands in place of.
const SLOW: [&str; 8] = [VOCABULARY, IDS, MERGES, PIECES[0], PIECES[1], SOURCE, TARGET, TARGET_IDS];

/// Files that a folder may hold for tokenizers of any library, and for prompts.
const FILES: [&str; 14] = [
    JSON, CONFIG, SPECIAL, ADDED, VOCABULARY, IDS, MERGES, PIECES[0], PIECES[1], SOURCE, TARGET, TARGET_IDS,
    SENTENCE, PROMPTS,
];

/// The files of a folder that its tokenizer is made of, by name, to be written into another folder as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenizerFiles(pub(super) Vec<(String, Vec<u8>)>);

impl TokenizerFiles {
    /// Reads those that a folder holds.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let inner = modules::transformer(folder)?;
        let mut files = Vec::new();
        for name in FILES {
            let path = match name {
                PROMPTS => folder.join(name),
                SENTENCE => sentence_options::transformer_file(&inner)?.unwrap_or_else(|| inner.join(name)),
                _ => inner.join(name),
            };
            if json::is_there(&path)? {
                digests::check_listed(&path)?;
                files.push((name.to_owned(), read::bytes(&path, FILE)?));
            }
        }
        Ok(Self(files))
    }

    /// Check that there is a tokenizer among them and every file of JSON is one. `folder` is where they are from, or will be.
    ///
    /// # Errors
    /// When it is not so; the error names the file.
    pub fn check(&self, folder: &Path) -> Result<(), ModelError> {
        for (name, bytes) in self.0.iter().filter(|(name, _)| has_json(name)) {
            json::parse::<Value>(&folder.join(name), bytes)?;
        }
        match self.get(JSON) {
            Some(_) => Ok(()),
            None => Err(ModelError::content(
                &folder.join(JSON),
                "there is no such file, and without it texts cannot be encoded for this model",
            )),
        }
    }

    /// Writes them into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), ModelError> {
        for (name, bytes) in &self.0 {
            write::write(&folder.join(name), bytes)?;
        }
        Ok(())
    }

    /// The bytes of a file.
    pub(super) fn get(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, bytes)| bytes.as_slice())
    }

    /// Contents of a file of JSON; an empty object where there is none. Errors name the file without its folder.
    pub(super) fn json(&self, name: &str) -> Result<Value, ModelError> {
        let Some(bytes) = self.get(name) else { return Ok(json!({})) };
        let value: Value = json::parse(Path::new(name), bytes)?;
        if value.is_object() {
            return Ok(value);
        }
        Err(ModelError::content(Path::new(name), "this is no object of keys and values"))
    }

    /// Puts a file among them, in place of one of the same name.
    pub(super) fn insert(&mut self, name: &str, bytes: Vec<u8>) {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = bytes,
            None => self.0.push((name.to_owned(), bytes)),
        }
    }

    /// Puts [`JSON`] in place of the vocabularies of slow tokenizers, since it says something else than they do.
    ///
    /// # Errors
    /// When the settings are damaged.
    pub(super) fn replace_vocabulary(&mut self, json: Vec<u8>) -> Result<(), ModelError> {
        self.insert(JSON, json);
        self.0.retain(|(name, _)| !SLOW.contains(&name.as_str()));
        let mut config = self.json(CONFIG)?;
        if config["tokenizer_class"] == "MarianTokenizer" || config["tokenizer_class"] == "M2M100Tokenizer" {
            // These classes read nothing but such files.
            config["tokenizer_class"] = "PreTrainedTokenizerFast".into();
            for (key, token) in [("eos_token", "</s>"), ("unk_token", "<unk>"), ("pad_token", "<pad>")] {
                if config[key].is_null() {
                    config[key] = token.into();
                }
            }
            self.insert(CONFIG, format!("{config:#}\n").into_bytes());
        }
        Ok(())
    }

    /// JSON of `config_sentence_transformers.json`, with its prompts; none where it is not among them.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn sentence_model(&self) -> Result<Option<Value>, ModelError> {
        if self.get(PROMPTS).is_some() { self.json(PROMPTS).map(Some) } else { Ok(None) }
    }

    /// The files that say to sentence-transformers how two vectors are compared: `cosine` or `dot`. Prompts stay as they are.
    ///
    /// # Errors
    /// When `config_sentence_transformers.json` is damaged.
    pub fn with_similarity(&self, name: &str) -> Result<Self, ModelError> {
        let mut config = self.sentence_model()?.unwrap_or_else(sentence_options::usual_model);
        config["similarity_fn_name"] = name.into();
        let mut files = self.clone();
        files.insert(PROMPTS, format!("{config:#}\n").into_bytes());
        Ok(files)
    }

    /// JSON of `sentence_bert_config.json` for a model that reads at most `max_length` tokens: what it said, and no more
    /// tokens.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn sentence_config(&self, max_length: usize) -> Result<Value, ModelError> {
        let mut config = self.json(SENTENCE)?;
        config["max_seq_length"] = self.max_length(max_length)?.into();
        if !config["do_lower_case"].is_boolean() {
            config["do_lower_case"] = false.into();
        }
        Ok(config)
    }
}

impl TokenizerFiles {
    /// Maximum number of tokens of a text that a model of at most `max_length` reads by these files.
    pub(super) fn max_length(&self, max_length: usize) -> Result<u64, ModelError> {
        let (sentence, tokenizer) = (self.json(SENTENCE)?, self.json(CONFIG)?);
        // Without one of its own, sentence-transformers goes by the tokenizer's.
        let own = sentence["max_seq_length"].as_u64().or_else(|| tokenizer["model_max_length"].as_u64());
        Ok(own.unwrap_or(u64::MAX).min(max_length as u64))
    }
}

/// Whether a file is of JSON by its name.
fn has_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}
