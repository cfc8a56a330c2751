//! Checkpoints whose prompt or pooling a recipe overrides.

use std::path::Path;

use alambic_models::text_encoder::{Pooling, PoolingMode, TextEncoderConfig, TokenPooling};
use alambic_models::{Config, ModelFolder, Tokenizer};

use crate::TeacherError;
use crate::options::{CheckpointOptions, CheckpointPooling};

impl From<CheckpointPooling> for Pooling {
    fn from(pooled: CheckpointPooling) -> Self {
        let mode = match pooled {
            CheckpointPooling::Mean => TokenPooling::Mean,
            CheckpointPooling::First => TokenPooling::First,
        };
        Self::new(PoolingMode::Tokens(vec![mode]), true)
    }
}

impl CheckpointOptions {
    /// Whether they override the model's prompt or pooling.
    #[must_use]
    pub fn has_overrides(&self) -> bool {
        self.prompt.is_some() || self.pooling.is_some()
    }

    /// Description of the model and its overrides.
    #[must_use]
    pub fn overrides(&self) -> String {
        format!("{:?} {:?} {:?}", self.model, self.prompt, self.pooling)
    }

    /// Configuration and tokenizer of a model with the overrides.
    ///
    /// # Errors
    /// When the model is no text encoder or pools by layers of its own, or its tokenizer takes no such prompt.
    pub fn apply(
        &self,
        mut config: Config,
        tokenizer: Tokenizer,
    ) -> Result<(Config, Tokenizer), TeacherError> {
        let Config::TextEncoder(TextEncoderConfig { pooling, .. }) = &mut config else {
            return Err(TeacherError::Unsupported(
                "is not a text encoder: it takes neither `pooling` nor `prompt`",
            ));
        };
        if let Some(own) = self.pooling {
            if pooling
                .as_ref()
                .is_some_and(|pooling| !pooling.layers().is_empty() || pooling.dense().count() > 0)
            {
                return Err(TeacherError::Unsupported(
                    "has pooling layers of its own: it takes no other `pooling`",
                ));
            }
            *pooling = Some(own.into());
        }
        let tokenizer = match &self.prompt {
            Some(prompt) => tokenizer.prompted(prompt)?,
            None => tokenizer,
        };
        Ok((config, tokenizer))
    }

    /// Writes a new folder of a model with the overrides. Its weights are the same files in both folders, where
    /// the file system can have that.
    ///
    /// # Errors
    /// As [`Self::apply`], and when a file cannot be read or written.
    pub fn write_overridden(&self, from: &Path, to: &Path) -> Result<(), TeacherError> {
        let folder = ModelFolder::open(from)?;
        let (config, tokenizer) = self.apply(Config::open(&folder)?, folder.tokenizer()?)?;
        std::fs::create_dir_all(to).map_err(TeacherError::file(to))?;
        let before = folder.path().join("config.json");
        std::fs::copy(&before, to.join("config.json")).map_err(TeacherError::file(&before))?;
        if config.text_head().is_some() {
            let files = tokenizer.files(config.max_length())?;
            files.write(to)?;
            if let Some(pooling) = config.pooling() {
                pooling.write(to, config.state_width(), config.max_length(), &files)?;
                for ((place, _), own) in pooling.dense_folders().into_iter().zip(folder.dense_folders()?) {
                    copy_weights(&own, &to.join(place))?;
                }
            }
        }
        // Those that are in parts have an index of them.
        for path in folder.weight_files()?.into_iter().chain(folder.weight_index()) {
            link(&path, to)?;
        }
        Ok(())
    }
}

/// Puts a file into a folder, as the same file where the file system can have that.
fn link(path: &Path, to: &Path) -> Result<(), TeacherError> {
    let Some(name) = path.file_name() else { return Ok(()) };
    // In the hub's cache it is a link to the file proper.
    let file = path.canonicalize().map_err(TeacherError::file(path))?;
    std::fs::hard_link(&file, to.join(name))
        .or_else(|_| std::fs::copy(&file, to.join(name)).map(drop))
        .map_err(TeacherError::file(path))
}

/// Puts the weights of a dense layer into its new folder.
fn copy_weights(from: &Path, to: &Path) -> Result<(), TeacherError> {
    let entries = std::fs::read_dir(from).map_err(TeacherError::file(from))?;
    for entry in entries {
        let path = entry.map_err(TeacherError::file(from))?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors" || extension == "bin") {
            link(&path, to)?;
        }
    }
    Ok(())
}
