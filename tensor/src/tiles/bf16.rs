//! Matrix products on tile registers that multiply numbers of 8 significant bits (bfloat16) and add them up in `f32`.
//!
//! A product of `f32` is taken over from them in one piece, each number rounded to 8 bits, or in three: each number is the
//! sum of two of 8 bits, and of the four products of these the smallest is left out. What is lost then is less than the
//! 17th bit of a number.
//!
//! Both matrices are laid out in tiles of 1 KiB first: of the left one 16 rows by 32 columns, of the right one 32 rows by 16
//! columns, in which two rows are interleaved. A panel holds the tiles of 32 rows of the left matrix, or of 32 columns of
//! the right one, in the order in which a block of the result goes through them.

use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_maskz_loadu_ps, _mm512_permutexvar_epi16,
    _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_storeu_si512,
    _mm512_sub_ps, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::mem::{MaybeUninit, transmute};
use std::ops::Range;

use rayon::prelude::*;

use super::{BLOCK, BYTES, Configured, Line, TILE, has_bf16, lines_of};
use crate::matrix::MatrixViewMut;

/// Columns of a tile of the left matrix, and rows of one of the right matrix.
const DEPTH: usize = 32;
/// Products of two numbers below which waking another thread takes longer than it saves.
const MIN_PRODUCTS: usize = 4 * 1024 * 1024;
/// Panels of the left matrix that one task multiplies.
const PANELS_PER_TASK: usize = 2;

/// Numbers of bfloat16 that stand for one of `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bf16Parts {
    /// One, rounded to 8 bits.
    One,
    /// Two, whose sum it is.
    Two,
}

impl Bf16Parts {
    fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }

    /// Bytes of a panel by which it is one step deeper.
    fn step(self) -> usize {
        2 * BYTES * self.count()
    }
}

/// The row-major m by n product of two matrices that cover whole slices, on all threads: `left` is m by k, or k by m and read
/// transposed, `right` is k by n, or n by k and read transposed.
///
/// # Panics
/// When the sizes do not fit, or there are no tiles.
pub(crate) fn multiply(
    out: &mut [MaybeUninit<f32>],
    left: (&[f32], bool),
    right: (&[f32], bool),
    (m, k, n): (usize, usize, usize),
    parts: Bf16Parts,
) {
    assert_eq!(out.len(), m * n);
    Bf16Matrix::new(right, (k, n), parts).multiply(out, left, None);
}

/// Right matrix, laid out in tiles of bfloat16.
pub(crate) struct Bf16Matrix {
    /// Panel after panel.
    lines: Vec<Line>,
    depth: usize,
    columns: usize,
    parts: Bf16Parts,
}

impl Bf16Matrix {
    /// Lays out a matrix that covers a whole slice: k by n, or n by k and read transposed.
    ///
    /// # Panics
    /// When the sizes do not fit, or there are no tiles.
    pub(crate) fn new(
        (values, is_transposed): (&[f32], bool),
        (k, n): (usize, usize),
        parts: Bf16Parts,
    ) -> Self {
        assert!(has_bf16());
        assert_eq!(values.len(), k * n);
        let right = Operand { values, outer: n, depth: k, is_deep_first: !is_transposed, is_left: false };
        let lines = lines_of(n.div_ceil(BLOCK), lines_per_panel(k, parts), |all, each| {
            all.par_chunks_mut(each).enumerate().for_each(|(panel, out)| {
                // SAFETY: there are tiles, and so everything that the packing needs.
                unsafe { right.pack(panel, parts, out) };
            });
        });
        Self { lines, depth: k, columns: n, parts }
    }

