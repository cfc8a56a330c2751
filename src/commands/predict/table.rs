//! Tables of inputs, and files of predictions.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use alambic_data::Extent;
use alambic_data::source::{TableFormat, TableSource};
use alambic_data::table::{Columns, Header, Table};
use alambic_files::text::quoted;
use alambic_files::write::partial_beside;
use alambic_settings::{Location, Origin};
use serde_json::Value;

use super::lines::Line;
use crate::failure::Failure;

/// Names of the columns that are read where none are named, by what a table has.
const USUAL: [&[&str]; 5] = [
    &["text"],
    &["image", "question"],
    &["question", "context"],
    &["question", "passage"],
    &["prompt", "choice1", "choice2"],
];

/// The inputs of a table.
#[derive(Debug, Clone)]
pub(super) struct TableInput {
    /// Names of the columns that were read.
    pub(super) columns: Vec<String>,
    /// The cells of each row, separated by tabs.
    pub(super) lines: Vec<Line>,
}

impl TableInput {
    /// Reads the columns that are named, or else the usual ones.
    pub(super) fn read(path: &Path, named: &[String]) -> Result<Self, Failure> {
        let location = Location::parse(&path.to_string_lossy(), &Origin::Default).map_err(Failure::Usage)?;
        let source = TableSource::open(&location, Extent::Whole)?;
        let read = |texts: &[&str]| {
            let header = Header::named(true);
            Table::read(&source, &Columns { header, texts, ..Columns::default() })
        };
        let columns = if named.is_empty() { usual(path, read(&[])?.names())? } else { named.to_vec() };
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let table = read(&names)?;
        let cells = names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
        let lines = (0..table.rows()).map(|row| {
            // Within a cell, tabs and ends of lines are white space.
            let plain = |cell: &str| cell.split_whitespace().collect::<Vec<_>>().join(" ");
            let text = cells.iter().map(|column| plain(column[row])).collect::<Vec<_>>().join("\t");
            Line { number: table.line(row).saturating_sub(1), text, is_cut: false }
        });
        Ok(Self { lines: lines.collect(), columns })
    }
}

/// The columns that are read of a table where none are named.
fn usual(path: &Path, names: &[String]) -> Result<Vec<String>, Failure> {
    let has = |wanted: &&&[&str]| wanted.iter().all(|name| names.iter().any(|known| known == name));
    if let Some(found) = USUAL.iter().find(has) {
        return Ok(found.iter().map(ToString::to_string).collect());
    }
    if let [only] = names {
        return Ok(vec![only.clone()]);
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", quoted(name))).collect();
    Err(Failure::Usage(format!(
        "{} has the columns {}, and none is called `text`; name those to read with `--columns`",
        path.display(),
        names.join(", ")
    )))
}

/// File of predictions, which gets its name when all are in it.
pub(super) struct OutputFile {
    file: BufWriter<File>,
    partial: PathBuf,
    path: PathBuf,
    format: TableFormat,
}

impl OutputFile {
    /// Begins a file with the names of the columns, that of the prediction behind them.
    pub(super) fn create(path: &Path, columns: &[String]) -> Result<Self, Failure> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let format = TableFormat::of_extension(extension).filter(|format| *format != TableFormat::Parquet);
        let format = format.ok_or_else(|| {
            Failure::Usage(format!(
                "{}: predictions are written as `.tsv`, `.csv` or `.jsonl`, by the end of the name",
                path.display()
            ))
        })?;
        if path.exists() {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is there already; name another file, or remove it")));
        }
        let partial = partial_beside(path);
        let file = BufWriter::new(File::create(&partial).map_err(Failure::file(path))?);
        let mut output = Self { file, partial, path: path.to_owned(), format };
        if format != TableFormat::JsonLines {
            output.row(columns.iter().map(String::as_str).chain(["prediction"]))?;
        }
        Ok(output)
    }

    /// Writes the prediction of a line.
    pub(super) fn write(&mut self, line: &str, text: &str, json: &Value) -> Result<(), Failure> {
        if self.format == TableFormat::JsonLines {
            return writeln!(self.file, "{json}").map_err(Failure::file(&self.path));
        }
        self.row(line.split('\t').chain([text]))
    }

    fn row<'c>(&mut self, cells: impl Iterator<Item = &'c str>) -> Result<(), Failure> {
        let is_csv = self.format == TableFormat::Csv;
        let cells = cells.map(|cell| {
            let is_quoted = is_csv && cell.contains(['"', ',', '\n', '\r']);
            if is_quoted { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
        });
        let row = cells.collect::<Vec<_>>().join(if is_csv { "," } else { "\t" });
        writeln!(self.file, "{row}").map_err(Failure::file(&self.path))
    }

    /// Gives the file its name.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let named = self.file.flush().and_then(|()| fs::rename(&self.partial, &self.path));
        named.map_err(Failure::file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn columns_are_read_by_name_without_the_header() {
        let (_folder, path) = table("in.csv", "label,text,more\nyes,\"a, b\",x\nno,\"two\nlines\",y\n");
        let texts = |columns: &[&str]| {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            TableInput::read(&path, &columns)
                .unwrap()
                .lines
                .into_iter()
                .map(|line| line.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(&[]), ["a, b", "two lines"]);
        assert_eq!(texts(&["more", "text"]), ["x\ta, b", "y\ttwo lines"]);
        assert!(TableInput::read(&path, &["none".to_owned()]).is_err());
    }

    #[test]
    fn table_without_a_usual_column_asks_for_one() {
        let (_folder, path) = table("in.tsv", "first\tother\na\tb\n");
        let Err(Failure::Usage(said)) = TableInput::read(&path, &[]) else { panic!("it was read") };
        assert!(said.contains("`first`, `other`") && said.contains("--columns"), "{said}");
        let (_folder, path) = table("in.tsv", "context\tquestion\na\tb\n");
        assert_eq!(TableInput::read(&path, &[]).unwrap().lines[0].text, "b\ta");
    }

    #[test]
    fn predictions_are_written_as_their_file_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str| {
            let path = folder.path().join(name);
            let mut file = OutputFile::create(&path, &["a".into(), "b".into()]).unwrap();
            file.write("x, y\t\"z\"", "yes", &serde_json::json!({ "prediction": "yes" })).unwrap();
            assert!(!path.exists(), "it has no name before it is whole");
            file.finish().unwrap();
            fs::read_to_string(path).unwrap()
        };
        assert_eq!(written("out.tsv"), "a\tb\tprediction\nx, y\t\"z\"\tyes\n");
        assert_eq!(written("out.csv"), "a,b,prediction\n\"x, y\",\"\"\"z\"\"\",yes\n");
        assert_eq!(written("out.jsonl"), "{\"prediction\":\"yes\"}\n");
        for name in ["out.tsv", "out.parquet", "out"] {
            assert!(matches!(OutputFile::create(&folder.path().join(name), &[]), Err(Failure::Usage(_))));
        }
    }
}
