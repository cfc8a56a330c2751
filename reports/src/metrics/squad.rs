//! Answers and texts as the published evaluation of `SQuAD` compares them (Rajpurkar et al., 2016 and 2018; `evaluate-v2.0.py`).

use super::metric::{Contribution, ScoredPair};
use super::prediction::Prediction;

/// The articles that are left out.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// The normalised form of an answer, token by token: lower case, without ASCII punctuation, which joins what it stands
/// between, and without the articles of English.
pub(super) fn tokens(answer: &str) -> Vec<String> {
    let lower = answer.to_lowercase();
    let plain: String = lower.chars().filter(|character| !character.is_ascii_punctuation()).collect();
    // An article is a run of word characters: what else stands beside it stays.
    let mut without_articles = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while let Some(first) = rest.chars().next() {
        let is_word = first.is_alphanumeric();
        let end = rest.find(|character: char| character.is_alphanumeric() != is_word).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        without_articles.push_str(if ARTICLES.contains(&run) { " " } else { run });
        rest = behind;
    }
    without_articles.split_whitespace().map(str::to_owned).collect()
}

/// The best value over the right answers of each example. Right answers of which normalisation leaves nothing do not count;
/// without any other the right answer is that there is none, and no answer is right. Examples of which nothing is known
/// contribute nothing.
pub(super) fn best_of(
    pairs: &[ScoredPair<'_>],
    value: impl Fn(&[String], &[String]) -> f64,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let (Some(answer), Prediction::Texts(right)) = (pair.prediction.text(), &*pair.reference) else {
            return Contribution::none();
        };
        let answer = tokens(answer);
        let mut right: Vec<Vec<String>> = right.iter().map(|right| tokens(right)).collect();
        right.retain(|right| !right.is_empty());
        if right.is_empty() {
            right.push(Vec::new());
        }
        Contribution::of_mean(right.iter().map(|right| value(&answer, right)).fold(0.0, f64::max))
    };
    pairs.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Values of `normalize_answer` of the published script, tokens separated by spaces.
    #[test]
    fn answers_are_normalised_as_published() {
        for (answer, expected) in [
            ("The Norman Conquest", "norman conquest"),
            ("  a  cat,\tthe dog; an ant ", "cat dog ant"),
            ("U.S.A.", "usa"),
            ("state-of-the-art", "stateoftheart"),
            ("theatre", "theatre"),
            ("the", ""),
            ("!?", ""),
            ("“the” end", "“ ” end"),
            ("1,000 a.m.", "1000 am"),
            ("A\u{0}the b", "\u{0} b"),
            ("ÉCOLE d'a la", "école da la"),
        ] {
            assert_eq!(tokens(answer).join(" "), expected, "{answer}");
        }
    }
}
