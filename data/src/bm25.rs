//! BM25: lexical search, by which negatives are mined and with which models are compared.

use std::collections::HashMap;

use unicode_normalization::char::is_combining_mark;

/// Index of passages for search by BM25, in the form of Lucene 8 and later:
///
/// `score(q, p) = Σ_t ln(1 + (N - n_t + ½) / (n_t + ½)) · f_t / (f_t + k1 (1 - b + b |p| / avg|p|))`
///
/// over the terms t of the query, as often as each stands there, with N passages, `n_t` of them with the term, `f_t` its number in
/// the passage, and |p| the passage's number of terms. Terms are runs of letters and digits in lower case, and single characters
/// of the scripts that put no blanks between words; there are no stop words and no stemming. Robertson and Zaragoza (2009),
/// section 3; `rank_bm25`'s Okapi form differs in the first factor, which may become negative there.
#[derive(Debug, Clone)]
pub struct Bm25 {
    terms: HashMap<String, usize>,
    /// For each term the passages that have it, with its part of their score, in the order of passages.
    postings: Vec<Vec<(u32, f32)>>,
    passages: usize,
}

impl Bm25 {
    /// Saturation of repeated terms, as in Lucene.
    pub const K1: f64 = 1.2;
    /// Weight of a passage's length, as in Lucene.
    pub const B: f64 = 0.75;

    /// The index of passages.
    pub fn new<T: AsRef<str>>(passages: impl IntoIterator<Item = T>, k1: f64, b: f64) -> Self {
        let mut terms: HashMap<String, usize> = HashMap::new();
        let mut counts: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut lengths: Vec<usize> = Vec::new();
        for (number, passage) in passages.into_iter().enumerate() {
            let words = terms_of(passage.as_ref());
            lengths.push(words.len());
            for word in words {
                let next = terms.len();
                let term = *terms.entry(word).or_insert(next);
                if term == counts.len() {
                    counts.push(Vec::new());
                }
                match counts[term].last_mut() {
                    Some((passage, count)) if *passage == number as u32 => *count += 1,
                    _ => counts[term].push((number as u32, 1)),
                }
            }
        }
        let passages = lengths.len();
        let average = (lengths.iter().sum::<usize>() as f64 / passages.max(1) as f64).max(1.0);
        let weigh = |own: Vec<(u32, u32)>| {
            let having = own.len() as f64;
            let rarity = (1.0 + (passages as f64 - having + 0.5) / (having + 0.5)).ln();
            let part = |(passage, count): (u32, u32)| {
                let length = lengths[passage as usize] as f64 / average;
                let count = f64::from(count);
                (passage, (rarity * count / (count + k1 * (1.0 - b + b * length))) as f32)
            };
            own.into_iter().map(part).collect()
        };
        Self { terms, postings: counts.into_iter().map(weigh).collect(), passages }
    }

    /// The score of every passage for a query.
    #[must_use]
    pub fn scores(&self, query: &str) -> Vec<f32> {
        let mut scores = vec![0.0; self.passages];
        for term in terms_of(query) {
            let Some(&term) = self.terms.get(&term) else { continue };
            for &(passage, part) in &self.postings[term] {
                scores[passage as usize] += part;
            }
        }
        scores
    }

    /// The places of the best `count` passages with a term of the query, the best first; of equal ones the first passage.
    #[must_use]
    pub fn search(&self, query: &str, count: usize) -> Vec<usize> {
        let scores = self.scores(query);
        let mut found: Vec<usize> = (0..scores.len()).filter(|&passage| scores[passage] > 0.0).collect();
        let order = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
        if found.len() > count && count > 0 {
            found.select_nth_unstable_by(count - 1, order);
        }
        found.truncate(count);
        found.sort_unstable_by(order);
        found
    }
}

/// The terms of a text.
fn terms_of(text: &str) -> Vec<String> {
    let mut terms = Vec::new();
    let mut word = String::new();
    for letter in text.chars() {
        let is_alone = is_without_blanks(letter);
        if (is_alone || !letter.is_alphanumeric() && !is_combining_mark(letter)) && !word.is_empty() {
            terms.push(std::mem::take(&mut word));
        }
        if is_alone {
            terms.push(letter.to_string());
        } else if letter.is_alphanumeric() || is_combining_mark(letter) && !word.is_empty() {
            word.extend(letter.to_lowercase());
        }
    }
    if !word.is_empty() {
        terms.push(word);
    }
    terms
}

/// Whether a character is of a script that puts no blanks between words: Han, Kana, Thai, Lao, Khmer, Burmese.
fn is_without_blanks(letter: char) -> bool {
    matches!(letter, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
        && letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_runs_of_letters_and_single_characters_of_scripts_without_blanks() {
        assert_eq!(terms_of("The Bell-Ringer's 2nd café."), ["the", "bell", "ringer", "s", "2nd", "café"]);
        assert_eq!(terms_of("東京の Tower"), ["東", "京", "の", "tower"]);
        assert_eq!(terms_of("हिन्दी भाषा"), ["हिन्दी", "भाषा"]);
        assert!(terms_of(" .,; ").is_empty());
    }

    /// Scores of `bm25s` 0.2 with `method="lucene"`, by `reports/tests/golden/search.py`.
    #[test]
    fn scores_are_those_of_lucene() {
        let passages = [
            "the cat sat on the mat",
            "a dog and a cat",
            "dogs chase the ball across the wide green field",
            "ball",
        ];
        let index = Bm25::new(passages, Bm25::K1, Bm25::B);
        let near = |query: &str, expected: [f32; 4]| {
            for (found, expected) in index.scores(query).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{query}: {found} and {expected}");
            }
        };
        near("the cat", GOLDEN[0]);
        near("ball ball field", GOLDEN[1]);
        assert_eq!(index.search("cat", 10), [1, 0]);
        assert_eq!(index.search("cat ball", 2), [3, 1]);
        assert!(index.search("zebra", 3).is_empty() && index.search("cat", 0).is_empty());
    }

    const GOLDEN: [[f32; 4]; 2] =
        [[0.714_153_9, 0.321_326_5, 0.360_745_77, 0.0], [0.0, 0.0, 0.911_149_26, 0.942_141_83]];
}
