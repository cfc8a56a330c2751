//! The corpora of a recipe, read and split.

pub(crate) mod augmentation;
pub(crate) mod collection;
pub(crate) mod images;
pub(crate) mod mining;
pub(crate) mod mixing;
pub(crate) mod picture_choices;
pub(crate) mod rewriting;
mod sentences;
mod texts;
mod words;

pub(crate) use collection::Corpora;
