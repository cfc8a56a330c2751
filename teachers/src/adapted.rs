//! Checkpoints that read texts as a recipe says, and not as their folder does.

use std::path::Path;

use alambic_models::bert::{BertConfig, Gathering, Pooling};
use alambic_models::{Config, ModelFolder, Tokenizer};

use crate::{CheckpointOptions, Pooled, TeacherError};

impl From<Pooled> for Pooling {
    fn from(pooled: Pooled) -> Self {
        let gathering = match pooled {
            Pooled::Mean => Gathering::Mean,
            Pooled::First => Gathering::First,
        };
        Self { gathering, normalise: true }
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
            if pooling.is_some_and(|pooling| !pooling.layers().is_empty()) {
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
        let before = from.join("config.json");
        std::fs::copy(&before, to.join("config.json")).map_err(TeacherError::file(&before))?;
        if let Config::Bert(config) = &config {
            tokenizer.files(config.longest())?.write(to)?;
            if let Some(pooling) = config.pooling {
                pooling.write(to, config.width, config.longest())?;
            }
        }
        // Those that are in parts have an index of them.
        for path in folder.weight_files()?.into_iter().chain(folder.weight_index()) {
            let Some(name) = path.file_name() else { continue };
            // In the hub's cache it is a link to the file proper.
            let file = path.canonicalize().map_err(TeacherError::file(&path))?;
            std::fs::hard_link(&file, to.join(name))
                .or_else(|_| std::fs::copy(&file, to.join(name)).map(drop))
                .map_err(TeacherError::file(&path))?;
        }
        Ok(())
    }
}
