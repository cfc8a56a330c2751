//! Embeddings of texts.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops;

use super::{Sequences, WeightSource};
use crate::integers::check_rows;
use crate::{ModelError, Tokens};

/// Whole names of the tables of embeddings, and their numbers of rows.
#[derive(Debug, Clone)]
pub(crate) struct TextTables {
    pub(crate) words: (String, usize),
    /// None where positions come in otherwise.
    pub(crate) positions: Option<(String, usize)>,
    /// None where texts have no segments.
    pub(crate) segments: Option<(String, usize)>,
    /// None where the model is not told the language of a text.
    pub(crate) languages: Option<(String, usize)>,
}

/// Tables of words, positions, segments and languages, whose sum stands for a token.
#[derive(Debug, Clone)]
pub(crate) struct TextEmbeddings {
    pub(crate) words: Tensor,
    positions: Option<Tensor>,
    segments: Option<Tensor>,
    languages: Option<Tensor>,
}

impl TextEmbeddings {
    pub(crate) fn load(
        source: WeightSource<'_>,
        tables: &TextTables,
        width: usize,
    ) -> Result<Self, ModelError> {
        let table = |(name, rows): &(String, usize)| source.tensor(name, &[*rows, width]);
        Ok(Self {
            words: table(&tables.words)?,
            positions: tables.positions.as_ref().map(table).transpose()?,
            segments: tables.segments.as_ref().map(table).transpose()?,
            languages: tables.languages.as_ref().map(table).transpose()?,
        })
    }

    /// The sum of a token's embeddings as the sequences lie. Without segments every token is of the first; without languages none
    /// is added.
    pub(crate) fn sum(
        &self,
        tokens: &Tokens,
        sequences: &Sequences,
        positions: &Arc<Vec<u32>>,
        [segments, languages]: [Option<&Arc<Vec<u32>>>; 2],
    ) -> Result<Tensor, ModelError> {
        check_rows("input_ids", &tokens.ids, self.words.dim(0)?, "words")?;
        if let (Some(table), Some(segments)) = (&self.segments, segments) {
            check_rows("token_type_ids", segments, table.dim(0)?, "segments")?;
        }
        if let (Some(table), Some(languages)) = (&self.languages, languages) {
            check_rows("langs", languages, table.dim(0)?, "languages")?;
        }
        let look_up = |table: &Tensor, ids: &Arc<Vec<u32>>| {
            ops::embed(table, &sequences.select(ids), sequences.rows(), 1.0, None)
        };
        let mut sum = look_up(&self.words, &tokens.ids)?;
        if let Some(table) = &self.positions {
            sum = (sum + look_up(table, positions)?)?;
        }
        if let Some(table) = &self.segments {
            let zeros = || Arc::new(vec![0; tokens.ids.len()]);
            sum = (sum + look_up(table, &segments.cloned().unwrap_or_else(zeros))?)?;
        }
        if let (Some(table), Some(languages)) = (&self.languages, languages) {
            sum = (sum + look_up(table, languages)?)?;
        }
        sequences.looked_up(sum)
    }
}

/// The position of each token, counted from 0.
///
/// # Errors
/// When a text is longer than the positions of the model.
pub(crate) fn counted_positions(tokens: &Tokens, max_length: usize) -> Result<Arc<Vec<u32>>, ModelError> {
    if tokens.length > max_length {
        return Err(ModelError::Input(format!(
            "a text of {} tokens is longer than the {max_length} positions of the model",
            tokens.length
        )));
    }
    Ok(Arc::new((0..tokens.ids.len()).map(|index| (index % tokens.length.max(1)) as u32).collect()))
}
