//! Encoder-decoder transformers.
//!
//! All of them are one network ([`EncoderDecoder`]) over a [`Structure`]: tables of words, positions, places and kinds of norms,
//! widths, names of tensors. Its configurations are of two layouts: [BART's](bart), in which Marian, BART, mBART, M2M-100 and NLLB
//! are published, and [T5's](t5), in which T5 and mT5 are.
//!
//! Taps: `encoder.hidden.i`, `decoder.hidden.i` (0 the embeddings), `logits`, and for self-attention (`encoder`,
//! `decoder`) and cross-attention (`cross`) `queries.i`, `keys.i`, `values.i`, `scores.i` (as the softmax is given them,
//! without the mask) and `attention.i`. The last hidden state is taken before a final norm, T5's behind it.

pub mod bart;
mod decoder;
mod decoding;
mod memory;
mod model;
mod positions;
mod shapes;
mod structure;
pub mod t5;

pub use crate::layers::RelativeBuckets;
pub use model::EncoderDecoder;
pub(crate) use model::is_of_encoder;
pub use positions::{LEARNED_OFFSET, Positions};
pub use structure::{DecoderNames, Dropouts, Stack, Structure, WordTable};
