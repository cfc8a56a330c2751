//! Embeddings of images.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::{self, Activation};

use super::{Linear, WeightSource};
use crate::{ModelError, Patches};

/// A linear layer over patches, perhaps a first token, and a table of positions for a square grid.
#[derive(Debug, Clone)]
pub(crate) struct PatchEmbeddings {
    pub(crate) projection: Linear,
    /// `[1, width]`: what stands before the patches; none where nothing does.
    pub(crate) first: Option<Tensor>,
    /// `[1 + grid * grid, width]`: of the first token, if there is one, and then row by row.
    pub(crate) positions: Tensor,
    /// Rows and columns of the table.
    pub(crate) grid: usize,
}

impl PatchEmbeddings {
    /// The embeddings of ViLT, under these names.
    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        [channels, patch, width]: [usize; 3],
        grid: usize,
    ) -> Result<Self, ModelError> {
        let whole = |part: &str, rows: usize| {
            source.tensor(&format!("{name}.{part}"), &[1, rows, width])?.squeeze(0).map_err(ModelError::from)
        };
        let projection = format!("{name}.patch_embeddings.projection");
        Ok(Self {
            projection: Linear::load_patches(source, &projection, [channels, patch, width], true)?,
            first: Some(whole("cls_token", 1)?),
            positions: whole("position_embeddings", 1 + grid * grid)?,
            grid,
        })
    }

    /// First token and patches with their positions, `[batch, 1 + count, width]`.
    pub(crate) fn forward(&self, patches: &Patches) -> Result<Tensor, ModelError> {
        let batch = patches.values.dim(0)?;
        let embedded = self.projection.forward(&patches.values, Activation::Identity)?;
        let embedded = (embedded + self.places(patches)?)?;
        let Some(first) = &self.first else { return Ok(embedded) };
        let first = (first + self.positions.narrow(0, 0, 1)?)?;
        let first = first.unsqueeze(0)?.broadcast_as((batch, 1, first.dim(1)?))?;
        Ok(Tensor::cat(&[first.contiguous()?, embedded], 1)?)
    }

    /// The position of each patch, `[batch, count, width]`: the table stretched over the image's own grid, bilinear with
    /// the corners aligned; zero for padding.
    fn places(&self, patches: &Patches) -> Result<Tensor, ModelError> {
        let (batch, count, _) = patches.values.dims3()?;
        let (last, before) = (self.grid.saturating_sub(1), usize::from(self.first.is_some()));
        // The cell at or before a place, and how far beyond it the place lies.
        let cell = |place: u32, cells: u32| {
            let exact = if cells > 1 { place as f32 * last as f32 / (cells - 1) as f32 } else { 0.0 };
            let before = (exact.floor() as usize).min(last);
            (before, exact - before as f32)
        };
        let mut corners: [Vec<u32>; 4] = std::array::from_fn(|_| Vec::with_capacity(batch * count));
        let mut shares: [Vec<f32>; 4] = std::array::from_fn(|_| Vec::with_capacity(batch * count));
        for (index, (&[row, column], &real)) in patches.places.iter().zip(patches.mask.iter()).enumerate() {
            let [rows, columns] = patches.grids[index / count.max(1)];
            let ((top, down), (left, right)) = (cell(row, rows), cell(column, columns));
            let (bottom, end) = ((top + 1).min(last), (left + 1).min(last));
            let at = |row: usize, column: usize| (before + row * self.grid + column) as u32;
            let real = f32::from(real);
            for (corner, (id, share)) in [
                (at(top, left), (1.0 - down) * (1.0 - right)),
                (at(top, end), (1.0 - down) * right),
                (at(bottom, left), down * (1.0 - right)),
                (at(bottom, end), down * right),
            ]
            .into_iter()
            .enumerate()
            {
                corners[corner].push(id);
                shares[corner].push(share * real);
            }
        }
        let mut sum: Option<Tensor> = None;
        for (corner, share) in corners.into_iter().zip(shares) {
            // On the table's own grid every patch lies on a corner, and the other three have no part in it.
            if share.iter().all(|&share| share == 0.0) {
                continue;
            }
            let table = ops::embed(&self.positions, &Arc::new(corner), batch, 1.0, None)?;
            let part = if share.iter().all(|&share| share == 1.0) {
                table
            } else {
                table.broadcast_mul(&Tensor::from_vec(share, (batch, count, 1), device::current())?)?
            };
            sum = Some(match sum {
                None => part,
                Some(sum) => (sum + part)?,
            });
        }
        sum.ok_or_else(|| ModelError::Input("there are no patches to be read".into()))
    }
}
