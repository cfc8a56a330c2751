//! Models that write, as decoding sees them.

use crate::{ModelError, Tokens};

/// A model that writes a target sequence for a source sequence, token by token.
pub trait Translator {
    /// Encodes the sources; the decoding can run for `capacity` tokens.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError>;

    /// The first token of every target.
    fn start_token(&self) -> u32;

    /// The token that ends a target.
    fn end_token(&self) -> u32;

    /// Maximum number of tokens of a target.
    fn max_length(&self) -> usize;
}

/// One decoding under way, with one row a hypothesis.
pub trait DecodingState {
    /// Takes the next token of every row and gives the logits after it, row by row.
    ///
    /// # Errors
    /// When a token is unknown or the capacity is used up.
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError>;

    /// Makes row `i` a copy of the former row `rows[i]`; there may be fewer or more rows than before.
    ///
    /// # Errors
    /// When the state cannot be copied.
    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError>;
}
