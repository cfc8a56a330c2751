//! Words of sentences, for the induction of dictionaries.

use std::collections::{HashMap, HashSet};

use super::case::parted;
use crate::language::Script;

/// Scripts that are written without blanks between words.
const UNSPACED: [Script; 3] = [Script::Han, Script::Japanese, Script::Thai];

/// Most characters of a word of such a script.
const LONGEST: usize = 8;

/// Cuts sentences of one language into words.
#[derive(Debug)]
pub(super) struct Segmenter {
    /// Words of scripts without blanks.
    words: HashSet<String>,
}

impl Segmenter {
    /// Learns the words of scripts without blanks: stretches that stand by themselves in so many sentences.
    pub(super) fn new<'t>(sentences: impl Iterator<Item = &'t str>, min_count: usize) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for sentence in sentences {
            let own: HashSet<&str> =
                runs(sentence).filter(|run| is_unspaced(run) && run.chars().count() <= LONGEST).collect();
            for run in own {
                *counts.entry(run).or_default() += 1;
            }
        }
        let known = counts.into_iter().filter(|(_, count)| *count >= min_count);
        Self { words: known.map(|(word, _)| word.to_owned()).collect() }
    }

    /// The words of a sentence, in small letters.
    pub(super) fn words(&self, sentence: &str) -> Vec<String> {
        let mut words = Vec::new();
        for run in runs(sentence) {
            if is_unspaced(run) {
                words.extend(self.cut(run).into_iter().map(str::to_owned));
            } else {
                words.push(run.to_lowercase());
            }
        }
        words
    }

    /// The longest known words of a run from its beginning on, and single characters between them.
    fn cut<'r>(&self, run: &'r str) -> Vec<&'r str> {
        let (mut words, mut rest) = (Vec::new(), run);
        while !rest.is_empty() {
            let ends: Vec<usize> =
                rest.char_indices().map(|(place, letter)| place + letter.len_utf8()).take(LONGEST).collect();
            let longest = ends.iter().rev().find(|end| self.words.contains(&rest[..**end]));
            let (word, behind) = rest.split_at(longest.or(ends.first()).copied().unwrap_or(rest.len()));
            words.push(word);
            rest = behind;
        }
        words
    }
}

/// Whether the letters of a run are of a script without blanks.
fn is_unspaced(run: &str) -> bool {
    run.chars().next().is_some_and(is_unspaced_letter)
}

fn is_unspaced_letter(letter: char) -> bool {
    UNSPACED.iter().any(|script| script.has_letter(letter))
}

/// The stretches of a sentence between white space, punctuation and changes between scripts with and without blanks. An apostrophe or
/// a hyphen within a word is part of it.
fn runs(sentence: &str) -> impl Iterator<Item = &str> {
    sentence.split_whitespace().flat_map(|word| {
        let mut parts = Vec::new();
        let mut rest = word;
        while let Some(first) = rest.chars().next() {
            let is_own = is_unspaced_letter(first);
            // Signs that lengthen or repeat a letter belong to the letters before them.
            let ends = |letter: char| {
                if is_own {
                    !is_unspaced_letter(letter) && !unicode_normalization::char::is_combining_mark(letter)
                } else {
                    is_unspaced_letter(letter)
                }
            };
            let end = rest.find(ends).filter(|end| *end > 0).unwrap_or(rest.len());
            let (own, behind) = rest.split_at(end);
            let [_, own, _] = parted(own);
            if !own.is_empty() {
                parts.push(own);
            }
            rest = behind;
        }
        parts
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_without_punctuation_and_in_small_letters() {
        let segmenter = Segmenter::new(["x"].into_iter(), 1);
        assert_eq!(segmenter.words("The (sky), isn't — it?"), ["the", "sky", "isn't", "it"]);
    }

    #[test]
    fn scripts_without_blanks_are_cut_into_what_stands_by_itself() {
        let sentences = ["文件", "打开 文件", "应用程序", "文件,打开", "应用程序。", "很"];
        let segmenter = Segmenter::new(sentences.into_iter(), 2);
        assert_eq!(
            segmenter.words("请打开文件 Word文件和应用程序"),
            ["请", "打开", "文件", "word", "文件", "和", "应用程序"]
        );
    }
}
