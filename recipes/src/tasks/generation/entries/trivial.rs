//! What models that write have to be better than.

use std::collections::HashMap;

use alambic_data::{Picture, Split};
use alambic_reports::metrics::Prediction;
use alambic_settings::IndexMap;

use super::evaluate::Asked;
use super::nearest_caption::nearest_captions;
use super::options::{GenerationEntry, Written};
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::TrivialBaseline;
use crate::names::{NEAREST_CAPTION, QUESTION_ONLY};

/// Answers without the image, or captions of the most alike image, by what the training split of the entries says; none where it says
/// nothing of what is written.
pub(super) fn trivial_baseline(
    written: Written,
    entries: &[&GenerationEntry],
    asked: &[Asked<'_>],
    corpora: &Corpora,
) -> Result<Option<TrivialBaseline>, RunError> {
    match written {
        Written::Caption if entries.iter().any(|entry| entry.reads_regions()) => {
            captions_of_alike_images(entries, asked, corpora)
        }
        Written::Caption | Written::Text | Written::Spans | Written::ImageTokens => Ok(None),
        Written::Answer => Ok(Some(answers_without_images(entries, asked, corpora)?)),
    }
}

fn captions_of_alike_images(
    entries: &[&GenerationEntry],
    asked: &[Asked<'_>],
    corpora: &Corpora,
) -> Result<Option<TrivialBaseline>, RunError> {
    // Each caption is an example: of an image the first is taken.
    let mut known: IndexMap<usize, (&Picture, &str)> = IndexMap::new();
    for entry in entries {
        for example in entry.examples(corpora, Split::Train)? {
            let caption = example.versions.iter().find_map(|own| own.targets.first().copied());
            if let Some((picture, caption)) = example.picture.zip(caption) {
                known.entry(std::ptr::from_ref(picture).addr()).or_insert((picture, caption));
            }
        }
    }
    let known: Vec<(&Picture, &str)> = known.into_values().collect();
    // Where a teacher writes all captions that are trained on, none is known.
    if known.is_empty() {
        return Ok(None);
    }
    let pictures: Vec<Option<&Picture>> = asked.iter().map(|own| own.picture).collect();
    Ok(Some(TrivialBaseline {
        name: NEAREST_CAPTION,
        description: "writes nothing: the caption of the training image that looks most alike",
        predictions: nearest_captions(&pictures, &known)?,
    }))
}

fn answers_without_images(
    entries: &[&GenerationEntry],
    asked: &[Asked<'_>],
    corpora: &Corpora,
) -> Result<TrivialBaseline, RunError> {
    let mut seen = Vec::new();
    for entry in entries {
        seen.extend(entry.examples(corpora, Split::Train)?.into_iter().flat_map(|own| own.versions));
    }
    let pairs = seen.iter().filter_map(|own| Some((own.prompt.as_str(), *own.targets.first()?)));
    let commonest = commonest(pairs);
    let answer = |own: &Asked<'_>| {
        let answer = commonest.get(own.prompt.as_str());
        answer.map_or(Prediction::Nothing, |answer| Prediction::Text((*answer).to_owned()))
    };
    Ok(TrivialBaseline {
        name: QUESTION_ONLY,
        description: "does not see the image: the commonest answer to the same question in the training split",
        predictions: asked.iter().map(answer).collect(),
    })
}

/// The target that comes oftenest with each prompt; of several the first.
fn commonest<'e>(pairs: impl Iterator<Item = (&'e str, &'e str)>) -> HashMap<String, &'e str> {
    let mut counts: HashMap<&str, IndexMap<&str, usize>> = HashMap::new();
    for (prompt, target) in pairs {
        *counts.entry(prompt).or_default().entry(target).or_insert(0) += 1;
    }
    let most = |targets: IndexMap<&'e str, usize>| {
        let first = targets.iter().rev().max_by_key(|(_, count)| **count);
        first.map(|(target, _)| *target).unwrap_or_default()
    };
    counts.into_iter().map(|(prompt, targets)| (prompt.to_owned(), most(targets))).collect()
}
