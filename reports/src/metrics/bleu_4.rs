use super::bleu::counted;
use super::metric::{Direction, Metric, ReferenceSource, Value, always, never};
use super::prediction::PredictionKind;
use super::writing::{REFERENCES, caption_words, of_written, sums};

/// BLEU-4 of captions, as the published evaluation of COCO captions computes it (`pycocoevalcap` 1.2): over the lower-case tokens
/// of the Penn Treebank without punctuation marks, `(Π_n (matches_n + 10⁻¹⁵) / (n-grams_n + 10⁻⁹))^¼`, n = 1…4, counts summed over
/// the corpus; times `e^(1 − 1/ρ)` where `ρ = (c + 10⁻¹⁵) / (r + 10⁻⁹)` is below 1, with the length `r` of the reference closest to
/// each output, of two equally close ones the shorter.
pub(super) static METRIC: Metric = Metric {
    name: "bleu-4",
    summary: "BLEU-4 of captions, over lower-case tokens without punctuation (COCO)",
    undefined: "no example with a reference",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        of_written(pairs, |output, references| {
            let references: Vec<Vec<String>> = references.iter().map(|own| caption_words(own)).collect();
            sums(counted(&caption_words(output), &references))
        })
    },
    value: Value::OfSums(value),
};

/// Numbers that keep divisions from 0 by 0.
const TINY: f64 = 1e-15;
const SMALL: f64 = 1e-9;

fn value(statistics: &[f64]) -> Option<f64> {
    let [length, closest, counts @ ..] = statistics else { return None };
    let (matches, totals) = counts.split_at_checked(counts.len() / 2)?;
    let product: f64 =
        matches.iter().zip(totals).map(|(count, total)| (count + TINY) / (total + SMALL)).product();
    let ratio = (length + TINY) / (closest + SMALL);
    let penalty = if ratio < 1.0 { (1.0 - 1.0 / ratio).exp() } else { 1.0 };
    Some(product.powf(0.25) * penalty)
}
