//! Word alignment of texts and their translations.

use std::collections::BTreeMap;

use indexmap::IndexSet;

/// Rounds of expectation and maximisation.
const ROUNDS: usize = 5;

/// Stands for no word of the source: what a translation has and the sentence has not.
const NONE: u32 = u32::MAX;

/// Alignment of each token of translations: tokens of the source by their share of it; what is missing to 1 is aligned with
/// nothing. Sentences are given in tokens, the source first.
///
/// The first of IBM's models of translation (Brown et al., "The Mathematics of Statistical Machine Translation", 1993): each
/// token of a translation comes from one token of the sentence, whichever their places, and how likely each is given the
/// other is found in rounds of expectation and maximisation.
pub(crate) fn align(sentences: &[(Vec<u32>, Vec<u32>)]) -> BTreeMap<u32, Vec<(u32, f32)>> {
    // Every token of a translation meets every one of its sentence once; what met is numbered.
    let mut met: IndexSet<(u32, u32)> = IndexSet::new();
    let mut meetings: Vec<u32> = Vec::new();
    let mut widths: Vec<usize> = Vec::new();
    for (source, target) in sentences {
        let distinct: IndexSet<u32> = source.iter().copied().chain([NONE]).collect();
        for &token in target {
            meetings.extend(distinct.iter().map(|&from| met.insert_full((from, token)).0 as u32));
            widths.push(distinct.len());
        }
    }
    let mut likelihoods = vec![1.0_f64; met.len()];
    let mut counts = Vec::new();
    for _ in 0..ROUNDS {
        counts = vec![0.0; met.len()];
        let mut rest = meetings.as_slice();
        for &width in &widths {
            let (own, others) = rest.split_at(width);
            rest = others;
            let sum: f64 = own.iter().map(|&pair| likelihoods[pair as usize]).sum();
            for &pair in own {
                counts[pair as usize] += likelihoods[pair as usize] / sum;
            }
        }
        let mut totals: BTreeMap<u32, f64> = BTreeMap::new();
        for ((from, _), count) in met.iter().zip(&counts) {
            *totals.entry(*from).or_default() += count;
        }
        for ((likelihood, count), (from, _)) in likelihoods.iter_mut().zip(&counts).zip(&met) {
            *likelihood = count / totals[from];
        }
    }
    let mut sums: BTreeMap<u32, f64> = BTreeMap::new();
    for ((_, token), count) in met.iter().zip(&counts) {
        *sums.entry(*token).or_default() += count;
    }
    let mut shares: BTreeMap<u32, Vec<(u32, f32)>> = BTreeMap::new();
    for (&(from, token), count) in met.iter().zip(&counts) {
        let own = shares.entry(token).or_default();
        if from != NONE {
            own.push((from, (count / sums[&token]) as f32));
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_aligned_by_co_occurrence() {
        // the house, the book, a book: das Haus, das Buch, ein Buch.
        let (the, a, house, book) = (0, 1, 2, 3);
        let (das, ein, haus, buch) = (10, 11, 12, 13);
        let sentences = [
            (vec![the, house], vec![das, haus]),
            (vec![the, book], vec![das, buch]),
            (vec![a, book], vec![ein, buch]),
        ];
        let shares = align(&sentences);
        for (token, from) in [(das, the), (ein, a), (haus, house), (buch, book)] {
            let of = |from: u32| {
                shares[&token].iter().filter(|(own, _)| *own == from).map(|(_, share)| *share).sum::<f32>()
            };
            let all: f32 = shares[&token].iter().map(|(_, share)| share).sum();
            assert!(of(from) > 0.5 && all <= 1.0 + 1e-6, "{token}: {:?}", shares[&token]);
        }
        assert_eq!(shares.len(), 4);
    }

    #[test]
    fn a_word_without_source_is_aligned_with_nothing() {
        let shares = align(&[(vec![], vec![5]), (vec![], vec![])]);
        assert_eq!(shares, BTreeMap::from([(5, vec![])]));
    }
}
