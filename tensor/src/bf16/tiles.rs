//! Matrix products on tile registers that multiply numbers of 8 significant bits (bfloat16) and add them up in `f32`.
//!
//! Both matrices are laid out in tiles of 1 KiB first: of the left one 16 rows by 32 columns, of the right one 32 rows by 16
//! columns, in which two rows are interleaved. A panel holds the tiles of 32 rows of the left matrix, or of 32 columns of
//! the right one, in the order in which a block of the result goes through them.

use std::arch::asm;
use std::arch::x86_64::_mm512_storeu_si512;
use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::operand::{Bf16Parts, DEPTH, LineOrder, Operand};
use crate::matrix::MatrixViewMut;
use crate::panels::{self, Line};
use crate::tiles::{BLOCK, BYTES, Configured, TILE, has_bf16};

/// Products of two numbers below which waking another thread takes longer than it saves.
const MIN_PRODUCTS: usize = 4 * 1024 * 1024;
/// Panels of the left matrix that one task multiplies.
const PANELS_PER_TASK: usize = 2;

/// Right matrix, laid out in tiles of bfloat16.
pub(super) struct TileMatrix {
    /// Panel after panel.
    lines: Vec<Line>,
    depth: usize,
    columns: usize,
    parts: Bf16Parts,
}

impl TileMatrix {
    /// Lays out a right matrix.
    ///
    /// # Panics
    /// When there are no tiles.
    pub(super) fn new(right: &Operand<'_>, parts: Bf16Parts) -> Self {
        assert!(has_bf16());
        let (columns, depth) = (right.outer, right.depth);
        let lines = panels::build(columns.div_ceil(BLOCK), lines_per_panel(depth, parts), |all, each| {
            all.par_chunks_mut(each).enumerate().for_each(|(panel, out)| {
                // SAFETY: there are tiles, and so everything that the packing needs.
                unsafe { pack(right, panel, LineOrder::Depth, parts, out) };
            });
        });
        Self { lines, depth, columns, parts }
    }

    /// The product of a left matrix with this one, on all threads; to each row of it is added the bias.
    ///
    /// # Panics
    /// When the sizes do not fit.
    pub(super) fn multiply(&self, out: &mut [MaybeUninit<f32>], left: &Operand<'_>, bias: Option<&[f32]>) {
        let (rows, depth, columns, parts) = (left.outer, self.depth, self.columns, self.parts);
        assert_eq!((out.len(), left.depth), (rows * columns, depth));
        assert!(bias.is_none_or(|bias| bias.len() == columns));
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
        let packed = |first: usize, count: usize| {
            panels::build(count, each, |all, each| {
                for (panel, out) in all.chunks_mut(each).enumerate() {
                    // SAFETY: there are tiles, or there would be no right matrix.
                    unsafe { pack(left, first + panel, LineOrder::Outer, parts, out) };
                }
            })
        };
        let (down, across) = (rows.div_ceil(BLOCK), columns.div_ceil(BLOCK));
        if down <= PANELS_PER_TASK {
            // Few rows: each task takes some of the columns instead.
            let own = packed(0, down);
            let of_task = down * BLOCK * self.depth * BLOCK;
            let least = MIN_PRODUCTS.div_ceil(of_task.max(1));
            let tasks = (0..across).into_par_iter().with_min_len(least);
            tasks.for_each(|column| blocks(0, &own, column..column + 1));
        } else {
            (0..down.div_ceil(PANELS_PER_TASK)).into_par_iter().for_each(|task| {
                let first = task * PANELS_PER_TASK;
                blocks(first, &packed(first, PANELS_PER_TASK.min(down - first)), 0..across);
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

/// Bytes of a panel by which it is one step deeper.
fn step_bytes(parts: Bf16Parts) -> usize {
    2 * BYTES * parts.count()
}

/// Lines of a panel of a matrix that is so deep.
fn lines_per_panel(depth: usize, parts: Bf16Parts) -> usize {
    depth.div_ceil(DEPTH) * step_bytes(parts) / size_of::<Line>()
}

/// Lays out a panel: of the left matrix with a row in a line, of the right one with two depths in a line.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
fn pack(
    operand: &Operand<'_>,
    panel: usize,
    order: LineOrder,
    parts: Bf16Parts,
    out: &mut [MaybeUninit<Line>],
) {
    match parts {
        Bf16Parts::One => pack_parts::<1>(operand, panel, order, out),
        Bf16Parts::Two => pack_parts::<2>(operand, panel, order, out),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512bf16")]
fn pack_parts<const PARTS: usize>(
    operand: &Operand<'_>,
    panel: usize,
    order: LineOrder,
    out: &mut [MaybeUninit<Line>],
) {
    operand.pack::<PARTS>((panel * BLOCK, 2), order, |step, half, parts| {
        for (part, lines) in parts.into_iter().enumerate() {
            let start = ((step * PARTS + part) * 2 + half) * TILE;
            for (out, line) in out[start..start + TILE].iter_mut().zip(lines) {
                // SAFETY: a line has as many bytes.
                unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), line) };
            }
        }
    });
}

/// Multiplies two panels: 32 rows of 32 numbers.
///
/// # Safety
/// `out` must have room for them, the panels must be `steps` deep, more than none, and tiles must be configured.
unsafe fn run(out: MatrixViewMut, left: &[Line], right: &[Line], steps: usize, parts: Bf16Parts) {
    debug_assert_eq!(size_of_val(left), steps * step_bytes(parts));
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
                step = in(reg) step_bytes(parts),
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
