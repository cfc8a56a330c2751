//! Text augmentation: words replaced by candidates, as in TinyBERT (Jiao et al., 2020).

mod augmenter;
mod candidates;
mod masked_language_model;
mod options;
mod passage;
mod replace;
mod stop_words;
#[cfg(test)]
mod tests;
mod word_embeddings;

pub use augmenter::Augmenter;
pub use options::AugmentOptions;
pub use passage::{AugmentedText, Passage};
