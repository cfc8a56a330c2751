//! Rewriting of captions: in other words, and with one thing of them changed so that they are false.

mod lexicon;
mod options;
mod rewriter;

pub use options::{Retrieved, RewriteLevel, RewriteOptions};
pub use rewriter::Rewriter;
