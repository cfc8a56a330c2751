//! Texts of a batch.

use std::iter::repeat_n;
use std::sync::Arc;

use crate::tokens::repeated_rows;
use crate::{EncodedText, ModelError, Tokens};

/// Texts, or pairs of texts, of a batch, as encoders read them.
#[derive(Debug, Clone)]
pub struct TextInput {
    /// The tokens of each text.
    pub tokens: Tokens,
    /// `[batch, length]`, the segment of each token; all 0 if left out.
    pub segments: Option<Arc<Vec<u32>>>,
    /// `[batch, length]`, the language of each token, by its number in the configuration (`langs`); without it no language is told.
    pub languages: Option<Arc<Vec<u32>>>,
    /// For masked language modelling: the tokens whose logits are wanted, as indices into `[batch * length]`. Left
    /// out, those of all tokens.
    pub selected: Option<Arc<Vec<u32>>>,
}

impl TextInput {
    /// Encoded texts padded to the longest, with their languages where that of every one is told, all of whose tokens are wanted.
    #[must_use]
    pub fn pad(texts: &[&EncodedText], padding: u32) -> Self {
        Self::pad_to(texts, padding, 0)
    }

    /// Encoded texts padded to the longest, and to at least `min_length` tokens.
    #[must_use]
    pub fn pad_to(texts: &[&EncodedText], padding: u32, min_length: usize) -> Self {
        let rows = |part: fn(&EncodedText) -> &Vec<u32>| -> Vec<&Vec<u32>> {
            texts.iter().map(|text| part(text)).collect()
        };
        let tokens = Tokens::pad_to(&rows(|text| &text.ids), padding, min_length);
        let segments = Tokens::pad_to(&rows(|text| &text.segments), 0, tokens.length).ids;
        let languages: Option<Vec<u32>> = texts.iter().map(|text| text.language).collect();
        let of_tokens = |numbers: Vec<u32>| {
            Arc::new(numbers.into_iter().flat_map(|number| repeat_n(number, tokens.length)).collect())
        };
        let languages = languages.filter(|_| !texts.is_empty()).map(of_tokens);
        Self { segments: Some(segments), languages, ..Self::new(tokens) }
    }

    /// Each text so many times, one behind another; the tokens whose logits are wanted are all.
    #[must_use]
    pub fn repeated(&self, times: usize) -> Self {
        let rows = |values: &Arc<Vec<u32>>| Arc::new(repeated_rows(values, self.tokens.length, times));
        Self {
            tokens: self.tokens.repeated(times),
            segments: self.segments.as_ref().map(rows),
            languages: self.languages.as_ref().map(rows),
            selected: None,
        }
    }

    /// Tokens of first texts that are padded to one length, behind which all second texts begin: those of the second segment.
    ///
    /// # Errors
    /// When second texts begin at other places, or there is no first text.
    pub(crate) fn first_length(&self) -> Result<usize, ModelError> {
        let Tokens { length, mask, .. } = &self.tokens;
        let Some(segments) = &self.segments else { return Ok(*length) };
        let rows = || segments.chunks((*length).max(1)).zip(mask.chunks((*length).max(1)));
        let count = (0..*length).find(|&place| rows().any(|(row, _)| row[place] == 1)).unwrap_or(*length);
        let are_second =
            rows().all(|(row, mask)| (count..*length).all(|place| mask[place] == 0 || row[place] == 1));
        if count == 0 || !are_second {
            return Err(ModelError::Input(
                "captions come first, padded to one length, and their tags behind them as a second segment"
                    .into(),
            ));
        }
        Ok(count)
    }

    /// Texts of one segment, all of whose tokens are wanted.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens, segments: None, languages: None, selected: None }
    }
}
