//! Sheets of pictures: images that hold many pictures of one size in cells.

mod background;
mod cell_grid;
mod sheet;

pub use background::Background;
pub(crate) use cell_grid::CellGrid;
pub use sheet::{Sheet, SheetCell};
