//! Models loaded from their folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture};
use alambic_models::{Config, ModelError, ModelFolder, Tokenizer};
use alambic_tensor::candle::Tensor;

/// Model of a folder, loaded once: configuration, network and tokenizer, which its copies share with the pipelines and
/// teachers made of it.
#[derive(Debug, Clone)]
pub struct LoadedModel {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Arc<Tokenizer>,
    folder: PathBuf,
}

impl LoadedModel {
    /// Loads the model of a path.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not known.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        Self::from_folder(&ModelFolder::open(path)?)
    }

    /// Loads the model of an open folder, without the rows of its vocabulary that have no token.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not known.
    pub fn from_folder(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config = Config::open(folder)?;
        let tokenizer = folder.tokenizer()?;
        let config = config.trim_vocabulary(tokenizer.rows());
        let weights = config.trimmed_weights(folder)?;
        let network = architecture::build(&config, &weights)?.into();
        Ok(Self { config, network, tokenizer: Arc::new(tokenizer), folder: folder.root().to_owned() })
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Network.
    #[must_use]
    pub fn network(&self) -> &Arc<dyn Architecture> {
        &self.network
    }

    /// Input embeddings of the vocabulary, `[vocabulary, width]`, of a text encoder.
    #[must_use]
    pub fn word_embeddings(&self) -> Option<&Tensor> {
        self.network.word_embeddings()
    }

    /// Tokenizer, which does not truncate.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Folder that it was loaded from.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
