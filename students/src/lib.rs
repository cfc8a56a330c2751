//! Ways to make a small model, to ship it and to run it.
//!
//! A student is planned as a [`Blueprint`]: configuration, initial weights and tokenizer, from scratch or out of a
//! teacher's layers. [`ship`](ship()) writes a trained one as a Hugging Face folder, and [`Predictor`] runs it.

mod alignment;
mod answerer;
mod clip;
mod detector;
mod dual_encoder;
mod encoder;
mod encoder_layers;
mod error;
mod export;
mod eyes;
mod from_teacher;
mod fusion;
mod matcher;
pub mod onnx;
mod oscar;
mod predict;
mod read;
mod scratch;
mod ship;
mod sight;
mod sizes;
mod target;
mod vocabulary;

use alambic_models::bert::HeadSpec;
use alambic_models::{Config, Tokenizer, TokenizerModel};
use alambic_settings::{At, Table, kinds};
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

pub use answerer::{Answerer, Sighted};
pub use clip::ClipSizes;
pub use detector::DetectorSizes;
pub use dual_encoder::DualEncoder;
pub use encoder::{Encoder, PiecesBy, Pooled, Preset};
pub use encoder_layers::EncoderLayers;
pub use error::StudentError;
pub use export::{Exported, Format, export};
pub use eyes::{Eyes, Finder, ImageInputs, PLACE, Pick, Sight, detector_of, overlap};
pub use from_teacher::FromTeacher;
pub use fusion::Fusion;
pub use matcher::{Matcher, nearest};
pub use oscar::OscarSizes;
pub use predict::Predictor;
pub use read::{Reader, TextPair};
pub use scratch::{ActivationFunction, Scratch};
pub use ship::{add_detector, rename_tags, ship};
pub use sight::SightSizes;
pub use sizes::Sizes;
pub use vocabulary::Taken;

/// A model to build a student from: its configuration and weights.
#[derive(Debug, Clone)]
pub struct Donor {
    /// The configuration.
    pub config: Config,
    /// The weights by name.
    pub weights: Weights,
    /// Its vocabulary; none where only its sizes are asked for.
    pub tokenizer: Option<Tokenizer>,
}

/// What a student needs to know to be built.
pub struct Surroundings<'a> {
    /// The vocabulary that it reads and writes.
    pub tokenizer: &'a Tokenizer,
    /// What the head of an encoder is to say.
    pub task: &'a HeadSpec,
    /// The seed's random streams.
    pub streams: Streams,
    /// Models to take layers from, by the name of their teacher.
    pub donor: &'a dyn Fn(&str) -> Option<Donor>,
    /// Texts of the training part in the language of the model whose layers are taken, and what says the same in another.
    pub translations: &'a [(&'a str, &'a str)],
}

/// A student before training.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The configuration.
    pub config: Config,
    /// Initial weights.
    pub weights: Weights,
}

/// What a student does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Writes texts.
    Writes,
    /// Reads texts.
    Reads,
    /// Answers questions about images.
    Answers,
    /// Finds images by texts, and texts by images.
    Matches,
    /// Finds objects in images.
    Detects,
}

/// A way to make a student.
pub trait MakeStudent {
    /// The configuration alone, which needs no weights of a donor.
    ///
    /// # Errors
    /// When sizes do not fit each other or the donor.
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError>;

    /// The configuration and initial weights.
    ///
    /// # Errors
    /// When sizes do not fit each other or the donor.
    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError>;

    /// Whether weights of a teacher are taken over.
    fn takes_weights(&self) -> bool;

    /// What it is made for.
    fn purpose(&self) -> Purpose;

    /// Most tokens of a vocabulary that is made of the stage's texts; none where its size is not a matter of choice.
    fn vocabulary(&self) -> Option<usize> {
        None
    }

    /// What such a vocabulary is made by.
    fn pieces(&self) -> TokenizerModel {
        TokenizerModel::Words
    }

    /// What becomes of the vocabulary of the models whose layers are taken.
    fn taken(&self) -> Taken {
        Taken::Whole
    }

    /// The detector that finds the regions that it reads.
    fn detector(&self) -> Option<&At<String>> {
        None
    }

    /// The language in which it reads the tags that its detector gives; none for the detector's own.
    fn tag_language(&self) -> Option<&At<String>> {
        None
    }

    /// The teachers whose layers are taken.
    fn donors(&self) -> Vec<&At<String>> {
        Vec::new()
    }

    /// Keys that decide what others would, each with those others, which have no effect beside it.
    fn overruled(&self) -> Vec<(&'static str, Vec<String>)> {
        Vec::new()
    }
}

/// The keys of a table of options.
fn keys<T: Table>() -> Vec<String> {
    T::description().fields.into_iter().map(|field| field.key).collect()
}

/// Numbers of layers counted from 0, out of a choice counted from 1; all if nothing is chosen.
fn kept(chosen: Option<&Vec<usize>>, layers: usize, stack: &str) -> Result<Vec<usize>, StudentError> {
    let Some(chosen) = chosen else { return Ok((0..layers).collect()) };
    match chosen.iter().find(|&&layer| layer == 0 || layer > layers) {
        Some(layer) => {
            Err(StudentError::Size(format!("the {stack} has no layer {layer}; its layers are 1 to {layers}")))
        }
        None if chosen.is_empty() => Err(StudentError::Size(format!("no layer of the {stack} is kept"))),
        None => Ok(chosen.iter().map(|layer| layer - 1).collect()),
    }
}

/// Fails where a width does not divide into heads.
fn check_heads(width: usize, heads: usize) -> Result<(), StudentError> {
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(StudentError::Size(format!("a width of {width} does not divide into {heads} heads")))
}

kinds! {
    /// A student, by the way in which it is made.
    pub enum Student: dyn MakeStudent {
        /// An encoder-decoder from random weights, at any size.
        Scratch(Scratch) = "encoder-decoder",
        /// An encoder-decoder from chosen layers of teachers.
        FromTeacher(FromTeacher) = "encoder-decoder-layers",
        /// A text encoder from random weights, at any size.
        Encoder(Encoder) = "encoder",
        /// A text encoder from chosen layers of a teacher.
        EncoderLayers(EncoderLayers) = "encoder-layers",
        /// A fusion encoder over text and image from random weights, at any size.
        Fusion(Fusion) = "fusion",
        /// A text and an image tower with a small head over both.
        DualEncoder(DualEncoder) = "dual-encoder",
        /// A fusion encoder over text, object tags and regions, from random weights or a text encoder's.
        Oscar(OscarSizes) = "oscar",
        /// An encoder of texts and one of images into one space, from random weights or a teacher's layers.
        Clip(ClipSizes) = "clip",
        /// A detector of objects from random weights.
        Detector(DetectorSizes) = "detector",
    }
}
