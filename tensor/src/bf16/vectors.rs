//! Matrix products on vector registers that multiply pairs of numbers of 8 significant bits (AVX512-BF16) and add them up in
//! `f32`.
//!
//! Both matrices are laid out first, two depths side by side: the left one in panels of 8 rows, the right one in panels of 48
//! columns. A block of the result goes through a panel of each: its sums stay in 24 of the 32 registers, 3 more hold the
//! right matrix's numbers of two depths.
//!
//! A sum is that of `vdpbf16ps`, two depths after two from the first to the last: numbers too small to be normal count as
//! zero, in what is multiplied as in sums, and both products of a pair are added in the order of the processor's maker. Tiles
//! add up in another order, so that results differ from theirs in the last bits.

use std::arch::x86_64::{
    __m512, __m512bh, _mm256_storeu_si256, _mm512_add_ps, _mm512_castsi512_si256, _mm512_dpbf16_ps,
    _mm512_extracti64x4_epi64, _mm512_load_si512, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_si512,
};
use std::mem::{MaybeUninit, transmute};

use rayon::prelude::*;

use super::operand::{DEPTH, LineOrder, OUTER, Operand};
use crate::matrix::MatrixViewMut;
use crate::panels::{self, Line};

/// Numbers of a vector.
const LANES: usize = OUTER;
/// Vectors of two depths of a panel of the right matrix.
const VECTORS: usize = 3;
/// Columns of a panel of the right matrix.
const WIDTH: usize = VECTORS * LANES;
/// Rows of a panel of the left matrix.
const HEIGHT: usize = 8;
/// Rows of the left matrix that one task lays out, whole squares.
const ROWS_PER_PACK: usize = 2 * OUTER;
/// Pairs of depths that a task goes through at a time: so many of a panel of either matrix stay in the first cache.
const PAIRS_AT_A_TIME: usize = 192;
/// Bytes of the left matrix that one task multiplies by one panel, which stay in the second cache beside it.
const BYTES_PER_TASK: usize = 256 * 1024;
/// Products of two numbers below which waking another thread takes longer than it saves.
const MIN_PRODUCTS: usize = 4 * 1024 * 1024;

/// Two depths of 8 rows.
#[derive(Clone, Copy)]
#[repr(align(32))]
struct RowPairs([u32; HEIGHT]);

/// Whether this processor has the instructions.
pub(super) fn are_supported() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bf16")
}

/// Right matrix, laid out in vectors of bfloat16.
pub(super) struct VectorMatrix {
    /// Panel after panel, and in it for each two depths a line for 16 columns.
    lines: Vec<Line>,
    depth: usize,
    columns: usize,
}

impl VectorMatrix {
    /// Lays out a right matrix.
    ///
    /// # Panics
    /// When the processor lacks the instructions.
    pub(super) fn new(right: &Operand<'_>) -> Self {
        assert!(are_supported());
        let (columns, depth) = (right.outer, right.depth);
        let lines = panels::build(columns.div_ceil(WIDTH), depth.div_ceil(2) * VECTORS, |all, each| {
            all.par_chunks_mut(each).enumerate().for_each(|(panel, out)| {
                // SAFETY: the processor has the instructions.
                unsafe { pack_columns(right, panel * WIDTH, out) };
            });
        });
        Self { lines, depth, columns }
    }

