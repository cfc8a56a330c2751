//! Checks of questions with choices.

use alambic_data::{ChoiceQuestion, ContentKind, Split, Text};
use alambic_inference::MultipleChoicePipeline;
use alambic_losses::{Loss, Term};
use alambic_models::Config;
use alambic_models::text_encoder::Head;
use alambic_settings::{At, Diagnostic, Kind, Origin, Value};

use super::options::ChoicesData;
use super::questions::description;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Questions with choices, as they are counted.
const CHOICE_QUESTIONS: Sort = Sort { key: "choice-questions", name: "questions with choices" };

/// Losses over the logits of the choices.
const OF_LOGITS: [&str; 2] = ["cross-entropy", "logits"];

/// Help for a model that scores no choices.
const SCORER_HELP: &str = "name one with a head of multiple choice, or with one label for a pair of texts; or fine-tune it on `data.choices` first";

impl ChoicesData {
    /// Counts the questions of a training, and reports tables that are to be cut at different lengths, and a teacher that lacks
    /// answers.
    pub(super) fn check_choices(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut is_known = !self.choices.is_empty();
        for (index, options) in self.choices.iter().enumerate() {
            let origin = checker.table_origin(site, "choices", index);
            is_known &= checker.check_corpora(&options.data, &origin, ContentKind::Choices);
        }
        checker.check_max_length(site, "choices", self.choices.iter().map(|options| options.max_length));
        let count = |split| self.selected(&checker.corpora, split).map_or(0, |found| found.len());
        let (questions, validation) = (count(Split::Train), count(Split::Validation));
        if checker.depth == Depth::Whole && is_known {
            checker.check_splits(site, questions, validation);
        }
        checker.counts.insert(site.name.to_owned(), Counts::of(CHOICE_QUESTIONS, questions, validation));
        if let Some(teacher) = site.teacher {
            let splits = [Split::Train, Split::Validation].into_iter();
            let texts: Vec<Text> = splits
                .flat_map(|split| self.selected(&checker.corpora, split).unwrap_or_default())
                .flat_map(|question| question.pairs.clone())
                .collect();
            checker.check_teacher_answers(teacher, None, &texts.iter().collect::<Vec<_>>());
        }
    }

    /// Reports a term over logits that does not compare distributions over choices, or counts choices that a question has not.
    pub(super) fn check_distributions(
        &self,
        site: &Site<'_>,
        loss: &At<Loss>,
        term: &Term,
        checker: &mut Checker<'_>,
    ) {
        let reads_logits = term.student_taps.iter().chain(&term.teacher_taps).any(|tap| tap == "logits");
        if !reads_logits {
            return;
        }
        let is_of_program = !Loss::list().iter().any(|(name, _)| *name == loss.name());
        if !OF_LOGITS.contains(&loss.name()) && !is_of_program {
            let message = format!(
                "the loss `{}` reads logits, and stage `{}` has distributions over the choices of each prompt",
                loss.name(),
                site.name
            );
            checker.report(Diagnostic::error("loss::taps", message).label(&loss.origin, "this term").help(
                "use `cross-entropy` for labels, `logits` for a teacher's scores, and terms of hidden states, attention or pooled \
                 states",
            ));
            return;
        }
        if let Some(option) = counts_padding(loss)
            && !self.has_equal_counts(checker)
        {
            let message = format!(
                "the loss `{}` counts all choices, and the questions of stage `{}` have different numbers of them",
                loss.name(),
                site.name
            );
            checker.report(
                Diagnostic::error("loss::choices", message)
                    .label(&loss.origin, format!("has `{option}`"))
                    .help(format!(
                        "leave `{option}` out, or give the stage questions with equally many choices"
                    )),
            );
        }
    }

    /// Whether all questions of a training have the same number of choices.
    fn has_equal_counts(&self, checker: &Checker<'_>) -> bool {
        let splits = [Split::Train, Split::Validation].into_iter();
        let questions: Vec<&ChoiceQuestion> =
            splits.flat_map(|split| self.selected(&checker.corpora, split).unwrap_or_default()).collect();
        questions.windows(2).all(|two| two[0].pairs.len() == two[1].pairs.len())
    }
}

