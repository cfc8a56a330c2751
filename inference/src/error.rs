//! Errors of this crate.

use alambic_data::DataError;
use alambic_files::FileError;
use alambic_models::ModelError;
use alambic_ranks::RankError;

/// Reasons why a model cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file of a model cannot be read.
    #[error(transparent)]
    Files(#[from] FileError),
    /// Another rank failed, or none can be reached.
    #[error(transparent)]
    Ranks(#[from] RankError),
    /// A model or an input that does not fit the pipeline.
    #[error("{0}")]
    Unsupported(String),
}
