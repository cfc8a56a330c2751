//! Matrix products on slices, through `gemm` with its AVX-512 kernels.

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use gemm::Parallelism;

use crate::integers::Integers;
#[cfg(target_arch = "x86_64")]
use crate::panels::{self, Panels};
use crate::precision::{self, Products};
#[cfg(target_arch = "x86_64")]
use crate::tiles;

/// Rows and columns below which laying out both matrices for tiles takes longer than multiplying them.
#[cfg(target_arch = "x86_64")]
const LEAST: usize = 32;

/// A matrix in memory: where it starts, and the steps between rows and between columns.
#[derive(Clone, Copy)]
pub(crate) struct Matrix {
    pointer: *const f32,
    row_step: isize,
    column_step: isize,
}

impl Matrix {
    /// Rows of `width` elements, `row_step` apart, that start at `offset`.
    pub(crate) fn rows(values: &[f32], offset: usize, row_step: usize) -> Self {
        debug_assert!(offset <= values.len());
        Self { pointer: values[offset..].as_ptr(), row_step: row_step as isize, column_step: 1 }
    }

    /// The transpose.
    pub(crate) fn transposed(self) -> Self {
        Self { pointer: self.pointer, row_step: self.column_step, column_step: self.row_step }
    }
}

/// A matrix that tasks write, each a part of its own: where it starts, and the step between its rows.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(crate) pointer: *mut f32,
    pub(crate) step: usize,
}

// SAFETY: whoever writes to one says why no other task writes there.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    /// Room for rows of `step` numbers, one behind the other.
    pub(crate) fn of(out: &mut [MaybeUninit<f32>], step: usize) -> Self {
        Self { pointer: out.as_mut_ptr().cast(), step }
    }

    /// What begins at a row and a column.
    ///
    /// # Safety
    /// The matrix must have them.
    pub(crate) unsafe fn at(self, row: usize, column: usize) -> Self {
        // SAFETY: the caller says so.
        Self { pointer: unsafe { self.pointer.add(row * self.step + column) }, ..self }
    }
}

/// `out = scale * left * right` (plus `out` itself when `accumulate`), where `left` is m by k and `right` k by n;
///
///
/// # Safety
/// The three matrices must lie within their allocations for the given sizes, and `out` must be initialised when
/// `accumulate` is set.
unsafe fn product(
    out: Target,
    left: Matrix,
    right: Matrix,
    (m, k, n): (usize, usize, usize),
    scale: f32,
    accumulate: bool,
    parallelism: Parallelism,
) {
    // SAFETY: forwarded to the caller.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.pointer,
            1,
            out.step as isize,
            accumulate,
            left.pointer,
            left.column_step,
            left.row_step,
            right.pointer,
            right.column_step,
            right.row_step,
            1.0,
            scale,
            false,
            false,
            false,
            parallelism,
        );
    }
}

/// The row-major m by n product of two matrices that cover whole slices, on all threads.
///
/// `left` is m by k, or k by m and read transposed; `right` k by n, or n by k and read transposed.
pub(crate) fn multiply(
    out: &mut [MaybeUninit<f32>],
    (left, left_transposed): (&[f32], bool),
    (right, right_transposed): (&[f32], bool),
    (m, k, n): (usize, usize, usize),
) {
    assert_eq!(out.len(), m * n);
    assert_eq!(left.len(), m * k);
    assert_eq!(right.len(), k * n);
    #[cfg(target_arch = "x86_64")]
    if let Some(parts) = parts().filter(|_| m.min(k).min(n) >= LEAST) {
        return tiles::multiply(out, (left, left_transposed), (right, right_transposed), (m, k, n), parts);
    }
    let left = if left_transposed { Matrix::rows(left, 0, m).transposed() } else { Matrix::rows(left, 0, k) };
    let right =
        if right_transposed { Matrix::rows(right, 0, k).transposed() } else { Matrix::rows(right, 0, n) };
    // SAFETY: the lengths were checked above, and without accumulation `out` is only written.
    unsafe {
        product(Target::of(out, n), left, right, (m, k, n), 1.0, false, Parallelism::Rayon(0));
    }
}

/// How weights `[outputs, inputs]` that stay as they are lie for the processor, once they have been multiplied.
#[derive(Default)]
pub(crate) struct Fixed {
    integers: OnceLock<Integers>,
    #[cfg(target_arch = "x86_64")]
    panels: OnceLock<Panels>,
    /// By how many parts a number is taken in.
    #[cfg(target_arch = "x86_64")]
    tiles: [OnceLock<tiles::Right>; 2],
}

impl Fixed {
    /// `out = rows Wᵀ + bias` with these weights, always the same ones, where there is a way for it that is better than a
    /// product with any matrix; says whether there is. What a row gives does not depend on the others.
    pub(crate) fn multiply(
        &self,
        out: &mut [MaybeUninit<f32>],
        rows: &[f32],
        weights: &[f32],
        bias: Option<&[f32]>,
        (inputs, outputs): (usize, usize),
    ) -> bool {
        if precision::current() == Products::Int8 {
            let integers = || Integers::new(weights, (inputs, outputs));
            self.integers.get_or_init(integers).multiply(out, rows, bias);
            return true;
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(parts) = parts() {
            let right = || tiles::Right::new((weights, true), (inputs, outputs), parts);
            self.tiles[parts as usize].get_or_init(right).multiply(out, (rows, false), bias);
            return true;
        }
        #[cfg(target_arch = "x86_64")]
        if panels::are_there() {
            self.panels.get_or_init(|| Panels::new(weights, outputs, inputs)).multiply(out, rows, bias);
            return true;
        }
        false
    }
}

/// As what numbers are taken where products are made on tiles, if they are.
#[cfg(target_arch = "x86_64")]
fn parts() -> Option<tiles::Parts> {
    let parts = match precision::current() {
        Products::F32 | Products::Int8 => return None,
        Products::Bf16x3 => tiles::Parts::Two,
        Products::Bf16 => tiles::Parts::One,
    };
    tiles::are_there().then_some(parts)
}

/// A product of small matrices on the calling thread, for one head of one example.
///
/// # Safety
/// As for a raw product: every matrix must lie within its allocation for the given sizes, and `out` must be
/// writable by this thread alone.
pub(crate) unsafe fn multiply_small(
    out: Target,
    left: Matrix,
    right: Matrix,
    sizes: (usize, usize, usize),
    scale: f32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { product(out, left, right, sizes, scale, false, Parallelism::None) };
}
