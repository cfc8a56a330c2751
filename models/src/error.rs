//! Errors of this crate.

use std::path::{Path, PathBuf};

use alambic_files::FileError;
use alambic_tensor::TensorError;

/// Error of a model or its folder.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A tensor operation failed; candle names the operation and the shapes.
    #[error(transparent)]
    Candle(#[from] alambic_tensor::candle::Error),
    /// A parameter store or a safetensors file failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A file of a model folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of a model folder does not say what it should.
    #[error("{}: {message}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The fault, and what to do.
        message: String,
    },
    /// A file cannot be read, or is not what is expected in its place.
    #[error(transparent)]
    Read(#[from] FileError),
    /// A tensor that the architecture needs is not among the weights.
    #[error("the weights hold no tensor `{0}`; is this a checkpoint of this architecture?")]
    MissingTensor(String),
    /// A tensor has another shape than the configuration says.
    #[error("tensor `{name}` has shape {found:?}, and the configuration asks for {expected:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The shape it has.
        found: Vec<usize>,
        /// The shape the configuration gives.
        expected: Vec<usize>,
    },
    /// All that is wrong with sizes and names in a configuration, each fault with its file.
    #[error("{}", .0.join("; "))]
    Faults(Vec<String>),
    /// A configuration that cannot be built.
    #[error("{0}")]
    Configuration(String),
    /// The tokenizers library failed.
    #[error("tokenizer: {0}")]
    Tokenizer(String),
    /// An output of a model is infinite or NaN.
    #[error(
        "the model answers `{0}` with numbers that are infinite or NaN; its weights went astray in training, or are damaged"
    )]
    NotFinite(String),
    /// An input lacks a tensor or has one of the wrong kind.
    #[error("input: {0}")]
    Input(String),
}

impl ModelError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    pub(crate) fn content(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), message: message.to_string() }
    }
}
