use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never,
};
use super::prediction::PredictionKind;
use super::writing::{NgramCounts, REFERENCES, of_written, sums, tokens};

/// chrF over a corpus (Popović, 2015), as sacrebleu 2.6 computes it: with precision and recall of character n-grams, n = 1…6,
/// averaged over the orders that output and reference have, `5 P R / (4 P + R)`. Blanks do not count. Of several references each
/// example takes the one with the best chrF; counts are summed over the corpus. From 0 to 1: sacrebleu's figure is 100 times it.
pub(super) static METRIC: Metric =
    chrf("chrf", "chrF: F2 of character n-grams, n up to 6, counts summed over the corpus", |pairs, _| {
        contributions(pairs, 0)
    });

/// chrF++ (Popović, 2017): the same with words and pairs of words, from which punctuation marks at an end are parted.
pub(super) static WITH_WORDS: Metric =
    chrf("chrf++", "chrF++: chrF with words and pairs of words", |pairs, _| contributions(pairs, 2));

const fn chrf(
    name: &'static str,
    summary: &'static str,
    contributions: fn(&[ScoredPair<'_>], &ScoringContext<'_>) -> Vec<Contribution>,
) -> Metric {
    Metric {
        name,
        summary,
        undefined: "no example with a reference",
        direction: Direction::Higher,
        is_share: true,
        reference_source: ReferenceSource::Labels,
        accepts: &[PredictionKind::Text],
        references: REFERENCES,
        suits: always,
        is_default: never,
        contributions,
        value: Value::OfSums(|statistics| (!statistics.is_empty()).then(|| score(statistics))),
    }
}

/// Largest order of character n-grams.
const CHARACTER_ORDERS: usize = 6;

/// Of each order the n-grams of the output, those of the reference, and those of both.
fn contributions(pairs: &[ScoredPair<'_>], word_orders: usize) -> Vec<Contribution> {
    of_written(pairs, |output, references| {
        let of_reference = |reference: &&str| statistics(output, reference, word_orders);
        let all = references.iter().map(of_reference);
        // The first of the best.
        let best = all.reduce(|best, next| if score(&next) > score(&best) { next } else { best });
        sums(best.unwrap_or_default())
    })
}

fn statistics(output: &str, reference: &str, word_orders: usize) -> Vec<f64> {
    let characters = |text: &str| tokens(text).concat().chars().collect::<Vec<char>>();
    let mut all = of_order(&characters(output), &characters(reference), CHARACTER_ORDERS);
    if word_orders > 0 {
        all.extend(of_order(&words(output), &words(reference), word_orders));
    }
    all
}

/// The statistics of all orders of n-grams of some items. Where the reference has none of an order, those of the output do not count.
fn of_order<T: std::hash::Hash + Eq>(output: &[T], reference: &[T], orders: usize) -> Vec<f64> {
    let found = NgramCounts::of(output, orders);
    let there = NgramCounts::of(reference, orders);
    let matches: [usize; CHARACTER_ORDERS] = found.matches(there.counts());
    let (own, right): ([usize; CHARACTER_ORDERS], [usize; CHARACTER_ORDERS]) =
        (found.totals(), there.totals());
    let counts = |order: usize| {
        let own = if right[order] == 0 { 0 } else { own[order] };
        [own, right[order], matches[order]].map(|count| count as f64)
    };
    (0..orders).flat_map(counts).collect()
}

/// Words, with one punctuation mark of ASCII at the end of each, or else at its beginning, as a word of its own.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in tokens(text) {
        let is_mark = |mark: char| mark.is_ascii_punctuation();
        let last = word.char_indices().next_back().filter(|(place, mark)| *place > 0 && is_mark(*mark));
        let is_first = word.chars().next().is_some_and(is_mark) && word.chars().nth(1).is_some();
        match last {
            Some((place, _)) => words.extend([&word[..place], &word[place..]]),
            None if is_first => words.extend([&word[..1], &word[1..]]),
            None => words.push(word),
        }
    }
    words
}

fn score(statistics: &[f64]) -> f64 {
    let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0.0);
    for order in statistics.chunks(3) {
        if let [own, right, matches] = order
            && *own > 0.0
            && *right > 0.0
        {
            precision += matches / own;
            recall += matches / right;
            orders += 1.0;
        }
    }
    if precision + recall == 0.0 {
        return 0.0;
    }
    let (precision, recall) = (precision / orders, recall / orders);
    5.0 * precision * recall / (4.0 * precision + recall)
}
