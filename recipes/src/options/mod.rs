//! Keys of a recipe that are no task's own.

pub mod cache;
pub mod data;
pub mod evaluation;
pub mod export;
pub(crate) mod languages;
pub mod masking;
pub mod train;
