//! Decoding, one token at a time.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::AttentionMask;

use super::memory::Memory;
use super::model::EncoderDecoder;
use super::positions::{Past, Positions};
use crate::generation::{DecodingState, Translator};
use crate::layers::{LayerCache, Pass, RelativeBuckets};
use crate::{ModelError, TapSelection, Tokens, Trace};

/// The state of one decoding: caches, memory, and the tokens before the next one.
struct Decoding<'a> {
    model: &'a EncoderDecoder,
    caches: Vec<LayerCache>,
    memory: Memory,
    /// Number of tokens of each row.
    length: usize,
    /// Those of each row that are not padding.
    counted: Vec<u32>,
    /// Numbers of the table of relative biases, and its buckets.
    relative: Option<(Vec<f32>, RelativeBuckets)>,
}

impl Translator for EncoderDecoder {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let mut untapped = Trace::new(TapSelection::nothing());
        let encoded = self.encode(source, Pass::Evaluate, &mut untapped)?;
        self.start_over(&encoded, source.mask.clone(), capacity)
    }

    fn start_token(&self) -> u32 {
        self.structure.special_tokens[0]
    }

    fn end_token(&self) -> u32 {
        self.structure.special_tokens[1]
    }

    fn max_length(&self) -> usize {
        self.structure.max_length.unwrap_or(self.structure.usual_max_length)
    }
}

impl EncoderDecoder {
    /// A decoding for `capacity` tokens over the encoder's last states, `[batch, length, width]`, and their mask.
    pub(crate) fn start_over(
        &self,
        encoded: &Tensor,
        mask: Arc<Vec<u8>>,
        capacity: usize,
    ) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let batch = encoded.dim(0)?;
        let memory = Memory {
            key_values: self.decoder.project_memory(encoded)?,
            mask: AttentionMask::keys(mask),
            sources: (0..batch).collect(),
        };
        let capacity = self.structure.max_length.map_or(capacity, |own| own.min(capacity));
        let decoder = &self.structure.decoder;
        let cache = LayerCache::new(batch, capacity, self.structure.attention_width(decoder.heads));
        let relative =
            self.target.relative.as_ref().map(|(table, buckets)| {
                Ok::<_, ModelError>((table.flatten_all()?.to_vec1::<f32>()?, *buckets))
            });
        Ok(Box::new(Decoding {
            model: self,
            caches: vec![cache; decoder.layers.len()],
            memory,
            length: 0,
            counted: vec![0; batch],
            relative: relative.transpose()?,
        }))
    }
}

impl DecodingState for Decoding<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        let tokens = Tokens::pad(&tokens.iter().map(|&token| [token]).collect::<Vec<_>>(), 0);
        let (model, target) = (self.model, &self.model.target);
        let past = Past { length: self.length, counted: &self.counted };
        let embedded = target.normed_embeddings(model.embed(target, &tokens, past)?)?;
        let biases =
            self.relative.as_ref().map(|(table, buckets)| buckets.last_biases(table, self.length + 1));
        let hidden = model.decoder.step(&embedded, &mut self.caches, &self.memory, biases.as_deref())?;
        self.length += 1;
        if let Positions::Counted { padding } = model.structure.positions {
            for (count, &token) in self.counted.iter_mut().zip(tokens.ids.iter()) {
                *count += u32::from(token != padding);
            }
        }
        Ok(model.logits(&target.normed_states(hidden)?)?.flatten_all()?.to_vec1()?)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        for cache in &mut self.caches {
            cache.select(rows);
        }
        self.counted = rows.iter().map(|&row| self.counted[row]).collect();
        self.memory.select(rows)
    }
}
