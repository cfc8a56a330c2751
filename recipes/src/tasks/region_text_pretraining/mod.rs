//! Texts about the regions of images, for pre-training as LXMERT has it.

mod check;
mod examples;
mod mask;
pub(crate) mod options;
mod task;
mod train;
