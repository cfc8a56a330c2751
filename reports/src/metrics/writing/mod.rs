//! What metrics of written texts share: their references, n-grams, tokenizers, a stemmer and the alignment of words.
//!
//! An output is compared with one or several references. What a metric counts of an example is the same whatever other examples
//! there are, but for CIDEr-D, which weighs n-grams by the references of all.

mod alignment;
mod ngrams;
mod porter2;
mod ptb;
mod tokenizers;

use alambic_data::SceneContents;

use super::metric::{Contribution, ScoredPair};
use super::prediction::{Prediction, PredictionKind};

pub(super) use alignment::{align, count_chunks};
pub(super) use ngrams::{NgramCounts, closest_length};
pub(super) use ptb::caption_tokens;
pub use tokenizers::BleuTokenizer;
pub(super) use tokenizers::tokens;

/// The kinds of references with which written texts are compared.
pub(super) const REFERENCES: &[PredictionKind] =
    &[PredictionKind::Text, PredictionKind::Texts, PredictionKind::Scene];

/// The output of an example and its references, at least one; none where one of the two is of another kind, or no reference is
/// known. An empty reference beside others says that there is one fewer; where it is right to write nothing, it is the only one.
pub(super) fn written<'p>(pair: &'p ScoredPair<'_>) -> Option<(&'p str, Vec<&'p str>)> {
    let all: Vec<&str> = match &*pair.reference {
        Prediction::Text(text) => vec![text],
        Prediction::Texts(texts) => texts.iter().map(String::as_str).collect(),
        Prediction::Scene(scene) => scene.captions.iter().map(String::as_str).collect(),
        _ => return None,
    };
    let filled: Vec<&str> = all.iter().copied().filter(|text| !text.is_empty()).collect();
    let references = if filled.is_empty() { vec![""] } else { filled };
    Some((pair.prediction.text()?, references))
}

/// The contribution of each example; those of other kinds contribute nothing.
pub(super) fn of_written(
    pairs: &[ScoredPair<'_>],
    contribution: impl Fn(&str, &[&str]) -> Contribution,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        written(pair)
            .map_or_else(Contribution::none, |(output, references)| contribution(output, &references))
    };
    pairs.iter().map(own).collect()
}

/// The contribution of each caption of a made-up scene; examples of other kinds contribute nothing.
pub(super) fn of_scenes(
    pairs: &[ScoredPair<'_>],
    contribution: impl Fn(&str, &SceneContents) -> Contribution,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| match (pair.prediction.text(), &*pair.reference) {
        (Some(caption), Prediction::Scene(scene)) => contribution(caption, &scene.contents),
        _ => Contribution::none(),
    };
    pairs.iter().map(own).collect()
}

/// A contribution of numbers that go to the sums one after another.
pub(super) fn sums(numbers: impl IntoIterator<Item = f64>) -> Contribution {
    Contribution::of_sums(numbers.into_iter().enumerate())
}

/// The tokens of a caption for metrics that part tokens at all blanks of Unicode, as Python's `str.split` does.
pub(super) fn caption_words(caption: &str) -> Vec<String> {
    let joined = caption_tokens(caption).join(" ");
    tokens(&joined).into_iter().map(str::to_owned).collect()
}
