//! Questions about scenes and captions of them, and their languages.

mod english;
mod hindi;
mod japanese;
mod meaning;
mod scene_language;

pub(super) use meaning::{CaptionWord, SIDES};
pub(crate) use meaning::{ObjectName, Property, Query, SceneAnswer, Side, Statement};
pub use scene_language::SceneLanguage;
