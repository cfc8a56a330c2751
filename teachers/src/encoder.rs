//! The folder of a text encoder as a teacher.

use std::path::Path;
use std::sync::Arc;

use alambic_models::bert::{Bert, BertConfig};
use alambic_models::{ModelFolder, Outline, Pass, Tokenizer, Trace, Wanted};

use crate::checkpoint::digest;
use crate::{Batch, Request, Teacher, TeacherError, Written};

/// A text encoder read from its folder.
#[derive(Debug, Clone)]
pub struct Encoder {
    model: Arc<Bert>,
    tokenizer: Arc<Tokenizer>,
    outline: Outline,
    digest: String,
    parameters: usize,
    bytes: u64,
}

impl Encoder {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is no text encoder.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let config = BertConfig::open(&folder)?;
        Ok(Self {
            model: Arc::new(Bert::new(&config, &config.weights(&folder)?)?),
            tokenizer: Arc::new(folder.tokenizer()?),
            outline: config.outline(),
            digest: digest(&folder)?,
            parameters: config.parameters(),
            bytes: folder.bytes()?,
        })
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Bert {
        &self.model
    }

    /// Its vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Tokenizer {
        &self.tokenizer
    }
}

impl Teacher for Encoder {
    fn write(&self, _: &[Request], _: &mut dyn FnMut(usize)) -> Result<Vec<Written>, TeacherError> {
        Err(TeacherError::Kind("reads texts and writes none"))
    }

    fn trace(&self, batch: Batch<'_>, wanted: &Wanted) -> Result<Trace, TeacherError> {
        let Batch::Texts(texts) = batch else {
            return Err(TeacherError::Kind("reads texts, and is shown what is to be written"));
        };
        Ok(self.model.trace(texts, Pass::Evaluate, wanted.clone())?)
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
        (self.parameters, self.bytes)
    }
}
