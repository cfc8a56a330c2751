//! Why a run ended before its end.

use std::path::{Path, PathBuf};

use alambic_data::{DataError, DirectionError, SplitError};
use alambic_files::FileError;
use alambic_hub::HubError;
use alambic_inference::InferenceError;
use alambic_losses::LossError;
use alambic_models::ModelError;
use alambic_ranks::RankError;
use alambic_reports::ReportError;
use alambic_students::StudentError;
use alambic_teachers::TeacherError;
use alambic_tensor::TensorError;

/// Error of a run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It was asked to stop, and can be resumed.
    #[error("interrupted; go on with `--resume --out {}`", folder.display())]
    Interrupted {
        /// The run's folder.
        folder: PathBuf,
    },
    /// The folder holds a run already.
    #[error("{} holds a run already: go on with it by `--resume`, or start it anew by `--overwrite`", .0.display())]
    Occupied(PathBuf),
    /// There is nothing to resume.
    #[error("{} holds no run to resume", .0.display())]
    NothingToResume(PathBuf),
    /// The folder holds the run of another recipe.
    #[error("{}: this run was started from a recipe that differs in {what}; resume with the recipe it was started from, or start anew by `--overwrite`", folder.display())]
    OtherRecipe {
        /// The run's folder.
        folder: PathBuf,
        /// The first line that differs.
        what: String,
    },
    /// Files that the run in the folder reads have changed.
    #[error("{}: {what} has changed since this run was started; bring back what it was started with, or start anew by `--overwrite`", folder.display())]
    OtherInputs {
        /// The run's folder.
        folder: PathBuf,
        /// The corpus or the model.
        what: String,
    },
    /// The folder holds files, and no run wrote them.
    #[error("{} holds files and is no run; choose another folder", .0.display())]
    NoRun(PathBuf),
    /// `--overwrite` would delete what the run is to read.
    #[error("{} is to be overwritten, and the recipe reads {} in it; choose another folder by `--out`", folder.display(), path.display())]
    ReadsItself {
        /// The run's folder.
        folder: PathBuf,
        /// The recipe, or a teacher's files.
        path: PathBuf,
    },
    /// A file of the run cannot be written whole or is damaged, or its folder is in use.
    #[error(transparent)]
    Storage(#[from] FileError),
    /// The recipe asks for what cannot be.
    #[error("{0}")]
    Recipe(String),
    /// A stage failed.
    #[error("stage `{stage}`: {source}")]
    Stage {
        /// The stage.
        stage: String,
        /// Why.
        source: Box<RunError>,
    },
    /// The loss is infinite or NaN.
    #[error(
        "the loss `{term}` became {value} at step {step}; {}",
        if *step == 1 {
            "no weight has changed yet: look for infinity or NaN in the data, the teacher and the initial model"
        } else {
            "lower the learning rate, or clip more"
        }
    )]
    Diverged {
        /// The term.
        term: &'static str,
        /// The step.
        step: usize,
        /// The loss.
        value: f64,
    },
    /// A file of the run cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of the run is not what it should be.
    #[error("{}: {message}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A corpus cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A corpus cannot be split.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// A direction is wrong.
    #[error(transparent)]
    Direction(#[from] DirectionError),
    /// A model of the hub is not at hand.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(TensorError),
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A pipeline over a model failed.
    #[error(transparent)]
    Inference(InferenceError),
    /// A teacher failed.
    #[error(transparent)]
    Teacher(TeacherError),
    /// A student failed.
    #[error(transparent)]
    Student(#[from] StudentError),
    /// Another rank failed, or none can be reached.
    #[error(transparent)]
    Ranks(#[from] RankError),
    /// A rank sees another folder than the first one.
    #[error(
        "rank {rank} does not find in {} what rank 0 writes there: all ranks need one shared folder; choose one with `--out`",
        folder.display()
    )]
    NotShared {
        /// The rank.
        rank: usize,
        /// The run's folder.
        folder: PathBuf,
    },
    /// The batches of a step cannot be shared evenly.
    #[error(
        "stage `{stage}` takes {parts} batches a step, its `gradient-accumulation` times the ranks with which the run was started, \
         and {ranks} ranks cannot share them evenly; go on with a number of ranks that divides {parts}"
    )]
    Indivisible {
        /// The stage.
        stage: String,
        /// Batches of a step.
        parts: usize,
        /// Ranks.
        ranks: usize,
    },
    /// A loss failed.
    #[error(transparent)]
    Loss(#[from] LossError),
    /// The report failed.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl From<TensorError> for RunError {
    fn from(error: TensorError) -> Self {
        match error {
            TensorError::Ranks(error) => Self::Ranks(error),
            other => Self::Tensor(other),
        }
    }
}

impl From<InferenceError> for RunError {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Ranks(error) => Self::Ranks(error),
            other => Self::Inference(other),
        }
    }
}

impl From<TeacherError> for RunError {
    fn from(error: TeacherError) -> Self {
        match error {
            TeacherError::Ranks(error) | TeacherError::Inference(InferenceError::Ranks(error)) => {
                Self::Ranks(error)
            }
            other => Self::Teacher(other),
        }
    }
}

impl From<alambic_tensor::candle::Error> for RunError {
    fn from(error: alambic_tensor::candle::Error) -> Self {
        TensorError::from(error).into()
    }
}

impl RunError {
    /// The error with the stage in which it came up; that of a run that was asked to stop, or of another rank, says enough.
    pub(crate) fn in_stage(self, stage: &str) -> Self {
        match self {
            Self::Interrupted { .. } | Self::Ranks(_) => self,
            source => Self::Stage { stage: stage.to_owned(), source: Box::new(source) },
        }
    }

    pub(crate) fn file(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path: path.clone(), source }
    }

    pub(crate) fn content(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), message: message.to_string() }
    }
}

/// An error with its causes, those left out that it speaks of itself.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
