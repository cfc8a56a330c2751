//! Captions, and the tags and regions of which they are written, in one sequence.

use std::sync::Arc;

use alambic_tensor::candle::{Module, Tensor};

use super::model::{Oscar, OscarInput};
use crate::joint::{Hidden, Joint};
use crate::layers::{Pass, Sequences};
use crate::outline::{DISTRIBUTIONS, PROJECTIONS};
use crate::regions::side_by_side;
use crate::text_encoder::TextInput;
use crate::{ModelError, Regions, TapSelection, Tokens, Trace};

/// What captions are written of, as the encoder reads it.
pub(super) struct Source {
    /// Normed embeddings of tags and regions, `[batch, tags + regions, width]`.
    pub(super) embedded: Tensor,
    /// `[batch, tags + regions]`, 1 for a tag or region and 0 for padding.
    pub(super) mask: Arc<Vec<u8>>,
    /// Tags and regions of each row, padding included.
    pub(super) length: usize,
}

impl Oscar {
    /// Normed embeddings of tokens at positions from `first` on, all of one segment.
    pub(super) fn embed_part(
        &self,
        tokens: &Tokens,
        (first, segment): (usize, u32),
    ) -> Result<Tensor, ModelError> {
        let length = tokens.length;
        let positions = (0..tokens.batch).flat_map(|_| first as u32..(first + length) as u32).collect();
        let segments = self.config().bert.segments > segment as usize;
        let segments = segments.then(|| Arc::new(vec![segment; tokens.ids.len()]));
        let input = TextInput { segments, ..TextInput::new(tokens.clone()) };
        Ok(self.bert.embedding_norm().forward(&self.bert.embed_at(&input, &Arc::new(positions))?)?)
    }

    /// Tags and regions side by side. Positions of tags begin behind those of the longest caption.
    pub(super) fn source(&self, tags: &Tokens, regions: &Regions) -> Result<Source, ModelError> {
        let image = self.embed_regions(regions, tags.batch)?;
        let mask = side_by_side(&tags.mask, &regions.mask, tags.batch);
        let length = tags.length + image.dim(1)?;
        if tags.length == 0 {
            return Ok(Source { embedded: image, mask, length });
        }
        let config = self.config();
        if tags.length > config.max_tags() {
            return Err(ModelError::Input(format!(
                "tags of {} tokens are longer than the {} positions behind those of captions",
                tags.length,
                config.max_tags()
            )));
        }
        let tags = self.embed_part(tags, (config.max_caption_length, 1))?;
        Ok(Source { embedded: Tensor::cat(&[tags, image], 1)?, mask, length })
    }

    /// One forward pass over captions with tags behind them, and regions. Layers compute tags and regions before captions, so that what a
    /// caption sees is what stands before it; taps are in the order of the input.
    pub(super) fn trace_captions(
        &self,
        input: &OscarInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let (tokens, regions) = (&input.text.tokens, &input.regions);
        let count = input.text.first_length()?;
        if count > self.config().max_caption_length {
            return Err(ModelError::Input(format!(
                "captions of {count} tokens are longer than the {} that the model writes",
                self.config().max_caption_length
            )));
        }
        let caption = tokens.columns(0..count);
        let source = self.source(&tokens.columns(count..tokens.length), regions)?;
        let embedded = Tensor::cat(&[&source.embedded, &self.embed_part(&caption, (0, 0))?], 1)?;
        let mask = side_by_side(&source.mask, &caption.mask, tokens.batch);
        let mut whole = Trace::new(Joint::whole(&wanted));
        let parts = (&mask, source.length);
        let hidden = self.bert.encode_two_parts(&embedded, parts, pass, &mut whole)?;
        let text = with_end_first(&hidden, source.length, 1)?.narrow(1, 0, tokens.length)?.contiguous()?;
        let sequences = Sequences::padded(&tokens.mask, tokens.batch);
        self.bert.head((&text, &sequences), &input.text, pass, &mut whole)?;
        let mut ordered = Trace::new(whole.wanted().clone());
        for (name, tensor) in whole.taps() {
            ordered.record(name, &in_order_of_input(name, tensor, source.length)?);
        }
        ordered.record_mask("", &side_by_side(&tokens.mask, &regions.mask, tokens.batch));
        Joint { text: tokens.length, hidden: Hidden::WholeAndParts }.part(
            &ordered,
            wanted,
            &tokens.mask,
            &regions.mask,
        )
    }
}

/// A tap of tags, regions and caption in the order caption, tags, regions; taps of other places as they are.
fn in_order_of_input(name: &str, tensor: &Tensor, source: usize) -> Result<Tensor, ModelError> {
    let kind = name.split_once('.').map_or(name, |(kind, _)| kind);
    if kind == "hidden" || PROJECTIONS.contains(&kind) {
        return with_end_first(tensor, source, 1);
    }
    if DISTRIBUTIONS.contains(&kind) {
        return with_end_first(&with_end_first(tensor, source, 2)?, source, 3);
    }
    Ok(tensor.clone())
}

/// What stands behind the first `count` places of a dimension, and then these.
fn with_end_first(tensor: &Tensor, count: usize, dimension: usize) -> Result<Tensor, ModelError> {
    let length = tensor.dim(dimension)?;
    let parts = [(count, length - count), (0, count)];
    let parts = parts.map(|(first, count)| tensor.narrow(dimension, first, count));
    let [behind, before] = parts;
    Ok(Tensor::cat(&[behind?, before?], dimension)?.contiguous()?)
}
