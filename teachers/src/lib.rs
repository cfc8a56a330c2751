//! Sources of supervision: encoder-decoders and encoders, chains of them, recorded outputs; caches of their outputs
//! ([`cache`]); and text augmentation by models.
//!
//! A teacher generates target texts ([`Teacher::generate`]) and gives the taps of a forward pass ([`Teacher::trace`]).

pub mod append_only_cache;
mod augment;
pub mod cache;
mod checkpoint_overrides;
mod digest;
mod encoder;
mod error;
mod generation_record;
mod generative;
mod options;
mod pipeline;
mod recorded;
mod teacher;

pub use append_only_cache::{AppendOnlyCache, Fingerprint};
pub use augment::{AugmentOptions, AugmentedText, Augmenter, Passage};
pub use encoder::EncoderTeacher;
pub use error::TeacherError;
pub use generation_record::GenerationRecord;
pub use generative::GenerativeTeacher;
pub use options::{
    CheckpointOptions, CheckpointPooling, PipelineOptions, PipelineStep, RecordedOptions, TARGET,
    TeacherOptions,
};
pub use pipeline::Pipeline;
pub use recorded::RecordedTeacher;
pub use teacher::{Candidate, GenerationOutput, GenerationRequest, Teacher, TeacherBatch, TeacherForcing};
