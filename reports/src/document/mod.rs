//! A document of sections, written as one self-contained HTML page or as Markdown with the same content.
//!
//! Texts are plain but for code between backticks; both writers escape all else.

mod content;
mod html;
mod markdown;
mod page;
mod text;

pub use content::{Block, Cell, ColumnHeading, Document, Image, Section, Table, Tone};
pub use page::PLOTS;
pub(crate) use text::one_line;
