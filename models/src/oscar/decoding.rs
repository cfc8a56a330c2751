//! Writing of captions, one token at a time.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::AttentionMask;

use super::model::Oscar;
use crate::generation::{DecodingState, Translator};
use crate::layers::LayerCache;
use crate::{ModelError, TaggedRegions, Tokens};

/// Writes captions of given images, a row for each source that it is given; what the sources say is not read.
pub(super) struct CaptionTranslator<'a> {
    pub(super) model: &'a Oscar,
    pub(super) image: TaggedRegions,
}

/// The state of one decoding: keys and values of tags, regions and what is written, which see nothing of what comes after them.
struct Decoding<'a> {
    model: &'a Oscar,
    caches: Vec<LayerCache>,
    /// The tags and regions of each row that are no padding.
    sources: Vec<Vec<u32>>,
    /// Tags and regions of each row, padding included.
    source: usize,
    /// Tokens that are written.
    length: usize,
}

impl Decoding<'_> {
    /// The last state of the next token of each row, which joins the caches.
    fn next(&mut self, tokens: Vec<u32>, position: usize) -> Result<Tensor, ModelError> {
        let batch = tokens.len();
        let mask = Arc::new(vec![1; batch]);
        let tokens = Tokens { ids: Arc::new(tokens), mask, batch, length: 1 };
        let embedded = self.model.embed_part(&tokens, (position, 0))?;
        let own = self.source as u32..=(self.source + position) as u32;
        let keys: Vec<Vec<u32>> =
            self.sources.iter().map(|source| source.iter().copied().chain(own.clone()).collect()).collect();
        self.model.bert.step(embedded, &mut self.caches, &keys)
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
        self.next(tokens.to_vec(), self.length)?;
        self.length += 1;
        let hidden = self.next(vec![config.special.mask; tokens.len()], self.length)?;
        self.caches.iter_mut().for_each(LayerCache::pop);
        let logits = self.model.bert.word_logits(&hidden)?.ok_or_else(|| {
            ModelError::Input("a model without a head over the vocabulary writes no captions".into())
        })?;
        Ok(logits.flatten_all()?.to_vec1()?)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        self.caches.iter_mut().for_each(|cache| cache.select(rows));
        self.sources = rows.iter().map(|&row| self.sources[row].clone()).collect();
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
        let bert = &self.model.config().bert;
        // What is written, and the mask behind it.
        let cache = LayerCache::new(tags.batch, read.length + capacity + 1, bert.width);
        let mut caches = vec![cache; bert.layers];
        let mask = AttentionMask::keys(Arc::clone(&read.mask));
        let counts = vec![read.length as u32; tags.batch];
        self.model.bert.fill(read.embedded, &mask, &counts, &mut caches)?;
        let kept = |row: &[u8]| (0..row.len() as u32).filter(|&key| row[key as usize] != 0).collect();
        let sources = read.mask.chunks(read.length.max(1)).map(kept).collect();
        Ok(Box::new(Decoding { model: self.model, caches, sources, source: read.length, length: 0 }))
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