    /// The product of a left matrix of as many columns as this one has rows, or read transposed, with it, on all threads; to
    /// each row of it is added the bias. What a row gives does not depend on the others.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(crate) fn multiply(
        &self,
        out: &mut [MaybeUninit<f32>],
        (values, is_transposed): (&[f32], bool),
        bias: Option<&[f32]>,
    ) {
        let (depth, columns, parts) = (self.depth, self.columns, self.parts);
        let rows = out.len() / columns;
        assert_eq!((out.len(), values.len()), (rows * columns, rows * depth));
        assert!(bias.is_none_or(|bias| bias.len() == columns));
        let left = Operand { values, outer: rows, depth, is_deep_first: is_transposed, is_left: true };
        let each = lines_per_panel(depth, parts);
        let target = MatrixViewMut::of(out, columns);
        // Some panels of the left matrix against some of this one.
        let blocks = |first: usize, own: &[Line], columns: Range<usize>| {
            let configured = Configured::new();
            for column in columns {
                let right = &self.lines[column * each..(column + 1) * each];
                for (panel, left) in own.chunks(each).enumerate() {
                    let bias = bias.map(|bias| &bias[column * BLOCK..]);
                    self.block(&configured, target, (rows, first + panel, column), (left, right), bias);
                }
            }
        };
        let pack = |first: usize, count: usize| {
            lines_of(count, each, |all, each| {
                for (panel, out) in all.chunks_mut(each).enumerate() {
                    // SAFETY: there are tiles, or there would be no right matrix.
                    unsafe { left.pack(first + panel, parts, out) };
                }
            })
        };
        let (down, across) = (rows.div_ceil(BLOCK), columns.div_ceil(BLOCK));
        if down <= PANELS_PER_TASK {
            // Few rows: each task takes some of the columns instead.
            let own = pack(0, down);
            let of_task = down * BLOCK * self.depth * BLOCK;
            let least = MIN_PRODUCTS.div_ceil(of_task.max(1));
            let tasks = (0..across).into_par_iter().with_min_len(least);
            tasks.for_each(|column| blocks(0, &own, column..column + 1));
        } else {
            (0..down.div_ceil(PANELS_PER_TASK)).into_par_iter().for_each(|task| {
                let first = task * PANELS_PER_TASK;
                blocks(first, &pack(first, PANELS_PER_TASK.min(down - first)), 0..across);
            });
        }
    }

    /// A block of the result, from a panel of each matrix: how many rows the result has, and which of the panels these are.
    fn block(
        &self,
        _: &Configured,
        out: MatrixViewMut,
        (rows, down, across): (usize, usize, usize),
        (left, right): (&[Line], &[Line]),
        bias: Option<&[f32]>,
    ) {
        let (row, column) = (down * BLOCK, across * BLOCK);
        let (height, width) = (BLOCK.min(rows - row), BLOCK.min(self.columns - column));
        let steps = self.depth.div_ceil(DEPTH);
        let mut whole = [MaybeUninit::uninit(); BLOCK * BLOCK];
        // SAFETY: the result has this row and column, and as many more as the block is high and wide; no other task writes
        // them. A block that is not whole is made beside it. Tiles are configured, and the panels are so deep.
        unsafe {
            let out = out.at(row, column);
            if (height, width) == (BLOCK, BLOCK) {
                run(out, left, right, steps, self.parts);
            } else {
                run(MatrixViewMut::of(&mut whole, BLOCK), left, right, steps, self.parts);
                for (row, values) in whole.chunks(BLOCK).take(height).enumerate() {
                    out.at(row, 0).pointer.copy_from_nonoverlapping(values.as_ptr().cast(), width);
                }
            }
            for row in (0..height).filter(|_| bias.is_some()) {
                let sums = std::slice::from_raw_parts_mut(out.at(row, 0).pointer, width);
                for (sum, bias) in sums.iter_mut().zip(bias.into_iter().flatten()) {
                    *sum += bias;
                }
            }
        }
    }
}

/// Lines of a panel of a matrix that is so deep.
fn lines_per_panel(depth: usize, parts: Bf16Parts) -> usize {
    depth.div_ceil(DEPTH) * parts.step() / size_of::<Line>()
}

