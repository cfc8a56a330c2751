use serde_json::Value;

use super::super::classes::{class_of, class_or_index};
use super::super::files::LanguageFile;
use super::super::rows::{as_format, of_file, stripped};
use super::examples::{Examples, SentenceExample};
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

/// The sentences of a file with a word a line and, behind a tab, its tag, and an empty line between sentences. `word` makes a word
/// of what stands in its place. Without fixed `tags` any is one.
pub(in super::super) fn sentences_of_words(
    file: &LanguageFile<'_>,
    tags: &[&str],
    word: impl Fn(&str) -> String,
) -> Result<Examples, DataError> {
    let mut problems = Problems::default();
    let mut sentences: Vec<SentenceExample> = Vec::new();
    let (mut words, mut own): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let mut is_tagged = None;
    let mut end = |words: &mut Vec<String>, own: &mut Vec<String>| {
        if !words.is_empty() {
            let tags = Some(std::mem::take(own)).filter(|own| !own.is_empty());
            sentences.push(SentenceExample { words: std::mem::take(words), tags });
        }
    };
    for (number, line) in stripped(file.source, &mut problems) {
        if line.is_empty() {
            end(&mut words, &mut own);
            continue;
        }
        let place = || Place::line(&file.source.name, number);
        let columns: Vec<&str> = line.split('\t').collect();
        if *is_tagged.get_or_insert(columns.len() > 1) != (columns.len() > 1) {
            let expected = if columns.len() > 1 { 1 } else { 2 };
            problems.push(place(), Fault::ColumnCount { found: columns.len(), expected });
            continue;
        }
        words.push(word(columns[0]));
        if let [_, .., tag] = columns.as_slice() {
            let read = if tags.is_empty() { Ok((*tag).to_owned()) } else { class_of(tag.trim(), tags) };
            match read {
                Ok(tag) => own.push(tag),
                Err(fault) => problems.push(place(), fault),
            }
        }
    }
    end(&mut words, &mut own);
    problems.or(Examples::Sentences(sentences))
}

/// The sentences of objects of JSON with a list of words and, by one of several names, one of tags.
pub(in super::super) fn sentences_of_lists(
    file: &LanguageFile<'_>,
    [words, tags]: [&[&str]; 2],
    known: &[&str],
) -> Result<Examples, DataError> {
    let source = as_format(file.source, TableFormat::JsonLines);
    let nested: Vec<&str> = words.iter().chain(tags).copied().collect();
    let table = Table::read(&source, &Columns { nested: &nested, ..Columns::default() })?;
    let of = |names: &[&str]| names.iter().find_map(|name| table.optional(name));
    let Some(lists) = of(words) else {
        let fault = Fault::MissingColumn { name: words[0].into(), found: table.names().to_vec() };
        return Err(of_file(file.source, fault));
    };
    let tag_lists = of(tags);
    let mut problems = Problems::default();
    let mut sentences = Vec::new();
    for (row, list) in lists.into_iter().enumerate() {
        let read = || -> Result<SentenceExample, Fault> {
            let words = texts(words[0], list)?;
            let own = tag_lists.as_ref().map(|lists| texts(tags[0], lists[row])).transpose()?;
            let own =
                own.map(|own| own.iter().map(|tag| class_or_index(tag, known)).collect()).transpose()?;
            let own: Option<Vec<String>> = own;
            if let Some(own) = own.as_ref().filter(|own| own.len() != words.len()) {
                return Err(
                    BenchmarkFault::NotWord(format!("{} words and {} tags", words.len(), own.len())).into()
                );
            }
            Ok(SentenceExample { words, tags: own })
        };
        match read() {
            Ok(sentence) if sentence.words.is_empty() => {}
            Ok(sentence) => sentences.push(sentence),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(Examples::Sentences(sentences))
}

/// A list of texts and numbers.
fn texts(column: &str, list: &str) -> Result<Vec<String>, Fault> {
    let not_texts = || Fault::NotTexts { column: column.into(), found: list.into() };
    let values: Vec<Value> = serde_json::from_str(list).map_err(|_| not_texts())?;
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(not_texts()),
    };
    values.into_iter().map(text).collect()
}
