//! Matrices of `f32` as kernels for bfloat16 take them: rounded, and in squares of 16 rows or columns by 32 depths.

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _mm512_castsi512_si256, _mm512_cvtepu16_epi32, _mm512_cvtne2ps_pbh,
    _mm512_extracti64x4_epi64, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_maskz_loadu_ps,
    _mm512_permutexvar_epi16, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_slli_epi32, _mm512_sub_ps,
    _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

/// Rows or columns of a square.
pub(super) const OUTER: usize = 16;
/// Depths of a square.
pub(super) const DEPTH: usize = 32;
/// Numbers of `f32` of a vector.
const LANES: usize = 16;

/// Numbers of bfloat16 that stand for one of `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bf16Parts {
    /// One, rounded to 8 bits.
    One,
    /// Two, whose sum it is.
    Two,
}

impl Bf16Parts {
    /// How many there are.
    pub(super) fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}

/// Order of the 16 lines of a square, each of 16 pairs of bfloat16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineOrder {
    /// A line holds the 32 depths of a row or column.
    Outer,
    /// A line holds two depths of all 16 rows or columns, side by side.
    Depth,
}

/// 16 lines in registers.
pub(super) type Lines = [__m512i; OUTER];

/// A matrix that is multiplied: `outer` rows of the left one, or columns of the right one, of `depth` numbers each.
#[derive(Clone, Copy)]
pub(super) struct Operand<'v> {
    pub(super) values: &'v [f32],
    pub(super) outer: usize,
    pub(super) depth: usize,
    /// Whether those of one depth are one behind the other, and not those of one row or column.
    pub(super) is_depth_first: bool,
}

impl Operand<'_> {
    /// Hands squares of rows or columns from `first` on to `store`: of each 32 depths `count` squares, with the number of
    /// these depths and of the square. Of numbers in two parts, a square of what they are in 8 bits is followed by one of
    /// what these lack. What lies beyond the matrix is zero.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    pub(super) fn pack<const PARTS: usize>(
        &self,
        (first, count): (usize, usize),
        order: LineOrder,
        mut store: impl FnMut(usize, usize, [Lines; PARTS]),
    ) {
        assert_eq!(self.values.len(), self.outer * self.depth);
        for step in 0..self.depth.div_ceil(DEPTH) {
            for square in 0..count {
                let (outer, depth) = (first + square * OUTER, step * DEPTH);
                let mut parts = if self.is_depth_first {
                    self.depth_lines(outer, depth)
                } else {
                    self.outer_lines(outer, depth)
                };
                if self.is_depth_first != (order == LineOrder::Depth) {
                    for lines in &mut parts {
                        *lines = transposed(lines);
                    }
                }
                store(step, square, parts);
            }
        }
    }

    /// A square of a matrix in which the depths of a row or column lie one behind the other, in the order
    /// [`LineOrder::Outer`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn outer_lines<const PARTS: usize>(&self, outer: usize, depth: usize) -> [Lines; PARTS] {
        let mut parts = [[_mm512_setzero_si512(); OUTER]; PARTS];
        let is_whole = outer + OUTER <= self.outer && depth + DEPTH <= self.depth;
        let masks = [0, LANES].map(|half| mask(self.depth.saturating_sub(depth + half)));
        for line in 0..OUTER {
            let start = self.values.as_ptr().wrapping_add((outer + line) * self.depth + depth);
            let numbers = if is_whole {
                // SAFETY: the row or column is there, and so are its depths.
                unsafe { [_mm512_loadu_ps(start), _mm512_loadu_ps(start.add(LANES))] }
            } else if outer + line < self.outer {
                // SAFETY: the row or column is there, and what the masks leave out is not read.
                unsafe {
                    [
                        _mm512_maskz_loadu_ps(masks[0], start),
                        _mm512_maskz_loadu_ps(masks[1], start.wrapping_add(LANES)),
                    ]
                }
            } else {
                break;
            };
            for (part, rounded) in parts.iter_mut().zip(rounded::<PARTS>(numbers)) {
                part[line] = rounded;
            }
        }
        parts
    }

    /// A square of a matrix in which the rows or columns of a depth lie one behind the other, in the order
    /// [`LineOrder::Depth`].
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn depth_lines<const PARTS: usize>(&self, outer: usize, depth: usize) -> [Lines; PARTS] {
        const INTERLEAVED: [u16; 32] = {
            let mut order = [0; 32];
            let mut index = 0;
            while index < 32 {
                order[index] = (index / 2 + index % 2 * OUTER) as u16;
                index += 1;
            }
            order
        };
        // SAFETY: it has as many bytes.
        let order = unsafe { _mm512_loadu_si512(INTERLEAVED.as_ptr().cast()) };
        let mut parts = [[_mm512_setzero_si512(); OUTER]; PARTS];
        let is_whole = outer + OUTER <= self.outer && depth + DEPTH <= self.depth;
        let mask = mask(self.outer.saturating_sub(outer));
        for line in 0..OUTER {
            let depth = depth + 2 * line;
            let start = self.values.as_ptr().wrapping_add(depth * self.outer + outer);
            let next = start.wrapping_add(self.outer);
            let numbers = if is_whole {
                // SAFETY: both depths are there, and so are their rows or columns.
                unsafe { [_mm512_loadu_ps(start), _mm512_loadu_ps(next)] }
            } else if depth < self.depth {
                let of_next = if depth + 1 < self.depth { mask } else { 0 };
                // SAFETY: the depth is there, and what the masks leave out is not read.
                unsafe { [_mm512_maskz_loadu_ps(mask, start), _mm512_maskz_loadu_ps(of_next, next)] }
            } else {
                break;
            };
            for (part, rounded) in parts.iter_mut().zip(rounded::<PARTS>(numbers)) {
                part[line] = _mm512_permutexvar_epi16(order, rounded);
            }
        }
        parts
    }
}

