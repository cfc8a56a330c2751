//! Failures of a command: message and exit code.

use std::any::Any;
use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::io;
use std::path::Path;
use std::process::ExitCode;

use alambic_files::FileError;
use alambic_ranks::RankError;
use alambic_recipes::suite::SuiteError;
use alambic_recipes::text_scores::TextScoreError;
use alambic_recipes::{RunError, with_causes};
use alambic_reports::ReportError;
use alambic_settings::{Diagnostic, Diagnostics};

use crate::log::{self, Level};

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The recipe, or a table that it names, is wrong.
    Recipe(Diagnostics),
    /// The recipe is wrong, and what is wrong has been printed.
    Reported,
    /// What was asked cannot be.
    Usage(String),
    /// Something went wrong on the way.
    Failed(Box<dyn Error + Send + Sync>),
    /// It was asked to stop, and has written a checkpoint.
    Interrupted(String),
    /// Nobody reads the results any more.
    Closed,
}

impl Failure {
    /// A failure without a cause that is an error itself.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Failed(text.into().into())
    }

    /// The failure to read or write a file.
    pub(crate) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.display().to_string();
        move |error| Self::message(format!("{path}: {error}"))
    }

    /// The same failure of a line of input, counted from 0.
    pub(crate) fn at(self, line: usize) -> Self {
        match self {
            Self::Usage(message) => Self::Usage(format!("line {}: {message}", line + 1)),
            Self::Failed(error) => {
                Self::message(format!("line {}: {}", line + 1, with_causes(error.as_ref())))
            }
            other => other,
        }
    }

    /// What a caught panic comes to.
    pub(crate) fn of_panic(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Self::message(format!("this should not have happened, please report it: {text}"))
    }

    /// Says what went wrong, on standard error, and how to exit.
    pub(crate) fn show(&self) -> ExitCode {
        match self {
            Self::Recipe(diagnostics) => log::show(diagnostics),
            Self::Usage(message) => log::error(message),
            Self::Failed(error) => log::error(&with_causes(error.as_ref())),
            Self::Interrupted(message) => log::say_at(Level::Warning, message),
            Self::Reported | Self::Closed => {}
        }
        ExitCode::from(self.code())
    }

    /// The code with which the process exits.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Recipe(_) | Self::Reported | Self::Usage(_) => 2,
            Self::Failed(_) => 1,
            Self::Interrupted(_) => 130,
            Self::Closed => 0,
        }
    }
}

impl Display for Failure {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recipe(diagnostics) => formatter.write_str(&diagnostics.render(false)),
            Self::Reported => formatter.write_str("the recipe is wrong"),
            Self::Usage(message) | Self::Interrupted(message) => formatter.write_str(message),
            Self::Failed(error) => formatter.write_str(&with_causes(error.as_ref())),
            Self::Closed => formatter.write_str("nobody reads the results any more"),
        }
    }
}

impl From<RankError> for Failure {
    fn from(error: RankError) -> Self {
        match error {
            RankError::Failed { code: 130, message, .. } => Self::Interrupted(message),
            RankError::Failed { code: 2, .. } | RankError::Join(_) => Self::Usage(error.to_string()),
            other => Self::Failed(Box::new(other)),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Recipe(diagnostics)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Recipe(diagnostic.into())
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Interrupted { .. } => Self::Interrupted(error.to_string()),
            RunError::Ranks(error) => error.into(),
            RunError::Occupied(_)
            | RunError::NothingToResume(_)
            | RunError::OtherRecipe { .. }
            | RunError::OtherInputs { .. }
            | RunError::NoRun(_)
            | RunError::ReadsItself { .. }
            | RunError::NotShared { .. }
            | RunError::Indivisible { .. }
            | RunError::Storage(FileError::Foreign { .. } | FileError::Locked { .. }) => {
                Self::Usage(error.to_string())
            }
            other => Self::Failed(Box::new(other)),
        }
    }
}

impl From<SuiteError> for Failure {
    fn from(error: SuiteError) -> Self {
        match error {
            SuiteError::Nothing(message) | SuiteError::Recipe(message) => Self::Usage(message),
            SuiteError::Run(error) => error.into(),
            other => Self::Failed(Box::new(other)),
        }
    }
}

impl From<TextScoreError> for Failure {
    fn from(error: TextScoreError) -> Self {
        match error {
            TextScoreError::Unsuitable { .. } | TextScoreError::Report(ReportError::UnknownMetric { .. }) => {
                Self::Usage(error.to_string())
            }
            other => Self::Failed(Box::new(other)),
        }
    }
}

/// Errors of the libraries that are failures of the run.
macro_rules! failures {
    ($($error:ty),*) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::Failed(Box::new(error))
            }
        }
    )*};
}
failures!(
    alambic_data::DataError,
    alambic_hub::HubError,
    alambic_inference::InferenceError,
    alambic_losses::LossError,
    alambic_models::ModelError,
    alambic_reports::ReportError,
    alambic_students::StudentError,
    alambic_tensor::TensorError,
    alambic_tensor::candle::Error,
    serde_json::Error
);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Failed(Box::new(error)) }
    }
}
