//! Questions about passages as `SQuAD` publishes them.

use std::sync::Arc;

use alambic_settings::settings;
use serde::Deserialize;

use super::ReadCorpus;
use super::json::{Words, json};
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::passages::{AnswerSpan, PassageQuestion, PassagesBuilder};
use crate::source::{CorpusFile, CorpusFiles, Extent, Files, TableSource};

settings! {
    /// Questions about passages with answers out of them, as published for SQuAD 1.1 and 2.0 (Rajpurkar et al., 2016 and
    /// 2018), XQuAD and MLQA: one file of JSON with `data`, articles of `paragraphs`, each with its `context` and its `qas`.
    /// Places of answers count characters. An answer that is not at its place is taken where it stands in the passage if it
    /// stands there once, and is else left out and counted. A question with `is_impossible` has no answer; one without
    /// `answers` is unlabelled.
    pub struct Squad {
        /// The files; `train-*.json` are all whose names fit. As a table, the files of each language, by language code:
        /// `{ en = "xquad.en.json", es = "xquad.es.json" }`.
        pub paths: Files,
        /// Files whose questions all have the split `validation`; as a table, by language.
        pub validation_paths: Files = Files::none(),
        /// Files whose questions all have the split `test`; as a table, by language.
        pub test_paths: Files = Files::none(),
        /// Code of the language of all questions, such as `es`, `zh-Hant` or `pt-BR`, for sampling and for reports by language. Left
        /// out: it is not known, unless `paths` say it.
        pub language: Option<String>,
    }
}

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
struct Article {
    paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
struct Paragraph {
    context: String,
    qas: Vec<RawQuestion>,
}

#[derive(Deserialize)]
struct RawQuestion {
    id: Words,
    question: String,
    answers: Option<Vec<RawAnswer>>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct RawAnswer {
    text: String,
    answer_start: usize,
}

impl ReadCorpus for Squad {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = PassagesBuilder::default();
        let mut faults: Option<DataError> = None;
        let files = CorpusFiles {
            lists: [&self.paths, &self.validation_paths, &self.test_paths],
            language: self.language.as_deref(),
            language_column: None,
        };
        for file in files.resolve()? {
            DataError::note(&mut faults, read_file(&file, &mut builder));
        }
        faults.map_or(Ok(()), Err)?;
        Ok(builder.build(extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

/// Reads the questions of a file.
fn read_file(file: &CorpusFile, builder: &mut PassagesBuilder) -> Result<(), DataError> {
    let (source, content): (TableSource, File) = json(&file.location)?;
    builder.add_source(&source.name, source.fingerprint());
    builder.statistics.add_source(&source);
    for paragraph in content.data.into_iter().flat_map(|article| article.paragraphs) {
        let passage: Arc<str> = paragraph.context.into();
        for RawQuestion { id: Words(id), question, answers, is_impossible } in paragraph.qas {
            let given = answers.unwrap_or_default();
            if is_impossible && !given.is_empty() {
                let fault = Fault::BrokenJson(format!("question `{id}` is impossible and has answers"));
                return Err(DataError::new(Place::file(&source.name), fault));
            }
            let mut spans: Vec<AnswerSpan> = Vec::new();
            let is_given = !given.is_empty();
            for answer in given {
                match find(&passage, &answer) {
                    Some(span) if spans.contains(&span) => {}
                    Some(span) => spans.push(span),
                    None => builder.drop("answers that are not in their passage"),
                }
            }
            // Of a question with answers of which none is found, nothing is known.
            let is_labelled = is_impossible || (is_given && !spans.is_empty());
            builder.push(PassageQuestion {
                id,
                question,
                passage: Arc::clone(&passage),
                answers: spans,
                is_labelled,
                language: file.language.clone(),
                split: file.split.map(str::to_owned),
            });
        }
    }
    Ok(())
}

/// The span of an answer: at the character that the file names, or else where its text stands if it stands there once.
fn find(passage: &str, answer: &RawAnswer) -> Option<AnswerSpan> {
    if answer.text.is_empty() {
        return None;
    }
    let place = passage.char_indices().nth(answer.answer_start).map(|(byte, _)| byte);
    let named = place.filter(|&byte| passage[byte..].starts_with(&answer.text));
    let found = || {
        let mut places = passage.match_indices(&answer.text).map(|(byte, _)| byte);
        places.next().filter(|_| places.next().is_none())
    };
    let start = named.or_else(found)?;
    Some(AnswerSpan { text: answer.text.clone(), start })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_is_found_by_its_character_or_where_it_stands_once() {
        let find = |text: &str, answer_start| {
            let answer = RawAnswer { text: text.to_owned(), answer_start };
            find("Zoë met Zoë in Goa.", &answer).map(|span| span.start)
        };
        assert_eq!(find("Zoë", 8), Some(9), "characters are counted, not bytes");
        assert_eq!(find("Goa", 3), Some(17), "a wrong place, and one occurrence");
        assert_eq!(find("Zoë", 3), None, "a wrong place, and two occurrences");
        assert_eq!(find("Pune", 0), None);
        assert_eq!(find("Goa", usize::MAX), Some(17));
        assert_eq!(find("", 0), None);
    }
}
