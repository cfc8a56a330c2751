//! An object of JSON: a text by the id of its question.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::files::line_of;
use super::super::references::{Gold, Predictions, References};
use super::{Layout, from_json};
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// Entries of an object in their order, those of one key too.
struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let Entries(entries) = from_json(source, Layout::Answers)?;
    check(source, references, entries)
}

/// Answers by the ids of their questions, each of which the labels have, and each once.
pub(super) fn check(
    source: &TableSource,
    references: &References,
    entries: impl IntoIterator<Item = (String, String)>,
) -> Result<Predictions, DataError> {
    let known: std::collections::HashSet<&str> = match &references.gold {
        Gold::Answers(all) => all.iter().map(|(id, _)| id.as_str()).collect(),
        Gold::QuestionAnswers(all) => all.keys().map(String::as_str).collect(),
        _ => std::collections::HashSet::new(),
    };
    let mut problems = Problems::default();
    let mut answers: IndexMap<String, String> = IndexMap::new();
    for (id, text) in entries {
        let place = |id: &str| {
            let written = serde_json::Value::from(id).to_string();
            Place { source: source.name.clone(), line: line_of(&source.bytes, &written), column: None }
        };
        if !known.contains(id.as_str()) {
            let fault = BenchmarkFault::UnknownId { id: id.clone(), labels: references.source.clone() };
            problems.push(place(&id), fault.into());
        } else if answers.insert(id.clone(), text).is_some() {
            problems.push(place(&id), Fault::DuplicateId(id));
        }
    }
    problems.or(Predictions::Answers(answers))
}

pub(super) fn text(answers: &IndexMap<String, String>) -> String {
    let entries: serde_json::Map<String, serde_json::Value> =
        answers.iter().map(|(id, text)| (id.clone(), text.as_str().into())).collect();
    format!("{:#}\n", serde_json::Value::Object(entries))
}
