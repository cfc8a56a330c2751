//! Failures of a command: message and exit code.

use std::any::Any;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use alambic_files::FileError;
use alambic_files::text::visible_lines;
use alambic_recipes::RunError;
use alambic_settings::{Diagnostic, Diagnostics};

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
            Self::Failed(error) => Self::message(format!("line {}: {}", line + 1, chain(error.as_ref()))),
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
            Self::Recipe(diagnostics) => {
                show(diagnostics);
                ExitCode::from(2)
            }
            Self::Reported => ExitCode::from(2),
            Self::Usage(message) => {
                say(&format!("error: {message}"));
                ExitCode::from(2)
            }
            Self::Failed(error) => {
                say(&format!("error: {}", chain(error.as_ref())));
                ExitCode::FAILURE
            }
            Self::Interrupted(message) => {
                say(message);
                ExitCode::from(130)
            }
            Self::Closed => ExitCode::SUCCESS,
        }
    }
}

/// An error with its causes, those left out that it speaks of itself.
fn chain(error: &dyn Error) -> String {
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

/// Prints errors and warnings to standard error, in colour where it is a terminal that wants it.
pub(crate) fn show(diagnostics: &Diagnostics) {
    if !diagnostics.list.is_empty() {
        // What it quotes is made safe by itself, and its colours are to stay.
        print(&diagnostics.render(true));
    }
}

/// The most characters of a line on standard error.
const LONGEST: usize = 4000;

/// Prints lines to standard error, with whatever a terminal would obey in them shown instead.
pub(crate) fn say(text: &str) {
    print(&visible_lines(text, LONGEST));
}

/// Prints to standard error. There is nowhere to report that standard error is gone.
fn print(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
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
            RunError::Occupied(_)
            | RunError::NothingToResume(_)
            | RunError::OtherRecipe { .. }
            | RunError::OtherInputs { .. }
            | RunError::NoRun(_)
            | RunError::ReadsItself { .. }
            | RunError::Storage(FileError::Foreign { .. } | FileError::Locked { .. }) => {
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
