//! What can be asked and said of scenes, and the languages in which it is put.

mod english;
mod hindi;
mod japanese;
mod meaning;
mod scene_language;

pub(crate) use meaning::{ObjectName, Property, Query, Side, Statement};
pub use scene_language::SceneLanguage;
