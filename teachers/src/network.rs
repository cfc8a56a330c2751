//! The folder of a network that reads, of any architecture, as a teacher.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture};
use alambic_models::{Config, ModelFolder, Outline, Pass, TapSelection, Tokenizer, Trace};

use crate::checkpoint::digest;
use crate::{Batch, Request, Teacher, TeacherError, Written};

/// A network that reads texts, or texts and images, from its folder.
#[derive(Debug, Clone)]
pub struct Network {
    config: Config,
    built: Arc<dyn Architecture>,
    tokenizer: Arc<Tokenizer>,
    folder: PathBuf,
    outline: Outline,
    digest: String,
    bytes: u64,
}

impl Network {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not known.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let tokenizer = folder.tokenizer()?;
        let config = Config::open(&folder)?.trim_vocabulary(tokenizer.rows());
        let network = architecture::build(&config, &config.trimmed_weights(&folder)?)?;
        Self::over(&folder, config, network.into(), tokenizer)
    }

    /// The network of a folder that has been built already.
    pub(crate) fn over(
        folder: &ModelFolder,
        config: Config,
        network: Arc<dyn Architecture>,
        tokenizer: Tokenizer,
    ) -> Result<Self, TeacherError> {
        Ok(Self {
            built: network,
            digest: digest(folder, &tokenizer)?,
            tokenizer: Arc::new(tokenizer),
            folder: folder.root().to_owned(),
            outline: config.outline(),
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
        Arc::clone(&self.built)
    }

    /// Its vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

impl Teacher for Network {
    fn write(&self, _: &[Request], _: &mut dyn FnMut(usize)) -> Result<Vec<Written>, TeacherError> {
        Err(TeacherError::Kind("reads and writes no texts"))
    }

    fn trace(&self, batch: Batch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError> {
        let wanted = wanted.clone();
        Ok(match batch {
            Batch::Sighted(batch) => self.built.forward(batch, Pass::Evaluate, wanted)?,
            Batch::Texts(texts) => {
                let batch = architecture::Batch { text: Some(texts.clone()), ..Default::default() };
                self.built.forward(&batch, Pass::Evaluate, wanted)?
            }
            Batch::Forced(_) => {
                return Err(TeacherError::Kind("reads texts, and is shown what is to be written"));
            }
        })
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn tokenizer(&self) -> Option<&Tokenizer> {
        Some(&self.tokenizer)
    }

    fn longest(&self) -> Option<usize> {
        Some(self.config.max_length())
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.folder)
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
