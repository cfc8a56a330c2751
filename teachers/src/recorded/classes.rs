//! Classes of recorded answers.

use alambic_data::corpora::labels::{Class, Classes};
use alambic_data::error::Fault;

use super::cells::Scores;
use super::options::RecordedOptions;
use super::rows::{Faults, Row};
use crate::answers::least_logit;

/// How far from 1 the sum of the probabilities of a text may be, and is then brought to 1.
const TOLERANCE: f32 = 0.02;

/// Turns scores, classes and tags into logits. Gives the names of the classes.
pub(super) fn classify(
    rows: &mut [Row],
    options: &RecordedOptions,
    are_probabilities: bool,
    faults: &mut Faults,
) -> Vec<String> {
    let names = || {
        rows.iter().flat_map(|row| {
            let entries = |entries: &'_ Vec<(String, f32)>| -> Vec<String> {
                entries.iter().map(|(name, _)| name.clone()).collect()
            };
            let scores: Vec<String> = match &row.scores {
                Some(Scores::Named(named)) => entries(named),
                Some(Scores::Words(words)) => words.iter().flatten().flat_map(entries).collect(),
                _ => Vec::new(),
            };
            scores.into_iter().chain(row.class.clone()).chain(row.tags.iter().flatten().cloned())
        })
    };
    let mut different: Vec<String> = names().collect();
    different.sort_unstable();
    different.dedup();
    let different: Vec<&str> = different.iter().map(String::as_str).collect();
    let classes = if options.classes.is_empty() {
        Classes::of(&different)
    } else {
        Classes::given(&options.classes, &different)
    };
    let known = classes.names.clone();
    for row in rows.iter_mut() {
        let place = row.place.clone();
        let mut find = |name: &str| match classes.find(name) {
            Class::Known(index) => Some(index),
            Class::Unlabelled | Class::Missing => None,
            Class::Unknown => {
                let fault = Fault::UnknownClass { found: name.to_owned(), classes: known.clone() };
                faults.push(&place, fault.to_string());
                None
            }
        };
        let mut logits = Vec::new();
        match row.scores.take() {
            Some(Scores::Named(named)) => {
                logits = placed(&named, known.len(), are_probabilities, &mut find);
            }
            Some(Scores::Listed(numbers)) => logits = numbers,
            Some(Scores::Words(words)) => {
                let word = |named: Option<Vec<(String, f32)>>| {
                    named
                        .map(|named| placed(&named, known.len(), are_probabilities, &mut find))
                        .unwrap_or_default()
                };
                row.answer.words = words.into_iter().map(word).collect();
            }
            None => {
                if let Some(class) = row.class.take().and_then(|class| find(&class)) {
                    logits = certain(class, known.len());
                }
                if let Some(tags) = row.tags.take() {
                    let tags: Vec<Option<usize>> = tags.iter().map(|tag| find(tag)).collect();
                    row.answer.words = tags
                        .into_iter()
                        .map(|tag| tag.map_or_else(Vec::new, |tag| certain(tag, known.len())))
                        .collect();
                }
            }
        }
        if !logits.is_empty() {
            finish_scores(&mut logits, known.len(), are_probabilities)
                .unwrap_or_else(|what| faults.push(&place, what));
            row.answer.logits = logits;
        }
        for word in row.answer.words.iter_mut().filter(|word| !word.is_empty()) {
            if are_probabilities {
                finish_scores(word, known.len(), true).unwrap_or_else(|what| faults.push(&place, what));
            }
        }
        let count = row.key.first.split(' ').count();
        if !row.answer.words.is_empty() && options.id.is_none() && row.answer.words.len() != count {
            let what = format!("{} tags for {count} words", row.answer.words.len());
            faults.push(&place, what);
        }
    }
    known
}

/// Scores by the places of their classes. A class without one has no probability, or a logit that is no number.
fn placed(
    named: &[(String, f32)],
    classes: usize,
    are_probabilities: bool,
    find: &mut dyn FnMut(&str) -> Option<usize>,
) -> Vec<f32> {
    let mut scores = vec![if are_probabilities { 0.0 } else { f32::NAN }; classes];
    for (name, score) in named {
        if let Some(place) = find(name).and_then(|place| scores.get_mut(place)) {
            *place = *score;
        }
    }
    scores
}

/// The logits of a class that is certain: those of the probability 1, and of as little as a number holds for the others.
fn certain(class: usize, classes: usize) -> Vec<f32> {
    let mut logits = vec![least_logit(); classes];
    logits[class] = 0.0;
    logits
}

/// Checks scores, and turns probabilities into logits.
fn finish_scores(scores: &mut [f32], classes: usize, are_probabilities: bool) -> Result<(), String> {
    if classes > 0 && scores.len() != classes {
        return Err(format!("{} scores for {classes} classes", scores.len()));
    }
    if classes == 0 {
        return Err("scores without names of their classes: list them under `classes`".into());
    }
    if scores.iter().any(|score| score.is_nan()) {
        return Err("a class without a logit".into());
    }
    if !are_probabilities {
        return Ok(());
    }
    let sum: f32 = scores.iter().sum();
    if scores.iter().any(|score| !(0.0..=1.0 + TOLERANCE).contains(score)) || (sum - 1.0).abs() > TOLERANCE {
        return Err(format!("probabilities that add up to {sum:.3}: are they logits?"));
    }
    for score in scores {
        *score = (*score / sum).max(f32::MIN_POSITIVE).ln();
    }
    Ok(())
}