/// The first numbers of a vector, where so many are left.
fn mask(left: usize) -> u16 {
    ((1u32 << left.min(LANES)) - 1) as u16
}

/// 32 numbers in 8 bits each, and in further parts what they then lack.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
fn rounded<const PARTS: usize>(mut numbers: [__m512; 2]) -> [__m512i; PARTS] {
    let mut parts = [_mm512_setzero_si512(); PARTS];
    for part in &mut parts {
        let [first, second] = numbers;
        // SAFETY: both are 64 bytes of plain numbers.
        *part = unsafe { transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first)) };
        let widened = [_mm512_castsi512_si256(*part), _mm512_extracti64x4_epi64(*part, 1)]
            .map(|half| _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
        for (number, widened) in numbers.iter_mut().zip(widened) {
            // SAFETY: any 32 bits are a number.
            *number = _mm512_sub_ps(*number, unsafe { transmute::<__m512i, __m512>(widened) });
        }
    }
    parts
}

/// 16 by 16 pairs, transposed.
#[inline]
#[target_feature(enable = "avx512f")]
fn transposed(lines: &Lines) -> Lines {
    let mut pairs = [_mm512_setzero_si512(); OUTER];
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
    let mut columns = [_mm512_setzero_si512(); OUTER];
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
    use std::arch::x86_64::_mm512_storeu_si512;

    use super::*;

    /// The numbers of a square of each part, line by line.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
    fn packed<const PARTS: usize>(
        operand: &Operand<'_>,
        squares: (usize, usize),
        order: LineOrder,
    ) -> Vec<(usize, usize, [[f32; 512]; PARTS])> {
        let mut all = Vec::new();
        operand.pack::<PARTS>(squares, order, |step, square, parts| {
            all.push((
                step,
                square,
                parts.map(|lines| {
                    let mut bits = [0u16; 512];
                    for (line, bits) in lines.into_iter().zip(bits.chunks_exact_mut(32)) {
                        // SAFETY: a line has 32 numbers of two bytes.
                        unsafe { _mm512_storeu_si512(bits.as_mut_ptr().cast(), line) };
                    }
                    bits.map(|bits| f32::from_bits(u32::from(bits) << 16))
                }),
            ));
        });
        all
    }

    /// Rounded to 8 bits, to nearest, and of two as near to that with an even last bit.
    fn rounded_to_even(value: f32) -> f32 {
        let bits = value.to_bits();
        f32::from_bits((bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }

    #[test]
    fn squares_hold_each_number_rounded_to_even_in_its_place() {
        if !is_x86_feature_detected!("avx512bf16") {
            eprintln!("skipped: this processor cannot round to bfloat16");
            return;
        }
        let (outer, depth) = (37, 45);
        // Some lie in the middle between two numbers of 8 bits.
        let value = |row: usize, column: usize| {
            let value = 1.0 + (row * depth + column) as f32 / 256.0;
            if column % 7 == 3 { -value * 1.1 } else { value }
        };
        for is_depth_first in [false, true] {
            let values: Vec<f32> = (0..outer * depth)
                .map(|at| {
                    if is_depth_first { value(at % outer, at / outer) } else { value(at / depth, at % depth) }
                })
                .collect();
            let operand = Operand { values: &values, outer, depth, is_depth_first };
            for order in [LineOrder::Outer, LineOrder::Depth] {
                // SAFETY: the processor has the instructions.
                let (one, two) =
                    unsafe { (packed::<1>(&operand, (16, 3), order), packed::<2>(&operand, (16, 3), order)) };
                let places: Vec<(usize, usize)> =
                    one.iter().map(|(step, square, _)| (*step, *square)).collect();
                assert_eq!(places, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
                for ((step, square, [one]), (.., [high, low])) in one.iter().zip(&two) {
                    assert_eq!(one, high);
                    for (at, (high, low)) in high.iter().zip(low).enumerate() {
                        let (line, index) = (at / 32, at % 32);
                        let (row, column) = match order {
                            LineOrder::Outer => (line, index),
                            LineOrder::Depth => (index / 2, 2 * line + index % 2),
                        };
                        let (row, column) = (16 + 16 * square + row, 32 * step + column);
                        let exact = if row < outer && column < depth { value(row, column) } else { 0.0 };
                        assert_eq!(*high, rounded_to_even(exact), "{row}, {column}: {exact}");
                        assert_eq!(*low, rounded_to_even(exact - high), "{row}, {column}: {exact}");
                    }
                }
            }
        }
    }
}
