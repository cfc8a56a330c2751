//! Errors of this crate.

use std::path::PathBuf;

use alambic_inference::InferenceError;
use alambic_models::ModelError;

use crate::endpoint::EndpointError;

/// Reasons why a teacher gives no supervision.
#[derive(Debug, thiserror::Error)]
pub enum TeacherError {
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A pipeline over a model failed.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A tensor operation failed; candle names the operation and the shapes.
    #[error(transparent)]
    Tensor(#[from] alambic_tensor::candle::Error),
    /// Another rank failed, or none can be reached.
    #[error(transparent)]
    Ranks(#[from] alambic_ranks::RankError),
    /// A model behind an API gives no supervision.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// A record cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written whole, is damaged, or is in use.
    #[error(transparent)]
    Files(#[from] alambic_files::FileError),
    /// A line of a record is not what it should be.
    #[error("{}, line {line}: {message}", path.display())]
    Record {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// A record was made of something else.
    #[error(
        "{}: this record was made with other {part}; delete the file to record anew, or go back to the {part} it was made with",
        path.display()
    )]
    Stale {
        /// Which file.
        path: PathBuf,
        /// `weights`, `data` or `settings`.
        part: &'static str,
    },
    /// A record holds nothing for a source.
    #[error("{}: nothing is recorded for `{text}` into {language}", path.display())]
    Unrecorded {
        /// Which file.
        path: PathBuf,
        /// The source.
        text: String,
        /// The target language.
        language: String,
    },
    /// A table of recorded answers cannot be read.
    #[error(transparent)]
    Data(#[from] alambic_data::DataError),
    /// Recorded answers have other classes than the task.
    #[error("{teacher}: the answers have the classes {}, and the task has {}", found.join(", "), expected.join(", "))]
    OtherClasses {
        /// The files, or what else answers.
        teacher: String,
        /// Classes of the answers.
        found: Vec<String>,
        /// Those of the task.
        expected: Vec<String>,
    },
    /// Members of an ensemble do not go together.
    #[error("{0}")]
    Ensemble(String),
    /// A budget is spent before all texts have an answer; those that are there are kept.
    #[error("{0}")]
    Budget(String),
    /// The user interrupted what was asked; the answers that are there are kept.
    #[error("interrupted")]
    Interrupted,
    /// No record was named.
    #[error("a teacher of recorded outputs needs a record: name one under `path`")]
    NoRecord,
    /// Taps were asked of a teacher that holds none.
    #[error(
        "recorded outputs hold no taps; name the teacher that wrote them, or leave out the losses that need taps"
    )]
    NoTaps,
    /// A tap was asked for that the teacher, or its cache, does not have.
    #[error("the teacher's outputs hold no `{0}` of this shape")]
    MissingTap(String),
    /// A file of a cache is not what it should be.
    #[error("{}: {message}", path.display())]
    Cache {
        /// Which file.
        path: PathBuf,
        /// What is wrong, and what to do.
        message: String,
    },
    /// A cache was made of something else.
    #[error(
        "{}: the teacher's outputs in this cache were computed with other {part}; delete the folder to have them computed anew, or name another with `cache.folder`",
        path.display()
    )]
    StaleCache {
        /// The cache's folder.
        path: PathBuf,
        /// `tokenizer`, `weights`, `data`, `taps` or `formats`.
        part: &'static str,
    },
    /// A model of another kind than is needed.
    #[error("this teacher {0}")]
    Unsupported(&'static str),
    /// A model for augmentation without candidates.
    #[error("{0} has no whole words in its vocabulary; a `WordPiece` vocabulary, as BERT's, is needed")]
    NoWholeWords(&'static str),
    /// A pipeline without steps.
    #[error("a pipeline needs at least one step in its `chain`")]
    EmptyChain,
}

impl TeacherError {
    pub(crate) fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }
}
