//! Gradient of a tensor, dense or of those rows of a table that were looked up, and its accumulation.

use candle_core::{CpuStorage, Device, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::{buffer, vector};

/// Gradient of a tensor, dense or sparse.
#[derive(Clone, Debug)]
pub(crate) enum Gradient {
    /// Of all elements.
    Dense(Tensor),
    /// Of some rows of a table; those of the others are zero.
    Sparse(SparseGradient),
}

impl From<Tensor> for Gradient {
    fn from(tensor: Tensor) -> Self {
        Self::Dense(tensor)
    }
}

impl Gradient {
    fn shape(&self) -> Shape {
        match self {
            Self::Dense(tensor) => tensor.shape().clone(),
            Self::Sparse(rows) => rows.shape.into(),
        }
    }

    /// The gradient in the shape of what it belongs to.
    pub(crate) fn tensor(&self) -> Result<Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor.clone()),
            Self::Sparse(rows) => {
                let (count, width) = rows.shape;
                let mut whole = vec![0.0; count * width];
                rows.add_to(&mut whole);
                Tensor::from_vec(whole, rows.shape, &Device::Cpu)
            }
        }
    }
}

/// Sparse gradient of a table `[rows, width]` in CPU memory: the rows that are not zero.
///
/// A vocabulary has tens of thousands of rows, and a batch of short texts looks up some hundred of them: all others neither
/// have to be cleared nor read.
#[derive(Clone, Debug)]
pub(crate) struct SparseGradient {
    shape: (usize, usize),
    /// Indices of the rows, each once and in their order.
    ids: Vec<u32>,
    /// `[ids, width]`.
    values: Vec<f32>,
}

impl SparseGradient {
    /// `scale` times the sum of the rows of `values`, `[ids, width]`, that belong to the same id. Each id must be a row of
    /// the table, whose shape is given.
    pub(crate) fn of(ids: &[u32], values: &[f32], scale: f32, shape: (usize, usize)) -> Self {
        let width = shape.1;
        let mut places: Vec<usize> = (0..ids.len()).collect();
        // What belongs to one id stays in its order, so that sums come out the same.
        places.sort_by_key(|&place| ids[place]);
        let groups: Vec<&[usize]> = places.chunk_by(|&one, &other| ids[one] == ids[other]).collect();
        let mut sums = vec![0.0; groups.len() * width];
        let step = buffer::rows_per_task(width);
        sums.par_chunks_mut(step * width).zip(groups.par_chunks(step)).for_each(|(sums, groups)| {
            for (sum, places) in sums.chunks_exact_mut(width).zip(groups) {
                for &place in *places {
                    vector::add_scaled(sum, &values[place * width..][..width], scale);
                }
            }
        });
        Self { shape, ids: groups.iter().map(|group| ids[group[0]]).collect(), values: sums }
    }

    /// The rows of a whole gradient `[rows, ..]` in CPU memory that are not zero throughout.
    ///
    /// # Errors
    /// When it is not `f32`.
    pub(crate) fn of_rows(gradient: &Tensor) -> Result<Self> {
        let rows = gradient.dim(0)?;
        let width = gradient.elem_count() / rows.max(1);
        let ids = (0..rows as u32).collect();
        let values = buffer::with_slice(gradient, "gradients", <[f32]>::to_vec)?;
        Ok(Self { shape: (rows, width), ids, values }.without_zero_rows())
    }

    /// The rows that are not zero throughout.
    pub(crate) fn without_zero_rows(&self) -> Self {
        let rows = self.ids.iter().zip(self.values.chunks_exact(self.shape.1.max(1)));
        let kept = rows.filter(|(_, row)| row.iter().any(|&value| value != 0.0));
        let (ids, values): (Vec<u32>, Vec<&[f32]>) = kept.map(|(&id, row)| (id, row)).unzip();
        Self { shape: self.shape, ids, values: values.concat() }
    }

    /// The shape of the table.
    pub(crate) fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Indices of the rows, each once and in their order.
    pub(crate) fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Their gradients, `[ids, width]`.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// The rows of both, added up where both have them.
    fn plus(&self, other: &Self) -> Self {
        let ids = [self.ids.as_slice(), &other.ids].concat();
        Self::of(&ids, &[self.values.as_slice(), &other.values].concat(), 1.0, self.shape)
    }

    /// Adds the rows to a whole table.
    fn add_to(&self, table: &mut [f32]) {
        let width = self.shape.1;
        for (&id, row) in self.ids.iter().zip(self.values.chunks_exact(width)) {
            vector::add_scaled(&mut table[id as usize * width..][..width], row, 1.0);
        }
    }
}

/// Accumulator of the gradients of a tensor, all of its shape.
#[derive(Default)]
pub(crate) struct GradientAccumulator {
    gradient: Option<Gradient>,
    /// Whether it is a whole tensor that was made here, so that no one else holds its memory.
    own: bool,
}

impl From<Gradient> for GradientAccumulator {
    fn from(gradient: Gradient) -> Self {
        Self { gradient: Some(gradient), own: false }
    }
}

impl GradientAccumulator {
    /// The sum, if anything was added.
    pub(crate) fn into_gradient(self) -> Option<Gradient> {
        self.gradient
    }

