//! Writing of captions, one token at a time.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;

use super::model::Oscar;
use crate::generation::{DecodingState, Translator};
use crate::text_encoder::SourceCache;
use crate::{ModelError, TaggedRegions, Tokens};

/// Writes captions of given images, a row for each source that it is given; what the sources say is not read.
pub(super) struct CaptionTranslator<'a> {
    pub(super) model: &'a Oscar,
    pub(super) image: TaggedRegions,
}

/// The state of one decoding.
struct Decoding<'a> {
    model: &'a Oscar,
    /// Tags, regions and what is written.
    cache: SourceCache,
    /// Tokens that are written.
    length: usize,
}

impl Decoding<'_> {
    /// The last state of the next token of each row, which joins the caches.
    fn next(&mut self, tokens: Vec<u32>) -> Result<Tensor, ModelError> {
        let batch = tokens.len();
        let mask = Arc::new(vec![1; batch]);
        let tokens = Tokens { ids: Arc::new(tokens), mask, batch, length: 1 };
        let embedded = self.model.embed_part(&tokens, (self.length, 0))?;
        self.cache.step(&self.model.bert, embedded, self.length)
    }
}

impl DecodingState for Decoding<'_> {
    /// The token joins what is written, and behind it stands a mask, whose logits are those of the next one. The mask is taken out again.
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        let config = self.model.config();
        if self.length + 1 >= config.max_caption_length {
            return Err(ModelError::Input(format!(
                "a caption of more than the {} tokens that the model writes",
                config.max_caption_length
            )));
        }
        self.next(tokens.to_vec())?;
        self.length += 1;
        let hidden = self.next(vec![config.special.mask; tokens.len()])?;
        self.cache.pop();
        let logits = self.model.bert.word_logits(&hidden)?.ok_or_else(|| {
            ModelError::Input("a model without a head over the vocabulary writes no captions".into())
        })?;
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        self.cache.select(rows);
        Ok(())
    }
}

impl Translator for CaptionTranslator<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let TaggedRegions { regions, tags } = &self.image;
        if tags.batch != source.batch {
            return Err(ModelError::Input(format!(
                "there are {} prompts and {} images",
                source.batch, tags.batch
            )));
        }
        let read = self.model.source(tags, regions)?;
        // What is written, and the mask behind it.
        let cache = SourceCache::new(&self.model.bert, read.embedded, &read.mask, capacity + 1)?;
        Ok(Box::new(Decoding { model: self.model, cache, length: 0 }))
    }

    fn start_token(&self) -> u32 {
        self.model.config().special.start
    }

    fn end_token(&self) -> u32 {
        self.model.config().special.end
    }

    fn max_length(&self) -> usize {
        self.model.config().max_caption_length.saturating_sub(1)
    }
}
