//! The kinds of tasks, each in its own folder, and the list of them.

mod image_text_pretraining;
mod image_text_retrieval;
mod object_detection;
mod question_answering;
mod registry;
mod sentence_embedding;
pub(crate) mod task;
mod text;
mod transliteration;
mod visual_question_answering;

pub use registry::StageData;
