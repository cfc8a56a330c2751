//! Dictionaries out of sentences and their translations, by IBM model 1.

use std::collections::HashMap;

use indexmap::IndexSet;

use super::dictionary::Dictionary;
use super::options::ParallelDictionary;
use super::segmentation::Segmenter;

/// Most words of a sentence: a longer one says little of which words belong together, and costs the square of them.
const MAX_WORDS: usize = 100;

/// A dictionary out of pairs of a sentence and its translation; see [`ParallelDictionary`].
///
/// The model is that of Brown et al. (1993): each word of the translation comes of one word of the sentence, or of none of them,
/// all alike probable. `source` and `fingerprint` are what the dictionary is said to come from.
#[must_use]
pub fn induce(
    options: &ParallelDictionary,
    pairs: &[(&str, &str)],
    (source, fingerprint): (String, String),
) -> Dictionary {
    let min_count = options.min_count;
    let segmenters = [
        Segmenter::new(pairs.iter().map(|(one, _)| *one), min_count),
        Segmenter::new(pairs.iter().map(|(_, other)| *other), min_count),
    ];
    let mut words = [IndexSet::new(), IndexSet::new()];
    let mut sentences: Vec<[Vec<u32>; 2]> = Vec::new();
    for (one, other) in pairs {
        let own = [segmenters[0].words(one), segmenters[1].words(other)];
        if own.iter().any(|words| words.is_empty() || words.len() > MAX_WORDS) {
            continue;
        }
        let mut own = own.into_iter().zip(&mut words).map(|(own, all)| {
            own.into_iter().map(|word| all.insert_full(word).0 as u32).collect::<Vec<u32>>()
        });
        sentences.push([own.next().unwrap_or_default(), own.next().unwrap_or_default()]);
    }
    let forth = Model::train(&sentences, 0, options.iterations);
    let back = Model::train(&sentences, 1, options.iterations);
    let together = counts_together(&sentences);
    let mut found = Vec::new();
    for (word, translations) in forth.best(options.best) {
        for (translation, probability) in translations {
            let is_mutual = back.best_of(translation, options.best).iter().any(|(other, _)| *other == word);
            let is_seen = together.get(&(word, translation)).is_some_and(|count| *count >= min_count);
            let names = [&words[0][word as usize], &words[1][translation as usize]];
            let are_words = names.iter().all(|name| name.chars().any(char::is_alphabetic));
            if is_mutual && is_seen && are_words && f64::from(probability) >= options.min_probability {
                found.push((names[0].clone(), names[1].clone()));
            }
        }
    }
    Dictionary::new(source, fingerprint, found)
}

/// In how many pairs of sentences each pair of words is.
fn counts_together(sentences: &[[Vec<u32>; 2]]) -> HashMap<(u32, u32), usize> {
    let mut counts = HashMap::new();
    for [one, other] in sentences {
        let both: IndexSet<(u32, u32)> =
            one.iter().flat_map(|one| other.iter().map(|other| (*one, *other))).collect();
        for pair in both {
            *counts.entry(pair).or_default() += 1;
        }
    }
    counts
}

/// Probabilities of translations by IBM model 1.
struct Model {
    /// `t(f|e)` of the words `f` that stand beside each word `e`, the most probable first.
    translations: Vec<Vec<(u32, f32)>>,
}

/// The word that stands for none, by its place behind all others.
const NONE: u32 = u32::MAX;

