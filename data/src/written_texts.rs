//! Written texts and the references that they are compared with, from files.

use alambic_settings::Location;

use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Extent, TableSource};
use crate::table::{Columns, Header, Quoting, Table, lines, utf8};

/// Written texts with their references, one text a line, as sacrebleu reads them: the same line of each file belongs together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenTexts {
    /// The texts, as they are written.
    pub outputs: Vec<String>,
    /// The references of each, at least one. An empty line of a file of references says that it has none for this text.
    pub references: Vec<Vec<String>>,
}

impl WrittenTexts {
    /// Reads texts and one or several files of references; with `columns`, tables whose columns hold them.
    ///
    /// # Errors
    /// When a file cannot be read or is not UTF-8, a column is missing, files have other numbers of lines, or a text has no
    /// reference.
    pub fn read(outputs: &Location, references: &[Location], columns: &[String]) -> Result<Self, DataError> {
        let source = TableSource::open_lines(outputs, Extent::Whole)?;
        let outputs = texts(&source)?;
        let mut problems: Option<DataError> = None;
        let mut all: Vec<Vec<String>> = vec![Vec::new(); outputs.len()];
        let mut first = None;
        for location in references {
            let own = read_references(location, columns).and_then(|(name, of_file)| {
                for column in of_file {
                    if column.len() != outputs.len() {
                        let (found, expected) = (column.len(), outputs.len());
                        let fault = Fault::LineCount { found, expected, other: source.name.clone() };
                        return Err(DataError::new(Place::file(&name), fault));
                    }
                    let filled = column.into_iter().zip(&mut all).filter(|(text, _)| !text.trim().is_empty());
                    filled.for_each(|(text, own)| own.push(text));
                }
                first.get_or_insert(name);
                Ok(())
            });
            DataError::note(&mut problems, own);
        }
        problems.map_or(Ok(()), Err)?;
        let mut missing = Problems::default();
        let name = first.unwrap_or_default();
        for (index, _) in all.iter().enumerate().filter(|(_, own)| own.is_empty()) {
            missing.push(Place::line(&name, index + 1), Fault::NoReference);
        }
        missing.or(Self { outputs, references: all })
    }
}

/// Columns of references of a file, with the file's name.
fn read_references(location: &Location, columns: &[String]) -> Result<(String, Vec<Vec<String>>), DataError> {
    if columns.is_empty() {
        let source = TableSource::open_lines(location, Extent::Whole)?;
        return Ok((source.name.clone(), vec![texts(&source)?]));
    }
    let source = TableSource::open(location, Extent::Whole)?;
    let names: Vec<&str> = columns.iter().map(String::as_str).collect();
    // Some of a row may be empty.
    let wanted = Columns {
        header: Header::named(true),
        quoting: Quoting::AsWritten,
        optional: &names,
        ..Columns::default()
    };
    let table = Table::read(&source, &wanted)?;
    let column = |name: &&str| -> Result<Vec<String>, DataError> {
        Ok(table.column(name)?.into_iter().map(str::to_owned).collect())
    };
    Ok((source.name.clone(), names.iter().map(column).collect::<Result<_, _>>()?))
}

/// The lines of a file.
fn texts(source: &TableSource) -> Result<Vec<String>, DataError> {
    let mut problems = Problems::default();
    let mut texts: Vec<String> = lines(&source.bytes)
        .map(|(number, line)| utf8(source, number, line, &mut problems).unwrap_or_default().to_owned())
        .collect();
    // What stands behind the last end of a line is a line only if there is something.
    if texts.last().is_some_and(String::is_empty) {
        texts.pop();
    }
    problems.or(())?;
    if texts.is_empty() {
        return Err(DataError::new(Place::file(&source.name), Fault::Empty));
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn read(folder: &Path, files: &[(&str, &[u8])], columns: &[&str]) -> Result<WrittenTexts, String> {
        let mut locations = Vec::new();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
            locations.push(Location::File(folder.join(name)));
        }
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        WrittenTexts::read(&locations[0], &locations[1..], &columns).map_err(|error| error.to_string())
    }

    #[test]
    fn empty_lines_are_empty_texts_and_missing_references() {
        let folder = tempfile::tempdir().unwrap();
        let own = |files: &[(&str, &[u8])]| read(folder.path(), files, &[]);
        let found = own(&[
            ("out", b"\xef\xbb\xbfa\r\n\r\nc"),
            ("one", "x\n\u{2028}y\n\u{e4}\n".as_bytes()),
            ("two", b"\nz\n \n"),
        ]);
        let found = found.unwrap();
        assert_eq!(found.outputs, ["a", "", "c"]);
        assert_eq!(found.references, [vec!["x"], vec!["\u{2028}y", "z"], vec!["\u{e4}"]]);
        for (files, said) in [
            (vec![("out", &b"a\nb\n"[..]), ("one", b"x\n")], "1 lines where"),
            (vec![("out", b"a\nb\n"), ("one", b"x\n\n"), ("two", b"y\n \n")], "one:2: no reference"),
            (vec![("out", b"a\n"), ("one", b"\xff\n")], "one:1:1"),
            (vec![("out", b""), ("one", b"x\n")], "out"),
        ] {
            let error = own(&files).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn columns_of_a_table_are_references() {
        let folder = tempfile::tempdir().unwrap();
        let table = b"id\tref0\tref1\n1\ta b\tc\n2\td\t\n";
        let own =
            |columns: &[&str]| read(folder.path(), &[("out.txt", b"a\nb\n"), ("table.tsv", table)], columns);
        assert_eq!(own(&["ref0", "ref1"]).unwrap().references, [vec!["a b", "c"], vec!["d"]]);
        let error = own(&["ref0", "ref9"]).unwrap_err();
        assert!(error.contains("ref9") && error.contains("table.tsv"), "{error}");
    }
}