/// Multiplies two panels: 32 rows of 32 numbers.
///
/// # Safety
/// `out` must have room for them, the panels must be `steps` deep, more than none, and tiles must be configured.
unsafe fn run(out: MatrixViewMut, left: &[Line], right: &[Line], steps: usize, parts: Bf16Parts) {
    debug_assert_eq!(size_of_val(left), steps * parts.step());
    // Goes through both panels step by step, and adds up in the tiles 0 to 3.
    macro_rules! through {
        ($($instruction:literal),+ $(,)?) => {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                $($instruction,)+
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "add {left}, {step}",
                "add {right}, {step}",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{out} + {row}*1], tmm0",
                "tilestored [{out} + {row}*1 + 64], tmm1",
                "tilestored [{lower} + {row}*1], tmm2",
                "tilestored [{lower} + {row}*1 + 64], tmm3",
                left = inout(reg) left.as_ptr() => _,
                right = inout(reg) right.as_ptr() => _,
                steps = inout(reg) steps => _,
                step = in(reg) parts.step(),
                line = in(reg) size_of::<Line>(),
                out = in(reg) out.pointer,
                lower = in(reg) out.at(TILE, 0).pointer,
                row = in(reg) out.step * size_of::<f32>(),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack)
            )
        };
    }
    // SAFETY: the caller says so. No compiled code uses these registers.
    unsafe {
        match parts {
            Bf16Parts::One => through!(
                "tileloadd tmm4, [{left} + {line}*1]",
                "tileloadd tmm6, [{right} + {line}*1]",
                "tileloadd tmm5, [{left} + {line}*1 + 1024]",
                "tileloadd tmm7, [{right} + {line}*1 + 1024]",
            ),
            // A step holds two tiles of what numbers are in 8 bits, and then two of what these lack.
            Bf16Parts::Two => through!(
                "tileloadd tmm4, [{left} + {line}*1]",
                "tileloadd tmm6, [{right} + {line}*1 + 2048]",
                "tileloadd tmm5, [{left} + {line}*1 + 1024]",
                "tileloadd tmm7, [{right} + {line}*1 + 3072]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm6, [{right} + {line}*1]",
                "tileloadd tmm7, [{right} + {line}*1 + 1024]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tdpbf16ps tmm2, tmm5, tmm6",
                "tdpbf16ps tmm3, tmm5, tmm7",
                "tileloadd tmm4, [{left} + {line}*1 + 2048]",
                "tileloadd tmm5, [{left} + {line}*1 + 3072]",
            ),
        }
    }
}

/// A matrix that is multiplied: `outer` rows of the left one, or columns of the right one, of `depth` numbers each.
#[derive(Clone, Copy)]
struct Operand<'v> {
    values: &'v [f32],
    outer: usize,
    depth: usize,
    /// Whether those of one depth are one behind the other, and not those of one row or column.
    is_deep_first: bool,
    is_left: bool,
}

/// 16 lines in registers, each of 16 pairs of bfloat16.
type Lines = [__m512i; TILE];

