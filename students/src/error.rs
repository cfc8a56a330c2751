//! Errors of this crate.

use std::path::PathBuf;

use alambic_files::FileError;
use alambic_models::ModelError;
use alambic_tensor::TensorError;

/// Reasons why a student cannot be built, saved or exported.
#[derive(Debug, thiserror::Error)]
pub enum StudentError {
    /// A model failed.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file or folder cannot be read or written, or is in use.
    #[error(transparent)]
    Files(#[from] FileError),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A file cannot be written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder that is not to be written into.
    #[error("{}: {message}", path.display())]
    ExportFolder {
        /// The folder.
        path: PathBuf,
        /// Why, and what to do.
        message: String,
    },
    /// Sizes or architectures that do not fit each other.
    #[error("{0}")]
    Incompatible(String),
    /// A source model that is not there.
    #[error("there is no teacher `{0}` with weights to take layers from")]
    MissingSourceModel(String),
    /// A tag without a name in the student's language.
    #[error(
        "no corpus translates the tag `{0}` of the detector to the student's language: leave `tag-language` out, or train the detector on tags that are known"
    )]
    MissingTagTranslation(String),
    /// An ONNX file that was written does not run.
    #[error("{}: the written file does not run: {message}", path.display())]
    Run {
        /// The file.
        path: PathBuf,
        /// What the runtime says.
        message: String,
    },
    /// What was written computes something else.
    #[error(
        "{}: `{output}` of the written model differs by {difference:.1e} from that of the one that is exported, by at most {largest:.1e} in size",
        path.display()
    )]
    OtherOutput {
        /// The file or folder.
        path: PathBuf,
        /// Name of the output.
        output: String,
        /// The largest difference of one of its numbers.
        difference: f64,
        /// The largest size of one of its numbers.
        largest: f64,
    },
    /// What was written does not load back as it was.
    #[error("{}: the written model differs from the one in memory by {difference}", path.display())]
    RoundTrip {
        /// The folder.
        path: PathBuf,
        /// The largest difference of a weight.
        difference: f32,
    },
}
