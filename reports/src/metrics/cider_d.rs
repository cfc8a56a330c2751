use indexmap::IndexMap;

use super::document_frequencies::DocumentFrequencies;
use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never, ratio,
};
use super::prediction::PredictionKind;
use super::writing::{NgramCounts, REFERENCES, caption_words, written};

/// CIDEr-D (Vedantam et al., 2015), as the published evaluation of COCO captions computes it (`pycocoevalcap` 1.2), over the lower-case
/// tokens of the Penn Treebank without punctuation marks.
///
/// An n-gram, n = 1…4, weighs its count times `ln N − ln max(1, df)`, with the number of images `N` and of those `df` that have it in a
/// reference: of the examples that are compared, or of a file. With the weights `h` and `r` of output and reference the value is
/// `10 · Σ min(h, r) r / (‖h‖ ‖r‖) · e^(−Δ² / 72)`, `Δ` the difference of their numbers of bigrams, a mean over n, references and
/// examples. What can be reached is no round number: of captions of two words 5, of one word 2.5, of a single image 0; see
/// `cider-d-of-references`. Slices and resamples keep the weights of all examples.
pub(super) static METRIC: Metric = Metric {
    name: "cider-d",
    summary: "CIDEr-D of captions: n-grams weighed by how rare they are, mean over examples (COCO)",
    undefined: "no example with a reference",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: always,
    is_default: never,
    contributions: |pairs, context| contributions(pairs, context, of_output),
    value: Value::OfSums(ratio),
};

/// CIDEr-D of a model that writes for each example the best of its references: the ceiling of [`METRIC`] in these data.
pub(super) static OF_REFERENCES: Metric = Metric {
    name: "cider-d-of-references",
    summary: "CIDEr-D of the references themselves, the best of each example: what can be reached",
    undefined: "no example with a reference",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: always,
    is_default: never,
    contributions: |pairs, context| contributions(pairs, context, of_references),
    value: Value::OfSums(ratio),
};

/// Largest order of n-grams.
const ORDERS: usize = 4;

/// Standard deviation of the penalty of lengths.
const SIGMA: f64 = 6.0;

/// How many images there are, and how many have an n-gram.
enum Frequencies<'a> {
    /// By the examples that are compared.
    Own { images: f64, counts: IndexMap<&'a [String], f64> },
    /// By a file.
    File(&'a DocumentFrequencies),
}

impl Frequencies<'_> {
    /// The weight of an n-gram that occurs once.
    fn weight(&self, ngram: &[String]) -> f64 {
        let (images, count) = match self {
            Self::Own { images, counts } => (*images, counts.get(ngram).copied().unwrap_or_default()),
            Self::File(file) => (file.images(), file.count(ngram)),
        };
        images.ln() - count.max(1.0).ln()
    }
}

/// The words of an example: of the output and of its references.
struct Captions {
    output: Vec<String>,
    references: Vec<Vec<String>>,
}

/// A caption as weights of n-grams.
struct Weighted<'t> {
    weights: IndexMap<&'t [String], f64>,
    norms: [f64; ORDERS],
    bigrams: f64,
}

