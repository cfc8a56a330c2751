//! A document of sections, written as one self-contained HTML page or as Markdown with the same content.
//!
//! Texts are plain but for code between backticks; both writers escape all else.

mod html;
mod markdown;

use crate::error::Result;
use crate::plots::Figure;
use alambic_files::text::{shortened, visible};
use alambic_files::{digests, write};
use std::path::Path;

/// The folder of figures, beside the page.
pub const PLOTS: &str = "plots";

/// A whole page.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The heading and the title of the window.
    pub title: String,
    /// What stands under the title, one paragraph each.
    pub lead: Vec<String>,
    /// The sections, in order.
    pub sections: Vec<Section>,
}

/// A part of a page under its heading.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What it holds.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Paragraph(String),
    /// A short text that stands out: the verdict, a warning.
    Callout(Tone, String),
    /// A list of texts.
    List(Vec<String>),
    /// Tables, side by side where there is room.
    Tables(Vec<Table>),
    /// Figures, side by side where there is room.
    Figures(Vec<Figure>),
    /// Images under one caption, side by side.
    Images {
        /// What they show together.
        caption: String,
        /// The images.
        images: Vec<Image>,
    },
    /// Lines to be copied, with the name of their language for highlighting.
    Code {
        /// For instance `python` or `sh`.
        language: &'static str,
        /// The lines.
        text: String,
    },
}

/// A picture of pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What it shows, in words: the caption, and what is read to those who do not see it.
    pub caption: String,
    /// The bytes of a PNG file.
    pub png: Vec<u8>,
}

/// How a callout looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Good news.
    Good,
    /// Neither.
    Neutral,
    /// Bad news.
    Bad,
    /// Something to heed.
    Warning,
}

/// A table with a row of headings; the first cell of each row is its heading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What the table shows, and over how many examples.
    pub caption: String,
    /// The heading of each column.
    pub columns: Vec<ColumnHeading>,
    /// The rows, each with one cell a column.
    pub rows: Vec<Vec<Cell>>,
}

/// The heading of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnHeading {
    /// The text.
    pub text: String,
    /// Columns of numbers are aligned to the right.
    pub numeric: bool,
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// The text.
    pub text: String,
    /// Smaller text after it: an interval, a remark.
    pub note: Option<String>,
    /// The BCP 47 tag of the text's language, by which a browser chooses its font and a reader its voice.
    pub language: Option<String>,
    /// The best of its row or column.
    pub emphasis: bool,
}

impl ColumnHeading {
    /// The heading of a column of texts.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self { text: text.to_string(), numeric: false }
    }

    /// The heading of a column of numbers.
    #[must_use]
    pub fn number(text: &str) -> Self {
        Self { text: text.to_string(), numeric: true }
    }
}

impl Cell {
    /// A plain cell.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A cell in a given language.
    #[must_use]
    pub fn in_language(text: impl Into<String>, language: Option<&str>) -> Self {
        Self { text: text.into(), language: language.map(ToString::to_string), ..Self::default() }
    }

    /// The cell with smaller text after it.
    #[must_use]
    pub fn with_note(mut self, note: Option<String>) -> Self {
        self.note = note;
        self
    }

    /// The cell, standing out when `emphasis`.
    #[must_use]
    pub fn emphasised(mut self, emphasis: bool) -> Self {
        self.emphasis = emphasis;
        self
    }
}

impl Block {
    /// A table on its own.
    #[must_use]
    pub fn table(table: Table) -> Self {
        Self::Tables(vec![table])
    }
}

impl Section {
    /// A section, none without content.
    #[must_use]
    pub fn new(title: &str, blocks: Vec<Block>) -> Option<Self> {
        (!blocks.is_empty()).then(|| Self { title: title.to_string(), blocks })
    }
}

impl Document {
    /// The page as HTML: no script, no font or file from elsewhere, light and dark by the reader's scheme.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`] when a figure cannot be drawn.
    pub fn html(&self) -> Result<String> {
        html::page(self)
    }

    /// The page as Markdown; figures are images of `plots/NAME.svg`, see [`Document::write`].
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// Writes `STEM.html`, `STEM.md` and the figures as SVG and PNG under `plots/` into a folder that is there; earlier figures
    /// make way.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`], [`crate::ReportError::File`], and when `plots/` holds what is no figure of ours.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<()> {
        let plots = folder.join(PLOTS);
        let partial = write::partial(&plots);
        write::begin_folder(&partial)?;
        for figure in self.figures() {
            figure.write(&partial)?;
        }
        digests::publish(&partial, &plots)?;
        write::write(&folder.join(format!("{stem}.html")), self.html()?.as_bytes())?;
        Ok(write::write(&folder.join(format!("{stem}.md")), self.markdown().as_bytes())?)
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.blocks).flat_map(|block| match block {
            Block::Figures(figures) => figures.as_slice(),
            _ => &[],
        })
    }
}

/// The most characters of a paragraph or a cell, and of a line of code, which would not run if it were cut.
const LONGEST: usize = 2000;
const LONGEST_CODE: usize = 20_000;

/// White space of Unicode that ends no line of Markdown or HTML, nor does anything else there: it stays in texts.
const SEPARATORS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// A text in one line, its line ends as blanks, other hidden characters shown, and cut if it is longer than any page wants
/// it.
pub(crate) fn one_line(text: &str) -> String {
    let text = text.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ");
    if text.chars().nth(LONGEST).is_some() {
        return shortened(&text, LONGEST);
    }
    let show = |part: &str| match part.strip_suffix(SEPARATORS) {
        Some(before) => format!("{}{}", visible(before), &part[before.len()..]),
        None => visible(part),
    };
    text.split_inclusive(SEPARATORS).map(show).collect()
}

/// Splits a text at backticks: plain and code in turn. A backtick without its partner is text.
fn runs(text: &str) -> Vec<(bool, &str)> {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return vec![(false, text)];
    }
    parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| (index % 2 == 1, part))
        .filter(|(_, part)| !part.is_empty())
        .collect()
}
