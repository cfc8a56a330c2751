//! Squared differences.

use std::mem::MaybeUninit;
use std::sync::Arc;

use candle_core::{CpuStorage, D, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::composite::{is_needed, mean_of_rows};
use crate::vector::vectorised;
use crate::{buffer, graph};

/// Weights of rows and columns in [`squared_error`].
#[derive(Debug, Clone)]
pub struct SquaredError {
    /// The weight of each row along the last dimension; rows of weight zero are left out.
    pub weights: Arc<Vec<f32>>,
    /// Mask of the columns that count, `[batch, columns]` row by row, 1 for those that do; none for all. A row is of the example in
    /// whose share of all rows it lies.
    pub columns: Option<Arc<Vec<u8>>>,
}

vectorised! {
    /// The sum of the squared differences of one row, each times its factor.
    fn row(student: &[f32], teacher: &[f32], factors: &[f32]) -> f32 {
        // Sums of sixteen, so that the additions need not wait for each other.
        let mut sums = [0.0_f32; 16];
        for ((student, teacher), factors) in student.chunks(16).zip(teacher.chunks(16)).zip(factors.chunks(16)) {
            for (((student, teacher), factor), sum) in student.iter().zip(teacher).zip(factors).zip(&mut sums) {
                let difference = student - teacher;
                *sum += factor * difference * difference;
            }
        }
        sums.iter().sum()
    }
}

vectorised! {
    /// The gradient of [`row`] times a scale.
    fn row_backward(
        student: &[f32],
        teacher: &[f32],
        factors: &[f32],
        scale: f32,
        out: &mut [MaybeUninit<f32>],
    ) {
        for (((out, student), teacher), factor) in out.iter_mut().zip(student).zip(teacher).zip(factors) {
            out.write(2.0 * factor * (student - teacher) * scale);
        }
    }
}

/// Shares of the rows of `width` in the mean, and of their columns.
struct Shares {
    width: usize,
    /// Of each row; they sum to 1, or to 0 where no row counts.
    rows: Vec<f32>,
    /// `[examples, width]`, or of one example for all.
    columns: Vec<f32>,
}

impl Shares {
    fn columns_of(&self, row: usize) -> &[f32] {
        let example = row / (self.rows.len() * self.width / self.columns.len());
        &self.columns[example * self.width..(example + 1) * self.width]
    }

    fn loss(&self, student: &[f32], teacher: &[f32]) -> f32 {
        let rows = student.par_chunks(self.width).zip(teacher.par_chunks(self.width)).zip(&self.rows);
        let losses = rows.enumerate().map(|(index, ((student, teacher), &share))| {
            if share == 0.0 { 0.0 } else { share * row(student, teacher, self.columns_of(index)) }
        });
        losses.with_min_len(buffer::rows_per_task(self.width)).collect::<Vec<f32>>().iter().sum()
    }

    /// The gradient with regard to the student, times a scale.
    fn gradient(&self, student: &[f32], teacher: &[f32], scale: f32) -> Vec<f32> {
        buffer::build_rows(self.rows.len(), self.width, |first, out| {
            for (index, out) in (first..).zip(out.chunks_exact_mut(self.width)) {
                let range = index * self.width..(index + 1) * self.width;
                match self.rows[index] {
                    // A row that does not count adds nothing, not even a NaN.
                    0.0 => out.fill(MaybeUninit::new(0.0)),
                    share => {
                        let columns = self.columns_of(index);
                        row_backward(&student[range.clone()], &teacher[range], columns, share * scale, out);
                    }
                }
            }
        })
    }
}

/// The shares of the columns of an example in the mean of a row.
fn factors(counted: &[u8]) -> impl Iterator<Item = f32> {
    let count: u32 = counted.iter().map(|&counted| u32::from(counted)).sum();
    let inverse = 1.0 / count.max(1) as f32;
    counted.iter().map(move |&counted| f32::from(counted) * inverse)
}

/// Calls `compute` with the elements of both.
fn with_both<T>(student: &Tensor, teacher: &Tensor, compute: impl FnOnce(&[f32], &[f32]) -> T) -> Result<T> {
    buffer::with_slice(student, "squared error", |student| {
        buffer::with_slice(teacher, "squared error", |teacher| compute(student, teacher))
    })?
}

/// Composite of [`squared_error`], with the weights of rows, and `factors` of each example and column, `[examples, columns]`.
pub(super) fn squared_error_composite(
    student: &Tensor,
    teacher: &Tensor,
    weights: &[f32],
    factors: Vec<f32>,
) -> Result<Tensor> {
    let width = student.dim(D::Minus1)?;
    let examples = factors.len() / width;
    let factors = Tensor::from_vec(factors, (examples, 1, width), student.device())?;
    let squares = (student - teacher.detach())?.sqr()?.reshape((examples, (), width))?;
    let losses = squares.broadcast_mul(&factors)?.sum(D::Minus1)?.flatten_all()?;
    mean_of_rows(&losses, weights)
}

/// The mean of the squared differences of two tensors `[.., columns]`: of each row over the columns that count, and of these a
/// weighted mean over rows, 0 where all weights are. The teacher gets no gradient.
///
/// # Errors
/// When the shapes do not fit or a tensor is not `f32`.
pub fn squared_error(student: &Tensor, teacher: &Tensor, settings: SquaredError) -> Result<Tensor> {
    let SquaredError { weights, columns } = settings;
    let width = student.dims().last().copied().unwrap_or(0);
    let rows = weights.len();
    if student.shape() != teacher.shape() || width == 0 || rows * width != student.elem_count() {
        bail!(
            "squared error: {rows} row weights do not fit student {:?} and teacher {:?}",
            student.shape(),
            teacher.shape()
        )
    }
    let examples = columns.as_ref().map_or(1, |columns| columns.len() / width);
    if columns.as_ref().is_some_and(|columns| columns.len() != examples * width)
        || examples == 0
        || !rows.is_multiple_of(examples)
    {
        bail!("squared error: the columns that count do not fit {rows} rows of {width}")
    }
    let factors: Vec<f32> = match &columns {
        None => factors(&vec![1; width]).collect(),
        Some(columns) => columns.chunks_exact(width).flat_map(factors).collect(),
    };
    if is_needed(student) {
        return squared_error_composite(student, teacher, &weights, factors);
    }
    let total: f32 = weights.iter().sum();
    let inverse = if total > 0.0 { 1.0 / total } else { 0.0 };
    let rows = weights.iter().map(|weight| weight * inverse).collect();
    let shares = Shares { width, rows, columns: factors };
    let (student, teacher) = (student.contiguous()?, teacher.detach());
    let loss = with_both(&student, &teacher, |student, teacher| shares.loss(student, teacher))?;
    // The gradient is made on the way back, out of both: it would take as much room until then.
    graph::record_one(
        (CpuStorage::F32(vec![loss]), Shape::from(())),
        &[&student],
        move |inputs, _, upstream| {
            let (student, scale) = (&inputs[0], upstream.to_scalar::<f32>()?);
            let gradient =
                with_both(student, &teacher, |student, teacher| shares.gradient(student, teacher, scale))?;
            Ok(vec![Some(Tensor::from_vec(gradient, student.shape(), student.device())?)])
        },
    )
}
