//! Faults of files of data.

use alambic_files::text::{quoted, shortened};

use super::benchmark_fault::BenchmarkFault;
use super::class_fault::ClassFault;
use super::language_fault::LanguageFault;
use super::mixing_fault::MixingFault;
use super::region_fault::RegionFault;
use super::sheet_fault::SheetFault;

/// Number of names that a message lists.
const NAMES: usize = 20;

/// Characters of another library's message that are shown; it may quote what stands in the file.
const MESSAGE: usize = 300;

/// Fault of a file of data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The operating system refused the file.
    #[error("cannot be read: {}", shortened(.0, MESSAGE))]
    Unreadable(String),
    /// The operating system refused to write the file.
    #[error("cannot be written: {}", shortened(.0, MESSAGE))]
    Unwritable(String),
    /// A file that should be an image.
    #[error("cannot be read as an image: {0}")]
    NotImage(String),
    /// Most texts of a language are not in its script.
    #[error("{wrong} of {texts} texts of `{}` have no letter of its script", quoted(.language))]
    WrongScript {
        /// The language.
        language: String,
        /// Its texts.
        texts: usize,
        /// Those without a letter of its script.
        wrong: usize,
    },
    /// A written text for which no file of references has a text.
    #[error("no reference: the line is empty in every file of references")]
    NoReference,
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
    #[error("there are {found} files of `{}`, and {expected} of another language", quoted(.language))]
    FileCount {
        /// The language.
        language: String,
        /// Its files.
        found: usize,
        /// Those of the other language.
        expected: usize,
    },
    /// A file of XML that is broken.
    #[error("not the XML that is expected: {}", shortened(.0, MESSAGE))]
    BrokenXml(String),
    /// Different texts of one language in a unit of a translation memory.
    #[error("a unit has different texts for `{}`, of `{}` and of `{}`", quoted(.language), quoted(&.codes[0]), quoted(&.codes[1]))]
    AmbiguousVariants {
        /// The language that is asked for.
        language: String,
        /// The codes of two texts.
        codes: [String; 2],
    },
    /// Two options of a corpus, the first of which may not be above the second.
    #[error("`{0}` is above `{1}`")]
    MinAboveMax(&'static str, &'static str),
    /// Families of statements of which none is left to train on.
    #[error("all of `families` are in `kept-out-families`")]
    NoFamily,
    /// An answer that would be two classes, one of which is never right.
    #[error("the answer `{}` is listed twice", quoted(.0))]
    DuplicateAnswer(String),
    /// A question whose answers two annotations give.
    #[error("the question `{0}` is annotated twice")]
    DuplicateAnnotation(String),
    /// A file that does not list answers.
    #[error("not a list of answers: {}", shortened(.0, MESSAGE))]
    NotAnswers(String),
    /// An image that a question is about and that is not there.
    #[error("there is no image {0}")]
    NoImage(String),
    /// An image of which only regions are known.
    #[error("the data name regions of this image and no folder of its pixels")]
    NoPixels,
    /// An image whose name several files have, in other normal forms of Unicode.
    #[error("{1} files are called {0} in other normal forms of Unicode, and none in this one")]
    AmbiguousImage(String, usize),
    /// An image that a question is about and that cannot be read.
    #[error("the image {path} cannot be read: {reason}")]
    DamagedImage {
        /// The image.
        path: String,
        /// Why.
        reason: String,
    },
    /// A location that should be a folder.
    #[error("a folder is expected here")]
    NotFolder,
    /// A file of a dataset on the hub that is not at hand.
    #[error("{0}")]
    Hub(String),
    /// A location `builtin:…` that does not exist.
    #[error("there is no such built-in table")]
    UnknownBuiltin,
    /// The extension is of no known format.
    #[error("the extension `{}` is not that of a known table format", quoted(.0))]
    UnknownFormat(String),
    /// The format is known, the corpus is not published in it.
    #[error("this corpus is not published as {0}")]
    WrongFormat(&'static str),
    /// Bytes that are not UTF-8.
    #[error("not UTF-8: byte 0x{:02x}{}", .0, in_windows(*.0))]
    NotUtf8(u8),
    /// Text in UTF-16 that is broken.
    #[error("not UTF-16: half a character at byte {0}")]
    NotUtf16(usize),
    /// Something that people put in the place of a file: a pointer, a web page, another format.
    #[error("this is {0}")]
    OtherContent(&'static str),
    /// A compressed file that would fill the memory.
    #[error("it is compressed more than {times} times over, and larger than {} MiB", .bytes >> 20)]
    TooLarge {
        /// Multiple of its size that the content of a file may have.
        times: u64,
        /// The size up to which any content may come.
        bytes: u64,
    },
    /// A line that is longer than any text.
    #[error("a line of more than {} MiB", .0 >> 20)]
    LongLine(usize),
    /// A pattern of file names that names none.
    #[error("no file matches; `*` matches any characters, and `?` one")]
    NoSuchFiles,
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
    /// A row whose word, tag, label or number is empty.
    #[error("the column of the {0} is empty")]
    EmptyField(&'static str),
    /// A line that looks like a comment, where none are expected.
    #[error("`{}` looks like a comment, and without `comment` each line is a word", quoted(.0))]
    UnexpectedComment(String),
    /// A quoted field that no quote ends.
    #[error("a quoted field begins here and does not end")]
    UnclosedQuote,
    /// Rows that are others where quotes are marks around fields than where they are characters.
    #[error(
        "with quotes as marks around fields a row goes on to the next line here, and without them it does not"
    )]
    AmbiguousQuotes,
    /// Two columns of the name of one that the reader needs.
    #[error("the header names the column `{}` twice", quoted(.0))]
    DuplicateColumn(String),
    /// A column that the reader needs.
    #[error("no column `{}`; the columns are {}", quoted(.name), list(.found))]
    MissingColumn {
        /// The column sought.
        name: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// A line of JSON lines that is no JSON object.
    #[error("not a JSON object: {}", shortened(.0, MESSAGE))]
    NotJson(String),
    /// A file of JSON that is broken, or holds something else than its format says.
    #[error("not the JSON that is expected: {}", shortened(.0, MESSAGE))]
    BrokenJson(String),
    /// An object of JSON lines without a key that the reader needs.
    #[error("no key `{}` in this object", quoted(.0))]
    MissingKey(String),
    /// A key that an object has twice.
    #[error("the key `{}` occurs twice in this object", quoted(.0))]
    DuplicateKey(String),
    /// A value that is no text where a text is needed.
    #[error("`{}` holds {} where text is expected", quoted(.column), quoted(.found))]
    NotText {
        /// The column or key.
        column: String,
        /// The value found.
        found: String,
    },
    /// A text that is no number where a count is needed.
    #[error("`{}` holds `{}` where a whole number is expected", quoted(.column), quoted(.found))]
    NotCount {
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A text that is no number where one is needed.
    #[error("`{}` holds `{}` where a number is expected", quoted(.column), quoted(.found))]
    NotNumber {
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A list or a structure where a value is needed.
    #[error("`{}` holds {} where a single value is expected", quoted(.column), quoted(.found))]
    NotOneValue {
        /// The column or key.
        column: String,
        /// The value found.
        found: String,
    },
    /// Labels that stand for none.
    #[error(
        "the label is `{}` in {count} {}, which marks a missing label",
        quoted(.found),
        if *.count == 1 { "row" } else { "rows" }
    )]
    MissingLabel {
        /// The label.
        found: String,
        /// Number of rows that have it.
        count: usize,
    },
    /// A label that is not one of the classes.
    #[error("the label `{}` is not one of the classes {}", quoted(.found), list(.classes))]
    UnknownClass {
        /// The label.
        found: String,
        /// The classes there are.
        classes: Vec<String>,
    },
    /// A fault of a table about the classes of labels.
    #[error(transparent)]
    Classes(#[from] ClassFault),
    /// A column for a language that the project does not know.
    #[error("unknown language `{}`", quoted(.0))]
    UnknownLanguage(String),
    /// No column or file for any language but English.
    #[error("no language other than English is given")]
    NoLanguage,
    /// Every row was dropped.
    #[error("none of {rows} rows can be used: {reasons}")]
    NoUsableRows {
        /// Rows read.
        rows: usize,
        /// Why they were dropped, with counts.
        reasons: String,
    },
    /// An id that two passages or two queries have.
    #[error("the id `{}` is given twice", quoted(.0))]
    DuplicateId(String),
    /// A judgement or score of a passage that is not there.
    #[error("there is no passage `{}`", quoted(.0))]
    UnknownPassage(String),
    /// A judgement or score for a query that is not there.
    #[error("there is no query `{}`", quoted(.0))]
    UnknownQuery(String),
    /// A query of which no judgement says that a passage is relevant.
    #[error("no passage is judged relevant for the query `{}`", quoted(.0))]
    NoPositive(String),
    /// A folder of queries and passages without judgements.
    #[error("there are no judgements: no file that begins with `train`, `dev` or `test`")]
    NoJudgements,
    /// Different judgements of one passage for one query.
    #[error("the passage `{}` is judged differently before for the query `{}`", quoted(.passage), quoted(.query))]
    TwoJudgements {
        /// The query.
        query: String,
        /// The passage.
        passage: String,
    },
    /// Another number of scores or labels than there are passages.
    #[error("`{}` holds {found} numbers for {expected} passages", quoted(.column))]
    NumberCount {
        /// The column.
        column: String,
        /// How many there are.
        found: usize,
        /// The passages of the row.
        expected: usize,
    },
    /// Something that is no list of texts where one is needed.
    #[error("`{}` holds `{}` where a list of texts is expected", quoted(.column), quoted(.found))]
    NotTexts {
        /// The column.
        column: String,
        /// The value found.
        found: String,
    },
    /// A value that is none of those that a column may hold.
    #[error("`{}` holds `{}` where one of {} is expected", quoted(.column), quoted(.found), list(.known))]
    NotOneOf {
        /// The column.
        column: String,
        /// The value found.
        found: String,
        /// The values that it may hold.
        known: Vec<String>,
    },
    /// A value that has not the form of such values.
    #[error("`{}` holds `{}` where `{form}` is expected", quoted(.column), quoted(.found))]
    NotForm {
        /// The column.
        column: String,
        /// The value found.
        found: String,
        /// The form expected.
        form: &'static str,
    },
    /// A question with one choice, or none.
    #[error("{} {} where two or more are needed", .0, if *.0 == 1 { "choice" } else { "choices" })]
    ChoiceCount(usize),
    /// A label that names none of the choices.
    #[error("the label `{}` is none of the choices {}, numbered from {first}", quoted(.found), list(.choices))]
    UnknownChoice {
        /// The label.
        found: String,
        /// The choices of the question.
        choices: Vec<String>,
        /// The number of the first choice.
        first: usize,
    },
    /// A recorded answer of a teacher that cannot be used.
    #[error("{}", shortened(.0, MESSAGE))]
    Answer(String),
    /// A fault of a file of a benchmark.
    #[error(transparent)]
    Benchmark(#[from] BenchmarkFault),
    /// A fault of what a corpus says of the language of its texts.
    #[error(transparent)]
    Language(#[from] LanguageFault),
    /// A fault of a dictionary by which texts are mixed.
    #[error(transparent)]
    Mixing(#[from] MixingFault),
    /// A fault of a sheet of pictures, or of the table of its cells.
    #[error(transparent)]
    Sheet(#[from] SheetFault),
    /// A fault of a file of regions.
    #[error(transparent)]
    Regions(#[from] RegionFault),
    /// The table reader's own complaint, which the pass over the lines did not foresee.
    #[error("the table cannot be read: {}", shortened(.0, MESSAGE))]
    Reader(String),
}

impl Fault {
    /// Help for the user: one action that mends it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable(_) => "check the path and the right to read it".into(),
            Self::Unwritable(_) => "check the path, the right to write there and the room on the disk".into(),
            Self::Hub(_) => {
                "a file of a dataset is named `hf:OWNER/NAME[@REVISION]/PATH`; or give a path".into()
            }
            Self::UnknownBuiltin => "tables that come with the program are `builtin:names`, `builtin:scenes.en-hi` and `builtin:scenes.en-ja`".into(),
            Self::UnknownFormat(_) => {
                "name it .tsv, .csv, .jsonl (or .json, one object a line) or .parquet".into()
            }
            Self::NotImage(_) | Self::DamagedImage { .. } => {
                "save it again as PNG, JPEG, WebP or GIF, or leave out the questions about it".into()
            }
            Self::NoImage(_) => "check the images' folder and their names, or leave out the row".into(),
            Self::NoPixels => "name the folder of the images by `images`".into(),
            Self::AmbiguousImage(..) => "rename all but one of them, or write the name as one of them has it".into(),
            Self::WrongScript { .. } => "check whether the columns or files of two languages are crossed; `script = false` takes texts of any script".into(),
            Self::NoReference => "write a reference, or remove the line from all files".into(),
            Self::LineCount { .. } | Self::FileCount { .. } => {
                "give the files that belong together; the same line of each is the same sentence".into()
            }
            Self::BrokenXml(_) => "fetch the file anew, and check that it is TMX".into(),
            Self::AmbiguousVariants { codes: [one, other], .. } => format!(
                "ask for one or both of them, such as `{}` or `{}`, in `languages`",
                quoted(one),
                quoted(other)
            ),
            Self::NotAnswers(_) => {
                "give the `config.json` of a model with names of its classes, a list in JSON, or a line for each answer"
                    .into()
            }
            Self::DuplicateAnnotation(_) => "give each annotation once; files of two splits may not share ids".into(),
            Self::DuplicateAnswer(_) => "list each answer once, in the order of their ids".into(),
            Self::MinAboveMax(least, most) => format!("raise `{most}`, or lower `{least}`"),
            Self::NoFamily => "leave a family out of `kept-out-families`, or name more under `families`".into(),
            Self::NotFolder => "give the path of a folder".into(),
            Self::WrongFormat(_) => "`alambic list corpora` shows which formats each corpus has".into(),
            Self::NotUtf8(_) => {
                "save the file as UTF-8 (`iconv -f WINDOWS-1252 -t UTF-8` if it comes from Windows), or repair the line".into()
            }
            Self::NotUtf16(_) => "save the file as UTF-8".into(),
            Self::OtherContent(_) => {
                "give the file itself: text in UTF-8, also compressed with gzip, or the format of its name".into()
            }
            Self::TooLarge { .. } => "decompress it with `gunzip`, and name what comes out".into(),
            Self::LongLine(_) => "check that it is a table, and shorten or remove the line".into(),
            Self::NoSuchFiles => "check the pattern; it is one for the names in a single folder".into(),
            Self::Empty | Self::NoRows => "give a file with rows, or leave it out".into(),
            Self::ColumnCount { .. } => "add or remove separators; empty columns need theirs too".into(),
            Self::EmptyField(_) => "fill it in, or remove the line".into(),
            Self::UnexpectedComment(_) => "set `comment = \"#\"` if lines that begin with it are comments, or give the line its columns".into(),
            Self::UnclosedQuote => "close the quote; where quotes are no more than characters, set `quoting = \"none\"`".into(),
            Self::AmbiguousQuotes => {
                "set `quoting = \"double-quotes\"` or `quoting = \"none\"`, or save it as CSV".into()
            }
            Self::DuplicateColumn(_) => "rename one of them".into(),
            Self::MissingColumn { .. } => "rename the column, or name it in the recipe".into(),
            Self::NotJson(_) => "put one object on each line, or all of them in one list".into(),
            Self::DuplicateKey(_) | Self::TwoJudgements { .. } => "remove one of the two".into(),
            Self::NotOneValue { .. } => "name what is in an object as `KEY.KEY`; lists are not read".into(),
            Self::MissingLabel { .. } => {
                "remove these rows, or leave the file out; where it is a class, list it in `classes`".into()
            }
            Self::BrokenJson(_) => "fetch the file anew; check that it is the one the key asks for".into(),
            Self::MissingKey(_) => "add the key, or remove the line".into(),
            Self::NotText { .. } => "store it as text; in JSON, put it in quotes".into(),
            Self::NotCount { .. } => "write a count in digits, or remove the row".into(),
            Self::NotNumber { .. } => "write a number such as 3.5, or remove the row".into(),
            Self::Classes(fault) => fault.help(),
            Self::UnknownClass { .. } => "add it to `classes`, or remove the row".into(),
            Self::Language(fault) => fault.help(),
            Self::Mixing(fault) => fault.help(),
            Self::UnknownLanguage(_) => {
                let codes: Vec<_> = crate::language::LANGUAGES.iter().map(|language| language.code).collect();
                format!("known are {}", codes.join(", "))
            }
            Self::NoLanguage => "name a column or a path for each language".into(),
            Self::NoUsableRows { .. } => "check that each language's column holds its script".into(),
            Self::DuplicateId(_) => "remove one of the two, or give it another id".into(),
            Self::UnknownPassage(_) => "add the passage, or remove this line".into(),
            Self::UnknownQuery(_) => "add the query, or remove this line".into(),
            Self::NoPositive(_) => "add a judgement above 0, or remove those of this query".into(),
            Self::NoJudgements => "add `qrels/train.tsv`, or name the files under `retrieval`".into(),
            Self::NumberCount { .. } => {
                "give a number for each passage, in their order: first the positive, then the negatives".into()
            }
            Self::NotTexts { .. } => "write a list of texts in JSON, as `[\"one\", \"two\"]`".into(),
            Self::NotOneOf { .. } | Self::NotForm { .. } => "correct it, or remove the row".into(),
            Self::ChoiceCount(_) => "fill in the choices, or remove the row".into(),
            Self::UnknownChoice { .. } => {
                "write the number of a choice, the name of its column or its text; `first-label` is the number of the first one"
                    .into()
            }
            Self::Answer(_) => "correct or remove the row; `alambic explain teacher.*.recorded` describes the columns".into(),
            Self::Benchmark(fault) => fault.help(),
            Self::Sheet(fault) => fault.help(),
            Self::Regions(fault) => fault.help(),
            Self::Reader(_) => "open the file in another program and save it anew".into(),
        }
    }
}

/// The end of a message about a name that probably stands for another.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!("; did you mean `{}`?", quoted(near)))
}

pub(super) fn list(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().take(NAMES).map(|name| format!("`{}`", quoted(name))).collect();
    if names.len() > NAMES {
        shown.push(format!("and {} more", names.len() - NAMES));
    }
    shown.join(", ")
}

/// What a byte is in the encoding that files from Windows most often have, if it is a letter or a mark there.
fn in_windows(byte: u8) -> String {
    /// Windows-1252 from 0x80 to 0x9f; from 0xa0 on it is Latin-1.
    const MARKS: [char; 32] = [
        '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’',
        '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
    ];
    let character = match byte {
        0x80..=0x9f => MARKS[usize::from(byte - 0x80)],
        0xa0.. if char::from(byte).is_alphabetic() => char::from(byte),
        _ => '\0',
    };
    if character == '\0' { String::new() } else { format!(", which is `{character}` in Windows-1252") }
}
