//! Everything that is wrong with the meaning of a recipe, at once, before anything is trained.
//!
//! [`load`](crate::load()) has seen to the form. Here, names are compared with each other, corpora are read, of models only the
//! headers, and losses are bound to what can be known of student and teacher.

mod augmentation;
mod card;
pub(crate) mod checker;
pub(crate) mod counts;
mod data;
mod evaluation;
mod faults;
mod languages;
mod losses;
mod masking;
mod memory;
pub(crate) mod mined;
mod mixing;
pub(crate) mod model_info;
mod recipe;
mod references;
pub(crate) mod sparse;
mod stages;
mod students;
mod teachers;
pub(crate) mod text_languages;

pub use checker::Depth;
pub use counts::Count;
pub(crate) use recipe::examine;
pub use recipe::{check, check_with_messages, is_fatal, is_name};
