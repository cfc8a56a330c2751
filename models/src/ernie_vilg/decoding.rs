//! Decoding, one token at a time.

use std::sync::Arc;

use alambic_tensor::ops::{ImageAttention, ImagePattern};

use super::ErnieVilg;
use super::rows::{Kind, Place, Rows, kind_of};
use crate::architecture::Image;
use crate::generation::{DecodingState, Translator};
use crate::layers::LayerCache;
use crate::{ModelError, Tokens};

/// A token that there is none of: images have no end.
const NO_TOKEN: u32 = u32::MAX;

/// The state of one decoding: caches, and where each row stands.
struct Decoding<'a> {
    model: &'a ErnieVilg,
    caches: Vec<LayerCache>,
    written: Kind,
    /// Tokens of the source of each row.
    sources: Vec<u32>,
    /// Tokens of the target that are in the caches.
    length: usize,
}

impl ErnieVilg {
    fn start_over(
        &self,
        source: &Tokens,
        capacity: usize,
    ) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let config = self.config();
        let written = match kind_of(config, source, true)? {
            Kind::Text => Kind::Image,
            Kind::Image => Kind::Text,
        };
        let rows = Rows::new(config, source, None)?;
        let cache = LayerCache::new(rows.batch, rows.length + capacity, config.hidden_size);
        let mut caches = vec![cache; config.num_hidden_layers];
        let embedded = self.embed(&rows.ids, &rows.places, rows.batch)?;
        self.encoder.fill(embedded, &rows.attention(config), &rows.sources, &mut caches)?;
        let sources = rows.sources.to_vec();
        Ok(Box::new(Decoding { model: self, caches, written, sources, length: 0 }))
    }
}

impl Decoding<'_> {
    /// The keys that the next token of each row sees in a layer.
    fn keys(&self, pattern: Option<ImagePattern>) -> Vec<Vec<u32>> {
        let grid = self.model.config().image_tokenizer.grid();
        let is_image = self.written == Kind::Image;
        let seen = |&source: &u32| {
            let own = source as usize + self.length;
            match pattern {
                Some(pattern) if is_image => {
                    let image = ImageAttention {
                        sources: Arc::new(vec![source]),
                        images: Arc::new(vec![source + 1]),
                        rows: grid,
                        columns: grid,
                        pattern,
                    };
                    image.keys(0, own)
                }
                _ => (0..=own as u32).collect(),
            }
        };
        self.sources.iter().map(seen).collect()
    }
}

impl DecodingState for Decoding<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        let config = self.model.config();
        if self.written == Kind::Text && self.length >= config.max_position_embeddings {
            return Err(ModelError::Input(format!(
                "a text of more than the {} positions of the model",
                config.max_position_embeddings
            )));
        }
        let places = vec![Some(Place::new(self.written, self.length)); tokens.len()];
        let embedded = self.model.embed(&Arc::new(tokens.to_vec()), &places, tokens.len())?;
        let keys: Vec<Vec<Vec<u32>>> =
            (0..config.num_hidden_layers).map(|layer| self.keys(config.pattern(layer))).collect();
        let hidden = self.model.encoder.step(embedded, &mut self.caches, &keys)?;
        self.length += 1;
        self.model.step_logits(&hidden, self.written)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        for cache in &mut self.caches {
            cache.select(rows);
        }
        self.sources = rows.iter().map(|&row| self.sources[row]).collect();
        Ok(())
    }
}

/// Writes images for texts.
impl Translator for ErnieVilg {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        self.start_over(source, capacity)
    }

    fn start_token(&self) -> u32 {
        self.config().image_start()
    }

    fn end_token(&self) -> u32 {
        NO_TOKEN
    }

    fn max_length(&self) -> usize {
        self.config().image_tokens()
    }
}

/// Writes texts for given images, a row for each source that it is given; what the sources say is not read.
pub(super) struct ImageTranslator<'a> {
    pub(super) model: &'a ErnieVilg,
    pub(super) image: Image,
}

impl Translator for ImageTranslator<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let images = self.model.image_tokens(&self.image)?;
        if images.batch != source.batch {
            return Err(ModelError::Input(format!(
                "there are {} prompts and {} images",
                source.batch, images.batch
            )));
        }
        self.model.start_over(&images, capacity)
    }

    fn start_token(&self) -> u32 {
        self.model.config().text_start()
    }

    fn end_token(&self) -> u32 {
        self.model.config().eos_token_id
    }

    fn max_length(&self) -> usize {
        self.model.config().max_position_embeddings
    }
}
