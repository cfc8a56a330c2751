//! Regions of images, as a detector found them.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;

use crate::text_input::TextInput;
use crate::{ModelError, Tokens, integers};

/// Regions of the images of one batch, padded to one number.
#[derive(Debug, Clone)]
pub struct Regions {
    /// `[batch, regions, features]`: features of each region by the detector.
    pub features: Tensor,
    /// `[batch, regions, numbers]`: where each lies, for models that take it apart from the features.
    pub boxes: Option<Tensor>,
    /// `[batch, regions]`, 1 for a region and 0 for padding.
    pub mask: Arc<Vec<u8>>,
}

impl Regions {
    /// Regions all of which count, or those that a mask `[batch, regions]` has.
    ///
    /// # Errors
    /// When the shapes do not fit each other, or the mask is of other numbers than 0 and 1.
    pub fn from_tensors(
        features: &Tensor,
        boxes: Option<&Tensor>,
        mask: Option<&Tensor>,
    ) -> Result<Self, ModelError> {
        let (batch, regions, _) = features.dims3()?;
        let mismatch = |what: &str, shape: &[usize]| {
            ModelError::Input(format!(
                "{what} of shape {shape:?} do not fit features of [{batch}, {regions}, ..]"
            ))
        };
        if let Some(boxes) = boxes
            && (boxes.rank() != 3 || boxes.dims()[..2] != [batch, regions])
        {
            return Err(mismatch("boxes", boxes.dims()));
        }
        let mask = match mask {
            None => vec![1; batch * regions],
            Some(mask) if mask.dims() == [batch, regions] => integers::mask("visual_attention_mask", mask)?,
            Some(mask) => return Err(mismatch("masks", mask.dims())),
        };
        Ok(Self { features: features.contiguous()?, boxes: boxes.cloned(), mask: Arc::new(mask) })
    }

    /// Fails unless there are regions of so many images, each with so many features.
    pub(crate) fn check(&self, batch: usize, features: usize) -> Result<(), ModelError> {
        let (images, _, found) = self.features.dims3()?;
        if images != batch {
            return Err(ModelError::Input(format!("there are {batch} texts and regions of {images} images")));
        }
        if found != features {
            return Err(ModelError::Input(format!(
                "regions have {found} features; the model reads {features}"
            )));
        }
        Ok(())
    }
}

/// Regions of images, and the tokens of the tags of the objects in them.
#[derive(Debug, Clone)]
pub struct TaggedRegions {
    /// The regions of each image.
    pub regions: Regions,
    /// The tags of each image, with the end of a text behind them; of no length where no tags are read.
    pub tags: Tokens,
}

impl TaggedRegions {
    /// Texts with the tags of their images behind them as a second segment; of the texts, the tokens at `selected` places `(row,
    /// place)` are those whose logits are wanted.
    #[must_use]
    pub fn behind(&self, texts: &Tokens, selected: Option<&[(usize, usize)]>) -> TextInput {
        let (text, tags) = (texts.length, self.tags.length);
        let rows = 0..texts.batch;
        let both = |row: usize| {
            texts.ids[row * text..(row + 1) * text].iter().chain(&self.tags.ids[row * tags..(row + 1) * tags])
        };
        let segments = |_: usize| std::iter::repeat_n(0, text).chain(std::iter::repeat_n(1, tags));
        let tokens = Tokens {
            ids: Arc::new(rows.clone().flat_map(both).copied().collect()),
            mask: side_by_side(&texts.mask, &self.tags.mask, texts.batch),
            batch: texts.batch,
            length: text + tags,
        };
        let place = |&(row, place): &(usize, usize)| (row * (text + tags) + place) as u32;
        TextInput {
            segments: Some(Arc::new(rows.flat_map(segments).collect())),
            selected: selected.map(|selected| Arc::new(selected.iter().map(place).collect())),
            ..TextInput::new(tokens)
        }
    }
}

/// Masks `[batch, left]` and `[batch, right]` side by side.
pub(crate) fn side_by_side(left: &[u8], right: &[u8], batch: usize) -> Arc<Vec<u8>> {
    let (own, other) = (left.len() / batch.max(1), right.len() / batch.max(1));
    let rows = (0..batch).flat_map(|row| {
        left[row * own..(row + 1) * own].iter().chain(&right[row * other..(row + 1) * other]).copied()
    });
    Arc::new(rows.collect())
}
