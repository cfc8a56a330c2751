//! The folder of a model that looks at images as a teacher.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture};
use alambic_models::{Config, ModelFolder, Outline, Pass, Tokenizer, Trace, Wanted};

use crate::checkpoint::digest;
use crate::{Batch, Request, Teacher, TeacherError, Written};

/// A model that looks at images, read from its folder.
#[derive(Clone)]
pub struct Seer {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Arc<Tokenizer>,
    outline: Outline,
    digest: String,
    bytes: u64,
}

impl Seer {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not known.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        Ok(Self {
            network: architecture::over(&config, &config.weights(&folder)?)?.into(),
            tokenizer: Arc::new(folder.tokenizer()?),
            outline: config.outline(),
            digest: digest(&folder)?,
            bytes: folder.bytes()?,
            config,
        })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> Arc<dyn Architecture> {
        Arc::clone(&self.network)
    }

    /// Its vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

impl Teacher for Seer {
    fn write(&self, _: &[Request], _: &mut dyn FnMut(usize)) -> Result<Vec<Written>, TeacherError> {
        Err(TeacherError::Kind("answers questions about images and writes no texts"))
    }

    fn trace(&self, batch: Batch<'_>, wanted: &Wanted) -> Result<Trace, TeacherError> {
        let Batch::Sighted(batch) = batch else {
            return Err(TeacherError::Kind("looks at images, and is shown texts alone"));
        };
        Ok(self.network.read(batch, Pass::Evaluate, wanted.clone())?)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(&self.tokenizer)
    }

    fn weights_digest(&self) -> String {
        self.digest.clone()
    }

    fn settings(&self) -> String {
        String::new()
    }

    fn size(&self) -> (usize, u64) {
        (self.config.parameters(), self.bytes)
    }
}
