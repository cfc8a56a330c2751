//! Where the cells of a sheet lie.

use crate::error::SheetFault;

/// Sides of the pictures of a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellGrid {
    /// Pixels of a picture's side.
    pub(crate) side: usize,
    /// Pixels around each picture that do not belong to it.
    pub(crate) border: usize,
}

impl CellGrid {
    /// Pixels of a cell's side: those of its picture and of the border on both sides.
    fn cell(self) -> usize {
        self.side.saturating_add(self.border.saturating_mul(2))
    }

    /// Cells from left to right and from top to bottom of a sheet of so many pixels.
    ///
    /// # Errors
    /// Where the sheet is not made of whole cells.
    pub(crate) fn cells(self, width: usize, height: usize) -> Result<(usize, usize), SheetFault> {
        let (cell, Self { side, border }) = (self.cell(), self);
        if !width.is_multiple_of(cell) || !height.is_multiple_of(cell) {
            return Err(SheetFault::NotMultiple { width, height, cell, side, border });
        }
        Ok((width / cell, height / cell))
    }

    /// The first pixel of the picture of a cell, in one direction: x·(side + 2·border) + border.
    pub(crate) fn first_pixel(self, cell: usize) -> usize {
        cell.saturating_mul(self.cell()).saturating_add(self.border)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_lies_within_the_border_of_its_cell() {
        let grid = CellGrid { side: 32, border: 1 };
        assert_eq!((grid.first_pixel(0), grid.first_pixel(3)), (1, 103));
        assert_eq!(grid.cells(68, 34), Ok((2, 1)));
        assert!(matches!(grid.cells(64, 34), Err(SheetFault::NotMultiple { cell: 34, .. })));
        assert_eq!(CellGrid { side: 32, border: 0 }.cells(64, 32), Ok((2, 1)));
    }
}
