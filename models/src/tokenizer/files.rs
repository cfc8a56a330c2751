//! The files of a folder that its tokenizer is made of.

use std::path::Path;

use alambic_files::{digests, read, write};
use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;

use super::limits::FILE;
use super::{BERT, END, PADDING, Tokenizer, UNKNOWN, parsed};
use crate::folder::modules;
use crate::{ModelError, json};

/// The file that says all of a tokenizer.
pub(super) const JSON: &str = "tokenizer.json";

/// What tells transformers how a tokenizer is to be used.
pub(super) const CONFIG: &str = "tokenizer_config.json";

/// Names of special tokens, in older folders.
pub(super) const SPECIAL: &str = "special_tokens_map.json";

/// Tokens behind the vocabulary, in older folders.
pub(super) const ADDED: &str = "added_tokens.json";

/// BERT's vocabulary, a token a line.
pub(super) const VOCABULARY: &str = "vocab.txt";

/// What tells sentence-transformers how a text is read.
pub(super) const SENTENCE: &str = "sentence_bert_config.json";

/// What tells sentence-transformers what is put before texts.
pub(super) const PROMPTS: &str = "config_sentence_transformers.json";

/// What a folder may hold for tokenizers of any library, and for what is read before them.
const FILES: [&str; 10] = [
    JSON,
    CONFIG,
    SPECIAL,
    ADDED,
    VOCABULARY,
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    SENTENCE,
    PROMPTS,
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
            let path = if name == PROMPTS { folder.join(name) } else { inner.join(name) };
            if json::is_there(&path)? {
                digests::check_listed(&path)?;
                files.push((name.to_owned(), read::bytes(&path, FILE)?));
            }
        }
        Ok(Self(files))
    }

    /// Reads those of a folder whose tokenizer must be whole, since another folder is to be read by it.
    ///
    /// # Errors
    /// When it has no tokenizer, or a file of it is damaged; the error names the file.
    pub fn checked(folder: &Path) -> Result<Self, ModelError> {
        let tokenizer = Tokenizer::open(folder)?;
        let mut files = Self::read(folder)?;
        if files.get(JSON).is_none() {
            files.insert(JSON, (tokenizer.to_json()? + "\n").into_bytes());
        }
        files.check(folder)?;
        Ok(files)
    }

    /// That there is a tokenizer among them and every file of JSON is one. `folder` is where they are from, or will be.
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
                "there is no such file, and without it nobody can read texts for this model",
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

    /// What a file of JSON says; an empty object where there is none. Errors name the file without its folder.
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

    /// The same for a model without a pooling, which sentence-transformers does not load: what its files say of reading is
    /// put where transformers finds it.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn for_transformers(&self) -> Result<Self, ModelError> {
        if self.get(SENTENCE).is_none() && self.get(PROMPTS).is_none() {
            return Ok(self.clone());
        }
        let mut files = self.clone();
        files.0.retain(|(name, _)| name != SENTENCE && name != PROMPTS);
        let sentence = self.json(SENTENCE)?;
        let mut config = self.json(CONFIG)?;
        let mut is_changed = false;
        if let Some(longest) = sentence["max_seq_length"].as_u64() {
            config["model_max_length"] = longest.into();
            is_changed = true;
        }
        let mut tokenizer = self.json(JSON)?;
        if sentence["do_lower_case"] == true && super::reading::lower(&mut tokenizer["normalizer"]) {
            files.insert(JSON, format!("{tokenizer:#}\n").into_bytes());
            if config["do_lower_case"] == false {
                // The class of transformers for BERT goes by this, and would strip marks with it.
                config["strip_accents"] = config["strip_accents"].as_bool().unwrap_or(false).into();
                config["do_lower_case"] = true.into();
            }
            is_changed = true;
        }
        if is_changed && self.get(CONFIG).is_some() {
            files.insert(CONFIG, format!("{config:#}\n").into_bytes());
        }
        if let Some(prompt) =
            super::reading::default_prompt(&self.json(PROMPTS)?).map_err(ModelError::Tokenizer)?
        {
            let own = Tokenizer::of_json(&parsed(files.get(JSON).unwrap_or_default())?)?;
            files.insert(JSON, (own.around(&prompt)?.to_json()? + "\n").into_bytes());
        }
        Ok(files)
    }

    /// What `sentence_bert_config.json` of a model says that reads at most `longest` tokens: what it said, and no more
    /// tokens.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn sentence_config(&self, longest: usize) -> Result<Value, ModelError> {
        let mut config = self.json(SENTENCE)?;
        let told = config["max_seq_length"].as_u64().unwrap_or(u64::MAX);
        config["max_seq_length"] = told.min(longest as u64).into();
        if !config["do_lower_case"].is_boolean() {
            config["do_lower_case"] = false.into();
        }
        Ok(config)
    }
}