impl Operand<'_> {
    /// Lays out a panel.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn pack(&self, panel: usize, parts: Bf16Parts, out: &mut [MaybeUninit<Line>]) {
        let step = parts.step() / size_of::<Line>();
        for (depth, out) in out.chunks_exact_mut(step).enumerate() {
            for half in 0..2 {
                let (outer, depth) = (panel * BLOCK + half * TILE, depth * DEPTH);
                let tiles = if self.is_deep_first {
                    self.deep_lines(outer, depth)
                } else {
                    self.outer_lines(outer, depth)
                };
                for (part, tile) in tiles.into_iter().take(parts.count()).enumerate() {
                    // A line of the left one is a row; one of the right one is two rows, interleaved.
                    let tile = if self.is_deep_first == self.is_left { transposed(&tile) } else { tile };
                    let start = (2 * part + half) * TILE;
                    for (out, line) in out[start..start + TILE].iter_mut().zip(tile) {
                        // SAFETY: a line has as many bytes.
                        unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), line) };
                    }
                }
            }
        }
    }

    /// 16 rows of the left matrix, or columns of the right one, of 32 numbers each: a line holds those of one.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn outer_lines(&self, outer: usize, depth: usize) -> [Lines; 2] {
        let mut parts = [[_mm512_setzero_si512(); TILE]; 2];
        let [high, low] = &mut parts;
        for (line, (high, low)) in high.iter_mut().zip(low).take(self.outer.saturating_sub(outer)).enumerate()
        {
            let start = (outer + line) * self.depth + depth;
            let end = (outer + line + 1) * self.depth;
            [*high, *low] = halves([self.numbers(start, end), self.numbers(start + TILE, end)]);
        }
        parts
    }

    /// The same numbers, of 16 rows or columns each: a line holds two depths, interleaved.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn deep_lines(&self, outer: usize, depth: usize) -> [Lines; 2] {
        const INTERLEAVED: [u16; 32] = {
            let mut order = [0; 32];
            let mut index = 0;
            while index < 32 {
                order[index] = (index / 2 + index % 2 * TILE) as u16;
                index += 1;
            }
            order
        };
        // SAFETY: it has as many bytes.
        let order = unsafe { _mm512_loadu_si512(INTERLEAVED.as_ptr().cast()) };
        let mut parts = [[_mm512_setzero_si512(); TILE]; 2];
        let [high, low] = &mut parts;
        for (line, (high, low)) in high.iter_mut().zip(low).enumerate() {
            let numbers = [0, 1].map(|second| {
                let depth = depth + 2 * line + second;
                if depth >= self.depth {
                    return _mm512_setzero_ps();
                }
                self.numbers(depth * self.outer + outer, (depth + 1) * self.outer)
            });
            [*high, *low] = halves(numbers).map(|half| _mm512_permutexvar_epi16(order, half));
        }
        parts
    }

    /// 16 numbers, and zeros from `end` on.
    #[target_feature(enable = "avx512f")]
    fn numbers(&self, start: usize, end: usize) -> __m512 {
        let count = end.saturating_sub(start).min(TILE);
        let mask = ((1u32 << count) - 1) as u16;
        if count == 0 {
            return _mm512_setzero_ps();
        }
        let values = &self.values[start..start + count];
        // SAFETY: what the mask leaves out is not read.
        unsafe { _mm512_maskz_loadu_ps(mask, values.as_ptr()) }
    }
}

/// 32 numbers in 8 bits each, and in 8 bits what they then lack.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn halves(numbers: [__m512; 2]) -> [__m512i; 2] {
    // SAFETY: both are 64 bytes of plain numbers.
    let rounded =
        |[first, second]: [__m512; 2]| unsafe { transmute::<_, __m512i>(_mm512_cvtne2ps_pbh(second, first)) };
    let high = rounded(numbers);
    let widened = [_mm512_castsi512_si256(high), _mm512_extracti64x4_epi64(high, 1)]
        .map(|half| _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
    // SAFETY: any 32 bits are a number.
    let [first, second] = widened.map(|half| unsafe { transmute::<__m512i, __m512>(half) });
    let low = rounded([_mm512_sub_ps(numbers[0], first), _mm512_sub_ps(numbers[1], second)]);
    [high, low]
}