    /// The product of a left matrix with this one, on all threads; to each row of it is added the bias.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(super) fn multiply(&self, out: &mut [MaybeUninit<f32>], left: &Operand<'_>, bias: Option<&[f32]>) {
        let (rows, depth, columns) = (left.outer, self.depth, self.columns);
        assert_eq!((out.len(), left.depth), (rows * columns, depth));
        assert!(bias.is_none_or(|bias| bias.len() == columns));
        let pairs = depth.div_ceil(2);
        let packed = panels::build(rows.div_ceil(OUTER) * (OUTER / HEIGHT), pairs, |all, each| {
            let of_task = ROWS_PER_PACK / HEIGHT * each;
            all.par_chunks_mut(of_task).enumerate().for_each(|(task, out)| {
                // SAFETY: the processor has the instructions, or there would be no right matrix.
                unsafe { pack_rows(left, task * ROWS_PER_PACK, pairs, out) };
            });
        });
        let most = (BYTES_PER_TASK / size_of::<RowPairs>() / pairs).max(1) * HEIGHT;
        let at_a_time = pairs.div_ceil(pairs.div_ceil(PAIRS_AT_A_TIME));
        let panels = columns.div_ceil(WIDTH);
        let of_task = rows.min(most).next_multiple_of(HEIGHT) * depth * WIDTH;
        let least = MIN_PRODUCTS.div_ceil(of_task.max(1));
        let target = MatrixViewMut::of(out, columns);
        (0..rows.div_ceil(most) * panels).into_par_iter().with_min_len(least).for_each(|task| {
            let (part, panel) = (task / panels, task % panels);
            let column = panel * WIDTH;
            let right = &self.lines[panel * pairs * VECTORS..(panel + 1) * pairs * VECTORS];
            let width = WIDTH.min(columns - column);
            let bias = bias.map(|bias| &bias[column..column + width]);
            let rows = part * most..rows.min((part + 1) * most);
            for first in (0..pairs).step_by(at_a_time) {
                let range = first..pairs.min(first + at_a_time);
                let options =
                    BlockOptions { is_first: first == 0, bias: bias.filter(|_| range.end == pairs), width };
                let right = &right[range.start * VECTORS..range.end * VECTORS];
                for row in rows.clone().step_by(HEIGHT) {
                    let left = &packed[row / HEIGHT * pairs..(row / HEIGHT + 1) * pairs][range.clone()];
                    // SAFETY: the processor has the instructions; the result has these rows and columns, which no other task
                    // writes, and in which the sums of the pairs before are.
                    unsafe {
                        rows_by_columns(
                            HEIGHT.min(rows.end - row),
                            left,
                            right,
                            target.at(row, column),
                            options,
                        );
                    }
                }
            }
        });
    }
}

/// Lays out columns of the right matrix from `first` on, a panel of them.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
fn pack_columns(right: &Operand<'_>, first: usize, out: &mut [MaybeUninit<Line>]) {
    right.pack::<1>((first, VECTORS), LineOrder::Depth, |step, vector, [lines]| {
        let pairs = out[step * DEPTH / 2 * VECTORS..].chunks_exact_mut(VECTORS);
        for (out, line) in pairs.zip(lines) {
            // SAFETY: a line has as many bytes.
            unsafe { _mm512_storeu_si512(out[vector].as_mut_ptr().cast(), line) };
        }
    });
}

/// Lays out rows of the left matrix from `first` on, as many as there are whole panels in `out`, each so many pairs deep.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
fn pack_rows(left: &Operand<'_>, first: usize, pairs: usize, out: &mut [MaybeUninit<RowPairs>]) {
    let squares = out.len() / pairs / (OUTER / HEIGHT);
    left.pack::<1>((first, squares), LineOrder::Depth, |step, square, [lines]| {
        let (upper, lower) = out[2 * square * pairs..2 * (square + 1) * pairs].split_at_mut(pairs);
        let first = step * DEPTH / 2;
        let end = pairs.min(first + OUTER);
        for ((upper, lower), line) in upper[first..end].iter_mut().zip(&mut lower[first..end]).zip(lines) {
            // SAFETY: each has as many bytes.
            unsafe {
                _mm256_storeu_si256(upper.as_mut_ptr().cast(), _mm512_castsi512_si256(line));
                _mm256_storeu_si256(lower.as_mut_ptr().cast(), _mm512_extracti64x4_epi64(line, 1));
            }
        }
    });
}

/// How some pairs of depths are added to a block of the result.
#[derive(Clone, Copy)]
struct BlockOptions<'b> {
    /// Whether there are no sums yet that the products are added to.
    is_first: bool,
    /// What is added to each column after the last product.
    bias: Option<&'b [f32]>,
    /// Columns.
    width: usize,
}

