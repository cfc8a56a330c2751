//! Products of integers of 8 bits, from 0 to 255 on the left and from -128 to 127 on the right, added up in 32 bits.
//!
//! The right matrix is laid out in panels of 32 columns: a tile of it holds 64 rows of 16 columns, four rows interleaved.
//! The left one lies row by row, from where tiles are loaded as they are.

use std::arch::asm;

use rayon::prelude::*;

use super::{BLOCK, BYTES, Configured, TILE, has_int8};
use crate::panels::Line;

/// Bytes of a row of a tile of the left matrix, and rows of one of the right matrix.
const DEPTH: usize = 64;
/// Products of two numbers below which waking another thread takes longer than it saves.
const MIN_PRODUCTS: usize = 8 * 1024 * 1024;
/// Blocks below each other that one task makes.
const BLOCKS_PER_TASK: usize = 8;

/// Left matrix of integers from 0 to 255, all zero to begin with.
pub(crate) struct Uint8Matrix {
    /// Row after row, each in whole lines, and as many rows as make whole blocks.
    lines: Vec<Line>,
    rows: usize,
    columns: usize,
}

impl Uint8Matrix {
    /// Zeros of so many rows and columns.
    pub(crate) fn new(rows: usize, columns: usize) -> Self {
        let lines = rows.next_multiple_of(BLOCK) * columns.div_ceil(DEPTH);
        Self { lines: vec![Line([0; DEPTH]); lines], rows, columns }
    }

    /// The rows, to be written.
    pub(crate) fn rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [u8]> {
        let columns = self.columns;
        self.lines.par_chunks_exact_mut(columns.div_ceil(DEPTH)).take(self.rows).map(move |row| {
            // SAFETY: lines are bytes, one behind the other.
            unsafe { std::slice::from_raw_parts_mut(row.as_mut_ptr().cast(), columns) }
        })
    }
}

/// Right matrix of integers from -128 to 127, laid out in tiles.
pub(crate) struct Int8Matrix {
    /// Panel after panel.
    lines: Vec<Line>,
    depth: usize,
    columns: usize,
}

impl Int8Matrix {
    /// Lays out the transpose of a matrix of `columns` rows, each of `depth` numbers.
    ///
    /// # Panics
    /// When the sizes do not fit, or there are no tiles for integers.
    pub(crate) fn new(values: &[i8], (depth, columns): (usize, usize)) -> Self {
        assert!(has_int8());
        assert_eq!(values.len(), depth * columns);
        let mut lines = vec![Line([0; DEPTH]); columns.div_ceil(BLOCK) * lines_per_panel(depth)];
        lines.par_chunks_mut(lines_per_panel(depth)).zip(values.par_chunks(BLOCK * depth)).for_each(
            |(panel, values)| {
                for (column, values) in values.chunks_exact(depth).enumerate() {
                    for (row, &value) in values.iter().enumerate() {
                        let (step, row) = (row / DEPTH, row % DEPTH);
                        let line = (2 * step + column / TILE) * TILE + row / 4;
                        panel[line].0[column % TILE * 4 + row % 4] = value.cast_unsigned();
                    }
                }
            },
        );
        Self { lines, depth, columns }
    }

    /// The product of a left matrix with this one, on all threads: `finish` is given each row of it piece by piece, with the
    /// row and the first column of the piece.
    ///
    /// # Panics
    /// When the left matrix has not as many columns as this one has rows.
    pub(crate) fn multiply(&self, left: &Uint8Matrix, finish: impl Fn(usize, usize, &[i32]) + Sync) {
        assert_eq!(left.columns, self.depth);
        let across = self.columns.div_ceil(BLOCK);
        let most = BLOCKS_PER_TASK * BLOCK;
        let of_task = left.rows.min(most).next_multiple_of(BLOCK) * self.depth * BLOCK;
        let least = MIN_PRODUCTS.div_ceil(of_task.max(1));
        (0..left.rows.div_ceil(most) * across).into_par_iter().with_min_len(least).for_each(|task| {
            let (part, panel) = (task / across, task % across);
            let each = lines_per_panel(self.depth);
            let right = &self.lines[panel * each..(panel + 1) * each];
            let column = panel * BLOCK;
            let width = BLOCK.min(self.columns - column);
            let configured = Configured::new();
            let mut sums = [0; BLOCK * BLOCK];
            for row in (part * most..left.rows.min((part + 1) * most)).step_by(BLOCK) {
                let per_row = self.depth.div_ceil(DEPTH);
                block(&configured, &left.lines[row * per_row..(row + BLOCK) * per_row], right, &mut sums);
                for (index, sums) in sums.chunks_exact(BLOCK).take(left.rows - row).enumerate() {
                    finish(row + index, column, &sums[..width]);
                }
            }
        });
    }
}

