//! Builders of students, and their storage: Hugging Face folders, ONNX, int8.
//!
//! A [`StudentBuilder`] makes an [`InitialModel`], from random weights or a source model's layers;
//! [`save_pretrained`](save_pretrained()) writes a trained one as a Hugging Face folder.

mod alignment;
mod clip;
mod detector;
mod dual_encoder;
mod encoder;
mod encoder_decoder;
mod encoder_decoder_layers;
mod encoder_layers;
mod error;
mod export;
mod export_card;
mod export_folder;
mod fusion;
pub mod onnx;
mod oscar;
mod outputs;
mod samples;
mod save_pretrained;
mod sizes;
mod student_builder;
mod two_tower;
mod usage;
mod vision_language;
mod vocabulary_transfer;

use alambic_settings::kinds;

pub use clip::ClipSizes;
pub use detector::DetectorSizes;
pub use dual_encoder::DualEncoder;
pub use encoder::{Encoder, PoolingStrategy, Preset, TokenizerKind};
pub use encoder_decoder::{ActivationFunction, EncoderDecoder};
pub use encoder_decoder_layers::EncoderDecoderLayers;
pub use encoder_layers::EncoderLayers;
pub use error::StudentError;
pub use export::{ExportFormat, ExportedFile, export};
pub use fusion::Fusion;
pub use oscar::OscarSizes;
pub use outputs::OutputDifference;
pub use save_pretrained::{add_detector, rename_tags, save_pretrained};
pub use sizes::TransformerSizes;
pub use student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind};
pub use two_tower::TowerSource;
pub use usage::{Library, PythonUsage, UsageExample, python_usage};
pub use vision_language::VisionLanguageSizes;
pub use vocabulary_transfer::VocabularyTransfer;

kinds! {
    /// A student, by the way in which it is made.
    pub enum Student: dyn StudentBuilder {
        /// An encoder-decoder from random weights, at any size.
        EncoderDecoder(EncoderDecoder) = "encoder-decoder",
        /// An encoder-decoder from chosen layers of teachers.
        EncoderDecoderLayers(EncoderDecoderLayers) = "encoder-decoder-layers",
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