impl BlockOptions<'_> {
    /// The numbers of a vector that lie in these columns.
    fn mask(&self, vector: usize) -> u16 {
        ((1u32 << self.width.saturating_sub(vector * LANES).min(LANES)) - 1) as u16
    }
}

/// Adds up a block of the result: some pairs of so many rows of a panel of the left matrix by those of a panel of the right one.
///
/// # Safety
/// `out` must have room for it, and the sums before unless these are the first.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows_by_columns(
    height: usize,
    left: &[RowPairs],
    right: &[Line],
    out: MatrixViewMut,
    options: BlockOptions<'_>,
) {
    macro_rules! by_height {
        ($vectors:literal, $($height:literal)+) => {
            match height {
                // SAFETY: forwarded to the caller.
                $($height => unsafe { block::<$height, $vectors>(left, right, out, options) },)+
                // SAFETY: as above.
                _ => unsafe { block::<HEIGHT, $vectors>(left, right, out, options) },
            }
        };
    }
    match options.width.div_ceil(LANES) {
        1 => by_height!(1, 1 2 3 4 5 6 7),
        2 => by_height!(2, 1 2 3 4 5 6 7),
        _ => by_height!(3, 1 2 3 4 5 6 7),
    }
}

/// The same for so many rows, and as many columns as lie in so many vectors.
///
/// # Safety
/// As for [`rows_by_columns`].
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn block<const ROWS: usize, const COUNT: usize>(
    left: &[RowPairs],
    right: &[Line],
    out: MatrixViewMut,
    options: BlockOptions<'_>,
) {
    let place = |row: usize, vector: usize| out.pointer.wrapping_add(row * out.step + vector * LANES);
    let masks: [u16; COUNT] = std::array::from_fn(|vector| options.mask(vector));
    let mut sums = [[_mm512_setzero_ps(); COUNT]; ROWS];
    if !options.is_first {
        for (row, sums) in sums.iter_mut().enumerate() {
            for (vector, (sum, mask)) in sums.iter_mut().zip(masks).enumerate() {
                // SAFETY: what the mask leaves out is not read, and for the rest the caller says that it is there.
                *sum = unsafe { _mm512_maskz_loadu_ps(mask, place(row, vector)) };
            }
        }
    }
    for (rows, columns) in left.iter().zip(right.chunks_exact(VECTORS)) {
        let columns: [__m512bh; COUNT] = std::array::from_fn(|vector| {
            // SAFETY: a line has as many bytes and is aligned; any of them are pairs of numbers.
            unsafe { transmute(_mm512_load_si512(columns[vector].0.as_ptr().cast())) }
        });
        for (pair, sums) in rows.0.iter().zip(&mut sums) {
            // SAFETY: any 64 bytes are pairs of numbers.
            let pair: __m512bh = unsafe { transmute(_mm512_set1_epi32(pair.cast_signed())) };
            for (sum, columns) in sums.iter_mut().zip(columns) {
                *sum = _mm512_dpbf16_ps(*sum, pair, columns);
            }
        }
    }
    if let Some(bias) = options.bias {
        let bias: [__m512; COUNT] = std::array::from_fn(|vector| {
            // SAFETY: what the mask leaves out is not read, and there is a number for each column.
            unsafe { _mm512_maskz_loadu_ps(masks[vector], bias.as_ptr().wrapping_add(vector * LANES)) }
        });
        for sums in &mut sums {
            for (sum, bias) in sums.iter_mut().zip(bias) {
                *sum = _mm512_add_ps(*sum, bias);
            }
        }
    }
    for (row, sums) in sums.into_iter().enumerate() {
        for (vector, (sum, mask)) in sums.into_iter().zip(masks).enumerate() {
            // SAFETY: what the mask leaves out is not written, and for the rest the caller says that there is room.
            unsafe { _mm512_mask_storeu_ps(place(row, vector), mask, sum) };
        }
    }
}
