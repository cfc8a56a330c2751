//! Views of matrices in memory: where they start, and the steps between rows and columns.

use std::mem::MaybeUninit;

/// View of a matrix: where it starts, and the steps between rows and between columns.
#[derive(Clone, Copy)]
pub(crate) struct MatrixView {
    pub(crate) pointer: *const f32,
    pub(crate) row_step: isize,
    pub(crate) column_step: isize,
}

impl MatrixView {
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

/// View of a matrix that tasks write, each a part of its own: where it starts, and the step between its rows.
#[derive(Clone, Copy)]
pub(crate) struct MatrixViewMut {
    pub(crate) pointer: *mut f32,
    pub(crate) step: usize,
}

// SAFETY: whoever writes to one says why no other task writes there.
unsafe impl Send for MatrixViewMut {}
// SAFETY: as above.
unsafe impl Sync for MatrixViewMut {}

impl MatrixViewMut {
    /// Room for rows of `step` numbers, one behind the other.
    pub(crate) fn of(out: &mut [MaybeUninit<f32>], step: usize) -> Self {
        Self { pointer: out.as_mut_ptr().cast(), step }
    }

    /// The view that begins at a row and a column.
    ///
    /// # Safety
    /// The matrix must have them.
    pub(crate) unsafe fn at(self, row: usize, column: usize) -> Self {
        // SAFETY: the caller says so.
        Self { pointer: unsafe { self.pointer.add(row * self.step + column) }, ..self }
    }
}
