//! The kinds of tasks, each in its own folder, and the list of them.

mod fractions;
mod generation;
mod image_text_matching;
mod image_text_pretraining;
mod image_text_retrieval;
mod image_tokenization;
mod multimodal;
mod multiple_choice;
mod object_detection;
mod picture_choice;
mod question_answering;
mod region_text_pretraining;
mod registry;
mod search;
mod sentence_embedding;
mod sentence_similarity;
pub(crate) mod task;
pub(crate) mod template;
mod text;

mod visual_question_answering;

pub(crate) use image_text_retrieval::embed_pictures;
pub use registry::{StageData, templates};
pub use template::Template;
pub(crate) use visual_question_answering::answer_all;
