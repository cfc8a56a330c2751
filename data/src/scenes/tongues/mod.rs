//! What can be asked and said of scenes, and the languages in which it is put.

mod english;
mod hindi;
mod japanese;
mod meaning;
mod tongue;

pub(crate) use meaning::{Called, Property, Query, Side, Statement};
pub use tongue::Tongue;
