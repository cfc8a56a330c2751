//! Names of the classes and attributes that files of regions have by their numbers.

use alambic_settings::Location;

use crate::error::{DataError, Fault, Place, Problems, RegionFault};
use crate::source::{Extent, TableSource};
use crate::table::{lines, utf8};

/// Names of classes and of attributes, by the numbers that LXMERT's files have for them.
#[derive(Debug, Clone, Default)]
pub(super) struct RegionNames {
    pub(super) objects: Vec<String>,
    pub(super) attributes: Vec<String>,
}

impl RegionNames {
    /// Names in files, where there are any.
    ///
    /// # Errors
    /// When a file cannot be read, is empty, or has an empty line before its end.
    pub(super) fn read(objects: Option<&Location>, attributes: Option<&Location>) -> Result<Self, DataError> {
        let names = |location: Option<&Location>| location.map_or_else(|| Ok(Vec::new()), read);
        Ok(Self { objects: names(objects)?, attributes: names(attributes)? })
    }
}

/// The names of a file, a line each; of several with commas between the first.
fn read(location: &Location) -> Result<Vec<String>, DataError> {
    let source = TableSource::open_lines(location, Extent::Whole)?;
    let (mut names, mut problems) = (Vec::new(), Problems::default());
    let mut blank = None;
    for (number, line) in lines(&source.bytes) {
        let Some(line) = utf8(&source, number, line, &mut problems) else { continue };
        let name = line.split(',').next().unwrap_or_default().trim();
        if name.is_empty() {
            blank.get_or_insert(number);
            continue;
        }
        if let Some(number) = blank.take() {
            // Whatever follows would have another number than the file gives it.
            problems.push(Place::line(&source.name, number), RegionFault::EmptyName.into());
        }
        names.push(name.to_owned());
    }
    if names.is_empty() {
        problems.push_if_none(Place::file(&source.name), Fault::Empty);
    }
    problems.or(names)
}

/// The name of a number.
pub(super) fn name(names: &[String], what: &'static str, id: i64) -> Result<String, RegionFault> {
    let own = usize::try_from(id).ok().and_then(|id| names.get(id));
    own.cloned().ok_or(RegionFault::UnknownNumber { what, number: id, known: names.len() })
}