/// Reports a student that gets no head of multiple choice.
pub(super) fn check_head(site: &Site<'_>, name: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
    let has_head = student.config.text_head().is_some_and(|own| own.head == Head::MultipleChoice);
    let has_class = match &student.config {
        Config::TextEncoder(config) => config.family.has_head(Head::MultipleChoice),
        _ => true,
    };
    if has_head && has_class {
        return;
    }
    let declared = checker.places.key_origin(&["model", name]);
    let message = format!(
        "the student of stage `{}` is a {}, which has no head of multiple choice",
        site.name,
        student.config.model_type()
    );
    checker.report(
        Diagnostic::error("student::head", message)
            .label(&declared, "scores no choices")
            .label(&checker.data_origin(site), "choices to be scored")
            .help("take an encoder of another family, such as BERT's or RoBERTa's"),
    );
}

/// The option by which a loss counts what stands behind the choices of a question that has fewer than others.
fn counts_padding(loss: &Loss) -> Option<&'static str> {
    let Value::Table(options) = loss.options() else { return None };
    let value = |key: &str| options.get(key).map(|member| &member.node.value);
    match (value("label-smoothing"), value("reduction")) {
        (Some(Value::Float(smoothing)), _) if *smoothing > 0.0 => Some("label-smoothing"),
        (Some(Value::Integer(smoothing)), _) if *smoothing > 0 => Some("label-smoothing"),
        (_, Some(Value::Text(reduction))) if reduction == "elements" => Some("reduction"),
        _ => None,
    }
}

/// The evaluation of models that choose.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Choices) {
        return;
    }
    checker.check_metrics(&[description()]);
    let test: Vec<ChoiceQuestion> = checker
        .corpora
        .datasets::<ChoiceQuestion>(&evaluation.data)
        .unwrap_or_default()
        .iter()
        .flat_map(|corpus| &corpus.splits.test)
        .filter(|question| question.label.is_some())
        .cloned()
        .collect();
    let teacher = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher));
    for (side, name) in teacher
        .map(|name| ("teacher", name))
        .into_iter()
        .chain(evaluation.compare_with.iter().map(|name| ("model", name)))
    {
        if let Some(config) = checker.models.checkpoint(name).map(|info| info.config.clone()) {
            check_scorer(side, &config, &name.origin, checker);
        }
        if checker.models.answer_form(&name.value).is_some_and(|form| !form.is_number) {
            let message = format!("the {side} `{}` gives no number for a prompt with a choice", name.value);
            checker.report(
                Diagnostic::error("evaluation::labels", message)
                    .label(&name.origin, "scores no choices")
                    .help("record a `number` for each prompt (`text`) and choice (`second`)"),
            );
        }
    }
    if let Some(teacher) = teacher {
        let texts: Vec<&Text> = test.iter().flat_map(|question| &question.pairs).collect();
        checker.check_teacher_answers(teacher, None, &texts);
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_scorer("student", &config, &evaluation.origin, checker);
    }
    if checker.depth == Depth::Whole && test.is_empty() {
        let diagnostic =
            Diagnostic::error("data::empty", "the test splits of the evaluation hold no labelled question");
        let help = "name the questions of the test split, with `test-paths`, `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let questions = evaluation.limit.map_or(test.len(), |limit| test.len().min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(CHOICE_QUESTIONS, questions, 0));
}

/// Reports a model that scores no choices.
fn check_scorer(side: &str, config: &Config, origin: &Origin, checker: &mut Checker<'_>) {
    if config.text_head().is_some_and(MultipleChoicePipeline::is_scored_by) {
        return;
    }
    let message = format!(
        "the {side} scores no choices: it has neither a head of multiple choice nor one label for a pair of texts"
    );
    checker.report(
        Diagnostic::error("evaluation::labels", message)
            .label(origin, format!("the {side} that is evaluated here"))
            .help(SCORER_HELP),
    );
}
