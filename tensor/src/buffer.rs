//! Output buffers that are written once, in parallel, without being cleared first.
//!
//! Clearing fresh pages costs as much as the small operations themselves, so a
//! kernel gets uninitialised memory and the duty to write all of it.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};
use rayon::prelude::*;

/// Elements that make a task worth handing to another thread.
const ELEMENTS_PER_TASK: usize = 16 * 1024;

/// Rows of `width` elements that one task should take, independent of the number of threads, so that
/// sums made per task come out the same whatever the machine.
pub(crate) fn rows_per_task(width: usize) -> usize {
    (ELEMENTS_PER_TASK / width.max(1)).max(1)
}

/// A vector of `rows * width` elements; `write` fills rows `[first, first + n)` of it, given as one slice,
/// and must initialise every element.
pub(crate) fn build_rows<F>(rows: usize, width: usize, write: F) -> Vec<f32>
where
    F: Fn(usize, &mut [MaybeUninit<f32>]) + Sync,
{
    let length = rows * width;
    build(length, |out| {
        let rows_per_task = rows_per_task(width);
        if length == 0 {
        } else if rows <= rows_per_task {
            write(0, out);
        } else {
            out.par_chunks_mut(rows_per_task * width)
                .enumerate()
                .for_each(|(task, chunk)| write(task * rows_per_task, chunk));
        }
    })
}

/// A vector of `length` elements that `write` initialises, every one of them.
pub(crate) fn build(length: usize, write: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let mut buffer = Vec::with_capacity(length);
    write(&mut buffer.spare_capacity_mut()[..length]);
    // SAFETY: the contract of this function, which is private to the crate, has `write` initialise all
    // `length` elements, and the capacity is at least `length`.
    unsafe { buffer.set_len(length) };
    buffer
}

/// The element-wise image of one slice.
pub(crate) fn map(input: &[f32], function: impl Fn(&[f32], &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
    build_rows(input.len(), 1, |first, out| function(&input[first..first + out.len()], out))
}

/// The contiguous elements behind a storage, as kernels want them.
pub(crate) fn slice<'a>(
    storage: &'a CpuStorage,
    layout: &Layout,
    operation: &'static str,
) -> Result<&'a [f32]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("{operation}: input of shape {:?} is not contiguous", layout.shape())
    };
    match storage {
        CpuStorage::F32(values) => Ok(&values[start..end]),
        _ => bail!("{operation}: only f32 tensors can be used"),
    }
}

/// Calls `read` with the elements of a tensor, copied only when they are not contiguous or not in CPU memory.
///
/// # Errors
/// When the tensor is not `f32`.
pub(crate) fn with_slice<T>(
    tensor: &Tensor,
    operation: &'static str,
    read: impl FnOnce(&[f32]) -> T,
) -> Result<T> {
    if !tensor.device().is_cpu() {
        return Ok(read(&tensor.flatten_all()?.to_vec1::<f32>()?));
    }
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(read(slice(storage, layout, operation)?)),
        _ => bail!("{operation}: runs on the CPU only"),
    }
}

/// Adds up, column by column, the rows that `accumulate(row range, sums)` reports, task by task in a fixed order.
pub(crate) fn sum_rows<F>(rows: usize, width: usize, accumulate: F) -> Vec<f32>
where
    F: Fn(std::ops::Range<usize>, &mut [f32]) + Sync,
{
    let step = rows_per_task(width);
    let partial: Vec<Vec<f32>> = (0..rows.div_ceil(step))
        .into_par_iter()
        .map(|task| {
            let mut sums = vec![0.0; width];
            accumulate(task * step..((task + 1) * step).min(rows), &mut sums);
            sums
        })
        .collect();
    let mut partial = partial.into_iter();
    let mut total = partial.next().unwrap_or_else(|| vec![0.0; width]);
    for sums in partial {
        for (total, value) in total.iter_mut().zip(sums) {
            *total += value;
        }
    }
    total
}
