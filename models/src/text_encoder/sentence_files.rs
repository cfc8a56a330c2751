//! Files that make a folder a model of sentence-transformers.

use std::path::{Path, PathBuf};

use alambic_files::write;
use serde_json::{Value, json};

use super::dense::Dense;
use super::pooling::{Pooling, PoolingMode, PoolingStep, TokenPooling};
use crate::folder::modules::{MODULES, RECURRENT};
use crate::folder::sentence_options;
use crate::{ModelError, ModelFolder, TokenizerFiles};

/// Module of sentence-transformers for recurrent pooling, which its own LSTM module cannot do: that one needs lengths which
/// its Transformer module does not give (`sentence_lengths`, version 6.2). The library runs it where it is trusted
/// (`trust_remote_code`), and refuses the folder otherwise.
const RECURRENT_MODULE: &str = include_str!("recurrent_pooling.py");

/// File of [`RECURRENT_MODULE`], whose stem is its name in Python.
const RECURRENT_FILE: &str = "recurrent_pooling.py";

/// Class in Python of the activation that sentence-transformers applies to the logits of pairs, where it is in the file in which
/// version 6 keeps it, and which goes before `config.json`; none where nothing says so.
///
/// # Errors
/// When the file is damaged.
pub fn pair_activation(folder: &ModelFolder) -> Result<Option<String>, ModelError> {
    let model: Value =
        crate::json::read_if_there(&folder.root().join(sentence_options::MODEL))?.unwrap_or_default();
    Ok(model["activation_fn"].as_str().map(str::to_owned))
}

impl Pooling {
    /// Writes the files that make a folder a sentence-transformers model: modules, length of texts, prompts, and the module of
    /// recurrent pooling. The weights of dense layers go into the folders that [`Self::dense_folders`] names.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(
        &self,
        folder: &Path,
        width: usize,
        max_length: usize,
        tokenizer: &TokenizerFiles,
    ) -> Result<(), ModelError> {
        for (name, value) in self.files(width, max_length, tokenizer)? {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(ModelError::file(parent))?;
            }
            write::write(&path, format!("{value:#}\n").as_bytes())?;
        }
        if matches!(self.mode, PoolingMode::Recurrent { .. }) {
            write::write(&folder.join(RECURRENT_FILE), RECURRENT_MODULE.as_bytes())?;
        }
        Ok(())
    }

    /// The dense layers and the folders, within that of the model, in which sentence-transformers looks for their weights.
    #[must_use]
    pub fn dense_folders(&self) -> Vec<(PathBuf, &Dense)> {
        let placed = self.steps.iter().enumerate();
        let dense = placed.filter_map(|(place, step)| match step {
            PoolingStep::Dense(dense) => Some((PathBuf::from(place_of(place, step)), dense)),
            PoolingStep::Normalise => None,
        });
        dense.collect()
    }

    /// The folder, within that of the model, of the module of recurrent pooling; none of other poolings.
    #[must_use]
    pub fn recurrent_folder(&self) -> Option<PathBuf> {
        matches!(self.mode, PoolingMode::Recurrent { .. }).then(|| PathBuf::from(format!("1_{RECURRENT}")))
    }

    /// Files of sentence-transformers, by their path in the folder.
    fn files(
        &self,
        width: usize,
        max_length: usize,
        tokenizer: &TokenizerFiles,
    ) -> Result<Vec<(String, Value)>, ModelError> {
        let mut modules = Vec::new();
        let mut add = |path: &str, class: &str| {
            let index = modules.len();
            modules.push(json!({ "idx": index, "name": index.to_string(), "path": path, "type": class }));
        };
        let own = |class: &str| format!("sentence_transformers.models.{class}");
        let mut files = Vec::new();
        add("", &own("Transformer"));
        match &self.mode {
            PoolingMode::Tokens(modes) => {
                add("1_Pooling", &own("Pooling"));
                files.push(("1_Pooling/config.json".into(), self.pooling_json(modes, width)));
            }
            PoolingMode::Recurrent { .. } => {
                let stem = Path::new(RECURRENT_FILE).file_stem().unwrap_or_default();
                add(&format!("1_{RECURRENT}"), &format!("{}.{RECURRENT}", stem.to_string_lossy()));
            }
        }
        for (place, step) in self.steps.iter().enumerate() {
            let path = place_of(place, step);
            match step {
                PoolingStep::Normalise => add(&path, &own("Normalize")),
                PoolingStep::Dense(dense) => {
                    add(&path, &own("Dense"));
                    files.push((format!("{path}/config.json"), dense.to_json()));
                }
            }
        }
        files.push((MODULES.into(), Value::Array(modules)));
        files.push(("sentence_bert_config.json".into(), tokenizer.sentence_config(max_length)?));
        files.extend(self.model_file(tokenizer)?);
        Ok(files)
    }

    /// The file of the model as a whole, where it is not as it is among those of the tokenizer.
    fn model_file(&self, tokenizer: &TokenizerFiles) -> Result<Option<(String, Value)>, ModelError> {
        // Older versions look for it on the hub where it is not there.
        let before = tokenizer.sentence_model()?;
        let mut model = before.clone().unwrap_or_else(sentence_options::usual_model);
        if self.kept.is_some() || !model["truncate_dim"].is_null() {
            model["truncate_dim"] = self.kept.into();
        }
        Ok((before.as_ref() != Some(&model)).then(|| (sentence_options::MODEL.into(), model)))
    }

    /// Writes the file of the model as a whole anew, over that of the tokenizer's files.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_model_file(&self, folder: &Path, tokenizer: &TokenizerFiles) -> Result<(), ModelError> {
        if let Some((name, value)) = self.model_file(tokenizer)? {
            write::write(&folder.join(name), format!("{value:#}\n").as_bytes())?;
        }
        Ok(())
    }

    /// `config.json` of the module Pooling.
    fn pooling_json(&self, modes: &[TokenPooling], width: usize) -> Value {
        let mut pooling = json!({ "word_embedding_dimension": width });
        // The older keys say no order of their own.
        let places = modes.iter().map(|mode| TokenPooling::ALL.iter().position(|(known, ..)| known == mode));
        if places.clone().is_sorted_by(|before, after| before < after) {
            let is_chosen = |mode: &TokenPooling| modes.contains(mode);
            for (mode, _, key) in
                TokenPooling::ALL.iter().filter(|(mode, ..)| is_usual(*mode) || is_chosen(mode))
            {
                pooling[key] = is_chosen(mode).into();
            }
        } else {
            let names =
                modes.iter().filter_map(|mode| TokenPooling::ALL.iter().find(|(known, ..)| known == mode));
            pooling["pooling_mode"] = names.map(|(_, name, _)| *name).collect();
        }
        if self.skipped > 0 {
            pooling["include_prompt"] = false.into();
        }
        pooling
    }
}

/// Whether a mode is written, also where it is off, as sentence-transformers always did.
fn is_usual(mode: TokenPooling) -> bool {
    !matches!(mode, TokenPooling::WeightedMean | TokenPooling::Last)
}

/// The folder of a step within that of the model.
fn place_of(place: usize, step: &PoolingStep) -> String {
    let class = match step {
        PoolingStep::Normalise => "Normalize",
        PoolingStep::Dense(_) => "Dense",
    };
    format!("{}_{class}", place + 2)
}
