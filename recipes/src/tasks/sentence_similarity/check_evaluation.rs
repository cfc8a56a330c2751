//! Checks of an evaluation of sentences.

use alambic_data::{ContentKind, Text};
use alambic_reports::metrics::{PredictionKind, find};
use alambic_settings::{At, Diagnostic, Origin};

use super::examples::{single, test_texts};
use crate::check::checker::{Checker, Depth};
use crate::check::counts::{Counts, Sort};
use crate::check::mined::check_embeds;
use crate::evaluation::scored_pairs::ScoredPairs;

/// Pairs of the evaluation, as they are counted.
const PAIRS: Sort = Sort { key: "sentence-pairs", name: "sentence pairs" };
/// Texts of the evaluation, as they are counted.
const SENTENCES: Sort = Sort { key: "sentences", name: "sentences" };

/// The evaluation of models that embed sentences.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Texts) {
        return;
    }
    let pairs = ScoredPairs::in_tests(&checker.corpora, &evaluation.data).unwrap_or_default().0.len();
    let texts: Vec<Text> = test_texts(&checker.corpora, &evaluation.data)
        .map(|texts| texts.into_iter().map(single).collect())
        .unwrap_or_default();
    if checker.depth == Depth::Whole && texts.is_empty() {
        let diagnostic = Diagnostic::error("data::empty", "the test splits of the evaluation hold no text");
        let help = "name the rows of the test split, with `test-paths`, `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    } else if checker.depth == Depth::Whole && pairs == 0 {
        check_without_scores(checker);
    } else {
        checker.check_metrics(&[PredictionKind::Number.into()]);
    }
    if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher)) {
        check_teacher(teacher, &texts, checker);
    }
    for name in &evaluation.compare_with {
        check_model(
            "model",
            checker.models.checkpoint(name).map(|info| info.config.clone()),
            &name.origin,
            checker,
        );
    }
    let student = checker.student().map(|student| student.config.clone());
    check_model("student", student, &evaluation.origin, checker);
    let counts = if pairs > 0 { (PAIRS, pairs) } else { (SENTENCES, texts.len()) };
    let count = evaluation.limit.map_or(counts.1, |limit| counts.1.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(counts.0, count, 0));
}

/// Reports a model that gives no embedding, if it is known.
fn check_model(
    side: &str,
    config: Option<alambic_models::Config>,
    origin: &Origin,
    checker: &mut Checker<'_>,
) {
    if let Some(config) = config {
        check_embeds(side, &config, origin, checker);
    }
}

/// Reports a teacher without embeddings, and texts for which it has no answer.
fn check_teacher(teacher: &At<String>, texts: &[Text], checker: &mut Checker<'_>) {
    let Some(form) = checker.models.answer_form(&teacher.value) else {
        let known = checker.models.checkpoint(teacher).map(|info| info.config.clone());
        return check_model("teacher", known, &teacher.origin, checker);
    };
    if form.width == 0 {
        let message = format!("the answers of teacher `{}` hold no embedding", teacher.value);
        checker.report(
            Diagnostic::error("evaluation::embedding", message)
                .label(&teacher.origin, "is evaluated here")
                .help("record vectors of the texts, or let the evaluation have another `teacher`"),
        );
        return;
    }
    checker.check_teacher_answers(teacher, None, &texts.iter().collect::<Vec<_>>());
}

/// Reports what cannot be evaluated where texts have no scores: without a teacher there is nothing to compare with.
fn check_without_scores(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if evaluation.teacher.is_none() {
        let message = "the evaluation has no pairs with scores, and no teacher to compare the student with";
        checker.report(
            Diagnostic::error("evaluation::data", message)
                .label(&evaluation.origin, "nothing to be evaluated by")
                .help(
                    "name the columns of pairs with the corpus's `second` and `number`; or a `teacher`, and the student is \
                     evaluated by its similarity to it",
                ),
        );
    }
    for name in evaluation.metrics.iter().filter(|name| find(&name.value).is_ok()) {
        let message = format!("`{}` needs pairs with scores, and the evaluation has none", name.value);
        checker.error("evaluation::metric", message, &name.origin, "compares cosines with scores");
    }
    for name in checker.baselines.clone() {
        let message = "a baseline is compared by its cosines, and the texts of the evaluation have no scores";
        let origin = checker.places.key_origin(&[name]);
        checker.error("evaluation::data", message.to_owned(), &origin, "cannot be compared with anything");
    }
}
