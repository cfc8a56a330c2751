//! Checks of questions about passages.

use alambic_data::{ContentKind, PassageQuestion, Split};
use alambic_models::Config;
use alambic_models::text_encoder::Head;
use alambic_reports::metrics::{PredictionKind, TaskDescription};
use alambic_settings::{Diagnostic, Origin};

use super::options::PassagesData;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Questions about passages, as they are counted.
const PASSAGE_QUESTIONS: Sort = Sort { key: "passage-questions", name: "questions about passages" };

/// What such a task predicts: an answer, of several that are right.
pub(super) fn description() -> TaskDescription<'static> {
    TaskDescription::from(PredictionKind::Text).with_references(PredictionKind::Texts)
}

impl PassagesData {
    /// Counts the questions of a training, and reports tables with other options than the first one.
    pub(super) fn check_passages(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut is_known = !self.passages.is_empty();
        let mut first = None;
        for (index, options) in self.passages.iter().enumerate() {
            let origin = checker.table_origin(site, "passages", index);
            is_known &= checker.check_corpora(&options.data, &origin, ContentKind::Passages);
            let own = (options.windows(), options.max_answer_length, options.no_answer);
            if *first.get_or_insert(own) != own {
                let message =
                    format!("the passages of `{}` are to be read in different ways", site.path.join("."));
                checker.report(
                    Diagnostic::error("recipe::data", message).label(&origin, "not as the first").help(
                        "give all tables the same `max-length`, `stride`, `max-question-length`, `max-answer-length` and \
                         `no-answer`, or make it two stages",
                    ),
                );
            }
        }
        let count = |split| self.selected(&checker.corpora, split).map_or(0, |found| found.len());
        let (questions, validation) = (count(Split::Train), count(Split::Validation));
        if checker.depth == Depth::Whole && is_known {
            checker.check_splits(site, questions, validation);
        }
        checker.counts.insert(site.name.to_owned(), Counts::of(PASSAGE_QUESTIONS, questions, validation));
    }

    /// Reports windows that leave no room for a passage in what the student reads.
    pub(super) fn check_windows(&self, site: &Site<'_>, student: &ModelInfo, checker: &mut Checker<'_>) {
        let Some(options) = self.passages.iter().next() else { return };
        let windows = options.windows();
        let room = windows.max_length.min(student.config.max_length());
        if windows.max_first_length + windows.stride < room {
            return;
        }
        let message = format!(
            "windows of {room} tokens leave no room for a passage: a question has up to {}, and {} are repeated",
            windows.max_first_length, windows.stride
        );
        let origin = checker.table_origin(site, "passages", 0);
        checker.report(
            Diagnostic::error("data::windows", message)
                .label(&origin, "read in such windows")
                .help("lower `stride` or `max-question-length`, or give the student a larger `max-length`"),
        );
    }
}

/// The evaluation of models that answer questions out of passages.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Passages) {
        return;
    }
    checker.check_metrics(&[description()]);
    if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher)) {
        let known = checker.models.checkpoint(teacher).map(|info| info.config.clone());
        if let Some(config) = known {
            check_head("teacher", &config, &teacher.origin, checker);
        }
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_head("student", &config, &evaluation.origin, checker);
    }
    let corpora = checker.corpora.datasets::<PassageQuestion>(&evaluation.data).unwrap_or_default();
    let test =
        corpora.iter().flat_map(|corpus| &corpus.splits.test).filter(|question| question.is_labelled).count();
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic =
            Diagnostic::error("data::empty", "the test splits of the evaluation hold no labelled question");
        let help = "name the questions of the test split, with `test-paths` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let questions = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(PASSAGE_QUESTIONS, questions, 0));
}

/// Reports a model without the head of question answering.
fn check_head(side: &str, config: &Config, origin: &Origin, checker: &mut Checker<'_>) {
    if config.text_head().is_some_and(|own| own.head == Head::Span) {
        return;
    }
    let message = format!("the {side} has no question-answering head");
    checker.report(
        Diagnostic::error("evaluation::labels", message)
            .label(origin, format!("the {side} that is evaluated here"))
            .help("fine-tune it on `data.passages` first"),
    );
}
