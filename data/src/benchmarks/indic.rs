//! Classification and question answering of `IndicXTREME` (Doddapaneni et al., 2023).

use alambic_settings::settings;

use super::classes::{class_or_index, read_lines, references};
use super::files::LanguageFile;
use super::inputs::{Examples, Part, TextColumns, passages, texts};
use super::references::References;
use super::rows::of_file;
use super::xnli::json_labels;
use super::{BenchmarkFiles, BenchmarkFormat, Layout, squad_files};
use crate::error::{BenchmarkFault, DataError, Fault};

settings! {
    /// IndicXNLI: whether a premise entails or contradicts a hypothesis, or neither. Read are JSON objects with `label`, a name or
    /// its place among entailment, neutral, contradiction: `forward/test/xnli_XX.json`, `test-XX.json`, `test-XX.jsonl`; or labels
    /// alone, `test-XX.tsv`.
    pub struct IndicXnli {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// IndicSentiment: whether a review is positive. Read are JSON objects with `LABEL`: what is not `Positive` is negative, as in
    /// the published script: `data/test/XX.json`, `test-XX.json`, `test-XX.jsonl`; or labels alone, `test-XX.tsv`.
    pub struct IndicSentiment {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// IndicXParaphrase: whether two sentences are paraphrases. Read are JSON objects with `label` 0 or 1: `data/test/XX.json`,
    /// `data/XX.json`, `test-XX.json`, `test-XX.jsonl`; or labels alone, `test-XX.tsv`.
    pub struct IndicParaphrase {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// IndicQA: questions about passages, of which some have no answer; those count as never right, since the published script
    /// scores by SQuAD 1.1. Read are the files of SQuAD: `data/indicqa.XX.json`, `indicqa.XX.json`, `test-XX.json`.
    pub struct IndicQa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const XNLI: &[&str] = &["entailment", "neutral", "contradiction"];
const SENTIMENT: &[&str] = &["Negative", "Positive"];
const PARAPHRASE: &[&str] = &["0", "1"];

impl BenchmarkFormat for IndicXnli {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "forward/test/xnli_{language}.json",
            "data/test/xnli_{language}.json",
            "xnli_{language}.json",
            "test-{language}.json",
            "test-{language}.jsonl",
            "test-{language}.tsv",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        XNLI.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files, "label", XNLI)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => {
                &["train-{language}.json", "train-{language}.jsonl", "forward/train/xnli_{language}.json"]
            }
            Part::Validation => {
                &["dev-{language}.json", "dev-{language}.jsonl", "forward/dev/xnli_{language}.json"]
            }
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let columns = TextColumns::json("premise", Some("hypothesis"), "label");
        inputs(files, columns, |label| class_or_index(label, XNLI)).map(Some)
    }
}

impl BenchmarkFormat for IndicSentiment {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "data/test/{language}.json",
            "test-{language}.json",
            "test-{language}.jsonl",
            "{language}.json",
            "test-{language}.tsv",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        SENTIMENT.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        if file.has_ending(".tsv") {
            return read_lines(file, SENTIMENT);
        }
        Ok(references(file, SENTIMENT, json_labels(file, "LABEL", |label| Ok(sentiment(label)))?))
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &["train-{language}.json", "train-{language}.jsonl", "data/train/{language}.json"],
            Part::Validation => {
                &["data/validation/{language}.json", "dev-{language}.json", "dev-{language}.jsonl"]
            }
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        inputs(files, TextColumns::json("INDIC REVIEW", None, "LABEL"), |label| Ok(sentiment(label)))
            .map(Some)
    }
}

impl BenchmarkFormat for IndicParaphrase {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "data/test/{language}.json",
            "data/{language}.json",
            "test-{language}.json",
            "test-{language}.jsonl",
            "test-{language}.tsv",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        PARAPHRASE.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files, "label", PARAPHRASE)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &["train-{language}.json", "train-{language}.jsonl", "data/train/{language}.json"],
            Part::Validation => &["dev-{language}.json", "dev-{language}.jsonl"],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let columns = TextColumns::json("sentence1", Some("sentence2"), "label");
        inputs(files, columns, |label| class_or_index(label, PARAPHRASE)).map(Some)
    }
}

impl BenchmarkFormat for IndicQa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["data/indicqa.{language}.json", "indicqa.{language}.json", "test-{language}.json"]
    }

    fn layout(&self) -> Layout {
        Layout::Answers
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        squad_files::read(files)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &["train-v1.1.json", "squad/train-v1.1.json", "../squad/train-v1.1.json"],
            Part::Validation => &["dev-v1.1.json", "squad/dev-v1.1.json", "../squad/dev-v1.1.json"],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        passages(files).map(Some)
    }
}

fn read(files: &[LanguageFile<'_>], column: &str, classes: &[&str]) -> Result<References, DataError> {
    let file = &files[0];
    if file.has_ending(".tsv") {
        return read_lines(file, classes);
    }
    let labels = json_labels(file, column, |label| class_or_index(label, classes))?;
    Ok(references(file, classes, labels))
}

/// The class of a review: what is not positive is negative, as in the published script.
fn sentiment(label: &str) -> String {
    SENTIMENT[usize::from(label == SENTIMENT[1])].to_owned()
}

/// The texts of objects of JSON.
fn inputs(
    files: &[LanguageFile<'_>],
    columns: TextColumns<'_>,
    class: impl Fn(&str) -> Result<String, Fault>,
) -> Result<Examples, DataError> {
    let file = &files[0];
    if file.has_ending(".tsv") {
        return Err(of_file(file.source, BenchmarkFault::NoInputs));
    }
    texts(file, columns, class)
}
