//! Names of `IndicXTREME`: Naamapadam (Mhaske et al., 2023).

use alambic_settings::settings;
use serde_json::Value;

use super::classes::class_or_index;
use super::files::LanguageFile;
use super::inputs::{Examples, Part, sentences_of_lists, sentences_of_words};
use super::layouts::tags::read_sentences;
use super::panx::TAGS;
use super::references::{Gold, References};
use super::rows::{as_format, of_file};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{DataError, Fault, Problems};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

settings! {
    /// Naamapadam: names of people, organisations and places. Read are JSON objects with `ner_tags` (also called `ner`), names of tags
    /// or their places among O, B-PER, I-PER, B-ORG, I-ORG, B-LOC, I-LOC: `XX_test.json`, `test-XX.json`, `test-XX.jsonl`; or tags
    /// alone, `test-XX.tsv`.
    pub struct Naamapadam {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for Naamapadam {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "{language}_test.json",
            "data/{language}_test.json",
            "test-{language}.json",
            "test-{language}.jsonl",
            "test-{language}.tsv",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Tags
    }

    fn classes(&self) -> Vec<&str> {
        TAGS.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let sentences =
            if file.has_ending(".tsv") { read_sentences(file.source, TAGS)? } else { of_objects(file)? };
        let classes = TAGS.iter().map(ToString::to_string).collect();
        Ok(References { source: file.source.name.clone(), classes, gold: Gold::Tags(sentences) })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &["{language}_train.json", "data/{language}_train.json", "train-{language}.json"],
            Part::Validation => &["{language}_val.json", "data/{language}_val.json", "dev-{language}.json"],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        if file.has_ending(".tsv") {
            return sentences_of_words(file, TAGS, str::to_owned).map(Some);
        }
        let columns: [&[&str]; 2] = [&["tokens", "words"], &["ner_tags", "ner"]];
        sentences_of_lists(file, columns, TAGS).map(Some)
    }
}

fn of_objects(file: &LanguageFile<'_>) -> Result<Vec<Vec<String>>, DataError> {
    let source = as_format(file.source, TableFormat::JsonLines);
    let table = Table::read(&source, &Columns { nested: &["ner_tags", "ner"], ..Columns::default() })?;
    let Some(lists) = table.optional("ner_tags").or_else(|| table.optional("ner")) else {
        let fault = Fault::MissingColumn { name: "ner_tags".into(), found: table.names().to_vec() };
        return Err(of_file(file.source, fault));
    };
    let mut problems = Problems::default();
    let mut sentences = Vec::new();
    for (row, list) in lists.into_iter().enumerate() {
        match tags(list) {
            Ok(tags) => sentences.push(tags),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    sentences.retain(|sentence| !sentence.is_empty());
    problems.or(sentences)
}

fn tags(list: &str) -> Result<Vec<String>, Fault> {
    let not_texts = || Fault::NotTexts { column: "ner_tags".into(), found: list.into() };
    let values: Vec<Value> = serde_json::from_str(list).map_err(|_| not_texts())?;
    let tag = |value: Value| match value {
        Value::String(tag) => class_or_index(&tag, TAGS),
        Value::Number(number) => class_or_index(&number.to_string(), TAGS),
        _ => Err(not_texts()),
    };
    values.into_iter().map(tag).collect()
}
