//! Pipelines that run finished models, over a network in memory or a Hugging Face folder.
//!
//! A [`LoadedModel`] is read from its folder once; the pipelines and teachers made of it share its network.
//!
//! ```
//! use alambic_inference::EncoderPipeline;
//! use alambic_models::architecture;
//! use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig, Head, HeadSpec};
//! use alambic_models::{Config, Tokenizer, TokenizerModel};
//! use alambic_tensor::Streams;
//!
//! // A classifier of random weights; `EncoderPipeline::load` takes that of a folder.
//! let tokenizer = Tokenizer::train(TokenizerModel::Words, ["a good film", "no plot at all"], 30)?;
//! let labels = vec!["bad".to_owned(), "good".to_owned()];
//! let head = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
//! let config = TextEncoderConfig::new(tokenizer.size(), 1, 16, 2).with_head(&head);
//! let weights = TextEncoder::initial_weights(&config, &Streams::new(1))?;
//! let config = Config::from(config);
//! let network = architecture::build(&config, &weights)?;
//!
//! let pipeline = EncoderPipeline::new(&config, network.into(), &tokenizer, 32)?;
//! let labels = pipeline.predict(&[("a good plot", None), ("no film", None)])?;
//! assert!(labels.iter().all(|label| label == "bad" || label == "good"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod benchmark;
mod encoder;
mod error;
mod extractive_question_answering;
mod generation;
mod image_generation;
mod image_text_attention;
mod image_text_matching;
mod image_text_to_text;
mod image_tokenizer;
mod images;
mod languages;
mod model;
mod multiple_choice;
mod picture_choice;
mod question_answering;
mod retrieval;

pub use benchmark::{BenchmarkInputs, BenchmarkModel};
pub use encoder::{EncoderPipeline, PieceLogits, TextPair};
pub use error::InferenceError;
pub use extractive_question_answering::{ExtractiveQuestionAnsweringPipeline, SpanAnswer, SpanOptions};
pub use generation::GenerationPipeline;
pub use image_generation::{
    DrawingOptions, DrawnImage, ImageGenerationPipeline, RE_RANKER_FOLDER, re_ranker_folder,
};
pub use image_text_attention::WordAttention;
pub use image_text_matching::{ImageTextMatchingPipeline, MATCHING_LABELS, log_odds};
pub use image_text_to_text::{ImagePrompt, ImageTextToTextPipeline};
pub use image_tokenizer::ImageTokenizerPipeline;
pub use images::image_processor::{DETECTOR_FOLDER, ImageInputs, ImageProcessor, detector_folder};
pub use images::object_detector::{ObjectDetector, box_iou};
pub use images::patch_processor::{PatchProcessor, PatchSampler};
pub use images::processed_image::ProcessedImage;
pub use images::region_processor::{POSITION_FEATURES, RegionProcessor};
pub use languages::{LanguageInput, ask_by_language};
pub use model::LoadedModel;
pub use multiple_choice::{ChoiceAnswer, MultipleChoicePipeline};
pub use picture_choice::{DescribedImage, PictureChoicePipeline};
pub use question_answering::{QuestionInput, VisualQuestionAnsweringPipeline};
pub use retrieval::{RetrievalPipeline, nearest_neighbours};
