use crate::plots::Figure;

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
    /// The result in one sentence, in larger letters.
    Headline(String),
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
    /// A small image that the text is about or stands for; Markdown has the text alone.
    pub image: Option<Image>,
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

    /// The cell with a small image above its text.
    #[must_use]
    pub fn with_image(mut self, image: Option<Image>) -> Self {
        self.image = image;
        self
    }

    /// The cell, standing out when `emphasis`.
    #[must_use]
    pub fn emphasised(mut self, emphasis: bool) -> Self {
        self.emphasis = emphasis;
        self
    }
}

impl Table {
    /// Whether it holds texts to be read, which wrap and on a narrow screen stand below one another, and not numbers alone.
    pub(super) fn wraps(&self) -> bool {
        self.columns.iter().skip(1).any(|column| !column.numeric)
    }
}

impl Section {
    /// Whether it has room beside another on a wide screen: tables of a few columns, and no pictures.
    pub(super) fn is_narrow(&self) -> bool {
        self.blocks.iter().all(|block| match block {
            Block::Tables(tables) => tables.iter().all(|table| table.columns.len() <= 4),
            Block::Figures(_) | Block::Images { .. } => false,
            Block::Headline(_)
            | Block::Paragraph(_)
            | Block::Callout(..)
            | Block::List(_)
            | Block::Code { .. } => true,
        })
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
