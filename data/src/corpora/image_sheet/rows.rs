//! What a row says of its pictures.

use std::collections::HashSet;

use super::columns::{CellColumns, TextColumn};
use crate::error::{Fault, SheetFault};
use crate::objects::Object;
use crate::pictures::Caption;

/// The edges of an object that fills its picture.
const WHOLE: [f32; 4] = [0.0, 0.0, 1.0, 1.0];

/// What a row says of its pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CellRow {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) captions: Vec<Caption>,
    pub(super) tags: Vec<Object>,
    /// What can be said once of a picture, by the key that names its column.
    pub(super) facts: CellFacts,
}

/// What can be said once of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CellFacts {
    pub(super) class: Option<String>,
    pub(super) style: Option<String>,
    pub(super) categories: Vec<String>,
    pub(super) split: Option<String>,
    pub(super) may_be_mirrored: bool,
}

impl CellFacts {
    /// The key of the first fact in which two differ.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("class", self.class != other.class),
            ("style", self.style != other.style),
            ("categories", self.categories != other.categories),
            ("split", self.split != other.split),
            ("mirror", self.may_be_mirrored != other.may_be_mirrored),
        ]
        .into_iter()
        .find_map(|(key, differs)| differs.then_some(key))
    }
}

impl CellRow {
    /// Reads a row. `names` are those of the columns of its cell and of what may be mirrored.
    ///
    /// # Errors
    /// The first fault of the row.
    pub(super) fn read(
        columns: &CellColumns<'_>,
        row: usize,
        [x, y, mirror]: [&str; 3],
    ) -> Result<Self, Fault> {
        let number = |column: &str, text: &str| {
            // A sign is none of the digits of a count.
            let digits = Some(text.trim()).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            digits
                .and_then(|text| text.parse::<u32>().ok())
                .map(|number| number as usize)
                .ok_or_else(|| Fault::NotCount { column: column.to_owned(), found: text.to_owned() })
        };
        let (x, y) = (number(x, columns.x[row])?, number(y, columns.y[row])?);
        let captions = captions(&columns.captions, row);
        if captions.is_empty() && !columns.captions.is_empty() {
            let names = columns.captions.iter().map(|column| column.name.to_owned());
            return Err(SheetFault::NoText(names.collect()).into());
        }
        let value = |column: &Option<Vec<&str>>| {
            let text = column.as_ref().map(|column| column[row].trim());
            text.filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let may_be_mirrored = match columns.mirror.as_ref().map(|column| column[row].trim()) {
            None | Some("1" | "true") => true,
            Some("0" | "false") => false,
            Some(found) => {
                let known = ["0", "1"].map(str::to_owned).to_vec();
                return Err(Fault::NotOneOf { column: mirror.to_owned(), found: found.to_owned(), known });
            }
        };
        let facts = CellFacts {
            class: value(&columns.class),
            style: value(&columns.style),
            categories: categories(&columns.categories, row),
            split: value(&columns.split),
            may_be_mirrored,
        };
        Ok(Self { x, y, captions, tags: tags(&columns.tags, row), facts })
    }
}

fn captions(columns: &[TextColumn<'_>], row: usize) -> Vec<Caption> {
    let caption = |column: &TextColumn<'_>| {
        let text = column.texts[row].trim();
        let language = column.language.map(str::to_owned);
        (!text.is_empty()).then(|| Caption::new(text.to_owned(), language))
    };
    columns.iter().filter_map(caption).collect()
}

/// The categories of a row, down to the first column that is empty.
fn categories(columns: &[Vec<&str>], row: usize) -> Vec<String> {
    let names = columns.iter().map(|column| column[row].trim());
    names.take_while(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The tags of a row, each once.
fn tags(columns: &[TextColumn<'_>], row: usize) -> Vec<Object> {
    let mut seen = HashSet::new();
    let all = columns.iter().flat_map(|column| column.texts[row].split('|')).map(str::trim);
    all.filter(|tag| !tag.is_empty() && seen.insert(*tag))
        .map(|tag| Object::new(tag.to_owned(), WHOLE))
        .collect()
}
