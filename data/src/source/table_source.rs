//! Sources of tables: bytes with their format and the name that errors call them by.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use alambic_hub::Hub;
use alambic_settings::{Location, OneOrMany};

use super::format::TableFormat;
use super::pattern::files;
use super::{bytes, pattern};
use crate::embedded;
use crate::error::{DataError, Fault, Place};

/// Extent of reading: a whole table, or its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// All of it.
    #[default]
    Whole,
    /// The lines that end in the first 64 KiB of TSV and JSON lines, for a quick check. Other formats, which
    /// cannot be cut at a line, are read whole.
    Head,
}

/// A table's bytes with the name that errors call it by.
#[derive(Debug, Clone)]
pub struct TableSource {
    /// The path as the user gave it, `builtin:NAME`, or `hf:OWNER/NAME/PATH`.
    pub name: String,
    /// Format of the bytes.
    pub format: TableFormat,
    /// The content, decompressed, and text decoded to UTF-8 if it was in UTF-16.
    pub bytes: Cow<'static, [u8]>,
    /// Whether lines behind these were left unread.
    pub is_cut: bool,
    /// Notes on how the file was read, where its name does not say so.
    pub notes: Vec<&'static str>,
}

impl TableSource {
    /// Opens a location.
    ///
    /// # Errors
    /// Where there is no such file or built-in table, the hub does not give it, it cannot be read, or its extension is no
    /// table's.
    pub fn open(location: &Location, extent: Extent) -> Result<Self, DataError> {
        Self::open_as(location, extent, None)
    }

    /// Opens a location as lines of text, whatever it is called.
    ///
    /// # Errors
    /// Where there is no such file or built-in table, or it cannot be read.
    pub fn open_lines(location: &Location, extent: Extent) -> Result<Self, DataError> {
        Self::open_as(location, extent, Some(TableFormat::Tsv))
    }

    fn open_as(location: &Location, extent: Extent, format: Option<TableFormat>) -> Result<Self, DataError> {
        match location {
            Location::Builtin(name) => {
                let own = embedded::TABLES.iter().find(|(own, _)| own == name);
                let unknown = || DataError::new(Place::file(&location.to_string()), Fault::UnknownBuiltin);
                Ok(Self {
                    name: location.to_string(),
                    format: TableFormat::Tsv,
                    bytes: own.ok_or_else(unknown)?.1.as_bytes().into(),
                    is_cut: false,
                    notes: Vec::new(),
                })
            }
            other => {
                let (name, path) = local(other)?;
                Self::read(name, &path, extent, format)
            }
        }
    }

    fn read(
        name: String,
        path: &Path,
        extent: Extent,
        format: Option<TableFormat>,
    ) -> Result<Self, DataError> {
        let fail = |fault| DataError::new(Place::file(&name), fault);
        if pattern::is_pattern(path) {
            return Err(fail(Fault::NoSuchFiles));
        }
        let is_compressed = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        let inner = if is_compressed { path.with_extension("") } else { path.to_owned() };
        let extension = inner.extension().unwrap_or_default().to_string_lossy();
        let format = format
            .or_else(|| TableFormat::of_extension(&extension))
            .ok_or_else(|| fail(Fault::UnknownFormat(extension.into_owned())))?;
        let wants_head =
            extent == Extent::Head && matches!(format, TableFormat::Tsv | TableFormat::JsonLines);
        let bytes::FileContent { bytes, is_cut, notes } =
            bytes::read(path, format, wants_head).map_err(fail)?;
        Ok(Self { name, format, bytes: bytes.into(), is_cut, notes })
    }

    /// BLAKE3 of the bytes, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        blake3::hash(&self.bytes).to_hex().to_string()
    }
}

/// Opens files one after another, each list with the split of its rows. The others are read where one is faulty, too, to report the
/// faults of all.
pub(crate) fn for_each_file<const LISTS: usize>(
    lists: [(&OneOrMany<Location>, Option<&'static str>); LISTS],
    extent: Extent,
    mut read: impl FnMut(&TableSource, Option<&'static str>) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let mut faults: Option<DataError> = None;
    for (paths, split) in lists {
        for location in files(paths)? {
            let own = TableSource::open(&location, extent).and_then(|source| read(&source, split));
            DataError::note(&mut faults, own);
        }
    }
    faults.map_or(Ok(()), Err)
}

/// The name by which errors call a location's file, and its path on this machine.
///
/// # Errors
/// Where it is built in, or the hub does not give it.
pub(crate) fn local(location: &Location) -> Result<(String, PathBuf), DataError> {
    let name = location.to_string();
    let path = match location {
        Location::File(path) => path.clone(),
        Location::Builtin(_) => return Err(DataError::new(Place::file(&name), Fault::UnknownBuiltin)),
        Location::Hub(file) => Hub::from_environment()
            .file(file)
            .map_err(|error| DataError::new(Place::file(&name), Fault::Hub(error.to_string())))?,
    };
    Ok((name, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_cannot_be_opened() {
        let problem = |location| TableSource::open(&location, Extent::Whole).unwrap_err().problems.remove(0);
        assert!(matches!(problem(Location::File("no/such.tsv".into())).fault, Fault::Unreadable(_)));
        assert!(matches!(problem(Location::File(PathBuf::from("a.xlsx"))).fault, Fault::UnknownFormat(_)));
        assert_eq!(problem(Location::Builtin("nams".into())).fault, Fault::UnknownBuiltin);
        let hub = problem(Location::Hub("no name".into()));
        assert!(matches!(hub.fault, Fault::Hub(_)) && hub.place.source == "hf:no name");
    }

    #[test]
    fn the_head_ends_with_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.tsv");
        let line = "a\tb\n";
        std::fs::write(&path, line.repeat(40_000)).unwrap();
        let head = TableSource::open(&Location::File(path.clone()), Extent::Head).unwrap();
        assert!(head.bytes.len() <= bytes::HEAD as usize && head.bytes.ends_with(line.as_bytes()));
        let whole = TableSource::open(&Location::File(path.clone()), Extent::Whole).unwrap();
        assert_eq!(whole.bytes.len(), 160_000);
        std::fs::write(&path, "a".repeat(100_000)).unwrap();
        let one_line = TableSource::open(&Location::File(path), Extent::Head).unwrap();
        assert_eq!(one_line.bytes.len(), 100_000);
    }
}