/// Whether a file is of JSON by its name.
fn has_json(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "json")
}

impl Tokenizer {
    /// The files that make transformers load the same tokenizer: those that it was read from, or else new ones for
    /// texts of at most `longest` tokens.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn files(&self, longest: usize) -> Result<TokenizerFiles, ModelError> {
        if let Some(files) = &self.files {
            let mut files = TokenizerFiles::clone(files);
            let has_config = files.get(CONFIG).is_some();
            if files.get(JSON).is_none() || !has_config {
                files.insert(JSON, (self.to_json()? + "\n").into_bytes());
            }
            if !has_config {
                // Without it transformers would guess the class by the model, and guess wrong.
                let longest = self.reading.longest.map_or(longest, |own| own.min(longest));
                files.insert(CONFIG, format!("{:#}\n", self.general_config(longest)).into_bytes());
            }
            return Ok(files);
        }
        let is_bert = self.id(BERT[0]).is_ok();
        let config = match self.inner.get_model() {
            ModelWrapper::WordPiece(_) if is_bert => bert_config(longest),
            _ if is_bert => self.general_config(longest),
            _ => character_config(longest),
        };
        let config = format!("{config:#}\n");
        Ok(TokenizerFiles(vec![
            (JSON.into(), (self.to_json()? + "\n").into_bytes()),
            (CONFIG.into(), config.into_bytes()),
        ]))
    }

    /// `tokenizer_config.json` of any tokenizer, with the special tokens that it has.
    fn general_config(&self, longest: usize) -> Value {
        let mut config = json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": longest,
        });
        if self.tells_segments() {
            // The class leaves them out unless it is told.
            config["model_input_names"] = json!(["input_ids", "token_type_ids", "attention_mask"]);
        }
        if self.reading.keeps_end {
            config["truncation_side"] = "left".into();
        }
        let [padding, unknown, first, end, mask] = BERT;
        for (key, names) in [
            ("pad_token", [PADDING, padding]),
            ("unk_token", [UNKNOWN, unknown]),
            ("cls_token", ["<s>", first]),
            ("sep_token", [END, end]),
            ("mask_token", ["<mask>", mask]),
        ] {
            if let Some(name) = names.into_iter().find(|name| self.id(name).is_ok()) {
                config[key] = name.into();
            }
        }
        config
    }

    /// Whether the second text of a pair is of another segment than the first.
    pub(super) fn tells_segments(&self) -> bool {
        self.encode_text("a", Some("a")).is_ok_and(|pair| !pair.segments.is_empty())
    }
}

/// `tokenizer_config.json` of a character vocabulary: the class and the special tokens, so that transformers pads and
/// generates.
fn character_config(longest: usize) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "unk_token": UNKNOWN,
        "pad_token": PADDING,
        "model_max_length": longest,
        "padding_side": "right",
        "clean_up_tokenization_spaces": false,
        "model_input_names": ["input_ids", "attention_mask"],
    })
}

/// `tokenizer_config.json` of a vocabulary in BERT's manner.
fn bert_config(longest: usize) -> Value {
    let [padding, unknown, first, end, mask] = BERT;
    json!({
        "tokenizer_class": "BertTokenizer",
        "pad_token": padding,
        "unk_token": unknown,
        "cls_token": first,
        "sep_token": end,
        "mask_token": mask,
        "do_lower_case": true,
        "strip_accents": false,
        "model_max_length": longest,
    })
}
