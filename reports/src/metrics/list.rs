use alambic_files::text::quoted;
use indexmap::IndexMap;

use super::metric::{Metric, ReferenceSource, ScoredPair, ScoringContext, TaskDescription};
use super::prediction::{Prediction, PredictionKind};
use super::scores::Scores;
use super::{
    accuracy, agreement, average_precision, bleu, bleu_4, caption_objects, caption_truth, cer, cer_total,
    chrf, chunk_f1, cider_d, colour_accuracy, consistency, correlation, drawing, exact_match, f1, image,
    matthews, meteor, mlqa, pair_f1, phonetic_accuracy, phonetic_accuracy_shuffled, recall, retrieval,
    rouge_l, span_f1, squad_v1, text_exact_match, token_accuracy, token_f1, vqa_accuracy, word_accuracy,
    wrong_language,
};
use crate::error::{ReportError, Result};

/// All metrics, in the order in which they are listed; of one kind of predictions the most important first.
pub static METRICS: &[&Metric] = &[
    &cer::METRIC,
    &cer_total::METRIC,
    &word_accuracy::METRIC,
    &phonetic_accuracy::METRIC,
    &phonetic_accuracy_shuffled::METRIC,
    &exact_match::METRIC,
    &token_f1::METRIC,
    &squad_v1::EXACT_MATCH,
    &squad_v1::F1,
    &mlqa::EXACT_MATCH,
    &mlqa::F1,
    &bleu::METRIC,
    &bleu::WESTERN,
    &bleu::CHINESE,
    &bleu::CHARACTERS,
    &bleu::INTERNATIONAL,
    &bleu::BLANKS,
    &chrf::METRIC,
    &chrf::WITH_WORDS,
    &cider_d::METRIC,
    &cider_d::OF_REFERENCES,
    &bleu_4::METRIC,
    &meteor::METRIC,
    &rouge_l::METRIC,
    &text_exact_match::METRIC,
    &wrong_language::METRIC,
    &caption_truth::METRIC,
    &caption_objects::METRIC,
    &colour_accuracy::METRIC,
    &vqa_accuracy::METRIC,
    &accuracy::METRIC,
    &accuracy::MAJORITY,
    &consistency::METRIC,
    &recall::AT_1,
    &recall::AT_5,
    &recall::AT_10,
    &recall::IMAGE_AT_1,
    &recall::CAPTION_AT_1,
    &retrieval::NDCG_AT_10,
    &retrieval::MRR_AT_10,
    &retrieval::RECALL_AT_100,
    &f1::BINARY,
    &f1::MICRO,
    &f1::MACRO,
    &matthews::METRIC,
    &correlation::SPEARMAN,
    &correlation::PEARSON,
    &span_f1::METRIC,
    &chunk_f1::METRIC,
    &token_accuracy::METRIC,
    &token_accuracy::MAJORITY,
    &pair_f1::METRIC,
    &drawing::FRECHET_DISTANCE,
    &drawing::KERNEL_DISTANCE,
    &drawing::DRAWN_OBJECTS,
    &drawing::DRAWN_EXACTLY,
    &drawing::DRAWN_RELATIONS,
    &drawing::DRAWING_TRUTH,
    &drawing::DRAWING_FOUND,
    &image::PSNR,
    &image::L1,
    &image::RECONSTRUCTION_DISTANCE,
    &image::CODES_USED,
    &image::CODE_PERPLEXITY,
    &average_precision::MAP,
    &average_precision::MAP_50,
    &average_precision::ATTRIBUTE_MAP,
    &agreement::METRIC,
    &recall::AGREEMENT,
];

/// The metric of this name, or an error with the closest name.
///
/// # Errors
/// [`ReportError::UnknownMetric`] when there is none.
pub fn find(name: &str) -> Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).copied().ok_or_else(|| {
        let closest = METRICS
            .iter()
            .map(|metric| (strsim::jaro_winkler(name, metric.name), metric.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(similarity, _)| *similarity > 0.8);
        ReportError::UnknownMetric {
            name: quoted(name),
            suggestion: closest.map(|(_, name)| name.to_string()),
            known: METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>().join(", "),
        }
    })
}

