//! Keys of a recorded teacher.

use std::path::PathBuf;

use alambic_data::table::Quoting;
use alambic_settings::{Location, OneOrMany, settings};

use crate::answers::MissingAnswers;

settings! {
    /// Answers of an earlier pass: a run's record of generated texts, or tables in TSV, CSV, JSON lines or Parquet with a row for
    /// each text and its answers. Columns of answers are found by their usual names where no key names them:
    /// `logits`, `probabilities`, `class`, `number`, `vector`, `tags`, `texts`; of the first three the first counts that is there.
    /// A row without any answer is one that is missing.
    pub struct RecordedOptions {
        /// The files. Of records a run writes one of the training split and one of the validation split, and a stage asks for
        /// both.
        pub path: OneOrMany<Location>,
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// The column of the text, as corpora have it, without blanks around it.
        pub text: String = "text".to_owned(),
        /// The column of the second text, where texts come in pairs. Left out: `second`, if the table has one.
        pub second: Option<String>,
        /// The column by whose values rows belong to texts, instead of by the texts: the corpora name one as well, under `id`.
        pub id: Option<String>,
        /// The column of logits of classes: an object `{"CLASS": number}` (or a column `logits.CLASS` for each), a list in the order
        /// of `classes`, or a list of objects, one for each word of a text whose words are tagged.
        pub logits: Option<String>,
        /// The column of probabilities of classes, in the same forms. They add up to 1; a class that is not named has 0.
        pub probabilities: Option<String>,
        /// The column of the class alone, which then has the probability 1.
        pub class: Option<String>,
        /// Names of the classes, where lists give no names.
        pub classes: Vec<String> = Vec::new(),
        /// The column of the number, for regressions.
        pub number: Option<String>,
        /// The column of the embedding: a list of numbers, all of one length.
        pub vector: Option<String>,
        /// A matrix with a row for each row of the table, in place of `vector`: `.npy`, `.npz` or `.safetensors`.
        pub vectors: Option<Location>,
        /// The array of the matrix in its file. Left out: the only one.
        pub vectors_array: Option<String>,
        /// The column of the tags of a text's words: a list, or tags separated by blanks, as many as there are words.
        pub tags: Option<String>,
        /// The column of written texts: one, or a list of texts or of objects `{"text": …, "log-probability": …}`, the best first.
        pub texts: Option<String>,
        /// The column of the language of written texts. Left out: `language`, if the table has one.
        pub language: Option<String>,
        /// What becomes of texts that the table lacks.
        pub missing: MissingAnswers = MissingAnswers::Refuse,
    }
}

impl RecordedOptions {
    /// Options of a file of answers whose columns have their usual names.
    pub(crate) fn of_answers(file: PathBuf, classes: Vec<String>, missing: MissingAnswers) -> Self {
        Self {
            path: OneOrMany(vec![Location::File(file)]),
            header: true,
            quoting: Quoting::AsWritten,
            text: "text".to_owned(),
            second: None,
            id: None,
            logits: None,
            probabilities: None,
            class: None,
            classes,
            number: None,
            vector: None,
            vectors: None,
            vectors_array: None,
            tags: None,
            texts: None,
            language: None,
            missing,
        }
    }
}
