//! Faults of sheets of pictures and of the tables of their cells.

use alambic_files::text::{quoted, shortened};

use super::fault::list;

/// Fault of a sheet of pictures, or of the table of its cells.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SheetFault {
    /// A file that is no PNG, or a broken one.
    #[error("cannot be read as a PNG: {}", shortened(.0, 300))]
    NotPng(String),
    /// A sheet that is not made of whole cells.
    #[error(
        "the sheet has {width} by {height} pixels, which are not multiples of a cell's {cell} (`side` {side} and twice `border` {border})"
    )]
    NotMultiple {
        /// Pixels from left to right.
        width: usize,
        /// Pixels from top to bottom.
        height: usize,
        /// Pixels of a cell's side with its border.
        cell: usize,
        /// Pixels of a picture's side.
        side: usize,
        /// Pixels of the border.
        border: usize,
    },
    /// A cell that the sheet does not have.
    #[error(
        "the cell ({column}, {row}) lies outside of {sheet}, which has {columns} by {rows} cells counted from 0"
    )]
    CellOutside {
        /// The cell's column.
        column: usize,
        /// The cell's row.
        row: usize,
        /// The sheet.
        sheet: String,
        /// Cells from left to right.
        columns: usize,
        /// Cells from top to bottom.
        rows: usize,
    },
    /// A side of no pixels.
    #[error("`side` of {} is 0", quoted(.0))]
    ZeroSide(String),
    /// A sheet for which no side is given.
    #[error("`side` has no entry for the sheet `{}`; it has {}", quoted(.sheet), list(.known))]
    NoSide {
        /// The sheet.
        sheet: String,
        /// The sheets with an entry.
        known: Vec<String>,
    },
    /// No sheet is named.
    #[error("`sheets` names no sheet")]
    NoSheet,
    /// A row without text in any of the columns of captions.
    #[error("the row has no text in {}", list(.0))]
    NoText(Vec<String>),
    /// A group whose rows have different values of the split.
    #[error("the group `{}` has the split `{}` here, and `{}` at line {line}", quoted(.group), quoted(.found), quoted(.other))]
    GroupInTwo {
        /// The group.
        group: String,
        /// The value here.
        found: String,
        /// The value before.
        other: String,
        /// Where that stands.
        line: usize,
    },
    /// Two rows of one cell that differ in what can be said once.
    #[error("the cell is that of line {line}, which has another `{}`", quoted(.column))]
    TwoValues {
        /// The column.
        column: String,
        /// The row before.
        line: usize,
    },
    /// Something else than the code points of an emoji.
    #[error("`{}` holds `{}` where code points in hexadecimal are expected", quoted(.column), quoted(.found))]
    NotCodePoints {
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A value to be left out that no row has.
    #[error("no row has the value `{}` in `{}`, which `exclude` names", quoted(.value), quoted(.column))]
    NothingExcluded {
        /// The column.
        column: String,
        /// The value.
        value: String,
    },
    /// Styles that are given by sheets and by a column.
    #[error("`sheets` gives each sheet a style, and `style` names a column of styles")]
    TwoStyles,
    /// A template of captions by which they cannot be said.
    #[error("`caption-template` is `{}`, which {reason}", quoted(.template))]
    CaptionTemplate {
        /// The template.
        template: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A style that is to be unseen, and that no sheet has, or that is the only one.
    #[error("`unseen-style` names `{}`, and the styles of `sheets` are {}", quoted(.style), list(.known))]
    UnseenStyle {
        /// The style.
        style: String,
        /// The styles that there are.
        known: Vec<String>,
    },
}

impl SheetFault {
    /// Help for the user: one action that mends it.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NotPng(_) => "save the sheet as PNG, or fetch it anew",
            Self::NotMultiple { .. } | Self::ZeroSide(_) => {
                "give the pixels of a picture's side as `side`, and those around each picture as `border`"
            }
            Self::CellOutside { .. } => {
                "correct the cell, or `side` and `border`; check that `x` and `y` are not crossed"
            }
            Self::NoSide { .. } => "add the sheet to `side`, under the name that `sheets` or the table has",
            Self::NoSheet => {
                "give the path of a PNG, a table of paths by style, or the `column` that names them"
            }
            Self::NoText(_) => {
                "fill in one of them, name another column in `captions`, or leave the row out by `exclude`"
            }
            Self::GroupInTwo { .. } => {
                "give all rows of a group the same split; pictures of a group are nearly the same"
            }
            Self::TwoValues { .. } => "give both rows the same value, or remove one",
            Self::NotCodePoints { .. } => {
                "write code points as in `1F468-200D-1F33E`, or group by a column with `group = \"COLUMN\"`"
            }
            Self::NothingExcluded { .. } => "correct the value, or take it out of `exclude`",
            Self::TwoStyles => "leave out `style`",
            Self::CaptionTemplate { .. } => {
                "write `{caption}` where the text of the column is to stand, and `{style}` for the style of a picture that has one"
            }
            Self::UnseenStyle { .. } => {
                "give `sheets` as a table of two styles or more, as `{ noto = \"noto.png\", twemoji = \"twemoji.png\" }`, and name one of them"
            }
        }
        .into()
    }
}
