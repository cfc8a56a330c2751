//! Dropout whose masks come from a seeded stream.

use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, bail};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::composite::is_needed;
use crate::random::Streams;
use crate::vector::vectorised;
use crate::{buffer, graph};

/// Elements whose mask one generator draws: fixed, so that a mask does not depend on the number of threads.
const BLOCK: usize = 16 * 1024;

/// Generator of the dropout masks of one training run.
///
/// Every mask takes one number from the stream and grows from it. Each part of a step has a stream of its own.
#[derive(Debug)]
pub struct Dropout {
    streams: Streams,
    stream: Mutex<ChaCha8Rng>,
}

impl Dropout {
    /// Masks drawn from the dropout streams of a seed, first those of the first step.
    #[must_use]
    pub fn new(streams: &Streams) -> Self {
        Self { streams: *streams, stream: Mutex::new(streams.dropout(0, 0)) }
    }

    /// Goes to the beginning of the stream of one part of a step, both counted from 0, whatever was drawn before.
    pub fn seek(&self, step: usize, part: usize) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) =
            self.streams.dropout(step as u64, part as u64);
    }

    /// So many numbers between 0 and 1, neither of them among these, drawn from the same streams.
    pub fn uniform(&self, length: usize) -> Vec<f32> {
        let seed: [u8; 32] = self.stream.lock().unwrap_or_else(PoisonError::into_inner).random();
        let mut numbers = vec![0.0f32; length];
        let fill = |(block, numbers): (usize, &mut [f32])| {
            let mut generator = ChaCha8Rng::from_seed(seed);
            generator.set_stream(block as u64);
            for number in numbers {
                // The middles of 2²³ equal parts, each of which is a number of 32 bits.
                *number = ((generator.next_u32() >> 9) as f32 + 0.5) / 8_388_608.0;
            }
        };
        numbers.par_chunks_mut(BLOCK).enumerate().for_each(fill);
        numbers
    }

    /// A mask for `length` elements that drops each with `probability`; none when nothing would be dropped.
    pub fn mask(&self, length: usize, probability: f32) -> Option<DropoutMask> {
        if probability <= 0.0 {
            return None;
        }
        let seed: [u8; 32] = self.stream.lock().unwrap_or_else(PoisonError::into_inner).random();
        // Sixteen bits an element: the probability is met to 1.5e-5.
        let threshold = (f64::from(probability) * 65_536.0).round().min(65_536.0) as u32;
        let mut kept = vec![0u8; length];
        let fill = |(block, kept): (usize, &mut [u8])| {
            let mut generator = ChaCha8Rng::from_seed(seed);
            generator.set_stream(block as u64);
            let mut bytes = vec![0u8; kept.len() * 2];
            generator.fill_bytes(&mut bytes);
            for (kept, pair) in kept.iter_mut().zip(bytes.chunks_exact(2)) {
                *kept = u8::from(u32::from(u16::from_le_bytes([pair[0], pair[1]])) >= threshold);
            }
        };
        kept.par_chunks_mut(BLOCK).enumerate().for_each(fill);
        let scale = if probability < 1.0 { 1.0 / (1.0 - probability) } else { 0.0 };
        Some(DropoutMask { kept: Arc::new(kept), scale })
    }
}

/// Dropout mask: which elements are kept (1), and the factor that keeps their expectation.
#[derive(Debug, Clone)]
pub struct DropoutMask {
    kept: Arc<Vec<u8>>,
    scale: f32,
}

impl DropoutMask {
    /// Fails unless the mask was drawn for as many elements.
    pub(super) fn check(&self, operation: &str, shape: &Shape) -> Result<()> {
        if self.kept.len() != shape.elem_count() {
            bail!("{operation}: a dropout mask for {} elements does not fit {shape:?}", self.kept.len())
        }
        Ok(())
    }

    /// The mask of other elements, laid out anew from these.
    pub(super) fn laid_out(&self, lay_out: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        Self { kept: Arc::new(lay_out(&self.kept)), scale: self.scale }
    }

    /// The factor of each element.
    pub(super) fn factors(&self, shape: &Shape, device: &Device) -> Result<Tensor> {
        // Copied as bytes, which take a quarter of the factors.
        let kept = Tensor::from_slice(self.kept.as_slice(), shape, device)?;
        kept.to_dtype(DType::F32)? * f64::from(self.scale)
    }

