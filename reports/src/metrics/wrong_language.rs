use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, TaskDescription, Value,
    ratio,
};
use super::prediction::PredictionKind;
use super::text_exact_match::normal_form;
use super::writing::{REFERENCES, written};

/// Share of texts that are right in another language than the one asked for: such a text is none of the right ones, and is one of the same
/// example in another language, as `text-exact-match` compares them. A text that is right in both, as a number is, is right. Examples
/// whose right texts are known in no other language do not count.
pub(super) static METRIC: Metric = Metric {
    name: "wrong-language",
    summary: "share of texts that are no right one in the language asked for, but are one in another language",
    undefined: "no example whose right texts are known in another language",
    direction: Direction::Lower,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: REFERENCES,
    suits: is_multilingual,
    is_default: is_multilingual,
    contributions,
    value: Value::OfSums(ratio),
};

fn is_multilingual(task: &TaskDescription<'_>) -> bool {
    task.is_multilingual
}

fn contributions(pairs: &[ScoredPair<'_>], context: &ScoringContext<'_>) -> Vec<Contribution> {
    let own = |(example, pair): (usize, &ScoredPair<'_>)| {
        let others = context.in_other_languages.get(example).map(Vec::as_slice).unwrap_or_default();
        let (Some((output, references)), false) = (written(pair), others.is_empty()) else {
            return Contribution::none();
        };
        let output = normal_form(output);
        let is_right = references.iter().any(|own| normal_form(own) == output);
        Contribution::of_hit(!is_right && others.iter().any(|own| normal_form(own) == output))
    };
    pairs.iter().enumerate().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::{score_all, select_metrics};
    use super::*;

    #[test]
    fn right_answer_in_another_language_is_counted_apart() {
        let text = |text: &str| Prediction::Text(text.to_owned());
        let others = |all: &[&[&str]]| -> Vec<Vec<String>> {
            all.iter().map(|own| own.iter().map(ToString::to_string).collect()).collect()
        };
        let value = |written: &[&str], right: &[Prediction], known: &[&[&str]]| {
            let in_other_languages = others(known);
            let context =
                ScoringContext { in_other_languages: &in_other_languages, ..ScoringContext::default() };
            let written: Vec<Prediction> = written.iter().map(|own| text(own)).collect();
            score_all(&["wrong-language"], &written, right, context).unwrap()[0].value()
        };
        let right =
            [text("red"), text("2"), Prediction::Texts(vec!["no".into(), "not so".into()]), text("blue")];
        let known: [&[&str]; 4] = [&["लाल", "赤"], &["2", "二"], &["नहीं"], &[]];
        // Right; right in both; in Hindi; not counted, since no other language is known of it.
        assert_eq!(value(&["Red", "2", "नहीं", "नीला"], &right, &known), Some(1.0 / 3.0));
        assert_eq!(value(&[" 赤\u{3000}", "二", "yes", ""], &right, &known), Some(2.0 / 3.0));
        assert_eq!(value(&["green", "", "", ""], &right, &known), Some(0.0));
        assert_eq!(value(&["red"], &right[..1], &[]), None);
    }

    #[test]
    fn texts_in_several_languages_are_always_measured_by_it() {
        let task = TaskDescription::from(PredictionKind::Text);
        let names = |named: &[&str], task| {
            let metrics = select_metrics(named.iter().copied(), task);
            metrics.iter().map(|metric| metric.name).collect::<Vec<_>>()
        };
        assert_eq!(names(&["chrf"], task), ["chrf"]);
        assert_eq!(names(&["chrf"], task.multilingual(true)), ["chrf", "wrong-language"]);
        assert_eq!(names(&["wrong-language", "chrf"], task.multilingual(true)), ["wrong-language", "chrf"]);
        assert_eq!(names(&[], task.multilingual(true)).last(), Some(&"wrong-language"));
        assert!(!names(&[], task).contains(&"wrong-language"));
    }
}
