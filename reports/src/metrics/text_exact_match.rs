use alambic_data::benchmarks::split;
use unicode_normalization::UnicodeNormalization;

use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, never, ratio};
use super::prediction::PredictionKind;
use super::writing::{REFERENCES, of_written};

/// Share of texts that equal one of their references once both are in NFC, trimmed, with single blanks, and in lower case.
/// Punctuation marks and articles count, where `exact-match` leaves them out as `SQuAD` does.
pub(super) static METRIC: Metric = Metric {
    name: "text-exact-match",
    summary: "share of texts that equal one of the references but for case, blanks and forms of letters",
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
            let output = normal_form(output);
            Contribution::of_hit(references.iter().any(|own| normal_form(own) == output))
        })
    },
    value: Value::OfSums(ratio),
};

/// A text in NFC, in lower case, with single blanks. NFC comes last as well: lower case may take letters apart.
pub(super) fn normal_form(text: &str) -> String {
    let composed: String = text.nfc().collect();
    let lower: String = composed.to_lowercase().nfc().collect();
    split(&lower).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::score_all;

    #[test]
    fn texts_are_equal_but_for_case_blanks_and_forms() {
        let value = |output: &str, right: &[&str]| {
            let output = Prediction::Text(output.to_owned());
            let right = Prediction::Texts(right.iter().map(|text| (*text).to_owned()).collect());
            score_all(&["text-exact-match"], &[output], &[right], 1).unwrap()[0].value()
        };
        assert_eq!(value(" The\u{a0}\u{3000} CAFE\u{301}\t", &["x", "the caf\u{e9}"]), Some(1.0));
        assert_eq!(value("the cat.", &["the cat", "cat."]), Some(0.0));
        assert_eq!(value("", &[]), Some(1.0));
        assert_eq!(value("", &["", "a"]), Some(0.0));
        assert_eq!(value("हाँ", &["हाँ"]), Some(1.0));
        assert_eq!(value("\u{130}", &["i\u{307}"]), Some(1.0));
    }
}