fn contributions(
    pairs: &[ScoredPair<'_>],
    context: &ScoringContext<'_>,
    score: fn(&Captions, &Frequencies<'_>) -> f64,
) -> Vec<Contribution> {
    let words = |(output, references): (&str, Vec<&str>)| Captions {
        output: caption_words(output),
        references: references.into_iter().map(caption_words).collect(),
    };
    let all: Vec<Option<Captions>> = pairs.iter().map(|pair| written(pair).map(words)).collect();
    let frequencies = context.document_frequencies.map_or_else(|| count(&all), Frequencies::File);
    let own = |own: &Option<Captions>| {
        own.as_ref().map_or_else(Contribution::none, |own| Contribution::of_mean(score(own, &frequencies)))
    };
    all.iter().map(own).collect()
}

/// Counts the examples that have each n-gram in a reference.
fn count(all: &[Option<Captions>]) -> Frequencies<'_> {
    let mut counts: IndexMap<&[String], f64> = IndexMap::new();
    let known = || all.iter().flatten();
    for captions in known() {
        let ngrams: Vec<NgramCounts<'_, String>> =
            captions.references.iter().map(|own| NgramCounts::of(own, ORDERS)).collect();
        for ngram in NgramCounts::maximum(&ngrams).into_keys() {
            *counts.entry(ngram).or_default() += 1.0;
        }
    }
    Frequencies::Own { images: known().count() as f64, counts }
}

fn of_output(captions: &Captions, frequencies: &Frequencies<'_>) -> f64 {
    let references: Vec<Weighted<'_>> =
        captions.references.iter().map(|own| weigh(own, frequencies)).collect();
    similarity(&weigh(&captions.output, frequencies), &references)
}

fn of_references(captions: &Captions, frequencies: &Frequencies<'_>) -> f64 {
    let references: Vec<Weighted<'_>> =
        captions.references.iter().map(|own| weigh(own, frequencies)).collect();
    references.iter().map(|own| similarity(own, &references)).fold(0.0, f64::max)
}

fn weigh<'t>(words: &'t [String], frequencies: &Frequencies<'_>) -> Weighted<'t> {
    let counts = NgramCounts::of(words, ORDERS);
    let mut weights = IndexMap::new();
    let mut squares = [0.0; ORDERS];
    for (ngram, count) in counts.iter() {
        let weight = count as f64 * frequencies.weight(ngram);
        squares[ngram.len() - 1] += weight * weight;
        weights.insert(ngram, weight);
    }
    let [_, bigrams] = counts.totals();
    Weighted { weights, norms: squares.map(f64::sqrt), bigrams: bigrams as f64 }
}

/// The mean similarity to some references, times 10.
fn similarity(output: &Weighted<'_>, references: &[Weighted<'_>]) -> f64 {
    let of_reference = |reference: &Weighted<'_>| {
        let mut orders = [0.0; ORDERS];
        for (ngram, own) in &output.weights {
            if let Some(other) = reference.weights.get(ngram) {
                orders[ngram.len() - 1] += own.min(*other) * other;
            }
        }
        for (order, value) in orders.iter_mut().enumerate() {
            let norms = output.norms[order] * reference.norms[order];
            if norms != 0.0 {
                *value /= norms;
            }
        }
        let difference = output.bigrams - reference.bigrams;
        let penalty = (-difference * difference / (2.0 * SIGMA * SIGMA)).exp();
        orders.iter().sum::<f64>() / ORDERS as f64 * penalty
    };
    10.0 * references.iter().map(of_reference).sum::<f64>() / references.len() as f64
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::prediction::examples::texts;
    use super::super::{ScoringContext, find, score_all};

    fn values(outputs: &[&str], references: &[&[&str]]) -> [f64; 2] {
        let all = |own: &&[&str]| Prediction::Texts(own.iter().map(|text| (*text).to_owned()).collect());
        let references: Vec<Prediction> = references.iter().map(all).collect();
        let names = ["cider-d", "cider-d-of-references"];
        let scores = score_all(&names, &texts(outputs), &references, 1).unwrap();
        [scores[0].value().unwrap(), scores[1].value().unwrap()]
    }

    #[test]
    fn ceiling_of_captions_depends_on_their_length() {
        let four: &[&[&str]] = &[&["a b c d"], &["e f g h"]];
        let close = |found: [f64; 2], expected: [f64; 2]| {
            assert!(found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-12), "{found:?}");
        };
        close(values(&["a b c d", "e f g h"], four), [10.0, 10.0]);
        close(values(&["x y", "e f g h"], four), [5.0, 10.0]);
        close(values(&["red circle", "blue square"], &[&["red circle"], &["blue square"]]), [5.0, 5.0]);
        close(values(&["red", ""], &[&["red"], &["blue"]]), [1.25, 2.5]);
        close(values(&["a b c d"], &[&["a b c d"]]), [0.0, 0.0]);
        // Of an example with two references the better one is not as good as both.
        assert!(values(&["a b c d", "e"], &[&["a b c d", "i j k l"], &["e f g h"]])[1] < 10.0);
    }

    #[test]
    fn document_frequencies_of_a_file_take_the_place_of_those_of_the_references() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("df.json");
        std::fs::write(&path, r#"{"ref_len": 100, "document_frequency": {"a": 100, "b": 10}}"#).unwrap();
        let file = super::DocumentFrequencies::read(&path).unwrap();
        let (output, reference) = (texts(&["a c"]), texts(&["a b"]));
        let pair = super::ScoredPair::new(&output[0], &reference[0]);
        let context = ScoringContext { document_frequencies: Some(&file), ..ScoringContext::default() };
        let metric = find("cider-d").unwrap();
        // The only token in common is in every image.
        assert_eq!(metric.score(std::slice::from_ref(&pair), context).value(), Some(0.0));
        assert!(find("cider-d-of-references").unwrap().score(&[pair], context).value().unwrap() > 4.9);
    }
}
