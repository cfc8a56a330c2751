//! What a model's folder says of how it writes.

use std::path::PathBuf;

use alambic_files::text::quoted;
use serde_json::Value;

use super::config::{EarlyStopping, GenerationConfig, TokenRules};
use crate::{Config, ModelError, ModelFolder, json};

/// The file that says it; where there is none, `config.json` does.
const FILE: &str = "generation_config.json";

/// Most new tokens where no file says how many.
const MAX_NEW_TOKENS: usize = 20;

/// Keys by which transformers would write something else and that are not followed here, each with the values by which it does
/// not.
const NOT_FOLLOWED: [(&str, &[f64]); 14] = [
    ("begin_suppress_tokens", &[]),
    ("diversity_penalty", &[0.0]),
    ("encoder_no_repeat_ngram_size", &[0.0]),
    ("encoder_repetition_penalty", &[1.0]),
    ("exponential_decay_length_penalty", &[]),
    ("force_words_ids", &[]),
    ("guidance_scale", &[1.0]),
    ("num_beam_groups", &[1.0]),
    ("penalty_alpha", &[0.0]),
    ("prompt_lookup_num_tokens", &[]),
    ("repetition_penalty", &[1.0]),
    ("sequence_bias", &[]),
    ("stop_strings", &[]),
    ("suppress_tokens", &[]),
];

/// Decoding as a model's folder has it: `generation_config.json`, or where there is none, `config.json`. Other keys are left
/// alone.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationDefaults {
    /// Decoding as transformers does it by default, as far as the file says nothing else.
    pub config: GenerationConfig,
    /// The id behind the end of shorter targets.
    pub padding: u32,
    /// Number of tokens that the model may write, counted from id 0.
    pub vocabulary: usize,
    /// Keys of the file by which transformers would write something else and that are not followed.
    pub not_followed: Vec<&'static str>,
}

impl GenerationDefaults {
    /// Reads the files of a folder, whose model has this configuration.
    ///
    /// # Errors
    /// When a file cannot be read, or a value has the wrong type or is out of range.
    pub fn open(folder: &ModelFolder, config: &Config) -> Result<Self, ModelError> {
        let own = folder.path().join(FILE);
        let (file, json) = match json::read_if_there::<Value>(&own)? {
            Some(json) if json.is_object() => (own, json),
            Some(_) => return Err(ModelError::content(&own, "this is no object of keys and values")),
            None => (folder.path().join("config.json"), folder.json().clone()),
        };
        let outline = config.outline();
        let vocabulary = if outline.classes_of_tokens { outline.classes } else { config.vocabulary() };
        Keys { file, json, vocabulary }.read(config.padding())
    }
}

/// The keys of a file.
struct Keys {
    file: PathBuf,
    json: Value,
    /// Number of tokens that the model may write.
    vocabulary: usize,
}

impl Keys {
    fn read(&self, padding: u32) -> Result<GenerationDefaults, ModelError> {
        // `max_length` and `min_length` count the token that the decoder starts from.
        let without_start = |length: Option<usize>| length.map(|length| length.saturating_sub(1));
        let max_length = without_start(self.count("max_length", 2)?);
        let max_new_tokens = self.count("max_new_tokens", 1)?.or(max_length).unwrap_or(MAX_NEW_TOKENS);
        let min_length = without_start(self.count("min_length", 0)?);
        let config = GenerationConfig {
            beam: self.count("num_beams", 1)?.unwrap_or(1),
            length_penalty: self.number("length_penalty")?.unwrap_or(1.0),
            early_stopping: Some(self.early_stopping()?),
            no_repeat_ngram: self.count("no_repeat_ngram_size", 0)?.unwrap_or(0),
            min_new_tokens: self.count("min_new_tokens", 0)?.or(min_length).unwrap_or(0),
            rules: TokenRules {
                start: self.id("decoder_start_token_id")?,
                ends: self.ids("eos_token_id")?,
                forced_first: self.id("forced_bos_token_id")?,
                forced_last: self.ids("forced_eos_token_id")?,
                bad_words: self.bad_words()?,
                renormalize: self.flag("renormalize_logits")?,
            },
            ..GenerationConfig::greedy(max_new_tokens)
        };
        Ok(GenerationDefaults {
            config,
            padding: self.id("pad_token_id")?.unwrap_or(padding),
            vocabulary: self.vocabulary,
            not_followed: self.not_followed(),
        })
    }

