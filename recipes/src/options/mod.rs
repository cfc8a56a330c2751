//! Keys of a recipe that are no task's own.

pub mod cache;
pub(crate) mod card;
pub mod data;
pub mod dictionary;
pub mod evaluation;
pub mod export;
pub(crate) mod languages;
pub mod masking;
pub mod sparse;
pub mod train;
