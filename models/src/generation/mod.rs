//! Decoding: greedy, by sampling, and by beam search, under rules about tokens.
//!
//! Rules, order of operations and the end of a search are those of `generate` of transformers 5 where
//! [`GenerationConfig::early_stopping`] is set.

mod beam_search;
mod config;
mod hypothesis;
mod model_defaults;
mod processors;
mod rows;
mod sampling;
mod scores;
mod single;
mod translator;

pub use config::{EarlyStopping, GenerationConfig, TokenRules};
pub use hypothesis::Hypothesis;
pub use model_defaults::GenerationDefaults;
pub use sampling::Sampling;
pub use translator::{DecodingState, Translator};