    /// The value of a key; none where there is none, or null.
    fn value(&self, key: &str) -> Option<&Value> {
        self.json.get(key).filter(|value| !value.is_null())
    }

    fn fault<T>(&self, key: &str, needed: &str) -> Result<T, ModelError> {
        let found = quoted(&self.json[key].to_string());
        Err(ModelError::content(&self.file, format!("`{key}` is {found}; it is {needed}")))
    }

    /// A whole number from `least` on.
    fn count(&self, key: &str, least: usize) -> Result<Option<usize>, ModelError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_u64().and_then(|count| i32::try_from(count).ok()) {
            Some(count) if count as usize >= least => Ok(Some(count as usize)),
            _ => self.fault(key, &format!("a whole number from {least} on")),
        }
    }

    fn number(&self, key: &str) -> Result<Option<f32>, ModelError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match value.as_f64().map(|number| number as f32).filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => self.fault(key, "a number"),
        }
    }

    fn flag(&self, key: &str) -> Result<bool, ModelError> {
        match self.value(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => self.fault(key, "true or false"),
        }
    }

    fn early_stopping(&self) -> Result<EarlyStopping, ModelError> {
        match self.value("early_stopping") {
            None | Some(Value::Bool(false)) => Ok(EarlyStopping::Heuristic),
            Some(Value::Bool(true)) => Ok(EarlyStopping::Full),
            Some(Value::String(word)) if word == "never" => Ok(EarlyStopping::Never),
            Some(_) => self.fault("early_stopping", "true, false or \"never\""),
        }
    }

    /// An id of the vocabulary.
    fn as_id(&self, value: &Value) -> Option<u32> {
        let id = value.as_u64().filter(|id| (*id as usize) < self.vocabulary)?;
        u32::try_from(id).ok()
    }

    fn id(&self, key: &str) -> Result<Option<u32>, ModelError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match self.as_id(value) {
            Some(id) => Ok(Some(id)),
            None => self.fault(key, &format!("an id below {}, as many as the model writes", self.vocabulary)),
        }
    }

    /// One id or a list of them.
    fn ids(&self, key: &str) -> Result<Vec<u32>, ModelError> {
        let ids = match self.value(key) {
            None => return Ok(Vec::new()),
            Some(Value::Array(ids)) => ids.iter().map(|id| self.as_id(id)).collect(),
            Some(id) => self.as_id(id).map(|id| vec![id]),
        };
        match ids {
            Some(ids) => Ok(ids),
            None => self.fault(
                key,
                &format!("an id below {}, as many as the model writes, or a list of such", self.vocabulary),
            ),
        }
    }

    fn bad_words(&self) -> Result<Vec<Vec<u32>>, ModelError> {
        let word = |word: &Value| match word.as_array() {
            Some(ids) if !ids.is_empty() => ids.iter().map(|id| self.as_id(id)).collect(),
            _ => None,
        };
        let words = match self.value("bad_words_ids") {
            None => return Ok(Vec::new()),
            Some(words) => words.as_array().and_then(|words| words.iter().map(word).collect()),
        };
        match words {
            Some(words) => Ok(words),
            None => self.fault(
                "bad_words_ids",
                &format!("a list of lists of ids below {}, as many as the model writes", self.vocabulary),
            ),
        }
    }

    fn not_followed(&self) -> Vec<&'static str> {
        let is_set = |key: &str, neutral: &[f64]| match self.value(key) {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Array(list)) => !list.is_empty(),
            Some(value) => !value.as_f64().is_some_and(|number| neutral.contains(&number)),
        };
        NOT_FOLLOWED.into_iter().filter(|(key, neutral)| is_set(key, neutral)).map(|(key, _)| key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: Value) -> Keys {
        Keys { file: "generation_config.json".into(), json, vocabulary: 10 }
    }

    #[test]
    fn without_keys_decoding_is_that_of_transformers() {
        let GenerationDefaults { config, padding, not_followed, .. } =
            keys(serde_json::json!({ "anything": [1], "eos_token_id": null })).read(7).unwrap();
        let expected = GenerationConfig {
            early_stopping: Some(EarlyStopping::Heuristic),
            ..GenerationConfig::greedy(20)
        };
        assert_eq!((config, padding, not_followed), (expected, 7, vec![]));
    }

    #[test]
    fn keys_are_those_of_transformers() {
        let json = serde_json::json!({
            "num_beams": 6, "length_penalty": 2, "early_stopping": "never", "no_repeat_ngram_size": 3, "max_length": 12,
            "min_length": 4, "decoder_start_token_id": 2, "eos_token_id": [0, 9], "pad_token_id": 1,
            "forced_bos_token_id": 3, "forced_eos_token_id": 0, "bad_words_ids": [[1], [4, 5]],
            "renormalize_logits": true, "repetition_penalty": 1.2, "num_beam_groups": 1, "diversity_penalty": 0.0,
        });
        let GenerationDefaults { config, padding, not_followed, .. } = keys(json).read(7).unwrap();
        let rules = TokenRules {
            start: Some(2),
            ends: vec![0, 9],
            forced_first: Some(3),
            forced_last: vec![0],
            bad_words: vec![vec![1], vec![4, 5]],
            renormalize: true,
        };
        let expected = GenerationConfig {
            beam: 6,
            length_penalty: 2.0,
            early_stopping: Some(EarlyStopping::Never),
            no_repeat_ngram: 3,
            min_new_tokens: 3,
            rules,
            ..GenerationConfig::greedy(11)
        };
        assert_eq!((config, padding, not_followed), (expected, 1, vec!["repetition_penalty"]));
        let both = keys(serde_json::json!({ "max_length": 12, "max_new_tokens": 5 })).read(7).unwrap();
        assert_eq!(both.config.max_new_tokens, 5);
    }

    #[test]
    fn values_of_other_types_and_out_of_range_are_errors_with_their_key() {
        for (key, value) in [
            ("num_beams", serde_json::json!(0)),
            ("num_beams", serde_json::json!("4")),
            ("num_beams", serde_json::json!(1.5)),
            ("length_penalty", serde_json::json!("1")),
            ("length_penalty", serde_json::json!(1e300)),
            ("early_stopping", serde_json::json!("always")),
            ("early_stopping", serde_json::json!(1)),
            ("no_repeat_ngram_size", serde_json::json!(-1)),
            ("max_new_tokens", serde_json::json!(0)),
            ("max_length", serde_json::json!(1)),
            ("min_length", serde_json::json!(true)),
            ("decoder_start_token_id", serde_json::json!(10)),
            ("eos_token_id", serde_json::json!(-1)),
            ("eos_token_id", serde_json::json!([0, 10])),
            ("eos_token_id", serde_json::json!({})),
            ("pad_token_id", serde_json::json!("0")),
            ("forced_bos_token_id", serde_json::json!([1])),
            ("forced_eos_token_id", serde_json::json!(4_294_967_296u64)),
            ("bad_words_ids", serde_json::json!([1])),
            ("bad_words_ids", serde_json::json!([[]])),
            ("bad_words_ids", serde_json::json!([[1, 10]])),
            ("renormalize_logits", serde_json::json!("yes")),
        ] {
            let said = keys(serde_json::json!({ key: value })).read(7).unwrap_err().to_string();
            assert!(
                said.contains(&format!("`{key}` is {value}")) && said.contains("generation_config"),
                "{said}"
            );
        }
    }
}