    pub(crate) fn add(&mut self, more: Gradient) -> Result<()> {
        if let Some(sum) = self.gradient.as_ref().filter(|sum| sum.shape() != more.shape()) {
            bail!("gradients of shapes {:?} and {:?} cannot be added up", sum.shape(), more.shape())
        }
        self.gradient = Some(match (self.gradient.take(), more) {
            (None, first) => first,
            (Some(Gradient::Sparse(rows)), Gradient::Sparse(more)) => Gradient::Sparse(rows.plus(&more)),
            (Some(Gradient::Dense(whole)), Gradient::Sparse(rows))
            | (Some(Gradient::Sparse(rows)), Gradient::Dense(whole)) => {
                let sum = if self.own { whole } else { copy(&whole)? };
                sum.inplace_op1(&rows)?;
                self.own = true;
                Gradient::Dense(sum)
            }
            (Some(Gradient::Dense(sum)), Gradient::Dense(more)) if !sum.device().is_cpu() => {
                Gradient::Dense((sum + more)?)
            }
            (Some(Gradient::Dense(sum)), Gradient::Dense(more)) if self.own => {
                sum.inplace_op2(&more.contiguous()?, &AddTo)?;
                Gradient::Dense(sum)
            }
            (Some(Gradient::Dense(first)), Gradient::Dense(second)) => {
                self.own = true;
                Gradient::Dense(plus(&first, &second)?)
            }
        });
        Ok(())
    }
}

/// The sum of two tensors of one shape.
fn plus(first: &Tensor, second: &Tensor) -> Result<Tensor> {
    let sum = buffer::with_slice(first, "gradients", |first| {
        buffer::with_slice(second, "gradients", |second| {
            buffer::build_rows(first.len(), 1, |start, out| {
                let range = start..start + out.len();
                vector::add(&first[range.clone()], &second[range], out);
            })
        })
    })??;
    Tensor::from_vec(sum, first.shape(), first.device())
}

/// A copy of a tensor in memory of its own.
fn copy(tensor: &Tensor) -> Result<Tensor> {
    let values = buffer::with_slice(tensor, "gradients", <[f32]>::to_vec)?;
    Tensor::from_vec(values, tensor.shape(), tensor.device())
}

impl InplaceOp1 for SparseGradient {
    fn name(&self) -> &'static str {
        "add rows"
    }

    fn cpu_fwd(&self, table: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (CpuStorage::F32(table), Some((start, end))) = (table, layout.contiguous_offsets()) else {
            bail!("gradients: only contiguous f32 tensors can be added up")
        };
        self.add_to(&mut table[start..end]);
        Ok(())
    }
}

struct AddTo;

impl InplaceOp2 for AddTo {
    fn name(&self) -> &'static str {
        "add to"
    }

    fn cpu_fwd(
        &self,
        sum: &mut CpuStorage,
        sum_layout: &Layout,
        more: &CpuStorage,
        more_layout: &Layout,
    ) -> Result<()> {
        let more = buffer::slice(more, more_layout, "gradients")?;
        let (CpuStorage::F32(sum), Some((start, end))) = (sum, sum_layout.contiguous_offsets()) else {
            bail!("gradients: only contiguous f32 tensors can be added up")
        };
        let step = buffer::rows_per_task(1);
        let parts = sum[start..end].par_chunks_mut(step).zip(more.par_chunks(step));
        parts.for_each(|(sum, more)| vector::add_scaled(sum, more, 1.0));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(gradient: &Gradient) -> Vec<f32> {
        gradient.tensor().unwrap().flatten_all().unwrap().to_vec1().unwrap()
    }

    /// Row 0 twice, row 3 once.
    fn rows() -> Gradient {
        Gradient::Sparse(SparseGradient::of(&[3, 0, 0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.5, (4, 2)))
    }

    fn tensor() -> Tensor {
        Tensor::new(&[[1.0f32, 0.0], [0.0, 1.0], [2.0, 2.0], [0.0, 1.0]], &Device::Cpu).unwrap()
    }

    #[test]
    fn rows_of_one_id_are_added_up() {
        let Gradient::Sparse(rows) = rows() else { panic!("rows were given") };
        assert_eq!((rows.ids(), rows.values()), ([0, 3].as_slice(), [4.0, 5.0, 0.5, 1.0].as_slice()));
        assert_eq!(whole(&Gradient::Sparse(rows)), [4.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn sums_are_the_same_in_whatever_form_their_parts_come_and_leave_these_alone() {
        let (given, others) =
            (tensor(), Gradient::Sparse(SparseGradient::of(&[1, 3], &[1.0, 1.0, 2.0, 2.0], 1.0, (4, 2))));
        let parts = [Gradient::Dense(given.clone()), rows(), others];
        let expected = [5.0, 5.0, 1.0, 2.0, 2.0, 2.0, 2.5, 4.0];
        for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0]] {
            for whole_form in [false, true] {
                let mut sum = GradientAccumulator::default();
                for part in order.map(|index| &parts[index]) {
                    let part = if whole_form { part.tensor().unwrap().into() } else { part.clone() };
                    sum.add(part).unwrap();
                }
                assert_eq!(whole(&sum.into_gradient().unwrap()), expected, "{order:?}");
            }
        }
        assert_eq!(whole(&Gradient::Dense(given)), whole(&Gradient::Dense(tensor())));
        let mut sum = GradientAccumulator::from(rows());
        let other = Tensor::zeros((2, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(sum.add(other.into()).unwrap_err().to_string().contains("[4, 2]"));
    }
}
