//! Pipelines that run finished models, over a network in memory or a Hugging Face folder.
//!
//! A [`LoadedModel`] is read from its folder once; the pipelines and teachers made of it share its network.

mod benchmark;
mod encoder;
mod error;
mod extractive_question_answering;
mod generation;
mod images;
mod model;
mod question_answering;
mod retrieval;

pub use benchmark::{BenchmarkInputs, BenchmarkModel};
pub use encoder::{EncoderPipeline, TextPair};
pub use error::InferenceError;
pub use extractive_question_answering::{ExtractiveQuestionAnsweringPipeline, SpanAnswer, SpanOptions};
pub use generation::GenerationPipeline;
pub use images::image_processor::{DETECTOR_FOLDER, ImageInputs, ImageProcessor, detector_folder};
pub use images::object_detector::{ObjectDetector, box_iou};
pub use images::patch_processor::{PatchProcessor, PatchSampler};
pub use images::processed_image::ProcessedImage;
pub use images::region_processor::{POSITION_FEATURES, RegionProcessor};
pub use model::LoadedModel;
pub use question_answering::{QuestionInput, VisualQuestionAnsweringPipeline};
pub use retrieval::{RetrievalPipeline, nearest_neighbours};
