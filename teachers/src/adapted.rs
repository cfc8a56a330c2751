//! Checkpoints that read texts as a recipe says, and not as their folder does.

use std::path::Path;

use alambic_models::bert::{BertConfig, Pooling, PoolingMode, TokenPooling};
use alambic_models::{Config, ModelFolder, Tokenizer};

use crate::{CheckpointOptions, Pooled, TeacherError};

impl From<Pooled> for Pooling {
    fn from(pooled: Pooled) -> Self {
        let mode = match pooled {
            Pooled::Mean => TokenPooling::Mean,
            Pooled::First => TokenPooling::First,
        };
        Self::new(PoolingMode::Tokens(vec![mode]), true)
    }
}

impl CheckpointOptions {
    /// Whether they say how the model reads texts.
    #[must_use]
    pub fn adapts(&self) -> bool {
        self.prompt.is_some() || self.pooling.is_some()
    }

    /// What tells a model that is read so from others.
    #[must_use]
    pub fn adaptation(&self) -> String {
        format!("{:?} {:?} {:?}", self.model, self.prompt, self.pooling)
    }

    /// The configuration and the tokenizer of a model's folder, as these options have them.
    ///
    /// # Errors
    /// When the model is no text encoder or pools by layers of its own, or its tokenizer takes no such prompt.
    pub fn adapted(
        &self,
        mut config: Config,
        tokenizer: Tokenizer,
    ) -> Result<(Config, Tokenizer), TeacherError> {
        let Config::Bert(BertConfig { pooling, .. }) = &mut config else {
            return Err(TeacherError::Kind("is no text encoder, and takes neither `pooling` nor `prompt`"));
        };
        if let Some(own) = self.pooling {
            if pooling
                .as_ref()
                .is_some_and(|pooling| !pooling.layers().is_empty() || pooling.dense().count() > 0)
            {
                return Err(TeacherError::Kind("pools by layers of its own, and takes no other `pooling`"));
            }
            *pooling = Some(own.into());
        }
        let tokenizer = match &self.prompt {
            Some(prompt) => tokenizer.prompted(prompt)?,
            None => tokenizer,
        };
        Ok((config, tokenizer))
    }

    /// Makes a new folder of a model that reads as these options say. Its weights are the same files in both folders, where
    /// the file system can have that.
    ///
    /// # Errors
    /// As [`Self::adapted`], and when a file cannot be read or written.
    pub fn write_adapted(&self, from: &Path, to: &Path) -> Result<(), TeacherError> {
        let folder = ModelFolder::open(from)?;
        let (config, tokenizer) = self.adapted(Config::open(&folder)?, folder.tokenizer()?)?;
        std::fs::create_dir_all(to).map_err(TeacherError::file(to))?;
        let before = folder.path().join("config.json");
        std::fs::copy(&before, to.join("config.json")).map_err(TeacherError::file(&before))?;
        if let Config::Bert(config) = &config {
            let files = tokenizer.files(config.max_length())?;
            files.write(to)?;
            if let Some(pooling) = &config.pooling {
                pooling.write(to, config.width, config.max_length(), &files)?;
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