/// Whether a figure is a reference value, to be compared with, and says nothing of a model's worth: that of shuffled pairs, of a
/// model that always predicts the majority class, or of one that writes the references.
#[must_use]
pub fn is_reference(name: &str) -> bool {
    ["-shuffled", MAJORITY, OF_REFERENCES].iter().any(|end| name.ends_with(end))
}

/// The end of the names of metrics that a model which always predicts the majority class has.
pub(crate) const MAJORITY: &str = "-of-majority";

/// The end of the names of metrics that a model which writes one of the references has: what can be reached.
const OF_REFERENCES: &str = "-of-references";

/// The metrics that suit a task, the most important first, without those that compare with another model. A task is
/// described by its [`PredictionKind`] alone, or together with its classes.
pub fn suitable<'a>(task: impl Into<TaskDescription<'a>>) -> impl Iterator<Item = &'static Metric> {
    let task = task.into();
    let suits =
        move |metric: &&Metric| metric.reference_source == ReferenceSource::Labels && metric.suits(&task);
    METRICS.iter().copied().filter(suits)
}

/// The metrics of a task where a recipe names none, the most important first: by the first one checkpoints are chosen and
/// models compared.
pub fn default_metrics<'a>(task: impl Into<TaskDescription<'a>>) -> impl Iterator<Item = &'static Metric> {
    let task = task.into();
    METRICS.iter().copied().filter(move |metric| metric.is_default_for(&task))
}

/// The metrics of a task, the most important first: those that a recipe names and that suit the task, in the order of their
/// names, else the default ones; right texts in the wrong language are always counted apart. A stage may have predictions of another kind than the evaluation, which the names are for.
pub fn select_metrics<'a, 'n>(
    named: impl IntoIterator<Item = &'n str>,
    task: impl Into<TaskDescription<'a>>,
) -> Vec<&'static Metric> {
    let task = task.into();
    let suitable: Vec<&Metric> = suitable(task).collect();
    let of_name = |name: &str| suitable.iter().copied().find(|metric| metric.name == name);
    let mut selected: Vec<&'static Metric> = with_ceilings(named.into_iter().filter_map(of_name));
    if selected.is_empty() {
        return default_metrics(task).collect();
    }
    // A text in the wrong language counts as wrong in the others: without this one nobody would see why.
    let apart = of_name(wrong_language::METRIC.name);
    selected.extend(apart.filter(|own| selected.iter().all(|metric| metric.name != own.name)));
    selected
}

/// Metrics, each followed by what can be reached of it where that is a metric, too: a figure without it says little.
pub fn with_ceilings(metrics: impl IntoIterator<Item = &'static Metric>) -> Vec<&'static Metric> {
    let mut all: Vec<&'static Metric> = Vec::new();
    for metric in metrics {
        let ceiling = format!("{}{OF_REFERENCES}", metric.name);
        let ceiling = METRICS.iter().copied().find(|other| other.name == ceiling);
        all.extend([Some(metric), ceiling].into_iter().flatten());
    }
    let mut met = Vec::new();
    all.retain(|metric| {
        !met.contains(&metric.name) && {
            met.push(metric.name);
            true
        }
    });
    all
}

/// The metrics that compare a student's predictions of a kind with the teacher's, each with its name in `metrics.json`.
#[must_use]
pub fn fidelity_metrics(kind: PredictionKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        PredictionKind::Text => &[("agreement", "agreement"), ("cer", "cer-against-teacher")],
        PredictionKind::Class | PredictionKind::Choice | PredictionKind::Texts | PredictionKind::Scores => {
            &[("agreement", "agreement")]
        }
        PredictionKind::Number => &[("pearson", "pearson-with-teacher")],
        PredictionKind::Tags => &[("token-accuracy", "token-agreement")],
        PredictionKind::Ranking => &[("agreement-of-first", "agreement")],
        PredictionKind::Relevance
        | PredictionKind::Scene
        | PredictionKind::Pair
        | PredictionKind::Image
        | PredictionKind::Drawing
        | PredictionKind::Objects
        | PredictionKind::Nothing => &[],
    }
}

/// The accuracy of a task, and the same of always predicting the majority class; none where predictions are no classes or
/// tags.
#[must_use]
pub fn accuracy_and_majority<'a>(task: impl Into<TaskDescription<'a>>) -> Option<[&'static Metric; 2]> {
    let suitable: Vec<&Metric> = suitable(task).collect();
    suitable.iter().find_map(|metric| {
        let majority = format!("{}{MAJORITY}", metric.name);
        Some([*metric, suitable.iter().find(|other| other.name == majority)?])
    })
}

