//! Ways to make a small model, to ship it and to run it.
//!
//! A student is planned as a [`Blueprint`]: configuration, initial weights and tokenizer, from scratch or out of a
//! teacher's layers. [`ship`](ship()) writes a trained one as a Hugging Face folder, and [`Predictor`] runs it.

mod error;
mod export;
mod from_teacher;
pub mod onnx;
mod predict;
mod scratch;
mod ship;

use alambic_models::Tokenizer;
use alambic_models::marian::MarianConfig;
use alambic_settings::kinds;
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

pub use error::StudentError;
pub use export::{Exported, Format, export};
pub use from_teacher::FromTeacher;
pub use predict::Predictor;
pub use scratch::{ActivationFunction, Scratch};
pub use ship::ship;

/// A model to build a student from: its configuration and weights.
#[derive(Debug, Clone)]
pub struct Donor {
    /// The configuration.
    pub config: MarianConfig,
    /// The weights by name.
    pub weights: Weights,
}

/// What a student needs to know to be built.
pub struct Surroundings<'a> {
    /// The vocabulary that it reads and writes.
    pub tokenizer: &'a Tokenizer,
    /// The seed's random streams.
    pub streams: Streams,
    /// Models to take layers from, by the name of their teacher.
    pub donor: &'a dyn Fn(&str) -> Option<Donor>,
}

/// A student before training.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The configuration.
    pub config: MarianConfig,
    /// Initial weights.
    pub weights: Weights,
}

/// A way to make a student.
pub trait MakeStudent {
    /// The configuration alone, which needs no weights of a donor.
    ///
    /// # Errors
    /// When sizes do not fit each other or the donor.
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<MarianConfig, StudentError>;

    /// The configuration and initial weights.
    ///
    /// # Errors
    /// When sizes do not fit each other or the donor.
    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError>;

    /// Whether weights of a teacher are taken over.
    fn takes_weights(&self) -> bool;
}

kinds! {
    /// A student, by the way in which it is made.
    pub enum Student: dyn MakeStudent {
        /// From random weights, at any size.
        Scratch(Scratch) = "scratch",
        /// From chosen layers of teachers.
        FromTeacher(FromTeacher) = "from-teacher",
    }
}