    /// The elements of `values` that are kept, scaled; zeros elsewhere.
    pub(super) fn apply(&self, values: &[f32]) -> Vec<f32> {
        buffer::build_rows(values.len(), 1, |first, out| {
            let range = first..first + out.len();
            keep(&values[range.clone()], &self.kept[range], self.scale, out);
        })
    }

    /// Drops and scales `values`, the elements from `first` on, in place.
    pub(super) fn apply_from(&self, first: usize, values: &mut [f32]) {
        keep_in_place(values, &self.kept[first..first + values.len()], self.scale);
    }

    /// `x + mask(residual)` for the elements from `first` on.
    pub(super) fn add_kept(&self, first: usize, x: &[f32], residual: &[f32], out: &mut [MaybeUninit<f32>]) {
        add_kept(x, residual, &self.kept[first..first + out.len()], self.scale, out);
    }
}

vectorised! {
    fn keep(values: &[f32], kept: &[u8], scale: f32, out: &mut [MaybeUninit<f32>]) {
        for ((out, value), kept) in out.iter_mut().zip(values).zip(kept) {
            out.write(value * (f32::from(*kept) * scale));
        }
    }
}

vectorised! {
    fn keep_in_place(values: &mut [f32], kept: &[u8], scale: f32) {
        for (value, kept) in values.iter_mut().zip(kept) {
            *value *= f32::from(*kept) * scale;
        }
    }
}

vectorised! {
    fn add_kept(x: &[f32], residual: &[f32], kept: &[u8], scale: f32, out: &mut [MaybeUninit<f32>]) {
        for (((out, x), residual), kept) in out.iter_mut().zip(x).zip(residual).zip(kept) {
            out.write(x + residual * (f32::from(*kept) * scale));
        }
    }
}

struct Apply(DropoutMask);

impl CustomOp1 for Apply {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let values = buffer::slice(storage, layout, self.name())?;
        self.0.check(self.name(), layout.shape())?;
        Ok((CpuStorage::F32(self.0.apply(values)), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let gradient = buffer::with_slice(upstream, self.name(), |upstream| self.0.apply(upstream))?;
        Tensor::from_vec(gradient, input.shape(), input.device()).map(Some)
    }
}

/// Composite of [`dropout`].
pub(super) fn dropout_composite(x: &Tensor, mask: &DropoutMask) -> Result<Tensor> {
    mask.check("dropout", x.shape())?;
    x * mask.factors(x.shape(), x.device())?
}

/// Drops elements by a mask, or nothing without one.
///
/// # Errors
/// When the tensor is not `f32`, or the mask was drawn for another number of elements.
pub fn dropout(input: &Tensor, mask: Option<DropoutMask>) -> Result<Tensor> {
    match mask {
        None => Ok(input.clone()),
        Some(mask) if is_needed(input) => dropout_composite(input, &mask),
        Some(mask) => graph::apply1(&input.contiguous()?, Apply(mask)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_keep_the_expected_share_and_follow_step_and_part() {
        let dropout = Dropout::new(&Streams::new(3));
        dropout.seek(4, 1);
        let mask = dropout.mask(100_000, 0.25).unwrap();
        let share = mask.kept.iter().map(|&kept| f64::from(kept)).sum::<f64>() / 1e5;
        assert!((share - 0.75).abs() < 0.01, "kept {share}");
        let next = dropout.mask(100_000, 0.25).unwrap();
        assert_ne!(mask.kept, next.kept);
        dropout.seek(4, 1);
        assert_eq!(mask.kept, dropout.mask(100_000, 0.25).unwrap().kept);
        dropout.seek(4, 2);
        assert_ne!(mask.kept, dropout.mask(100_000, 0.25).unwrap().kept);
        assert!(dropout.mask(10, 0.0).is_none());
    }

    #[test]
    fn uniform_numbers_lie_within_their_bounds_and_follow_step_and_part() {
        let dropout = Dropout::new(&Streams::new(3));
        dropout.seek(4, 1);
        let numbers = dropout.uniform(40_000);
        assert!(numbers.iter().all(|&number| 0.0 < number && number < 1.0));
        let mean = numbers.iter().map(|&number| f64::from(number)).sum::<f64>() / 4e4;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_ne!(numbers, dropout.uniform(40_000));
        dropout.seek(4, 1);
        assert_eq!(numbers, dropout.uniform(40_000));
    }
}
