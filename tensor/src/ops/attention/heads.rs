//! Number and scale of attention heads.

use candle_core::{Result, bail};

/// Attention heads: their number, and the factor on their scores.
#[derive(Debug, Clone, Copy)]
pub struct AttentionHeads {
    /// The number of heads.
    pub count: usize,
    /// The factor on query times key, usually one over the square root of the head's width.
    pub scale: f32,
}

impl AttentionHeads {
    /// Heads that split `width` evenly, scores divided by the square root of their width.
    ///
    /// # Errors
    /// When the width does not divide.
    pub fn new(count: usize, width: usize) -> Result<Self> {
        let heads = Self { count, scale: 1.0 / ((width / count.max(1)) as f32).sqrt() };
        heads.check(width)?;
        Ok(heads)
    }

    /// Fails unless the heads split `width` evenly.
    pub(super) fn check(self, width: usize) -> Result<()> {
        if width == 0 || self.count == 0 || !width.is_multiple_of(self.count) {
            bail!("attention: a width of {width} does not divide into {} heads", self.count)
        }
        Ok(())
    }
}
