//! Weights in integers of 8 bits laid out once in panels, for products on processors with AVX512-VNNI.
//!
//! As in the panels for single precision, the matrix lies in panels of 48 outputs. Four inputs of an output stand in a lane,
//! which one instruction multiplies by those of a row and adds up in 32 bits; sums of a block of 8 rows stay in registers
//! until they are scaled.

use std::arch::x86_64::{
    __m512i, _MM_HINT_T0, _mm_prefetch, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_dpbusd_epi32,
    _mm512_load_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_epi32, _mm512_maskz_loadu_ps, _mm512_mul_ps,
    _mm512_mullo_epi32, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_si512, _mm512_sub_epi32,
};
use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::matrix::MatrixViewMut;

/// Numbers of a vector of sums.
const LANES: usize = 16;
/// Inputs of a lane.
const DEPTH: usize = 4;
/// Vectors of a panel's row.
const VECTORS: usize = 3;
/// Outputs of a panel.
const WIDTH: usize = VECTORS * LANES;
/// Rows of the result that are made together.
const HEIGHT: usize = 8;
/// Vectors by which weights are prefetched.
const AHEAD: usize = 24;
/// Bytes of the rows that one task multiplies, which stay in the second cache beside a panel.
const BYTES_PER_TASK: usize = 256 * 1024;
/// Products of two numbers that make a task worth handing to another thread.
const PRODUCTS_PER_TASK: usize = 1024 * 1024;

/// A vector's worth of weights: of each of its outputs four inputs.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Vector([i8; LANES * DEPTH]);

/// Rows of integers from 0 to 255 with the scale and zero point of each.
pub(crate) struct Uint8Rows {
    values: Vec<u8>,
    /// Numbers from one row to the next, a multiple of four; what there is more than inputs is zero.
    step: usize,
    pub(crate) scales: Vec<(f32, u8)>,
}

impl Uint8Rows {
    /// Zeros of so many rows and inputs, to be written.
    pub(crate) fn new(rows: usize, inputs: usize) -> Self {
        let step = inputs.next_multiple_of(DEPTH);
        Self { values: vec![0; rows * step], step, scales: Vec::new() }
    }

    /// The rows, to be written, of which each has so many numbers as there are inputs.
    pub(crate) fn rows_mut(&mut self, inputs: usize) -> impl IndexedParallelIterator<Item = &mut [u8]> {
        self.values.par_chunks_exact_mut(self.step.max(1)).map(move |row| &mut row[..inputs])
    }
}

/// What turns sums of an output into the numbers that they stand for.
#[derive(Clone, Copy)]
pub(crate) struct OutputFactors<'a> {
    /// The scale of the weights of each.
    pub(crate) scales: &'a [f32],
    /// The sum of the weights of each.
    pub(crate) sums: &'a [i32],
    pub(crate) bias: Option<&'a [f32]>,
}

/// Weights `[outputs, inputs]` from -128 to 127, laid out.
pub(crate) struct Int8Panels {
    /// Panel by panel, and in it four inputs by four, the weights of its outputs; zeros for those that there are not.
    vectors: Vec<Vector>,
    inputs: usize,
    outputs: usize,
}

/// Whether this processor multiplies integers of 8 bits by four.
pub(crate) fn has_vnni() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni")
}

impl Int8Panels {
    /// Lays out weights `[outputs, inputs]`.
    pub(crate) fn new(weights: &[i8], (inputs, outputs): (usize, usize)) -> Self {
        assert_eq!(weights.len(), outputs * inputs);
        let depth = inputs.div_ceil(DEPTH);
        let mut vectors = vec![Vector([0; LANES * DEPTH]); outputs.div_ceil(WIDTH) * depth * VECTORS];
        if inputs > 0 {
            vectors.par_chunks_mut(depth * VECTORS).zip(weights.par_chunks(WIDTH * inputs)).for_each(
                |(panel, weights)| {
                    for (output, weights) in weights.chunks_exact(inputs).enumerate() {
                        for (input, weight) in weights.iter().enumerate() {
                            let vector = &mut panel[input / DEPTH * VECTORS + output / LANES];
                            vector.0[output % LANES * DEPTH + input % DEPTH] = *weight;
                        }
                    }
                },
            );
        }
        Self { vectors, inputs, outputs }
    }

