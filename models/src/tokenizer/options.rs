//! Options of encoding that a model's folder has beside `tokenizer.json`: length, side of truncation, segments, prompt.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Value, json};

use super::files::{CONFIG, PROMPTS, SENTENCE, TokenizerFiles};
use crate::ModelError;
use crate::json::check_flags;

/// Lengths from here on stand for none: transformers writes 10^30 where nobody gave one.
const NO_LENGTH: f64 = 1e9;

/// Classes of transformers that give a model no segments unless `model_input_names` says otherwise.
const WITHOUT_SEGMENTS: [&str; 8] = [
    "PreTrainedTokenizer",
    "TokenizersBackend",
    "DistilBertTokenizer",
    "RobertaTokenizer",
    "XLMRobertaTokenizer",
    "CamembertTokenizer",
    "MPNetTokenizer",
    "BartTokenizer",
];

/// Options of encoding beside `tokenizer.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodingOptions {
    /// Maximum number of tokens of a text; none where nothing says so.
    pub max_length: Option<usize>,
    /// Whether a text that is too long loses tokens at its beginning, and not at its end.
    pub truncates_start: bool,
    /// Whether both texts of a pair are of the same segment for the model.
    pub one_segment: bool,
    /// Prompt before each text.
    pub prompt: Option<String>,
}

impl EncodingOptions {
    /// Options out of the files of a folder. `class` is the tokenizer's class in transformers, `is_for_sentences` whether
    /// sentence-transformers finds modules in the folder; the truncation in `tokenizer.json` is that of its values here
    /// which transformers goes by: the side.
    ///
    /// # Errors
    /// When a value is none that transformers takes; the message names file, without its folder, and key.
    pub(super) fn of_files(
        files: &TokenizerFiles,
        json: &Value,
        class: Option<&str>,
        is_for_sentences: bool,
    ) -> Result<Self, ModelError> {
        let refused = |file: &str, fault: String| ModelError::content(Path::new(file), fault);
        let config = files.json(CONFIG)?;
        let sentence = if is_for_sentences { files.json(SENTENCE)? } else { Value::Null };
        check_flags(&config, ["do_lower_case", "strip_accents", "tokenize_chinese_chars"])
            .map_err(|fault| refused(CONFIG, fault))?;
        check_flags(&sentence, ["do_lower_case"]).map_err(|fault| refused(SENTENCE, fault))?;
        let (side, names) = (&config["truncation_side"], &config["model_input_names"]);
        for (key, value, is_kind, kind) in [
            ("truncation_side", side, side.is_string(), "`left` or `right`"),
            ("model_input_names", names, names.is_array(), "a list of names"),
        ] {
            if !value.is_null() && !is_kind {
                let found = alambic_files::text::quoted(&value.to_string());
                return Err(refused(CONFIG, format!("`{key}` is {found}; it is {kind}")));
            }
        }
        let own = length(&config, "model_max_length").map_err(|fault| refused(CONFIG, fault))?;
        let stored = length(&sentence, "max_seq_length").map_err(|fault| refused(SENTENCE, fault))?;
        let side = side.as_str().or_else(|| json["truncation"]["direction"].as_str());
        let truncates_start = match side.map(str::to_lowercase).as_deref() {
            None | Some("right") => false,
            Some("left") => true,
            Some(other) => {
                let other = alambic_files::text::quoted(other);
                return Err(refused(
                    CONFIG,
                    format!("`truncation_side` is `{other}`; it is `left` or `right`"),
                ));
            }
        };
        let one_segment = match names.as_array() {
            Some(names) => !names.iter().any(|name| name == "token_type_ids"),
            None => class.is_some_and(|class| WITHOUT_SEGMENTS.contains(&class)),
        };
        let prompt = default_prompt(&files.json(PROMPTS)?).map_err(|fault| refused(PROMPTS, fault))?;
        Ok(Self { max_length: stored.or(own), truncates_start, one_segment, prompt })
    }

    /// A text behind the prompt.
    pub(super) fn prompted<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.prompt {
            Some(prompt) => format!("{prompt}{text}").into(),
            None => text.into(),
        }
    }

    /// JSON of what differs from `tokenizer.json`, lengths aside, which batches show; none where nothing does.
    pub(super) fn to_json(&self) -> Option<Value> {
        let Self { truncates_start, one_segment, prompt, .. } = self;
        (*truncates_start || *one_segment || prompt.is_some())
            .then(|| json!({ "keeps-end": truncates_start, "one-segment": one_segment, "prompt": prompt }))
    }
}

/// A number of tokens; none where there is none, or one that stands for none.
fn length(config: &Value, key: &str) -> Result<Option<usize>, String> {
    match &config[key] {
        Value::Null => Ok(None),
        value => match value.as_f64() {
            Some(number) if number >= NO_LENGTH => Ok(None),
            Some(number) if number >= 0.0 && number.fract() == 0.0 => Ok(Some(number as usize)),
            _ => Err(format!(
                "`{key}` is {}, and a number of tokens is needed",
                alambic_files::text::quoted(&value.to_string())
            )),
        },
    }
}

/// The text of the prompt that sentence-transformers puts before texts when nobody names another.
pub(super) fn default_prompt(config: &Value) -> Result<Option<String>, String> {
    let Some(name) = config["default_prompt_name"].as_str() else { return Ok(None) };
    match &config["prompts"][name] {
        Value::String(prompt) if prompt.is_empty() => Ok(None),
        Value::String(prompt) => Ok(Some(prompt.clone())),
        _ => Err(format!(
            "`default_prompt_name` is `{}`, and `prompts` has no text of that name",
            alambic_files::text::quoted(name)
        )),
    }
}

/// Puts lower case before a normaliser, unless it is in it already; says whether it was not.
pub(super) fn lower(normaliser: &mut Value) -> bool {
    if lowers(normaliser) {
        return false;
    }
    let first = json!({ "type": "Lowercase" });
    *normaliser = match normaliser.take() {
        Value::Null => first,
        Value::Object(mut own) if own.get("type").is_some_and(|kind| kind == "Sequence") => {
            if let Some(all) = own.get_mut("normalizers").and_then(Value::as_array_mut) {
                all.insert(0, first);
            }
            Value::Object(own)
        }
        own => json!({ "type": "Sequence", "normalizers": [first, own] }),
    };
    true
}

fn lowers(normaliser: &Value) -> bool {
    match normaliser["type"].as_str() {
        Some("Lowercase") => true,
        Some("BertNormalizer") => normaliser["lowercase"] == true,
        Some("Sequence") => normaliser["normalizers"].as_array().into_iter().flatten().any(lowers),
        _ => false,
    }
}
