//! Matrix products on slices, through `gemm` with its AVX-512 kernels.

use std::mem::MaybeUninit;

use gemm::Parallelism;

#[cfg(target_arch = "x86_64")]
use crate::precision::{self, Products};
#[cfg(target_arch = "x86_64")]
use crate::tiles;

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

/// `out = scale * left * right` (plus `out` itself when `accumulate`), where `left` is m by k and `right` k by n;
/// rows of `out` are `row_step` apart.
///
/// # Safety
/// The three matrices must lie within their allocations for the given sizes, and `out` must be initialised when
/// `accumulate` is set.
unsafe fn product(
    out: *mut f32,
    row_step: usize,
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
            out,
            1,
            row_step as isize,
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
    if let Some(parts) = on_tiles((m, k, n)) {
        return tiles::multiply(out, (left, left_transposed), (right, right_transposed), (m, k, n), parts);
    }
    let left = if left_transposed { Matrix::rows(left, 0, m).transposed() } else { Matrix::rows(left, 0, k) };
    let right =
        if right_transposed { Matrix::rows(right, 0, k).transposed() } else { Matrix::rows(right, 0, n) };
    // SAFETY: the lengths were checked above, and without accumulation `out` is only written.
    unsafe {
        product(out.as_mut_ptr().cast(), n, left, right, (m, k, n), 1.0, false, Parallelism::Rayon(0));
    }
}

/// As what numbers are taken where a product of this size is made on tiles.
#[cfg(target_arch = "x86_64")]
fn on_tiles((m, k, n): (usize, usize, usize)) -> Option<tiles::Parts> {
    /// Below, laying out both matrices takes longer than multiplying them.
    const LEAST: usize = 32;
    let parts = match precision::current() {
        Products::F32 => return None,
        Products::Bf16x3 => tiles::Parts::Two,
        Products::Bf16 => tiles::Parts::One,
    };
    (m.min(k).min(n) >= LEAST && tiles::are_there()).then_some(parts)
}

/// A product of small matrices on the calling thread, for one head of one example.
///
/// # Safety
/// As for a raw product: every matrix must lie within its allocation for the given sizes, and `out` must be
/// writable by this thread alone.
pub(crate) unsafe fn multiply_small(
    out: *mut f32,
    row_step: usize,
    left: Matrix,
    right: Matrix,
    sizes: (usize, usize, usize),
    scale: f32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { product(out, row_step, left, right, sizes, scale, false, Parallelism::None) };
}
