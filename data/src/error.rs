//! What can be wrong with a file of data, where, and what to do about it.

use std::fmt;

use crate::regions::RegionFault;

/// How many problems of one file are listed before the rest is only counted.
const LISTED: usize = 20;

/// A place in a file, for an error message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it, `builtin:NAME`, or `hf:OWNER/NAME/PATH`.
    pub source: String,
    /// Line counted from 1; none where the whole file is meant, or where a format has no lines.
    pub line: Option<usize>,
    /// Column of text counted from 1 in characters, where it is known.
    pub column: Option<usize>,
}

impl Place {
    /// A place that is a whole file.
    #[must_use]
    pub fn file(source: &str) -> Self {
        Self { source: source.to_owned(), line: None, column: None }
    }

    /// A line of a file, counted from 1.
    #[must_use]
    pub fn line(source: &str, line: usize) -> Self {
        Self { source: source.to_owned(), line: Some(line), column: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.source)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(out, ":{number}")?;
        }
        Ok(())
    }
}

/// What is wrong with a file of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The operating system refused the file.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// A file that should be an image.
    #[error("is no image that can be read: {0}")]
    NotImage(String),
    /// Most texts of a language are not in its script.
    #[error("{wrong} of {texts} texts of `{language}` have no letter of its script")]
    WrongScript {
        /// The language.
        language: String,
        /// Its texts.
        texts: usize,
        /// Those without a letter of its script.
        wrong: usize,
    },
    /// A file of fewer or more lines than the one that it belongs to.
    #[error("{found} lines where {other} has {expected}")]
    LineCount {
        /// The lines of this file.
        found: usize,
        /// Those of the other one.
        expected: usize,
        /// The other one.
        other: String,
    },
    /// A language with fewer files than another.
    #[error("there are {found} files of `{language}`, and {expected} of another language")]
    FileCount {
        /// The language.
        language: String,
        /// Its files.
        found: usize,
        /// Those of the other language.
        expected: usize,
    },
    /// A file of XML that is broken.
    #[error("not the XML that is expected: {0}")]
    BrokenXml(String),
    /// Two options of a corpus, the first of which may not be above the second.
    #[error("`{0}` is above `{1}`")]
    Crossed(&'static str, &'static str),
    /// An answer that would be two classes, one of which is never right.
    #[error("the answer `{0}` is listed twice")]
    AnswerTwice(String),
    /// A question whose answers two annotations give.
    #[error("the question `{0}` is annotated twice")]
    AnnotatedTwice(String),
    /// A file that does not list answers.
    #[error("no list of answers: {0}")]
    NotAnswers(String),
    /// An image that a question is about and that is not there.
    #[error("there is no image {0}")]
    NoImage(String),
    /// An image whose name several files have, in other normal forms of Unicode.
    #[error("{1} files are called {0} in other normal forms of Unicode, and none in this one")]
    SeveralImages(String, usize),
    /// An image that a question is about and that cannot be read.
    #[error("the image {path} cannot be read: {reason}")]
    DamagedImage {
        /// The image.
        path: String,
        /// Why.
        reason: String,
    },
    /// A location that should be a folder.
    #[error("a folder is needed here")]
    NotFolder,
    /// A file of a dataset on the hub that is not at hand.
    #[error("{0}")]
    Hub(String),
    /// A location `builtin:…` that does not exist.
    #[error("there is no such built-in table")]
    UnknownBuiltin,
    /// The extension says nothing about the format.
    #[error("the extension `{0}` is not one of a known table format")]
    UnknownFormat(String),
    /// The format is known, the corpus is not published in it.
    #[error("this corpus is not published as {0}")]
    WrongFormat(&'static str),
    /// Bytes that are not UTF-8.
    #[error("not UTF-8: byte 0x{0:02x}")]
    NotUtf8(u8),
    /// Not a single line that is not blank.
    #[error("the file is empty")]
    Empty,
    /// A header and nothing below it.
    #[error("the table has a header and no row below it")]
    NoRows,
    /// A row with too few or too many columns.
    #[error("{found} {} where {expected} are expected", if *.found == 1 { "column" } else { "columns" })]
    ColumnCount {
        /// Columns of the row.
        found: usize,
        /// Columns of the header, or of the published format.
        expected: usize,
    },
    /// A row whose word or tag is empty.
    #[error("the column of the {0} is empty")]
    NothingInColumn(&'static str),
    /// A quoted field that no quote ends.
    #[error("a quoted field begins here and does not end")]
    OpenQuote,
    /// Two columns of one name.
    #[error("the header names the column `{0}` twice")]
    DuplicateColumn(String),
    /// A column that the reader needs.
    #[error("no column `{name}`; the columns are {}", list(.found))]
    MissingColumn {
        /// The column sought.
        name: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// A line of JSON lines that is no JSON object.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A file of JSON that is broken, or holds something else than its format says.
    #[error("not the JSON that is expected: {0}")]
    BrokenJson(String),
    /// An object of JSON lines without a key that the reader needs.
    #[error("no key `{0}` in this object")]
    MissingKey(String),
    /// A value that is no text where a text is needed.
    #[error("`{column}` holds {found} where text belongs")]
    NotText {
        /// The column or key.
        column: String,
        /// What it holds.
        found: String,
    },
    /// A text that is no number where a count is needed.
    #[error("`{column}` holds `{found}` where a whole number belongs")]
    NotNumber {
        /// The column.
        column: String,
        /// What it holds.
        found: String,
    },
    /// A text that is no number where one is needed.
    #[error("`{column}` holds `{found}` where a number belongs")]
    NotDecimal {
        /// The column.
        column: String,
        /// What it holds.
        found: String,
    },
    /// A label that is none of the classes.
    #[error("the label `{found}` is none of the classes {}", list(.classes))]
    UnknownClass {
        /// The label.
        found: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// A column for a language that the project does not know.
    #[error("unknown language `{0}`")]
    UnknownLanguage(String),
    /// No column or file for any language beside English.
    #[error("no language beside English is given")]
    NoLanguage,
    /// Every row was dropped.
    #[error("none of {rows} rows can be used: {reasons}")]
    NothingKept {
        /// Rows read.
        rows: usize,
        /// Why they were dropped, with counts.
        reasons: String,
    },
    /// What a file says of the regions of images.
    #[error(transparent)]
    Regions(#[from] RegionFault),
    /// The table reader's own complaint, which the pass over the lines did not foresee.
    #[error("the table cannot be read: {0}")]
    Reader(String),
}

impl Fault {
    /// What the user can do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable(_) => "check the path and the right to read it".into(),
            Self::Hub(_) => {
                "a file of a dataset is named `hf:OWNER/NAME[@REVISION]/PATH`; or give a path".into()
            }
            Self::UnknownBuiltin => "`builtin:names` is the table that comes with the program".into(),
            Self::UnknownFormat(_) => {
                "name it .tsv, .csv, .jsonl (or .json, one object a line) or .parquet".into()
            }
            Self::NotImage(_) | Self::DamagedImage { .. } => {
                "save it anew as PNG, JPEG, WebP or GIF, or leave out what is asked of it".into()
            }
            Self::NoImage(_) => {
                "check the folder of the images and how they are called, or leave out the row".into()
            }
            Self::SeveralImages(..) => "rename all but one of them, or write the name as one of them has it".into(),
            Self::WrongScript { .. } => "check whether the columns or files of two languages are crossed; `script = false` takes texts of any script".into(),
            Self::LineCount { .. } | Self::FileCount { .. } => {
                "give the files that belong together; the same line of each is the same sentence".into()
            }
            Self::BrokenXml(_) => "fetch the file anew, and check that it is TMX".into(),
            Self::NotAnswers(_) => {
                "give the `config.json` of a model with names of its classes, a list in JSON, or a line for each answer"
                    .into()
            }
            Self::AnnotatedTwice(_) => "give each annotation once; files of two parts may not share ids".into(),
            Self::AnswerTwice(_) => "list each answer once, in the order of their ids".into(),
            Self::Crossed(least, most) => format!("raise `{most}`, or lower `{least}`"),
            Self::NotFolder => "give the path of a folder".into(),
            Self::WrongFormat(_) => "`alambic list corpora` says which formats each corpus has".into(),
            Self::NotUtf8(_) => "save the file as UTF-8, or repair the line".into(),
            Self::Empty | Self::NoRows => "give a file with rows, or leave it out".into(),
            Self::ColumnCount { .. } => "add or remove separators; empty columns need theirs too".into(),
            Self::NothingInColumn(_) => "write it there, or remove the line".into(),
            Self::OpenQuote => "close the quote, or save as .tsv, which has no quoting".into(),
            Self::DuplicateColumn(_) => "rename one of them".into(),
            Self::MissingColumn { .. } => "rename the column, or say in the recipe what it is called".into(),
            Self::NotJson(_) => "put one object on each line".into(),
            Self::BrokenJson(_) => {
                "fetch the file anew, and check that it is the one that the key asks for".into()
            }
            Self::MissingKey(_) => "add the key, or remove the line".into(),
            Self::NotText { .. } => "store it as text; in JSON, put it in quotes".into(),
            Self::NotNumber { .. } => "write a count in digits, or remove the row".into(),
            Self::NotDecimal { .. } => "write a number such as 3.5, or remove the row".into(),
            Self::UnknownClass { .. } => "add it to `classes`, or remove the row".into(),
            Self::UnknownLanguage(_) => {
                let codes: Vec<_> = crate::language::LANGUAGES.iter().map(|language| language.code).collect();
                format!("known are {}", codes.join(", "))
            }
            Self::NoLanguage => "name a column or a path for each language".into(),
            Self::NothingKept { .. } => "check that each language's column holds its script".into(),
            Self::Regions(fault) => fault.help(),
            Self::Reader(_) => "open the file in another program and save it anew".into(),
        }
    }
}

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}\n  help: {}", self.place, self.fault, self.fault.help())
    }
}

