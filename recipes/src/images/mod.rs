//! Images in training and evaluation: prepared once, and paired with texts.

pub(crate) mod check;
pub(crate) mod inputs;
pub(crate) mod region_classes;
pub(crate) mod scorer;
pub(crate) mod store;
pub(crate) mod thumbnail;
pub(crate) mod views;
pub(crate) mod vocabulary;