    /// `out = rows Wᵀ + bias`, on all threads.
    ///
    /// # Panics
    /// When the sizes do not fit, or the processor lacks the instruction.
    pub(crate) fn multiply(
        &self,
        out: &mut [MaybeUninit<f32>],
        rows: &Uint8Rows,
        factors: OutputFactors<'_>,
    ) {
        let (outputs, step, count) = (self.outputs, rows.step, rows.scales.len());
        assert!(has_vnni());
        assert_eq!((out.len(), rows.values.len()), (count * outputs, count * step));
        assert_eq!(step, self.inputs.next_multiple_of(DEPTH));
        assert_eq!((factors.scales.len(), factors.sums.len()), (outputs, outputs));
        assert!(factors.bias.is_none_or(|bias| bias.len() == outputs));
        let most = (BYTES_PER_TASK / step.max(1) / HEIGHT).max(1) * HEIGHT;
        let panels = outputs.div_ceil(WIDTH);
        let least = (PRODUCTS_PER_TASK / (count.min(most) * WIDTH * step).max(1)).max(1);
        let target = MatrixViewMut::of(out, outputs);
        let depth = step / DEPTH;
        (0..count.div_ceil(most) * panels).into_par_iter().with_min_len(least).for_each(|task| {
            let (part, panel) = (task / panels, task % panels);
            let column = panel * WIDTH;
            let weights = &self.vectors[panel * depth * VECTORS..(panel + 1) * depth * VECTORS];
            let factors = OutputFactors {
                scales: &factors.scales[column..],
                sums: &factors.sums[column..],
                bias: factors.bias.map(|bias| &bias[column..]),
            };
            let end = count.min((part + 1) * most);
            for row in (part * most..end).step_by(HEIGHT) {
                let height = HEIGHT.min(end - row);
                let values = &rows.values[row * step..(row + height) * step];
                let scales = &rows.scales[row..row + height];
                // SAFETY: the instruction is there, and this block of the result is this task's alone.
                unsafe {
                    let out = target.at(row, column);
                    match height {
                        1 => block::<1>(values, scales, weights, factors, out),
                        2 => block::<2>(values, scales, weights, factors, out),
                        3 => block::<3>(values, scales, weights, factors, out),
                        4 => block::<4>(values, scales, weights, factors, out),
                        5 => block::<5>(values, scales, weights, factors, out),
                        6 => block::<6>(values, scales, weights, factors, out),
                        7 => block::<7>(values, scales, weights, factors, out),
                        _ => block::<HEIGHT>(values, scales, weights, factors, out),
                    }
                }
            }
        });
    }
}

/// A block of so many rows, one after the other, times a panel.
///
/// # Safety
/// `out` must have room for the rows and for as many of the panel's outputs as there are factors.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn block<const ROWS: usize>(
    values: &[u8],
    scales: &[(f32, u8)],
    weights: &[Vector],
    factors: OutputFactors<'_>,
    out: MatrixViewMut,
) {
    let step = values.len() / ROWS;
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; ROWS];
    for (group, weights) in weights.chunks_exact(VECTORS).enumerate() {
        let weights: [__m512i; VECTORS] = std::array::from_fn(|vector| {
            let weights = std::ptr::from_ref(&weights[vector]);
            // Behind the panel lies another one, or the prefetch is in vain.
            _mm_prefetch::<_MM_HINT_T0>(weights.wrapping_add(AHEAD).cast());
            // SAFETY: a vector has as many bytes, and is aligned.
            unsafe { _mm512_load_si512(weights.cast()) }
        });
        for (row, sums) in sums.iter_mut().enumerate() {
            let first = row * step + group * DEPTH;
            debug_assert!(first + DEPTH <= values.len());
            // SAFETY: a row has four numbers for each chunk of weights.
            let value = unsafe { values.as_ptr().add(first).cast::<i32>().read_unaligned() };
            let value = _mm512_set1_epi32(value);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm512_dpbusd_epi32(*sum, value, weights);
            }
        }
    }
    for vector in 0..VECTORS {
        let first = vector * LANES;
        let there = factors.scales.len().saturating_sub(first).min(LANES);
        let mask = ((1u32 << there) - 1) as u16;
        // SAFETY: what the mask leaves out is neither read nor written; for the rest there are factors, and the caller says
        // that there is room.
        unsafe {
            let of_output = _mm512_maskz_loadu_ps(mask, factors.scales.as_ptr().wrapping_add(first));
            let of_weights = _mm512_maskz_loadu_epi32(mask, factors.sums.as_ptr().wrapping_add(first));
            let bias =
                factors.bias.map(|bias| _mm512_maskz_loadu_ps(mask, bias.as_ptr().wrapping_add(first)));
            for (row, (sums, &(scale, zero))) in sums.iter().zip(scales).enumerate() {
                let zeros = _mm512_mullo_epi32(_mm512_set1_epi32(i32::from(zero)), of_weights);
                let scale = _mm512_mul_ps(_mm512_set1_ps(scale), of_output);
                let product = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(sums[vector], zeros)), scale);
                let product = bias.map_or(product, |bias| _mm512_add_ps(product, bias));
                _mm512_mask_storeu_ps(out.pointer.wrapping_add(row * out.step + first), mask, product);
            }
        }
    }
}
