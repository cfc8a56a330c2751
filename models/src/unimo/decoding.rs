//! Writing of texts behind images and texts, one token at a time.

use std::sync::Arc;

use super::model::{Unimo, UnimoInput};
use crate::architecture::Image;
use crate::generation::{DecodingState, Translator};
use crate::text_encoder::{SourceCache, TextInput};
use crate::{ModelError, Tokens};

/// Writes texts of given images and of sources, a row for each source.
pub(super) struct ImageTranslator<'a> {
    pub(super) model: &'a Unimo,
    pub(super) image: Image,
}

/// The state of one decoding.
struct Decoding<'a> {
    model: &'a Unimo,
    /// Image, text and what is written.
    cache: SourceCache,
    /// Tokens of the text of each row, behind which the positions of what is written go on.
    firsts: Vec<u32>,
    /// Tokens that are written.
    length: usize,
}

impl Unimo {
    fn start_behind(
        &self,
        input: &UnimoInput,
        capacity: usize,
    ) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let (embedded, mask, _) = self.embed(input)?;
        let firsts = Self::text_lengths(input, embedded.dim(0)?);
        let cache = SourceCache::new(self.encoder(), embedded, &mask, capacity)?;
        Ok(Box::new(Decoding { model: self, cache, firsts, length: 0 }))
    }
}

impl DecodingState for Decoding<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        let (most, batch) = (self.model.config().text.max_length(), tokens.len());
        let positions: Vec<u32> = self.firsts.iter().map(|first| first + self.length as u32).collect();
        if positions.iter().any(|&position| position as usize >= most) {
            return Err(ModelError::Input(format!(
                "a text and what is written behind it are longer than the {most} positions of the model"
            )));
        }
        let mask = Arc::new(vec![1; batch]);
        let tokens = Tokens { ids: Arc::new(tokens.to_vec()), mask, batch, length: 1 };
        let embedded = self.model.embed_written(&tokens, positions)?;
        let hidden = self.cache.step(self.model.encoder(), embedded, self.length)?;
        self.length += 1;
        Ok(self.model.word_logits(&hidden)?.flatten_all()?.to_vec1()?)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        self.cache.select(rows);
        self.firsts = rows.iter().map(|&row| self.firsts[row]).collect();
        Ok(())
    }
}

/// Writes texts of texts alone.
impl Translator for Unimo {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let text = Some(TextInput::new(source.clone()));
        self.start_behind(&UnimoInput { text, image: None, target: None }, capacity)
    }

    fn start_token(&self) -> u32 {
        self.config().special.start
    }

    fn end_token(&self) -> u32 {
        self.config().special.end
    }

    fn max_length(&self) -> usize {
        self.config().max_target_length
    }
}

impl Translator for ImageTranslator<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let (text, image) = (Some(TextInput::new(source.clone())), Some(self.model.units(&self.image)?));
        self.model.start_behind(&UnimoInput { text, image, target: None }, capacity)
    }

    fn start_token(&self) -> u32 {
        self.model.start_token()
    }

    fn end_token(&self) -> u32 {
        self.model.end_token()
    }

    fn max_length(&self) -> usize {
        Translator::max_length(self.model)
    }
}
