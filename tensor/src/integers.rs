//! Products of integers of 8 bits, through `rten-gemm`, with a matrix that stays as it is.
//!
//! The weights of an output are multiples, from -127 to 127, of a step of their own. A row that is multiplied is brought
//! to 0 to 255, from its smallest number to its largest, when it comes: so no examples are needed beforehand, and what a
//! row gives does not depend on the others. Sums are exact.

use std::mem::MaybeUninit;

use rayon::prelude::*;
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmUninitOptions, PackedBMatrix};
use rten_tensor::NdTensorView;

use crate::buffer;
use crate::vector::{self, vectorised};

/// Weights `[outputs, inputs]` in 8 bits.
pub(crate) struct Integers {
    laid_out: PackedBMatrix<i8>,
    outputs: Outputs,
    inputs: usize,
}

/// What is known of each output.
struct Outputs {
    /// The step of its weights.
    steps: Vec<f32>,
    /// The sum of its weights, in steps. What stands for zero in a row is taken off by it: `rten-gemm` 0.27.0, which
    /// could do so, takes the first 8 rows' for all.
    sums: Vec<i32>,
}

vectorised! {
    /// Brings a row to 0 to 255, and gives its step and what stands for zero.
    fn quantise(row: &[f32], out: &mut [MaybeUninit<u8>]) -> (f32, u8) {
        // Zero is one of the numbers, so that it stays what it is.
        let (least, most) = (vector::min(row).min(0.0), vector::max(row).max(0.0));
        let step = if most > least { (most - least) / 255.0 } else { 1.0 };
        let zero = (-least / step).round();
        let each = 1.0 / step;
        for (out, &value) in out.iter_mut().zip(row) {
            // Added to 2^23, a number is rounded to a whole one, which its lowest bits then are. What is no number is 0.
            let scaled = (value * each + zero).clamp(0.0, 255.0);
            out.write((scaled + 8_388_608.0).to_bits() as u8);
        }
        (step, zero as u8)
    }
}

vectorised! {
    /// Sums of integers over a row, of so large steps and with this for zero, as what they stand for.
    fn scale(
        sums: &[i32],
        row: (f32, u8),
        outputs: &Outputs,
        bias: Option<&[f32]>,
        out: &mut [MaybeUninit<f32>],
    ) {
        let (step, zero) = (row.0, i32::from(row.1));
        for (((out, &sum), &of_output), &weights) in
            out.iter_mut().zip(sums).zip(&outputs.steps).zip(&outputs.sums)
        {
            out.write((sum - zero * weights) as f32 * (step * of_output));
        }
        if let Some(bias) = bias {
            for (out, bias) in out.iter_mut().zip(bias) {
                // SAFETY: all of them were just written.
                *unsafe { out.assume_init_mut() } += bias;
            }
        }
    }
}

impl Integers {
    /// Rounds and lays out weights `[outputs, inputs]`.
    pub(crate) fn new(weights: &[f32], (inputs, outputs): (usize, usize)) -> Self {
        assert_eq!(weights.len(), outputs * inputs);
        let executor = GemmExecutor::<u8, i8, i32>::new();
        // Where products of 8 bits are first added up in 16, larger weights would not fit.
        let most = if executor.may_saturate() { 63.0 } else { 127.0 };
        let mut rounded: Vec<i8> = Vec::with_capacity(weights.len());
        let mut known = Outputs { steps: Vec::with_capacity(outputs), sums: Vec::with_capacity(outputs) };
        for row in weights.chunks_exact(inputs) {
            let largest = row.iter().fold(0.0f32, |largest, weight| largest.max(weight.abs()));
            let step = if largest > 0.0 { largest / most } else { 1.0 };
            let first = rounded.len();
            rounded.extend(row.iter().map(|weight| (weight / step).round() as i8));
            known.steps.push(step);
            known.sums.push(rounded[first..].iter().map(|&weight| i32::from(weight)).sum());
        }
        let matrix = NdTensorView::from_data([outputs, inputs], rounded.as_slice());
        Self { laid_out: executor.prepack_b(matrix.transposed()), outputs: known, inputs }
    }

