use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never,
};
use super::prediction::PredictionKind;
use super::writing::{BleuTokenizer, NgramCounts, REFERENCES, closest_length, sums, tokens, written};

/// BLEU over a corpus (Papineni et al., 2002), as sacrebleu 2.6 computes it: `min(1, e^(1 − r/c)) · exp(¼ Σ_n ln p_n)`, n = 1…4.
///
/// `p_n` is the share of the outputs' n-grams that are in a reference, each counting as often as the reference has it that has it
/// most; counts are summed over the corpus. The k-th order without a match has `p_n = 1 / (2^k · n-grams)`; without any match, or
/// without an n-gram of an order in any output, BLEU is 0. `c` is the length of the outputs, `r` that of the reference closest to
/// each, of two equally close ones the shorter. Tokens are those of [`BleuTokenizer`]. From 0 to 1: sacrebleu's figure is 100 times
/// it.
const fn bleu(
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
        value: Value::OfSums(value),
    }
}

/// BLEU over the tokens that suit the language: `zh` of Chinese, `char` of Japanese, `13a` of all others and where it is not known.
pub(super) static METRIC: Metric = bleu(
    "bleu",
    "BLEU of a corpus as sacrebleu has it, its tokenizer by the language: 13a, zh, char of Japanese",
    |pairs, context| {
        let own = |(index, pair): (usize, &ScoredPair<'_>)| {
            contribution(pair, BleuTokenizer::of_language(context.language_of(index)))
        };
        pairs.iter().enumerate().map(own).collect()
    },
);

/// BLEU over the tokens of `13a`, whatever the language.
pub(super) static WESTERN: Metric =
    bleu("bleu-13a", "BLEU of a corpus, tokenizer 13a", |pairs, _| all(pairs, BleuTokenizer::Western));

/// BLEU over the tokens of `zh`.
pub(super) static CHINESE: Metric =
    bleu("bleu-zh", "BLEU of a corpus, tokenizer zh", |pairs, _| all(pairs, BleuTokenizer::Chinese));

/// BLEU over characters.
pub(super) static CHARACTERS: Metric =
    bleu("bleu-char", "BLEU of a corpus over characters", |pairs, _| all(pairs, BleuTokenizer::Characters));

/// BLEU over the tokens of `intl`.
pub(super) static INTERNATIONAL: Metric =
    bleu("bleu-intl", "BLEU of a corpus, tokenizer intl", |pairs, _| {
        all(pairs, BleuTokenizer::International)
    });

/// BLEU of texts that are tokenized.
pub(super) static BLANKS: Metric =
    bleu("bleu-none", "BLEU of a corpus of tokenized texts", |pairs, _| all(pairs, BleuTokenizer::Blanks));

/// Largest order of n-grams.
const ORDERS: usize = 4;

fn all(pairs: &[ScoredPair<'_>], tokenizer: BleuTokenizer) -> Vec<Contribution> {
    pairs.iter().map(|pair| contribution(pair, tokenizer)).collect()
}

fn contribution(pair: &ScoredPair<'_>, tokenizer: BleuTokenizer) -> Contribution {
    written(pair).map_or_else(Contribution::none, |(output, references)| {
        sums(statistics(output, &references, tokenizer))
    })
}

/// Lengths of the output and of the closest reference, then matches and n-grams of each order.
fn statistics(output: &str, references: &[&str], tokenizer: BleuTokenizer) -> [f64; 2 + 2 * ORDERS] {
    let output = tokenizer.tokenize(output);
    let references: Vec<String> = references.iter().map(|own| tokenizer.tokenize(own)).collect();
    counted(&tokens(&output), &references.iter().map(|own| tokens(own)).collect::<Vec<_>>())
}

/// The same of tokens.
pub(super) fn counted<T: std::hash::Hash + Eq>(output: &[T], references: &[Vec<T>]) -> [f64; 2 + 2 * ORDERS] {
    let found = NgramCounts::of(output, ORDERS);
    let all: Vec<NgramCounts<'_, T>> = references.iter().map(|own| NgramCounts::of(own, ORDERS)).collect();
    let matches: [usize; ORDERS] = found.matches(&NgramCounts::maximum(&all));
    let totals: [usize; ORDERS] = found.totals();
    let closest = closest_length(found.items(), all.iter().map(NgramCounts::items));
    let mut numbers = [found.items(), closest].into_iter().chain(matches).chain(totals);
    std::array::from_fn(|_| numbers.next().unwrap_or_default() as f64)
}

fn value(statistics: &[f64]) -> Option<f64> {
    score(statistics, false)
}

/// BLEU of summed statistics. With `effective` orders beyond the longest output are left out.
fn score(statistics: &[f64], effective: bool) -> Option<f64> {
    let [length, closest, counts @ ..] = statistics else { return None };
    let (matches, totals) = counts.split_at_checked(ORDERS)?;
    if matches.iter().all(|count| *count == 0.0) {
        return Some(0.0);
    }
    let (mut logarithms, mut orders, mut halved) = (0.0, 0_u8, 1.0);
    for (count, total) in matches.iter().zip(totals) {
        if *total == 0.0 {
            break;
        }
        orders += 1;
        logarithms += if *count == 0.0 {
            halved *= 2.0;
            (1.0 / (halved * total)).ln()
        } else {
            (count / total).ln()
        };
    }
    if !effective && usize::from(orders) < ORDERS {
        return Some(0.0);
    }
    let penalty = if length < closest { (1.0 - closest / length).exp() } else { 1.0 };
    Some(penalty * (logarithms / f64::from(orders)).exp())
}

/// BLEU of one output, from 0 to 1, over the orders of n-grams that it has: sacrebleu's `sentence_bleu`.
#[must_use]
pub fn sentence_bleu(output: &str, references: &[&str], tokenizer: BleuTokenizer) -> f64 {
    score(&statistics(output, references, tokenizer), true).unwrap_or_default()
}
