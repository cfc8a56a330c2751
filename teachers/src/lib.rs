//! Sources of supervision: encoder-decoders and encoders, chains of them, recorded outputs, models behind an API over HTTP
//! ([`endpoint`]); caches of their outputs ([`cache`]); and text augmentation by models.
//!
//! A teacher generates target texts ([`Teacher::generate`]) and gives the taps of a forward pass ([`Teacher::trace`]).
//!
//! ```
//! use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig, TextInput};
//! use alambic_models::{ModelConfig, Precision, TapSelection, Tokenizer, TokenizerModel, write_weights};
//! use alambic_teachers::{EncoderTeacher, Teacher};
//! use alambic_tensor::Streams;
//!
//! // A folder as transformers writes it, here of random weights.
//! let folder = tempfile::tempdir()?;
//! let tokenizer = Tokenizer::train(TokenizerModel::Words, ["a good film"], 30)?;
//! let config = TextEncoderConfig::new(tokenizer.size(), 2, 16, 2);
//! let json = ModelConfig::to_json(&config)?;
//! std::fs::write(folder.path().join("config.json"), json.to_string())?;
//! write_weights(folder.path(), &TextEncoder::initial_weights(&config, &Streams::new(1))?, Precision::F32)?;
//! tokenizer.files(config.positions)?.write(folder.path())?;
//!
//! let teacher = EncoderTeacher::load(folder.path())?;
//! let text = tokenizer.encode_text("a film", None)?;
//! let batch = TextInput::pad(&[&text], config.padding);
//! let trace = teacher.trace((&batch).into(), &TapSelection::named(["hidden.2"]))?;
//! assert_eq!(trace.get("hidden.2").map(|states| states.dims()[2]), Some(16));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod answers;
pub mod append_only_cache;
mod augment;
pub mod cache;
mod candidate;
mod checkpoint_overrides;
mod decoding;
mod digest;
mod drawing;
mod encoder;
pub mod endpoint;
mod ensemble;
mod error;
mod generation_record;
mod generative;
mod image_text;
mod options;
mod pipeline;
mod recorded;
mod teacher;

pub use answers::{Answer, AnswerForm, AnsweringTeacher, AskedText, Asking, MissingAnswers, placed};
pub use append_only_cache::{AppendOnlyCache, Fingerprint};
pub use augment::{AugmentOptions, AugmentedText, Augmenter, Passage};
pub use candidate::Candidate;
pub use decoding::{DecodingOptions, Unhurried};
pub use drawing::{DrawingTeacher, DrawnCodes};
pub use encoder::EncoderTeacher;
pub use endpoint::{
    AnsweringEndpoint, EndpointAnswer, EndpointError, EndpointEstimate, EndpointExample, EndpointExamples,
    EndpointInput, EndpointOptions, EndpointOutput, EndpointStop, EndpointSummary, EndpointTeacher,
    ResponseFormat, TokenCount, WrittenText, read_answers,
};
pub use ensemble::{Ensemble, EnsembleAverage, EnsembleMember, EnsembleOptions};
pub use error::TeacherError;
pub use generation_record::GenerationRecord;
pub use generative::GenerativeTeacher;
pub use image_text::{ImageTextRequest, ImageTextTeacher};
pub use options::{
    CheckpointOptions, CheckpointPooling, PipelineOptions, PipelineStep, TARGET, TeacherOptions,
};
pub use pipeline::Pipeline;
pub use recorded::{RecordedOptions, RecordedTable, RecordedTeacher, is_record};
pub use teacher::{GenerationOutput, GenerationRequest, Teacher, TeacherBatch, TeacherForcing};
