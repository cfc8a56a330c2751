//! Sheets, and the pictures of their cells.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use super::{Background, CellGrid};
use crate::decoding::{load_png_over, png_size_of};
use crate::error::{DataError, Fault, Place, SheetFault};
use crate::raster::Raster;

/// A PNG that holds many pictures in cells of one size.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// Its file, as errors call it.
    name: String,
    path: PathBuf,
    grid: CellGrid,
    background: Background,
    /// Cells from left to right and from top to bottom.
    cells: (usize, usize),
    /// Its pixels, read when they are first needed.
    pixels: OnceLock<Result<Raster, Fault>>,
}

/// A cell of a sheet.
#[derive(Debug, Clone)]
pub struct SheetCell {
    sheet: Arc<Sheet>,
    column: usize,
    row: usize,
}

impl PartialEq for SheetCell {
    fn eq(&self, other: &Self) -> bool {
        let of = |cell: &Self| (cell.sheet.grid, cell.sheet.background, cell.column, cell.row);
        self.sheet.path == other.sheet.path && of(self) == of(other)
    }
}

impl Sheet {
    /// Opens a sheet, of which only the size is read.
    ///
    /// # Errors
    /// Where it cannot be read, is no PNG, or is not made of whole cells.
    pub(crate) fn open(
        name: String,
        path: PathBuf,
        grid: CellGrid,
        background: Background,
    ) -> Result<Self, DataError> {
        let size = png_size_of(&path);
        let cells = size.and_then(|(width, height)| Ok(grid.cells(width as usize, height as usize)?));
        let cells = cells.map_err(|fault| DataError::new(Place::file(&name), fault))?;
        Ok(Self { name, path, grid, background, cells, pixels: OnceLock::new() })
    }

    /// Its file.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// All its pixels, with the background under what is transparent.
    ///
    /// # Errors
    /// Where the file cannot be read, is cut off, or has changed its size.
    pub(crate) fn pixels(&self) -> Result<&Raster, DataError> {
        let read = || {
            let raster = load_png_over(&self.path, self.background.0)?;
            if self.grid.cells(raster.width, raster.height)? != self.cells {
                return Err(SheetFault::NotPng("its size has changed since it was opened".into()).into());
            }
            Ok(raster)
        };
        let pixels = self.pixels.get_or_init(read).as_ref();
        pixels.map_err(|fault| DataError::new(Place::file(&self.name), fault.clone()))
    }

    /// A cell by its column and row, counted from 0.
    ///
    /// # Errors
    /// Where there is none.
    pub(crate) fn cell(self: &Arc<Self>, column: usize, row: usize) -> Result<SheetCell, SheetFault> {
        let (columns, rows) = self.cells;
        if column >= columns || row >= rows {
            return Err(SheetFault::CellOutside { column, row, sheet: self.name.clone(), columns, rows });
        }
        Ok(SheetCell { sheet: Arc::clone(self), column, row })
    }
}

impl SheetCell {
    /// The picture in the cell, without its border.
    ///
    /// # Errors
    /// Where the sheet cannot be read.
    pub fn raster(&self) -> Result<Raster, DataError> {
        let CellGrid { side, .. } = self.sheet.grid;
        let first = |cell| self.sheet.grid.first_pixel(cell);
        Ok(self.sheet.pixels()?.crop(first(self.column), first(self.row), side, side))
    }
}
