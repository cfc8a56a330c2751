//! Reading the tokenizer of a model's folder, as transformers and sentence-transformers do.

use std::path::Path;
use std::sync::Arc;

use alambic_files::read;
use alambic_files::text::quoted;
use serde_json::Value;
use tokenizers::{PaddingParams, PaddingStrategy, PostProcessorWrapper};

use super::bert::{add_tokens, as_the_class_reads, class, is_bert, of_vocabulary};
use super::encoding::Tokenizer;
use super::files::{CONFIG, JSON, PROMPTS, SENTENCE, TokenizerFiles, VOCABULARY};
use super::language_codes::LanguageCodes;
use super::limits::{FILE, check, guarded};
use super::options::{EncodingOptions, lower};
use super::parsing::library;
use super::script;
use super::slow;
use crate::folder::modules;
use crate::{ModelError, ModelFolder, json};

/// Padding of every text, for models that read it; none for others. `SigLIP` was trained on texts of one length, and its last place
/// stands for a text, padding or not.
fn padding(model: &Value) -> Option<PaddingParams> {
    let text = match model["model_type"].as_str()? {
        "siglip" => &model["text_config"],
        "siglip_text_model" => model,
        _ => return None,
    };
    let number = |key: &str, usual: u64| text[key].as_u64().unwrap_or(usual);
    let length = usize::try_from(number("max_position_embeddings", 64)).ok()?;
    let pad_id = u32::try_from(number("pad_token_id", 1)).ok()?;
    Some(PaddingParams { strategy: PaddingStrategy::Fixed(length), pad_id, ..PaddingParams::default() })
}

impl Tokenizer {
    /// Reads the tokenizer of a model's folder as transformers and sentence-transformers do: `tokenizer.json`, or else the
    /// vocabulary of the folder's class (`vocab.txt`; `vocab.json` and `merges.txt`; SentencePiece models), and how texts are
    /// brought to it by the files beside, where they say more or something else. What `tokenizer.json` says of padding and of lengths is set aside as it is there.
    ///
    /// # Errors
    /// When a file is missing or broken, or asks for what would take memory or time without end.
    pub fn open(folder: &Path) -> Result<Self, ModelError> {
        let inner = modules::transformer(folder)?;
        let mut path = inner.join(JSON);
        let files = TokenizerFiles::read(folder)?;
        for (name, bytes) in files.0.iter().filter(|(name, _)| name != JSON) {
            if Path::new(name).extension().is_some_and(|extension| extension == "json") {
                let place = if name == PROMPTS { folder } else { &inner };
                json::parse::<Value>(&place.join(name), bytes)?;
            }
        }
        // Faults in what the files say are reported with their folder.
        let named = |error: ModelError| match error {
            ModelError::Content { path, message } if path.parent() == Some(Path::new("")) => {
                let place = if path == Path::new(PROMPTS) { folder } else { &inner };
                ModelError::content(&place.join(path), message)
            }
            ModelError::Tokenizer(message) => ModelError::content(&inner, message),
            other => other,
        };
        let of_model = inner.join("config.json");
        let model: Value = json::read_if_there(&of_model)?.unwrap_or_default();
        let class = class(&files.json(CONFIG).map_err(named)?, &model);
        let is_bert = is_bert(class.as_deref());
        // transformers has no other reader for Marian's files, and goes by them whatever else there is.
        let is_marian = class.as_deref() == Some(slow::MARIAN) && slow::has_marian(&files);
        let (mut value, mut is_changed) = match files.get(JSON).filter(|_| !is_marian) {
            Some(bytes) => (json::parse(&path, bytes)?, false),
            None if is_bert && inner.join(VOCABULARY).is_file() => {
                path = inner.join(VOCABULARY);
                let text = read::text(&path, FILE)?;
                (of_vocabulary(&text, &files).map_err(named)?, true)
            }
            None => match slow::json_of(class.as_deref(), &files).map_err(named)? {
                Some((value, file)) => {
                    path = inner.join(file);
                    (value, true)
                }
                None => return Err(missing(&path, class.as_deref())),
            },
        };
        if !value.is_object() {
            return Err(ModelError::content(
                &path,
                "there is no `model`, so this is no tokenizer of the tokenizers library",
            ));
        }
        let is_for_sentences = inner != folder || folder.join(modules::MODULES).is_file();
        let script = script::take(&mut value["normalizer"]);
        is_changed |= script.is_some();
        let options =
            EncodingOptions::of_files(&files, &value, class.as_deref(), is_for_sentences).map_err(named)?;
        if is_bert {
            is_changed |= as_the_class_reads(&mut value, &files).map_err(named)?;
        }
        is_changed |= add_tokens(&mut value, &files).map_err(named)?;
        let (codes, has_other_template) =
            LanguageCodes::put(class.as_deref(), &files, &mut value).map_err(named)?;
        is_changed |= has_other_template;
        let sentence = if is_for_sentences { files.json(SENTENCE).map_err(named)? } else { Value::Null };
        if sentence["do_lower_case"] == true {
            is_changed |= lower(&mut value["normalizer"]);
        }
        for aside in ["truncation", "padding"] {
            if value.get(aside).is_some_and(|own| !own.is_null()) {
                value[aside] = Value::Null;
                is_changed = true;
            }
        }
        let fault = |message: String| ModelError::content(&path, message);
        let growth = check(&value).map_err(fault)?;
        let library = match files.get(JSON).filter(|_| !is_changed) {
            Some(bytes) => guarded(|| Ok(serde_json::from_slice(without_mark(bytes))?)),
            None => library(&value),
        };
        let target = if is_marian {
            slow::target_json(&files)
                .and_then(|json| json.map(|json| Self::of_json(&json).map(Arc::new)).transpose())
                .map_err(named)?
        } else {
            None
        };
        let mut own = Self {
            inner: library.map_err(fault)?,
            options: EncodingOptions::default(),
            script,
            growth,
            files: Some(Arc::new(files)),
            path: Some(Arc::new(path)),
            target,
            language: None,
            codes: codes.map(Arc::new),
        };
        // Where both texts of a pair are of one segment anyway, nothing is left out.
        let one_segment = options.one_segment && own.tells_segments();
        own.options = EncodingOptions { one_segment, ..options };
        // A detector of this program reads no texts, and its folder says so.
        if own.options.max_length == Some(0) && (model.is_null() || model["model_type"] == "detector") {
            own.options.max_length = None;
        }
        own.inner.with_padding(padding(&model));
        // Static embeddings are those of a text's own tokens.
        if model["model_type"] == "model2vec" || modules::is_static(folder)? {
            own.inner.with_post_processor(None::<PostProcessorWrapper>);
        }
        own.check_room(&inner, &sentence)?;
        Ok(own)
    }