/// 16 by 16 pairs, transposed.
#[target_feature(enable = "avx512f")]
fn transposed(lines: &Lines) -> Lines {
    let mut pairs = [_mm512_setzero_si512(); TILE];
    for group in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|line| lines[4 * group + line]);
        let (first, second) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (third, fourth) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        pairs[4 * group] = _mm512_unpacklo_epi64(first, third);
        pairs[4 * group + 1] = _mm512_unpackhi_epi64(first, third);
        pairs[4 * group + 2] = _mm512_unpacklo_epi64(second, fourth);
        pairs[4 * group + 3] = _mm512_unpackhi_epi64(second, fourth);
    }
    // Quarter `q` of `pairs[4 g + c]` is now of column 4 q + c and of the rows 4 g to 4 g + 3.
    let mut columns = [_mm512_setzero_si512(); TILE];
    for column in 0..4 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|group| pairs[4 * group + column]);
        let (first, second) = (_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xdd));
        let (third, fourth) = (_mm512_shuffle_i32x4(c, d, 0x88), _mm512_shuffle_i32x4(c, d, 0xdd));
        columns[column] = _mm512_shuffle_i32x4(first, third, 0x88);
        columns[8 + column] = _mm512_shuffle_i32x4(first, third, 0xdd);
        columns[4 + column] = _mm512_shuffle_i32x4(second, fourth, 0x88);
        columns[12 + column] = _mm512_shuffle_i32x4(second, fourth, 0xdd);
    }
    columns
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::buffer;

    #[test]
    fn every_size_and_order_is_multiplied() {
        if !has_bf16() {
            eprintln!("skipped: this processor has no tiles");
            return;
        }
        let mut random = ChaCha8Rng::seed_from_u64(3);
        for (m, k, n) in [(1, 1, 1), (32, 32, 32), (33, 31, 65), (70, 100, 47), (128, 64, 96), (5, 300, 200)]
        {
            let mut draw = |count: usize| -> Vec<f32> {
                (0..count).map(|_| random.random::<f32>() * 2.0 - 1.0).collect()
            };
            let (left, right) = (draw(m * k), draw(k * n));
            let across = |values: &[f32], rows: usize, columns: usize| -> Vec<f32> {
                (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
            };
            let (left_across, right_across) = (across(&left, m, k), across(&right, k, n));
            let exact: Vec<f64> = (0..m * n)
                .map(|at| {
                    let terms = (0..k).map(|depth| {
                        f64::from(left[at / n * k + depth]) * f64::from(right[depth * n + at % n])
                    });
                    terms.sum()
                })
                .collect();
            for (parts, allowed) in [(Bf16Parts::One, 4e-3), (Bf16Parts::Two, 1e-5)] {
                for (left, right) in [
                    ((&left, false), (&right, false)),
                    ((&left_across, true), (&right, false)),
                    ((&left, false), (&right_across, true)),
                    ((&left_across, true), (&right_across, true)),
                ] {
                    let product = buffer::build(m * n, |out| {
                        multiply(out, (left.0, left.1), (right.0, right.1), (m, k, n), parts);
                    });
                    // A row alone gives the same bits: of few rows, tasks take columns.
                    if !left.1 {
                        let alone = buffer::build(n, |out| {
                            multiply(
                                out,
                                (&left.0[(m - 1) * k..], false),
                                (right.0, right.1),
                                (1, k, n),
                                parts,
                            );
                        });
                        assert_eq!(alone, product[(m - 1) * n..]);
                    }
                    for (value, exact) in product.iter().zip(&exact) {
                        let difference = (f64::from(*value) - exact).abs();
                        let scale = (k as f64).sqrt();
                        assert!(
                            difference <= allowed * scale,
                            "{m} x {k} x {n}, {parts:?}, {} {}: {value}, not {exact}",
                            left.1,
                            right.1
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        if !has_bf16() {
            eprintln!("skipped: this processor has no tiles");
            return;
        }
        let mut left = vec![1.0f32; 32 * 32];
        left[5] = f32::NAN;
        for parts in [Bf16Parts::One, Bf16Parts::Two] {
            let product = buffer::build(32 * 32, |out| {
                multiply(out, (&left, false), (&[1.0; 32 * 32], false), (32, 32, 32), parts);
            });
            assert!(product[..32].iter().all(|value| value.is_nan()));
            assert!(product[32..].iter().all(|value| *value == 32.0));
        }
    }
}
