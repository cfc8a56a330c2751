//! Keys of the corpus.

use alambic_settings::{Either, IndexMap, Location, OneOrMany, settings};

use super::super::ReadCorpus;
use super::caption_template::CAPTION;
use super::reader::SheetReader;
use super::sheet_files::{SheetFiles, Sides};
use crate::content::Content;
use crate::error::DataError;
use crate::sheets::Background;
use crate::source::Extent;

settings! {
    /// Groups that are seen in training in all styles but one, and asked about in that one. Its pictures have the value `unseen-style`
    /// of the split, which `split.test-values` names, and are groups of their own. They are of none of the groups that `split.test-fraction`
    /// or `split.validation-fraction` takes, as long as `split.salt` is left as it is, the first of both is at most three quarters
    /// and the second at most a fifth.
    pub struct UnseenStyle {
        /// The style, one of the keys of `sheets`.
        pub style: String,
        /// Share of the groups; smaller shares lie within larger ones.
        #[range(0.0..=0.2)]
        pub fraction: f64,
    }
}

settings! {
    /// Pictures in the cells of sheets, as emoji and icons are published, with a table of what they show: captions in one or
    /// several languages, tags, classes. The picture of the cell (x, y) begins at the pixel x·(side + 2·border) + border from the
    /// left, and so for y from the top.
    ///
    /// Several rows of one cell are one picture with the captions of all. A group of pictures is one picture where the corpus is
    /// split, where a share of it is taken, and where corpora are compared, so that no variant of a test picture is trained on.
    pub struct ImageSheet {
        /// The table: TSV with a header, in which quotes are characters like others.
        pub table: Location,
        /// The sheets: a PNG; a PNG for each style, as `{ noto = "noto.png", twemoji = "twemoji.png" }`, by which each row is a
        /// picture of every sheet; or the column that names each row's PNG, which lies beside the table, as
        /// `{ column = "sheet" }`.
        pub sheets: SheetFiles,
        /// Pixels of a picture's side; or by sheet, under its style or what the column calls it, as `{ "icons.png" = 64 }`.
        pub side: Sides = Either::First(32),
        /// Pixels around each picture that do not belong to it.
        #[range(0..=1024)]
        pub border: usize = 1,
        /// The column of a cell's place from the left, counted from 0.
        pub x: String = "sheet_x".to_owned(),
        /// The column of a cell's place from the top, counted from 0.
        pub y: String = "sheet_y".to_owned(),
        /// Columns of captions. What stands behind the last `_` of a column's name is the code of its language: `name_hi`. Each
        /// row has a text in one of them.
        pub captions: OneOrMany<String> = OneOrMany(vec!["name_en".to_owned()]),
        /// How a caption is said of a picture: `{caption}` is what its column holds, `{style}` the picture's style, as
        /// `"{style}: {caption}"`, where pictures of several styles have the same captions.
        pub caption_template: String = CAPTION.to_owned(),
        /// Columns of tags, with `|` between them. Each tag is an object that fills the picture.
        pub tags: OneOrMany<String> = OneOrMany(Vec::new()),
        /// The column of the class. With it there is a question about each picture, whose answer is the class.
        pub class: Option<String>,
        /// That question.
        pub class_question: String = "what is it?".to_owned(),
        /// The column of the style, such as photograph or drawing, by which reports have slices.
        pub style: Option<String>,
        /// Columns of categories, the broadest first, as `["category", "subcategory"]`: from them `picture-choice` takes wrong
        /// descriptions.
        pub categories: OneOrMany<String> = OneOrMany(Vec::new()),
        /// The column of the split, whose values are those that a split can name. Left out: `split`, if the table has one.
        pub split: Option<String>,
        /// The column that says whether a picture may be mirrored, by 1 or 0. Left out: all may.
        pub mirror: Option<String>,
        /// The column by which pictures form groups, or `base-emoji`: emoji that differ in skin tone, gender or direction, by the
        /// code points in the column `base_unified`. Left out: the pictures of a row.
        pub group: Option<String>,
        /// Pictures of a style that are for the test alone, while those of the same groups in other styles are trained on.
        pub unseen_style: Option<UnseenStyle>,
        /// What lies under what is transparent: `white`, `grey`, `black` or `#RRGGBB`.
        pub background: Background = Background::WHITE,
        /// Values by column whose rows are left out, as `{ category = ["Flags"] }`.
        pub exclude: IndexMap<String, OneOrMany<String>> = IndexMap::new(),
    }
}

impl ReadCorpus for ImageSheet {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        SheetReader::read(self, extent)
    }
}