impl Model {
    /// Trains on pairs of sentences, of which those on one side, 0 or 1, are translated, from alike probabilities on. Sums are
    /// taken in the order of the sentences, so that they are the same every time.
    fn train(sentences: &[[Vec<u32>; 2]], side: usize, iterations: usize) -> Self {
        let mut probabilities: HashMap<(u32, u32), f32> = HashMap::new();
        for iteration in 0..iterations {
            let mut counts: HashMap<(u32, u32), f32> = HashMap::new();
            let mut totals: HashMap<u32, f32> = HashMap::new();
            for pair in sentences {
                let (sentence, translation) = (&pair[side], &pair[1 - side]);
                for &f in translation {
                    let words = || sentence.iter().copied().chain([NONE]);
                    // In the first iteration all are alike.
                    let probability = |e: u32| {
                        if iteration == 0 { 1.0 } else { probabilities.get(&(e, f)).copied().unwrap_or(0.0) }
                    };
                    let sum: f32 = words().map(probability).sum();
                    if sum <= 0.0 {
                        continue;
                    }
                    for e in words() {
                        let share = probability(e) / sum;
                        *counts.entry((e, f)).or_default() += share;
                        *totals.entry(e).or_default() += share;
                    }
                }
            }
            probabilities = counts
                .into_iter()
                .map(|((e, f), count)| ((e, f), count / totals[&e].max(f32::MIN_POSITIVE)))
                .collect();
        }
        let mut translations: Vec<Vec<(u32, f32)>> = Vec::new();
        for ((e, f), probability) in probabilities {
            if e == NONE {
                continue;
            }
            if translations.len() <= e as usize {
                translations.resize_with(e as usize + 1, Vec::new);
            }
            translations[e as usize].push((f, probability));
        }
        for own in &mut translations {
            own.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        }
        Self { translations }
    }

    /// The most probable translations of each word.
    fn best(&self, count: usize) -> impl Iterator<Item = (u32, Vec<(u32, f32)>)> {
        (0..self.translations.len() as u32).map(move |word| (word, self.best_of(word, count).to_vec()))
    }

    fn best_of(&self, word: u32, count: usize) -> &[(u32, f32)] {
        let all = self.translations.get(word as usize).map_or(&[][..], Vec::as_slice);
        &all[..count.min(all.len())]
    }
}

#[cfg(test)]
mod tests {
    use alambic_settings::At;

    use super::*;

    fn options() -> ParallelDictionary {
        ParallelDictionary {
            data: At::unwritten("pairs".into()),
            source_language: None,
            min_probability: 0.1,
            best: 3,
            min_count: 3,
            iterations: 5,
        }
    }

    fn of(options: &ParallelDictionary, pairs: &[(&str, &str)]) -> Dictionary {
        induce(options, pairs, ("pairs".into(), String::new()))
    }

    fn found(dictionary: &Dictionary, word: &str) -> Vec<String> {
        dictionary.find(word).map_or_else(Vec::new, |found| found.all.to_vec())
    }

    const PAIRS: [(&str, &str); 9] = [
        ("The house", "das Haus"),
        ("the small house.", "das kleine Haus."),
        ("a house", "ein Haus"),
        ("the book", "das Buch"),
        ("a book", "ein Buch"),
        ("a small book", "ein kleines Buch"),
        ("the book!", "das Buch!"),
        ("a small house 3", "ein kleines Haus 3"),
        ("rare", "selten"),
    ];

    #[test]
    fn words_that_go_together_find_each_other() {
        let dictionary = of(&options(), &PAIRS);
        assert_eq!(found(&dictionary, "house"), ["haus"]);
        assert_eq!(found(&dictionary, "book"), ["buch"]);
        assert!(found(&dictionary, "the").contains(&"das".to_owned()));
        assert!(found(&dictionary, "rare").is_empty(), "seen once");
        assert!(found(&dictionary, "3").is_empty(), "a number is no word");
    }

    #[test]
    fn bounds_are_heeded() {
        let rare = ParallelDictionary { min_count: 1, ..options() };
        assert_eq!(found(&of(&rare, &PAIRS), "rare"), ["selten"]);
        let sure = ParallelDictionary { min_probability: 1.0, ..options() };
        assert!(of(&sure, &PAIRS).is_empty());
        let one = ParallelDictionary { best: 1, ..options() };
        assert!(found(&of(&one, &PAIRS), "the").len() <= 1);
    }

    #[test]
    fn induction_gives_the_same_every_time() {
        assert_eq!(of(&options(), &PAIRS), of(&options(), &PAIRS));
        assert!(of(&options(), &[]).is_empty());
    }

    #[test]
    fn scripts_without_blanks_have_words() {
        let pairs = [
            ("file", "文件"),
            ("Open", "打开"),
            ("Open file", "打开文件"),
            ("File", "文件"),
            ("open the file", "打开此文件"),
            ("open", "打开"),
            ("file", "文件"),
            ("Open", "打开"),
        ];
        let dictionary = of(&options(), &pairs);
        assert_eq!(found(&dictionary, "file"), ["文件"]);
        assert_eq!(found(&dictionary, "open"), ["打开"]);
    }
}
