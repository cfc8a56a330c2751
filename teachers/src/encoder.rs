//! A text encoder as a teacher, for who needs to know that it is one.

use std::path::Path;
use std::sync::Arc;

use alambic_models::bert::{Bert, BertConfig};
use alambic_models::{ModelFolder, Tokenizer};

use crate::{Network, TeacherError};

/// A text encoder read from its folder.
#[derive(Debug, Clone)]
pub struct Encoder {
    model: Arc<Bert>,
    network: Network,
}

impl Encoder {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is no text encoder.
    pub fn load(path: &Path) -> Result<Self, TeacherError> {
        let folder = ModelFolder::open(path)?;
        let tokenizer = folder.tokenizer()?;
        let whole = BertConfig::open(&folder)?;
        let weights = whole.weights(&folder)?;
        let config = whole.trim_vocabulary(tokenizer.rows());
        let model = Arc::new(Bert::new(&config, &config.trim_weights(weights)?)?);
        let network = Network::over(&folder, config.into(), Arc::clone(&model) as _, tokenizer)?;
        Ok(Self { model, network })
    }

    /// The encoder.
    #[must_use]
    pub fn model(&self) -> &Bert {
        &self.model
    }

    /// Its vocabulary.
    #[must_use]
    pub fn vocabulary(&self) -> &Tokenizer {
        self.network.vocabulary()
    }

    /// The same model as a teacher.
    #[must_use]
    pub fn teacher(&self) -> &Network {
        &self.network
    }
}