/// Lines of a panel of a matrix that is so deep.
fn lines_per_panel(depth: usize) -> usize {
    depth.div_ceil(DEPTH) * 2 * BYTES / size_of::<Line>()
}

/// The product of 32 rows, each in lines of its own, and a panel.
fn block(_: &Configured, left: &[Line], right: &[Line], sums: &mut [i32; BLOCK * BLOCK]) {
    let steps = left.len() / BLOCK;
    assert_eq!(right.len(), steps * 2 * TILE);
    if steps == 0 {
        sums.fill(0);
        return;
    }
    // SAFETY: tiles are configured, and both are so many steps deep. No compiled code uses these registers.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "2:",
            "tileloadd tmm4, [{upper} + {row}*1]",
            "tileloadd tmm6, [{right} + {line}*1]",
            "tileloadd tmm5, [{lower} + {row}*1]",
            "tileloadd tmm7, [{right} + {line}*1 + 1024]",
            "tdpbusd tmm0, tmm4, tmm6",
            "tdpbusd tmm1, tmm4, tmm7",
            "tdpbusd tmm2, tmm5, tmm6",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {upper}, 64",
            "add {lower}, 64",
            "add {right}, 2048",
            "dec {steps}",
            "jnz 2b",
            "tilestored [{sums} + {sum_row}*1], tmm0",
            "tilestored [{sums} + {sum_row}*1 + 64], tmm1",
            "tilestored [{sums} + {sum_row}*1 + 2048], tmm2",
            "tilestored [{sums} + {sum_row}*1 + 2112], tmm3",
            upper = inout(reg) left.as_ptr() => _,
            lower = inout(reg) left[TILE * steps..].as_ptr() => _,
            right = inout(reg) right.as_ptr() => _,
            steps = inout(reg) steps => _,
            row = in(reg) steps * size_of::<Line>(),
            line = in(reg) size_of::<Line>(),
            sums = in(reg) sums.as_mut_ptr(),
            sum_row = in(reg) BLOCK * size_of::<i32>(),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn every_size_is_multiplied() {
        if !has_int8() {
            eprintln!("skipped: this processor has no tiles for integers");
            return;
        }
        let mut random = ChaCha8Rng::seed_from_u64(6);
        for (rows, depth, columns) in [(1, 1, 1), (32, 64, 32), (33, 65, 31), (300, 100, 70), (0, 4, 5)] {
            let left: Vec<u8> = (0..rows * depth).map(|_| random.random()).collect();
            let right: Vec<i8> = (0..depth * columns).map(|_| random.random()).collect();
            let mut bytes = Uint8Matrix::new(rows, depth);
            bytes
                .rows_mut()
                .zip(left.par_chunks_exact(depth))
                .for_each(|(out, row)| out.copy_from_slice(row));
            let product = Mutex::new(vec![0; rows * columns]);
            Int8Matrix::new(&right, (depth, columns)).multiply(&bytes, |row, column, sums| {
                let start = row * columns + column;
                product.lock().unwrap()[start..start + sums.len()].copy_from_slice(sums);
            });
            for (at, sum) in product.into_inner().unwrap().into_iter().enumerate() {
                let terms = (0..depth).map(|inner| {
                    i32::from(left[at / columns * depth + inner])
                        * i32::from(right[at % columns * depth + inner])
                });
                assert_eq!(sum, terms.sum::<i32>(), "{rows} x {depth} x {columns}");
            }
        }
    }
}
