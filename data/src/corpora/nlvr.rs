//! NLVR.

use alambic_files::text::elided;
use alambic_settings::{Location, OneOrMany, settings};

use super::statements::{StatementFiles, StatementImage, StatementRow, read_statements};
use super::{BoxDisplay, ReadCorpus};
use crate::content::Content;
use crate::error::{DataError, Fault};
use crate::shape_boxes::{RawShape, ShapeBoxes};
use crate::source::Extent;

settings! {
    /// Statements about three boxes of coloured shapes, true or false, as NLVR publishes them (Suhr et al., 2017): JSON lines with
    /// `identifier`, `sentence`, `label` and `structured_rep`, the objects of each box. The images are drawn from the objects,
    /// 400 by 100 pixels, which are known with their boxes and tags, and may be read as regions.
    ///
    /// A sentence stands with up to four images, whose identifiers differ in what is behind the last `-`: they are one image where
    /// the corpus is split or a share of it is taken.
    pub struct Nlvr {
        /// The files.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// How boxes are shown.
        #[flatten]
        pub show: BoxDisplay,
    }
}

/// The key of what is in the boxes.
const STRUCTURE: &str = "structured_rep";

impl ReadCorpus for Nlvr {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let files = StatementFiles {
            paths: &self.paths,
            validation_paths: &self.validation_paths,
            test_paths: &self.test_paths,
            nested: &[STRUCTURE],
            optional: "directory",
            kind: "nlvr",
        };
        let image = |row: &StatementRow<'_>| {
            let sentence = row.identifier.rsplit_once('-').map(|(sentence, _)| sentence);
            let sentence =
                sentence.filter(|sentence| !sentence.is_empty()).ok_or_else(|| Fault::NotForm {
                    column: "identifier".into(),
                    found: row.identifier.to_owned(),
                    form: "sentence-image",
                })?;
            let text = row.nested.unwrap_or_default();
            let boxes: Vec<Vec<RawShape>> =
                serde_json::from_str(text).map_err(|error| Fault::BrokenJson(elided(&error.to_string())))?;
            let picture = self.show.picture(row.identifier.to_owned(), ShapeBoxes::new(&boxes)?);
            Ok(StatementImage { name: row.identifier.to_owned(), group: sentence.to_owned(), picture })
        };
        Ok(read_statements(&files, extent, image)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}
