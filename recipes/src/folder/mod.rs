//! A run's folder: where it lies, and what is in it.

pub(crate) mod foreign;
pub(crate) mod layout;
pub(crate) mod place;