/// Everything found wrong with a corpus, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct DataError {
    /// The first problems: at least one, and at most twenty of each file.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl DataError {
    /// One problem.
    #[must_use]
    pub fn new(place: Place, fault: Fault) -> Self {
        Self { problems: vec![Problem { place, fault }], more: 0 }
    }

    /// Notes how the reading of one file of several ended. The others are read all the same, to report the faults of
    /// all.
    pub(crate) fn note(faults: &mut Option<Self>, read: Result<(), Self>) {
        match (read, faults) {
            (Ok(()), _) => {}
            (Err(error), faults @ None) => *faults = Some(error),
            (Err(error), Some(faults)) => faults.extend(error),
        }
    }

    /// Adds what is wrong with another file.
    pub(crate) fn extend(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.more += other.more;
    }

    fn render(&self) -> String {
        let mut lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            lines.push(format!("and {} more like these", self.more));
        }
        lines.join("\n")
    }
}

/// Collects problems, so that a user sees all of a file's at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    listed: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, place: Place, fault: Fault) {
        if self.listed.len() < LISTED {
            self.listed.push(Problem { place, fault });
        } else {
            self.more += 1;
        }
    }

    pub(crate) fn extend(&mut self, error: DataError) {
        for problem in error.problems {
            self.push(problem.place, problem.fault);
        }
        self.more += error.more;
    }

    /// The value, or all that was collected, in the order of the lines.
    pub(crate) fn or<T>(mut self, value: T) -> Result<T, DataError> {
        self.listed.sort_by_key(|problem| problem.place.line);
        if self.listed.is_empty() {
            Ok(value)
        } else {
            Err(DataError { problems: self.listed, more: self.more })
        }
    }
}

fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_does_not_list() {
        let mut problems = Problems::default();
        for line in 1..=25 {
            problems.push(Place::line("names.tsv", line), Fault::ColumnCount { found: 1, expected: 4 });
        }
        let error = problems.or(()).unwrap_err();
        assert_eq!(error.problems.len(), LISTED);
        assert_eq!(error.more, 5);
        let text = error.to_string();
        assert!(text.starts_with("names.tsv:1: 1 column where 4 are expected\n  help: "), "{text}");
        assert!(text.ends_with("and 5 more like these"), "{text}");
    }
}
