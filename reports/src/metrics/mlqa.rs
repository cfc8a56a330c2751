//! Answers as the published evaluation of MLQA scores them (Lewis et al., 2020; `mlqa_evaluation_v1.py`): articles by language, all
//! punctuation of Unicode, and Chinese characters one by one.

use std::borrow::Cow;
use std::sync::LazyLock;

use alambic_data::benchmarks::split;
use regex::Regex;

use super::metric::{Direction, Metric, ReferenceSource, Value, never, ratio};
use super::prediction::PredictionKind;
use super::squad::without_words;
use super::squad_v1::{best_of, is_equal, shared};

/// Share of answers that equal one of the right ones after normalisation by their language.
pub(super) static EXACT_MATCH: Metric = Metric {
    name: "mlqa-exact-match",
    summary: "share of answers that equal one of the right ones after normalisation by language (MLQA)",
    undefined: "no question",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: never,
    is_default: never,
    contributions: |pairs, context| best_of(pairs, |text| tokens(text, context.language), is_equal),
    value: Value::OfSums(ratio),
};

/// Mean F1 of the tokens of each answer and of the nearest right one, by their language.
pub(super) static F1: Metric = Metric {
    name: "mlqa-f1",
    summary: "mean F1 of the tokens of an answer and of the nearest right one, by language (MLQA)",
    undefined: "no question",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: never,
    is_default: never,
    contributions: |pairs, context| best_of(pairs, |text| tokens(text, context.language), shared),
    value: Value::OfSums(ratio),
};

/// Words that are left out as articles. Arabic has its article written before the word, Hindi and Chinese have none.
fn articles(language: &str) -> &'static [&'static str] {
    match language {
        "en" => &["a", "an", "the"],
        "es" => &["un", "una", "unos", "unas", "el", "la", "los", "las"],
        "vi" => &["của", "là", "cái", "chiếc", "những"],
        "de" => {
            &["ein", "eine", "einen", "einem", "eines", "einer", "der", "die", "das", "den", "dem", "des"]
        }
        _ => &[],
    }
}

/// Punctuation of Unicode. The symbols of ASCII that are none there are punctuation in Python.
static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[\p{P}$+<=>^`|~]").ok());

/// The tokens of an answer after normalisation: lower case, without punctuation and articles.
fn tokens(answer: &str, language: Option<&str>) -> Vec<String> {
    let language = language.unwrap_or_default();
    let lower = answer.to_lowercase();
    let plain =
        PUNCTUATION.as_ref().map_or(Cow::Borrowed(&*lower), |pattern| pattern.replace_all(&lower, ""));
    let without_articles = match language {
        // Wherever it stands: the pattern of the published script is one of letters and not of words.
        "ar" => plain.replace("ال", " "),
        _ => without_words(&plain, articles(language)),
    };
    if language == "zh" {
        mixed(&without_articles)
    } else {
        split(&without_articles).map(str::to_owned).collect()
    }
}

/// Chinese characters one by one, of all else words between white space.
fn mixed(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(place) = rest.find(|character| matches!(character, '\u{4e00}'..='\u{9fa5}')) {
        let (before, from) = rest.split_at(place);
        tokens.extend(split(before).map(str::to_owned));
        let end = from.chars().next().map_or(from.len(), char::len_utf8);
        tokens.push(from[..end].to_owned());
        rest = &from[end..];
    }
    tokens.extend(split(rest).map(str::to_owned));
    tokens
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Values of `normalize_answer` of the published script.
    #[test]
    fn answers_are_normalised_by_their_language() {
        for (language, answer, expected) in [
            ("en", "The “Norman” conquest – a tale", "norman conquest tale"),
            ("es", "El niño de la calle", "niño de calle"),
            ("de", "Der Hund des Nachbarn, die §§", "hund nachbarn"),
            ("vi", "Những cuốn sách của tôi", "cuốn sách tôi"),
            ("hi", "“एक” घर।", "एक घर"),
            ("ar", "القمر والشمس", "قمر و شمس"),
            ("zh", "在1997年，B 座", "在 1997 年 b 座"),
            ("zh", "㐀a 龦", "㐀a 龦"),
        ] {
            assert_eq!(tokens(answer, Some(language)).join(" "), expected, "{language} {answer}");
        }
    }
}
