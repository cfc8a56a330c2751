//! Static embeddings (model2vec; Tulkens and van Dongen, 2024): a vector a token, and their mean for a text.
//!
//! Folders of model2vec and of sentence-transformers are read. The same text may have two vectors by them: model2vec leaves out
//! tokens that are not in the vocabulary, sentence-transformers reads them.

mod architecture;
mod config;
mod model;

pub use config::StaticConfig;
pub use model::StaticEmbeddings;
