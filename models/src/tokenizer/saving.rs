//! The files with which other programs load a tokenizer.

use std::path::Path;

use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;

use super::bert::content;
use super::encoding::Tokenizer;
use super::files::{CONFIG, JSON, PROMPTS, SENTENCE, SPECIAL, TokenizerFiles};
use super::ids::id_of;
use super::options::{default_prompt, lower};
use super::parsing::parsed;
use super::special::{BERT, END, PADDING, UNKNOWN};
use crate::ModelError;

/// Class of transformers for any `tokenizer.json`.
pub(super) const GENERAL: &str = "PreTrainedTokenizerFast";

/// Name under which version 5 writes it, and which earlier versions do not know.
const NEWER_GENERAL: &str = "TokenizersBackend";

impl TokenizerFiles {
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
        if let Some(max_length) = sentence["max_seq_length"].as_u64() {
            config["model_max_length"] = max_length.into();
            is_changed = true;
        }
        let mut tokenizer = self.json(JSON)?;
        if sentence["do_lower_case"] == true && lower(&mut tokenizer["normalizer"]) {
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
        if let Some(prompt) = default_prompt(&self.json(PROMPTS)?).map_err(ModelError::Tokenizer)? {
            let own = Tokenizer::of_json(&parsed(files.get(JSON).unwrap_or_default())?)?;
            files.insert(JSON, (own.around(&prompt)?.to_json()? + "\n").into_bytes());
        }
        Ok(files)
    }

    /// The same with a `tokenizer.json` that says by itself how texts are read: as `read`, which was opened with all of these
    /// files, at most `max_length` tokens, or fewer where the files say so, and padded to the longest of a batch. Whoever has
    /// nothing but that file goes by it, where transformers and this program go by the files beside it. Others, fastembed
    /// among them, take the length from `tokenizer_config.json`, which gets it too. Texts of a model that generates are not
    /// truncated: `truncates` is false.
    ///
    /// # Errors
    /// When a file is damaged.
    pub fn with_encoding(
        &self,
        read: &Tokenizer,
        max_length: usize,
        truncates: bool,
    ) -> Result<Self, ModelError> {
        if self.get(JSON).is_none() {
            return Ok(self.clone());
        }
        let (own, mut config) = (self.json(JSON)?, self.json(CONFIG)?);
        let max_length = self.max_length(max_length)?;
        let mut json = own.clone();
        for key in ["truncation", "padding"] {
            json[key] = Value::Null;
        }
        let by_all_files = read.to_json()?;
        if Tokenizer::of_json(&json)?.to_json()? != by_all_files {
            json = parsed(by_all_files.as_bytes())?;
        }
        let side = |key: &str, own: &Value| {
            let side = config[key].as_str().or(own["direction"].as_str()).unwrap_or_default();
            if side.eq_ignore_ascii_case("left") { "Left" } else { "Right" }
        };
        let truncation = json!({
            "direction": side("truncation_side", &own["truncation"]),
            "max_length": max_length,
            "strategy": "LongestFirst",
            "stride": 0,
        });
        let special = self.json(SPECIAL)?;
        let declared = [&config["pad_token"], &special["pad_token"], &own["padding"]["pad_token"]];
        let named = declared.into_iter().find_map(content).into_iter().chain([PADDING, BERT[0]]);
        let token = named.map(|token| (token.to_owned(), id_of(&json, token))).find(|(_, id)| id.is_some());
        let padding = token.map(|(token, id)| {
            json!({
                "strategy": "BatchLongest",
                "direction": side("padding_side", &own["padding"]),
                "pad_to_multiple_of": null,
                "pad_id": id,
                "pad_type_id": 0,
                "pad_token": token,
            })
        });
        json["truncation"] = if truncates { truncation } else { Value::Null };
        json["padding"] = padding.unwrap_or_default();
        let mut files = self.clone();
        if self.get(CONFIG).is_some() {
            let before = config.clone();
            config["model_max_length"] = max_length.into();
            if config["tokenizer_class"] == NEWER_GENERAL {
                config["tokenizer_class"] = GENERAL.into();
            }
            if config != before {
                files.insert(CONFIG, format!("{config:#}\n").into_bytes());
            }
        }
        if json != own {
            files.insert(JSON, format!("{json:#}\n").into_bytes());
        }
        Ok(files)
    }
}

impl Tokenizer {
    /// The files that make transformers load the same tokenizer: those that it was read from, or else new ones for
    /// texts of at most `max_length` tokens.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn files(&self, max_length: usize) -> Result<TokenizerFiles, ModelError> {
        if let Some(files) = &self.files {
            let mut files = TokenizerFiles::clone(files);
            let has_config = files.get(CONFIG).is_some();
            if files.get(JSON).is_none() || !has_config {
                files.insert(JSON, (self.to_json()? + "\n").into_bytes());
            }
            if !has_config {
                // Without it transformers would guess the class by the model, and guess wrong.
                let max_length = self.options.max_length.map_or(max_length, |own| own.min(max_length));
                files.insert(CONFIG, format!("{:#}\n", self.general_config(max_length)).into_bytes());
            }
            return Ok(files);
        }
        let is_bert = self.id(BERT[0]).is_ok();
        let config = match self.inner.get_model() {
            // Of BERT's class transformers builds the normalizer anew.
            ModelWrapper::WordPiece(_) if is_bert && self.script.is_none() => bert_config(max_length),
            _ if is_bert => self.general_config(max_length),
            _ => character_config(max_length),
        };
        let config = format!("{config:#}\n");
        Ok(TokenizerFiles(vec![
            (JSON.into(), (self.to_json()? + "\n").into_bytes()),
            (CONFIG.into(), config.into_bytes()),
        ]))
    }

    /// `tokenizer_config.json` of any tokenizer, with the special tokens that it has.
    pub(super) fn general_config(&self, max_length: usize) -> Value {
        let mut config = json!({
            "tokenizer_class": GENERAL,
            "model_max_length": max_length,
        });
        if self.tells_segments() {
            // The class leaves them out by default.
            config["model_input_names"] = json!(["input_ids", "token_type_ids", "attention_mask"]);
        }
        if self.options.truncates_start {
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
}

/// `tokenizer_config.json` of a character vocabulary: the class and the special tokens, so that transformers pads and
/// generates.
fn character_config(max_length: usize) -> Value {
    json!({
        "tokenizer_class": GENERAL,
        "eos_token": END,
        "unk_token": UNKNOWN,
        "pad_token": PADDING,
        "model_max_length": max_length,
        "padding_side": "right",
        "clean_up_tokenization_spaces": false,
        "model_input_names": ["input_ids", "attention_mask"],
    })
}

/// `tokenizer_config.json` of a vocabulary in BERT's manner.
fn bert_config(max_length: usize) -> Value {
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
        "model_max_length": max_length,
    })
}
