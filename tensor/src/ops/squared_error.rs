//! Squared differences.

use std::mem::MaybeUninit;
use std::sync::Arc;

use candle_core::{CpuStorage, Result, Shape, Tensor, bail};

use super::composite;
use super::cross_entropy::{mean_over_rows, scaled_gradient};
use crate::vector::vectorised;
use crate::{buffer, graph};

/// What of two tensors [`squared_error`] compares.
#[derive(Debug, Clone)]
pub struct SquaredError {
    /// The weight of each row along the last dimension; rows of weight zero are left out.
    pub weights: Arc<Vec<f32>>,
    /// Which columns count, `[batch, columns]` row by row, 1 for those that do; none for all. A row is of the example in whose
    /// share of all rows it lies.
    pub columns: Option<Arc<Vec<u8>>>,
}

vectorised! {
    /// The sum of the squared differences of one row, each times its factor; `out` gets its gradient.
    fn row(student: &[f32], teacher: &[f32], factors: &[f32], out: &mut [MaybeUninit<f32>]) -> f32 {
        // Sums of sixteen, so that the additions need not wait for each other.
        let mut sums = [0.0_f32; 16];
        let pieces = student.chunks(16).zip(teacher.chunks(16)).zip(factors.chunks(16));
        for (out, ((student, teacher), factors)) in out.chunks_mut(16).zip(pieces) {
            for ((((out, student), teacher), factor), sum) in
                out.iter_mut().zip(student).zip(teacher).zip(factors).zip(&mut sums)
            {
                let difference = student - teacher;
                *sum += factor * difference * difference;
                out.write(2.0 * factor * difference);
            }
        }
        sums.iter().sum()
    }
}

/// What each column of an example counts in the mean of a row.
fn factors(counted: &[u8]) -> impl Iterator<Item = f32> {
    let count: u32 = counted.iter().map(|&counted| u32::from(counted)).sum();
    let inverse = 1.0 / count.max(1) as f32;
    counted.iter().map(move |&counted| f32::from(counted) * inverse)
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
    if composite::is_needed(student) {
        return composite::squared_error(student, teacher, &weights, factors);
    }
    let student = student.contiguous()?;
    let loss = buffer::with_slice(&student, "squared error", |student| {
        buffer::with_slice(teacher, "squared error", |teacher| {
            mean_over_rows(student, width, &weights, |index, student, out| {
                let example = index / (rows / examples);
                let factors = &factors[example * width..(example + 1) * width];
                row(student, &teacher[index * width..(index + 1) * width], factors, out)
            })
        })
    })??;
    let result = (CpuStorage::F32(vec![loss.value]), Shape::from(()));
    graph::record_one(result, &[&student], move |inputs, _, upstream| {
        Ok(vec![Some(scaled_gradient(Some(&loss.gradient), &inputs[0], upstream)?)])
    })
}