    /// `out = rows Wᵀ + bias` for `rows` of as many numbers as there are inputs, on all threads.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn multiply(&self, out: &mut [MaybeUninit<f32>], rows: &[f32], bias: Option<&[f32]>) {
        let (inputs, outputs) = (self.inputs, self.outputs.steps.len());
        let count = out.len() / outputs;
        assert_eq!((out.len(), rows.len()), (count * outputs, count * inputs));
        assert!(bias.is_none_or(|bias| bias.len() == outputs));
        let mut rounded: Vec<u8> = Vec::with_capacity(rows.len());
        let least = buffer::rows_per_task(inputs);
        let scales: Vec<(f32, u8)> = rounded.spare_capacity_mut()[..rows.len()]
            .par_chunks_exact_mut(inputs)
            .zip(rows.par_chunks_exact(inputs))
            .with_min_len(least)
            .map(|(out, row)| quantise(row, out))
            .collect();
        // SAFETY: every row of them was just written.
        unsafe { rounded.set_len(rows.len()) };
        let mut sums: Vec<i32> = Vec::with_capacity(out.len());
        let left = NdTensorView::from_data([count, inputs], rounded.as_slice());
        let product = GemmExecutor::<u8, i8, i32>::new().gemm_uninit(
            &mut sums.spare_capacity_mut()[..out.len()],
            GemmInputA::Unpacked(left),
            GemmInputB::Packed(&self.laid_out),
            GemmUninitOptions::default(),
        );
        assert!(product.is_ok(), "the sizes were checked above");
        // SAFETY: all of them were just written.
        unsafe { sums.set_len(out.len()) };
        out.par_chunks_exact_mut(outputs)
            .zip(sums.par_chunks_exact(outputs))
            .zip(&scales)
            .with_min_len(buffer::rows_per_task(outputs))
            .for_each(|((out, sums), row)| scale(sums, *row, &self.outputs, bias, out));
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn products_are_near_the_exact_ones() {
        let mut random = ChaCha8Rng::seed_from_u64(5);
        for (count, inputs, outputs) in [(1, 1, 1), (1, 64, 48), (9, 31, 50), (70, 100, 47), (0, 4, 5)] {
            let mut draw = |count: usize, least: f32| -> Vec<f32> {
                (0..count).map(|_| random.random_range(least..1.0)).collect()
            };
            let weights = draw(outputs * inputs, -1.0);
            let bias = draw(outputs, -1.0);
            // Numbers of both signs, and of one, as after an activation.
            for least in [-1.0, 0.5] {
                let rows = draw(count * inputs, least);
                let integers = Integers::new(&weights, (inputs, outputs));
                for bias in [None, Some(&bias[..])] {
                    let product = buffer::build(count * outputs, |out| integers.multiply(out, &rows, bias));
                    for (at, value) in product.iter().enumerate() {
                        let (row, output) = (at / outputs, at % outputs);
                        let terms = (0..inputs).map(|input| {
                            f64::from(rows[row * inputs + input])
                                * f64::from(weights[output * inputs + input])
                        });
                        let exact = terms.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias[output]));
                        // Half a step of a row and of an output, each times a number below one.
                        let allowed = (0.5 * 2.0 / 255.0 + 0.5 / 63.0) * (inputs as f64).sqrt() * 1.5 + 1e-6;
                        assert!(
                            (f64::from(*value) - exact).abs() <= allowed,
                            "{count} x {inputs} x {outputs}: {value}, not {exact}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_zero_stays_zero() {
        let integers = Integers::new(&[0.3, 0.0, -0.2, 0.0, 0.0, 0.0], (3, 2));
        let product = buffer::build(4, |out| integers.multiply(out, &[0.0, 5.0, 0.0, 0.0, 0.0, 0.0], None));
        assert_eq!(product, [0.0; 4]);
    }
}
