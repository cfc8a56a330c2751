//! A tag a line, an empty line between sentences.

use super::super::classes::class_of;
use super::super::references::{Gold, Predictions, References};
use super::super::rows::stripped;
use super::check_count;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// A sentence: the line of its first word, and its tags.
type Sentence = (usize, Vec<String>);

/// The tags of a file of labels: those that stand alone, or behind a word and a tab.
pub(in super::super) fn read_sentences(
    source: &TableSource,
    tags: &[&str],
) -> Result<Vec<Vec<String>>, DataError> {
    let mut problems = Problems::default();
    let mut words = 0;
    let sentences = sentences(source, tags, &mut problems, |line| {
        words += usize::from(!line.contains('\t'));
        line.rsplit('\t').next().unwrap_or(line).trim()
    });
    problems.or(()).map_err(|error| {
        // A test part of words alone has hardly a line that is a tag.
        let wrong = error.problems.len() + error.more;
        let unknown = |problem: &crate::Problem| matches!(problem.fault, Fault::UnknownClass { .. });
        if error.problems.iter().all(unknown) && 2 * wrong > words && words > 0 {
            let fault = BenchmarkFault::NoLabels("its lines are words, and no tags");
            return DataError::new(Place::file(&source.name), fault.into());
        }
        error
    })?;
    Ok(sentences.into_iter().map(|(_, tags)| tags).collect())
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    // Where there is no fixed list, a model may know more tags than the test part has.
    let known: Vec<&str> = references.classes.iter().map(String::as_str).collect();
    let gold = match &references.gold {
        Gold::Tags(gold) => gold.as_slice(),
        _ => &[],
    };
    let mut problems = Problems::default();
    let sentences = sentences(source, &known, &mut problems, |line| line);
    if problems.is_empty() {
        for (index, ((line, tags), gold)) in sentences.iter().zip(gold).enumerate() {
            if tags.len() != gold.len() {
                let fault = BenchmarkFault::SentenceLength {
                    sentence: index + 1,
                    found: tags.len(),
                    expected: gold.len(),
                    labels: references.source.clone(),
                };
                problems.push(Place::line(&source.name, *line), fault.into());
            }
        }
        if let Err(mut error) = check_count(source, "sentences", sentences.len(), references) {
            let beyond = sentences.get(gold.len()).map(|(line, _)| *line);
            error.problems.iter_mut().for_each(|problem| problem.place.line = beyond);
            problems.extend(error);
        }
    }
    problems.or(Predictions::Tags(sentences.into_iter().map(|(_, tags)| tags).collect()))
}

/// The sentences of a file; empty ones count for nothing.
fn sentences<'s>(
    source: &'s TableSource,
    known: &[&str],
    problems: &mut Problems,
    mut tag_of: impl FnMut(&'s str) -> &'s str,
) -> Vec<Sentence> {
    let mut all = Vec::new();
    let mut sentence: Sentence = (1, Vec::new());
    for (number, line) in stripped(source, problems) {
        if line.is_empty() {
            all.push(std::mem::take(&mut sentence));
            continue;
        }
        if sentence.1.is_empty() {
            sentence.0 = number;
        }
        let tag = tag_of(line);
        // Where any tag will do, none holds a tab.
        let read =
            if known.is_empty() && !tag.contains('\t') { Ok(tag.to_owned()) } else { class_of(tag, known) };
        match read {
            Ok(tag) => sentence.1.push(tag),
            Err(fault) => problems.push(Place::line(&source.name, number), fault),
        }
    }
    all.push(sentence);
    all.retain(|(_, tags)| !tags.is_empty());
    all
}

pub(super) fn text(sentences: &[Vec<String>]) -> String {
    let sentences: Vec<String> = sentences.iter().map(|tags| tags.join("\n") + "\n").collect();
    sentences.join("\n")
}
