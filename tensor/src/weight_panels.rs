//! Weights laid out once in panels, for products on the vector registers of processors with AVX-512.
//!
//! `gemm` lays out one of the matrices anew in every product, which for few rows takes longer than multiplying them. Here
//! the matrix lies in panels of 48 outputs, in the order in which a block of 8 rows of the result goes through them: its
//! sums stay in 24 of the 32 registers, 3 more hold the weights of one input.

use std::arch::x86_64::{
    __m512, _MM_HINT_T0, _mm_prefetch, _mm512_fmadd_ps, _mm512_load_ps, _mm512_mask_storeu_ps, _mm512_set1_ps,
};
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::matrix::MatrixViewMut;

/// Numbers of a vector.
const LANES: usize = 16;
/// Vectors of a panel's row.
const VECTORS: usize = 3;
/// Outputs of a panel.
const WIDTH: usize = VECTORS * LANES;
/// Rows of the result that are made together.
const HEIGHT: usize = 8;
/// Inputs by which weights are prefetched.
const AHEAD: usize = 24;
/// Bytes of the rows that one task multiplies by one panel, which stays in the second cache beside them.
const BYTES_PER_TASK: usize = 512 * 1024;

/// A vector's worth of weights.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Vector([f32; LANES]);

/// Weights `[outputs, inputs]`, laid out.
pub(crate) struct WeightPanels {
    /// Panel by panel, and in it input by input, the weights of its outputs; zeros for outputs that there are not.
    vectors: Vec<Vector>,
    inputs: usize,
    outputs: usize,
}

/// Whether this processor has AVX-512.
pub(crate) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
}

impl WeightPanels {
    /// Lays out weights `[outputs, inputs]`.
    pub(crate) fn new(weights: &[f32], outputs: usize, inputs: usize) -> Self {
        assert_eq!(weights.len(), outputs * inputs);
        let mut vectors = vec![Vector([0.0; LANES]); outputs.div_ceil(WIDTH) * inputs * VECTORS];
        if inputs > 0 {
            vectors.par_chunks_mut(inputs * VECTORS).zip(weights.par_chunks(WIDTH * inputs)).for_each(
                |(panel, weights)| {
                    for (output, weights) in weights.chunks_exact(inputs).enumerate() {
                        for (vectors, weight) in panel.chunks_exact_mut(VECTORS).zip(weights) {
                            vectors[output / LANES].0[output % LANES] = *weight;
                        }
                    }
                },
            );
        }
        Self { vectors, inputs, outputs }
    }

    /// `out = rows Wᵀ + bias` for `rows` of as many numbers as there are inputs, on all threads. What a row gives does not
    /// depend on the others.
    ///
    /// # Panics
    /// When the sizes do not fit, or the processor lacks the vectors.
    pub(crate) fn multiply(&self, out: &mut [MaybeUninit<f32>], rows: &[f32], bias: Option<&[f32]>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let count = out.len() / outputs;
        assert!(has_avx512());
        assert_eq!((out.len(), rows.len()), (count * outputs, count * inputs));
        assert!(bias.is_none_or(|bias| bias.len() == outputs));
        let most = (BYTES_PER_TASK / size_of::<f32>() / inputs.max(1) / HEIGHT).max(1) * HEIGHT;
        let panels = outputs.div_ceil(WIDTH);
        let target = MatrixViewMut::of(out, outputs);
        (0..count.div_ceil(most) * panels).into_par_iter().for_each(|task| {
            let (part, panel) = (task / panels, task % panels);
            let column = panel * WIDTH;
            let weights = &self.vectors[panel * inputs * VECTORS..(panel + 1) * inputs * VECTORS];
            let mut first = [Vector([0.0; LANES]); VECTORS];
            if let Some(bias) = bias {
                for (vector, bias) in first.iter_mut().zip(bias[column..].chunks(LANES)) {
                    vector.0[..bias.len()].copy_from_slice(bias);
                }
            }
            // How many numbers of each vector there are.
            let there = [0, 1, 2].map(|vector| (outputs - column).saturating_sub(vector * LANES).min(LANES));
            let end = count.min((part + 1) * most);
            for (number, row) in (part * most..end).step_by(HEIGHT).enumerate() {
                let height = HEIGHT.min(end - row);
                let ahead = Ahead::of(number, (end - part * most).div_ceil(HEIGHT), weights);
                let rows = &rows[row * inputs..(row + height) * inputs];
                // SAFETY: the vectors are there, and this block of the result is this task's alone.
                unsafe {
                    let out = target.at(row, column);
                    match height {
                        1 => block::<1>(rows, (weights, ahead), &first, out, there),
                        2 => block::<2>(rows, (weights, ahead), &first, out, there),
                        3 => block::<3>(rows, (weights, ahead), &first, out, there),
                        4 => block::<4>(rows, (weights, ahead), &first, out, there),
                        5 => block::<5>(rows, (weights, ahead), &first, out, there),
                        6 => block::<6>(rows, (weights, ahead), &first, out, there),
                        7 => block::<7>(rows, (weights, ahead), &first, out, there),
                        _ => block::<HEIGHT>(rows, (weights, ahead), &first, out, there),
                    }
                }
            }
        });
    }
}