    /// Fails where texts are of fewer tokens than there is room for one in; `sentence` is what sentence-transformers goes by.
    fn check_room(&self, folder: &Path, sentence: &Value) -> Result<(), ModelError> {
        let own = self.options.max_length;
        let Some(max_length) = own.filter(|max_length| *max_length < self.min_length()) else {
            return Ok(());
        };
        let is_by_sentences = sentence["max_seq_length"].as_f64().is_some();
        let (file, key) =
            if is_by_sentences { (SENTENCE, "max_seq_length") } else { (CONFIG, "model_max_length") };
        Err(ModelError::content(&folder.join(file), format!("`{key}`: {}", self.no_room(max_length))))
    }

    /// The tokenizer that `tokenizer.json` says.
    ///
    /// # Errors
    /// When it is out of bounds, or the library does not know it.
    pub(super) fn of_json(json: &Value) -> Result<Self, ModelError> {
        let mut json = json.clone();
        let script = script::take(&mut json["normalizer"]);
        let growth = check(&json).map_err(ModelError::Tokenizer)?;
        Ok(Self { script, growth, ..Self::built(library(&json).map_err(ModelError::Tokenizer)?) })
    }

    /// Identity of this tokenizer, for digests: `tokenizer.json`, and the options beside it.
    ///
    /// # Errors
    /// When the tokenizer cannot be written as JSON.
    pub fn identity(&self) -> Result<String, ModelError> {
        let json = self.to_json()?;
        Ok(match self.options_beside_json() {
            Some(declared) => format!("{json}\n{declared}"),
            None => json,
        })
    }

    /// Options of encoding beside `tokenizer.json`, as JSON, lengths aside; none where there is none.
    #[must_use]
    pub fn options_beside_json(&self) -> Option<String> {
        self.options.to_json().map(|declared| declared.to_string())
    }

    /// Number of rows that a table with one for each token needs: one more than the highest id.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.inner.get_vocab(true).into_values().max().map_or(0, |id| id as usize + 1)
    }

    /// Check that a table of words has a row for each token.
    ///
    /// # Errors
    /// When it has fewer; the error names the tokenizer's file and both sizes.
    pub fn check_rows(&self, rows: usize) -> Result<(), ModelError> {
        let needed = self.rows();
        if needed <= rows {
            return Ok(());
        }
        Err(self.fault(format!(
            "this tokenizer has {needed} tokens, and the model's table of words has {rows} rows: they do not belong together"
        )))
    }

    /// Options of encoding beside `tokenizer.json`.
    #[must_use]
    pub fn encoding_options(&self) -> &EncodingOptions {
        &self.options
    }
}

impl ModelFolder {
    /// The tokenizer of the folder.
    ///
    /// # Errors
    /// When `tokenizer.json` is missing or broken.
    pub fn tokenizer(&self) -> Result<Tokenizer, ModelError> {
        Tokenizer::open(self.root())
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// Names, and ends of names, of files that hold tokenizers of other libraries.
const OTHERS: [&str; 5] = ["vocab.txt", "vocab.json", "merges.txt", ".model", ".spm"];

/// The error that a folder has no tokenizer that can be read.
fn missing(path: &Path, class: Option<&str>) -> ModelError {
    let entries = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    let names = entries.into_iter().flatten().flatten();
    let mut others: Vec<String> = names
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| OTHERS.iter().any(|other| name.ends_with(other)))
        .map(|name| format!("`{}`", quoted(&name)))
        .collect();
    others.sort();
    let message = if others.is_empty() {
        "there is no such file, and without it no text can be read".to_owned()
    } else {
        format!(
            "there is no such file; the folder has its tokenizer as {}, which is not read here for {}: transformers makes the \
             file with `AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`",
            others.join(", "),
            class.map_or_else(
                || "a tokenizer without a class".to_owned(),
                |class| format!("`{}`", quoted(class))
            )
        )
    };
    ModelError::content(path, message)
}
