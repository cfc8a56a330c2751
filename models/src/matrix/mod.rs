//! Matrix embeddings of words (CMOW/CBOW hybrid; Mai et al., 2019; Galke et al., IJCNN 2022): every token has a matrix, multiplied in the
//! order of the text, and a vector, added up. There is no attention, and time is linear in the number of tokens.
//!
//! Departures from the published code (`lgalke/cross-architecture-distillation`): padding neither multiplies nor adds, nor does
//! dropout see it, where the code multiplies by a matrix of its own for padding, which training moves; backward states stand at
//! their tokens, with the code's order as an option; a product with a very large entry is scaled down, and so stays finite at any
//! length.

mod architecture;
mod config;
mod model;
mod parameters;

pub use config::{ClassifierKind, Directions, MatrixConfig, PairFeatures, StateOrder};
pub use model::MatrixEmbeddings;
pub use parameters::MatrixNames;