/// Weights that a block prefetches, three vectors for each of its inputs: from where on, and by how many vectors the next
/// input's lie behind.
#[derive(Clone, Copy)]
struct Ahead {
    start: *const Vector,
    step: usize,
}

impl Ahead {
    /// What a block of these rows, of so many that a panel is multiplied by, prefetches: the first one the panel itself, which
    /// the others find in the cache. These have the next panel fetched, which lies behind this one, so that the memory is
    /// read all the time; behind the last panel it is in vain.
    fn of(number: usize, blocks: usize, weights: &[Vector]) -> Self {
        let (start, panel) = (weights.as_ptr(), weights.len());
        let (first, step) = match (number, blocks) {
            (0, _) => (AHEAD * VECTORS, VECTORS),
            (1, 2) => (panel, VECTORS),
            (1..=VECTORS, _) => (panel + (number - 1) * (panel / VECTORS), 1),
            _ => (panel, 0),
        };
        Self { start: start.wrapping_add(first), step }
    }
}

/// A block of so many rows: those of the left matrix, one after the other, times a panel, added to the same first numbers.
///
/// # Safety
/// `out` must have room for the rows and for as many of each vector's numbers as are there.
#[target_feature(enable = "avx512f")]
unsafe fn block<const ROWS: usize>(
    rows: &[f32],
    (weights, ahead): (&[Vector], Ahead),
    first: &[Vector; VECTORS],
    out: MatrixViewMut,
    there: [usize; VECTORS],
) {
    let inputs = rows.len() / ROWS;
    // SAFETY: a vector has as many numbers, and is aligned.
    let load = |vector: &Vector| unsafe { _mm512_load_ps(vector.0.as_ptr()) };
    let mut sums = [first.each_ref().map(load); ROWS];
    for (input, weights) in weights.chunks_exact(VECTORS).enumerate() {
        let next = ahead.start.wrapping_add(input * ahead.step);
        let weights: [__m512; VECTORS] = std::array::from_fn(|vector| {
            _mm_prefetch::<_MM_HINT_T0>(next.wrapping_add(vector).cast());
            load(&weights[vector])
        });
        for (row, sums) in sums.iter_mut().enumerate() {
            debug_assert!(row * inputs + input < rows.len());
            // SAFETY: there are as many rows of as many inputs, one for each chunk of weights.
            let value = _mm512_set1_ps(unsafe { *rows.get_unchecked(row * inputs + input) });
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm512_fmadd_ps(value, weights, *sum);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (vector, (sum, there)) in sums.into_iter().zip(there).enumerate() {
            let mask = ((1u32 << there) - 1) as u16;
            // SAFETY: what the mask leaves out is not written, and for the rest the caller says that there is room.
            unsafe {
                let start = out.pointer.wrapping_add(row * out.step + vector * LANES);
                _mm512_mask_storeu_ps(start, mask, sum);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::buffer;

    #[test]
    fn every_size_is_multiplied() {
        if !has_avx512() {
            eprintln!("skipped: this processor has no vectors of 512 bits");
            return;
        }
        let mut random = ChaCha8Rng::seed_from_u64(4);
        for (count, inputs, outputs) in [
            (1, 1, 1),
            (8, 16, 48),
            (9, 31, 50),
            (70, 100, 47),
            (3, 0, 5),
            (0, 4, 5),
            (23, 7, 96),
            (2000, 65, 64),
        ] {
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count).map(|_| random.random::<f32>() * 2.0 - 1.0).collect()
            };
            let (rows, weights, bias) = (draw(count * inputs), draw(outputs * inputs), draw(outputs));
            let panels = WeightPanels::new(&weights, outputs, inputs);
            let product = |rows: &[f32], bias: Option<&[f32]>| {
                let count = rows.len().checked_div(inputs).unwrap_or(count);
                buffer::build(count * outputs, |out| panels.multiply(out, rows, bias))
            };
            for bias in [None, Some(&bias[..])] {
                let whole = product(&rows, bias);
                for (at, value) in whole.iter().enumerate() {
                    let (row, output) = (at / outputs, at % outputs);
                    let terms = (0..inputs).map(|input| {
                        f64::from(rows[row * inputs + input]) * f64::from(weights[output * inputs + input])
                    });
                    let exact = terms.sum::<f64>() + bias.map_or(0.0, |bias| f64::from(bias[output]));
                    assert!(
                        (f64::from(*value) - exact).abs() <= 1e-5,
                        "{count} x {inputs} x {outputs}: {value}, not {exact}"
                    );
                }
                // A row alone gives the same bits.
                if let Some(last) = count.checked_sub(1).filter(|_| inputs > 0) {
                    assert_eq!(product(&rows[last * inputs..], bias), whole[last * outputs..]);
                }
            }
        }
    }
}