/// Scores one model's predictions with several metrics: name to contributions example by example, in the order of `names`.
/// Examples whose prediction or reference is of a kind that a metric does not accept contribute nothing to it.
///
/// # Errors
/// [`ReportError::UnknownMetric`], [`ReportError::Length`] when the two lists differ in length,
/// [`ReportError::PredictionKind`] when a metric accepts no example at all.
pub fn score_all<'c>(
    names: &[&str],
    predictions: &[Prediction],
    references: &[Prediction],
    context: impl Into<ScoringContext<'c>>,
) -> Result<IndexMap<String, Scores>> {
    if predictions.len() != references.len() {
        return Err(ReportError::Length {
            what: "predictions to score".to_string(),
            expected: references.len(),
            found: predictions.len(),
        });
    }
    let pairs: Vec<ScoredPair<'_>> = predictions
        .iter()
        .zip(references)
        .map(|(prediction, reference)| ScoredPair::new(prediction, reference))
        .collect();
    let context = context.into();
    let score = |name: &&str| {
        let metric = find(name)?;
        check_kinds(metric, &pairs)?;
        Ok(((*name).to_string(), metric.score(&pairs, context)))
    };
    names.iter().map(score).collect()
}

/// Refuses predictions of which a metric accepts none, though both sides of some are known.
fn check_kinds(metric: &Metric, pairs: &[ScoredPair<'_>]) -> Result<()> {
    let kinds = |pair: &ScoredPair<'_>| (pair.prediction.kind(), pair.reference.kind());
    let is_known = |kinds: &(PredictionKind, PredictionKind)| {
        kinds.0 != PredictionKind::Nothing && kinds.1 != PredictionKind::Nothing
    };
    let mut known = pairs.iter().map(kinds).filter(is_known).peekable();
    let Some(&(prediction, reference)) = known.peek() else { return Ok(()) };
    if known.any(|(prediction, reference)| {
        metric.accepts.contains(&prediction) && metric.references.contains(&reference)
    }) {
        return Ok(());
    }
    let list =
        |kinds: &[PredictionKind]| kinds.iter().map(|kind| kind.noun()).collect::<Vec<_>>().join(" or ");
    Err(ReportError::PredictionKind {
        metric: metric.name,
        expected: [list(metric.accepts), list(metric.references)],
        found: [prediction.noun(), reference.noun()],
    })
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::{classes, numbers, rankings, texts};
    use super::*;

    fn names<'a>(metrics: impl Iterator<Item = &'a Metric>) -> Vec<&'a str> {
        metrics.map(|metric| metric.name).collect()
    }

    fn owned(classes: &[&str]) -> Vec<String> {
        classes.iter().map(|class| (*class).to_owned()).collect()
    }

    /// Metrics of written texts that a recipe has to name.
    const WRITING: [&str; 14] = [
        "bleu",
        "bleu-13a",
        "bleu-zh",
        "bleu-char",
        "bleu-intl",
        "bleu-none",
        "chrf",
        "chrf++",
        "cider-d",
        "cider-d-of-references",
        "bleu-4",
        "meteor",
        "rouge-l",
        "text-exact-match",
    ];

    #[test]
    fn ceiling_of_a_metric_follows_it_once() {
        let select = |named: &[&str]| {
            let selected = select_metrics(named.iter().copied(), PredictionKind::Text);
            selected.iter().map(|metric| metric.name).collect::<Vec<_>>()
        };
        assert_eq!(select(&["cider-d", "chrf"]), ["cider-d", "cider-d-of-references", "chrf"]);
        assert_eq!(
            select(&["chrf", "cider-d", "cider-d-of-references"]),
            ["chrf", "cider-d", "cider-d-of-references"]
        );
        assert!(is_reference("cider-d-of-references") && !is_reference("cider-d"));
    }

    #[test]
    fn metrics_of_texts_are_those_of_one_right_text() {
        let expected =
            ["cer", "cer-total", "word-accuracy", "phonetic-accuracy", "phonetic-accuracy-shuffled"];
        let suits: Vec<&str> = expected.iter().chain(&WRITING).copied().collect();
        assert_eq!(names(suitable(PredictionKind::Text)), suits);
        assert_eq!(names(default_metrics(PredictionKind::Text)), expected);
        let several = TaskDescription::from(PredictionKind::Text).with_references(PredictionKind::Texts);
        assert_eq!(names(default_metrics(several)), ["exact-match", "token-f1"]);
        let answers = ["exact-match", "token-f1", "squad-exact-match", "squad-f1"];
        let all: Vec<&str> = answers.iter().chain(&WRITING).copied().collect();
        assert_eq!(names(suitable(several)), all, "those of MLQA need a language");
    }

    #[test]
    fn metrics_of_classes_depend_on_how_many_there_are() {
        let (two, three) = (owned(&["no", "yes"]), owned(&["a", "b", "c"]));
        let of = |classes| TaskDescription::new(PredictionKind::Class, classes);
        let all = ["accuracy", "accuracy-of-majority", "f1", "f1-micro", "f1-macro", "matthews"];
        assert_eq!(names(suitable(of(&two))), all);
        assert_eq!(names(default_metrics(of(&two))), ["accuracy", "accuracy-of-majority", "f1", "matthews"]);
        assert_eq!(
            names(suitable(of(&three))),
            all.map(|name| if name == "f1" { "" } else { name })
                .into_iter()
                .filter(|name| !name.is_empty())
                .collect::<Vec<_>>()
        );
        let expected = ["accuracy", "accuracy-of-majority", "f1-macro", "matthews"];
        assert_eq!(names(default_metrics(of(&three))), expected);
    }

    #[test]
    fn metrics_of_scored_answers_begin_with_the_score_where_answers_are_graded() {
        let task = TaskDescription::from(PredictionKind::Class).with_references(PredictionKind::Scores);
        let all = ["vqa-accuracy", "accuracy", "accuracy-of-majority"];
        assert_eq!(names(suitable(task)), all);
        assert_eq!(names(default_metrics(task)), all[1..]);
        assert_eq!(names(default_metrics(task.graded(true))), all);
    }

    #[test]
    fn metrics_of_tags_count_spans_only_in_a_known_scheme() {
        let of = |tags: &[&str]| {
            let tags = owned(tags);
            let task = TaskDescription::new(PredictionKind::Tags, &tags);
            let defaults = names(default_metrics(task));
            let suitable = names(suitable(task));
            assert!(suitable.contains(&"chunk-f1") && suitable.len() == defaults.len() + 1);
            defaults
        };
        let tokens = ["token-accuracy", "token-accuracy-of-majority"];
        assert_eq!(of(&["O", "B-LOC", "I-LOC"]), [&["span-f1"], &tokens[..]].concat());
        assert_eq!(of(&["NOUN", "VERB"]), tokens);
        assert_eq!(of(&["B-A", "E-A", "U-A"]), tokens);
    }

    #[test]
    fn metrics_of_numbers_choices_and_rankings_are_all_defaults() {
        for (kind, expected) in [
            (PredictionKind::Number, &["spearman", "pearson"][..]),
            (PredictionKind::Choice, &["accuracy", "accuracy-of-majority"]),
            (PredictionKind::Ranking, &["recall-at-1", "recall-at-5", "recall-at-10"]),
            (PredictionKind::Objects, &["map", "map-50", "attribute-map"]),
            (PredictionKind::Nothing, &[]),
        ] {
            assert_eq!(names(suitable(kind)), expected);
            assert_eq!(names(default_metrics(kind)), expected);
        }
    }

    #[test]
    fn metrics_of_graded_rankings_are_those_of_search() {
        let task = TaskDescription::from(PredictionKind::Ranking).with_references(PredictionKind::Relevance);
        let expected = ["ndcg-at-10", "mrr-at-10", "recall-at-100"];
        assert_eq!(names(suitable(task)), expected);
        assert_eq!(names(default_metrics(task)), expected);
    }

    #[test]
    fn selected_metrics_are_those_named_that_suit_or_the_defaults() {
        let select = |named: &[&str]| {
            let selected = select_metrics(named.iter().copied(), PredictionKind::Number);
            selected.iter().map(|metric| metric.name).collect::<Vec<_>>()
        };
        assert_eq!(select(&["pearson", "cer", "spearman"]), ["pearson", "spearman"]);
        assert_eq!(select(&["cer"]), ["spearman", "pearson"]);
    }

    #[test]
    fn fidelity_metrics_accept_their_kind() {
        for &kind in PredictionKind::ALL {
            for (name, _) in fidelity_metrics(kind) {
                let metric = find(name).unwrap();
                assert!(metric.accepts.contains(&kind) && metric.references.contains(&kind), "{name}");
            }
        }
    }

    #[test]
    fn accuracies_are_followed_by_those_of_the_majority() {
        let of = |kind| accuracy_and_majority(kind).map(|metrics| metrics.map(|metric| metric.name));
        assert_eq!(of(PredictionKind::Class), Some(["accuracy", "accuracy-of-majority"]));
        assert_eq!(of(PredictionKind::Choice), Some(["accuracy", "accuracy-of-majority"]));
        assert_eq!(of(PredictionKind::Tags), Some(["token-accuracy", "token-accuracy-of-majority"]));
        assert_eq!(of(PredictionKind::Number), None);
    }

    fn value(name: &str, pairs: &[(&str, &str)]) -> f64 {
        let (predictions, references): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
        let scores = score_all(&[name], &texts(&predictions), &texts(&references), 1).unwrap();
        scores[0].value().unwrap()
    }

    #[test]
    fn character_error_rates_differ_in_what_they_average() {
        // One edit in five characters, none in two: mean of 1/5 and 0, or one edit in seven.
        let pairs = [("dilli", "delli"), ("ab", "ab")];
        assert!((value("cer", &pairs) - 0.1).abs() < 1e-12);
        assert!((value("cer-total", &pairs) - 1.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_reference_counts_each_superfluous_character() {
        assert_eq!(value("cer", &[("abc", "")]), 3.0);
        assert_eq!(value("cer", &[("", "")]), 0.0);
        assert_eq!(value("cer-total", &[("abc", ""), ("x", "xy")]), 2.0);
    }

    #[test]
    fn forms_of_one_letter_are_equal_after_normalisation() {
        // U+0958 decomposes to U+0915 U+093C in NFC, a composition exclusion.
        assert_eq!(value("word-accuracy", &[("\u{958}", "\u{915}\u{93c}")]), 1.0);
        assert_eq!(value("cer", &[("e\u{301}", "\u{e9}")]), 0.0);
        assert_eq!(value("agreement", &[("a", "a"), ("a", "b")]), 0.5);
    }

    #[test]
    fn shuffled_phonetic_accuracy_pairs_no_word_with_itself() {
        let words = texts(&["दिल्ली", "मुंबई", "चेन्नई", "कोलकाता", "बेंगलुरु"]);
        let shuffled = |words: &[Prediction], seed: u64| {
            score_all(&["phonetic-accuracy-shuffled"], words, words, seed).unwrap()[0].value()
        };
        let scores = score_all(&["phonetic-accuracy"], &words, &words, 1).unwrap();
        assert_eq!(scores[0].value(), Some(1.0));
        for seed in 0..50 {
            assert_eq!(shuffled(&words, seed), Some(0.0));
        }
        assert_eq!(shuffled(&words[..1], 1), None);
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_closest() {
        let error = find("phonetic-acuracy").unwrap_err().to_string();
        assert!(error.contains("did you mean `phonetic-accuracy`?"), "{error}");
        assert!(!find("zzz").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn lists_of_different_length_are_refused() {
        let error = score_all(&["cer"], &texts(&["a"]), &texts(&["a", "b"]), 1).unwrap_err().to_string();
        assert!(error.contains("1 values for 2 examples"), "{error}");
    }

    #[test]
    fn predictions_of_another_kind_are_refused() {
        let error = score_all(&["cer"], &classes(&["a"]), &classes(&["a"]), 1).unwrap_err().to_string();
        assert!(error.contains("`cer`") && error.contains("class names"), "{error}");
    }

    #[test]
    fn predictions_of_several_kinds_count_for_the_metrics_of_theirs() {
        let predictions = [rankings(&[&[1, 2], &[0]]), numbers(&[0.1, 0.5])].concat();
        let references = [rankings(&[&[1], &[1]]), numbers(&[1.0, 2.0])].concat();
        let scores = score_all(&["recall-at-1", "spearman"], &predictions, &references, 1).unwrap();
        assert_eq!((scores[0].value(), scores[1].value()), (Some(0.5), Some(1.0)));
        assert_eq!(scores[0].examples(), 4);
    }
}
