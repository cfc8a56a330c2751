//! Matrix products of `f32` in bfloat16, of 8 significant bits.
//!
//! Each number is rounded to 8 bits, to nearest even, and products are added up in `f32`; or it is taken as the sum of two of 8
//! bits, and of the four products of these the smallest is left out. What is lost then is less than the 17th bit of a number.
//!
//! Products are made on tile registers where the processor has them and otherwise on vector registers, by a choice that
//! holds for the whole process.

mod choice;
mod operand;
#[cfg(test)]
mod tests;
mod tiles;
mod vectors;

use std::mem::MaybeUninit;

pub(crate) use choice::{Bf16Kernel, kernel};
pub(crate) use operand::Bf16Parts;
use operand::Operand;
use tiles::TileMatrix;
use vectors::VectorMatrix;

/// How products are made in bfloat16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bf16Product {
    pub(crate) kernel: Bf16Kernel,
    pub(crate) parts: Bf16Parts,
}

impl Bf16Product {
    /// The product of numbers taken in so many parts; none where this machine has no kernel for it that gains. On vectors three
    /// products take longer than one in `f32`.
    pub(crate) fn of(parts: Bf16Parts) -> Option<Self> {
        let kernel = kernel()?;
        (kernel == Bf16Kernel::Tiles || parts == Bf16Parts::One).then_some(Self { kernel, parts })
    }

    /// The row-major m by n product of two matrices that cover whole slices, on all threads: `left` is m by k, or k by m and
    /// read transposed, `right` is k by n, or n by k and read transposed.
    ///
    /// # Panics
    /// When the sizes do not fit, or the processor lacks the kernel.
    pub(crate) fn multiply(
        self,
        out: &mut [MaybeUninit<f32>],
        left: (&[f32], bool),
        right: (&[f32], bool),
        (m, k, n): (usize, usize, usize),
    ) {
        assert_eq!(out.len(), m * n);
        Bf16Matrix::new(right, (k, n), self).multiply(out, left, None);
    }
}

/// Right matrix, laid out for a kernel.
pub(crate) struct Bf16Matrix {
    layout: Bf16Layout,
    depth: usize,
    columns: usize,
}

enum Bf16Layout {
    Tiles(TileMatrix),
    Vectors(VectorMatrix),
}

impl Bf16Matrix {
    /// Lays out a matrix that covers a whole slice: k by n, or n by k and read transposed; k is not zero.
    ///
    /// # Panics
    /// When the sizes do not fit, or the processor lacks the kernel.
    pub(crate) fn new(
        (values, is_transposed): (&[f32], bool),
        (k, n): (usize, usize),
        product: Bf16Product,
    ) -> Self {
        assert_eq!(values.len(), k * n);
        let right = Operand { values, outer: n, depth: k, is_depth_first: !is_transposed };
        let layout = match product.kernel {
            Bf16Kernel::Tiles => Bf16Layout::Tiles(TileMatrix::new(&right, product.parts)),
            Bf16Kernel::Vectors => Bf16Layout::Vectors(VectorMatrix::new(&right)),
        };
        Self { layout, depth: k, columns: n }
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
        let rows = out.len() / self.columns;
        assert_eq!(values.len(), rows * self.depth);
        let left = Operand { values, outer: rows, depth: self.depth, is_depth_first: is_transposed };
        match &self.layout {
            Bf16Layout::Tiles(right) => right.multiply(out, &left, bias),
            Bf16Layout::Vectors(right) => right.multiply(out, &left, bias),
        }
    }
}
