//! Matrix products on slices, through `gemm` with its AVX-512 kernels.

use std::mem::MaybeUninit;

use gemm::Parallelism;

use crate::matrix::{MatrixView, MatrixViewMut};
#[cfg(target_arch = "x86_64")]
use crate::precision;

/// Rows and columns below which laying out both matrices in bfloat16 takes longer than multiplying them.
#[cfg(target_arch = "x86_64")]
const MIN_SIZE: usize = 32;

/// `out = scale * left * right` (plus `out` itself when `accumulate`), where `left` is m by k and `right` k by n.
///
/// # Safety
/// The three matrices must lie within their allocations for the given sizes, and `out` must be initialised when
/// `accumulate` is set.
unsafe fn product(
    out: MatrixViewMut,
    left: MatrixView,
    right: MatrixView,
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
    if let Some(product) = precision::current().bf16_product().filter(|_| m.min(k).min(n) >= MIN_SIZE) {
        return product.multiply(out, (left, left_transposed), (right, right_transposed), (m, k, n));
    }
    let left = if left_transposed {
        MatrixView::rows(left, 0, m).transposed()
    } else {
        MatrixView::rows(left, 0, k)
    };
    let right = if right_transposed {
        MatrixView::rows(right, 0, k).transposed()
    } else {
        MatrixView::rows(right, 0, n)
    };
    // SAFETY: the lengths were checked above, and without accumulation `out` is only written.
    unsafe {
        product(MatrixViewMut::of(out, n), left, right, (m, k, n), 1.0, false, Parallelism::Rayon(0));
    }
}

/// A product of small matrices on the calling thread, for one head of one example.
///
/// # Safety
/// As for a raw product: every matrix must lie within its allocation for the given sizes, and `out` must be
/// writable by this thread alone.
pub(crate) unsafe fn multiply_small(
    out: MatrixViewMut,
    left: MatrixView,
    right: MatrixView,
    sizes: (usize, usize, usize),
    scale: f32,
) {
    // SAFETY: forwarded to the caller.
    unsafe { product(out, left, right, sizes, scale, false, Parallelism::None) };
}

/// The same product, added to what is there.
///
/// # Safety
/// As for [`multiply_small`].
pub(crate) unsafe fn multiply_small_added(
    out: MatrixViewMut,
    left: MatrixView,
    right: MatrixView,
    sizes: (usize, usize, usize),
) {
    // SAFETY: forwarded to the caller.
    unsafe { product(out, left, right, sizes, 1.0, true, Parallelism::None) };
}
