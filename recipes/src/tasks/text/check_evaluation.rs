//! Checks of an evaluation on texts.

use alambic_data::{Labels, Split, Text};
use alambic_models::Config;
use alambic_models::text_encoder::{Head, HeadSpec, ProblemType};
use alambic_reports::metrics::{TaskDescription, find};
use alambic_settings::{Diagnostic, Origin};

use super::check::TEXTS;
use super::check_labels::label_counts;
use super::labels::{head_of, kind_of};
use crate::check::checker::{Checker, Depth, list};
use crate::check::counts::Counts;

/// The evaluation of models that read.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    let Some(labels) = checker.check_text_labels(&evaluation.data, &evaluation.origin) else { return };
    if labels.are_open() {
        let message = "the texts of the evaluation have no tags to compare predictions with".to_owned();
        let label = "names `unlabelled` texts alone";
        return checker.error("evaluation::labels", message, &evaluation.origin, label);
    }
    let head = head_of(&labels);
    if head.head == Head::None && !check_without_labels(checker) {
        return;
    }
    if head.head != Head::None {
        checker.check_scheme(&labels, &evaluation.origin);
        checker.check_metrics(&[TaskDescription::new(kind_of(&labels), &head.labels)]);
    }
    if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher)) {
        let texts: Vec<Text> = checker
            .corpora
            .texts(&evaluation.data, Split::Test)
            .unwrap_or_default()
            .into_iter()
            .cloned()
            .collect();
        checker.check_teacher_answers(teacher, Some(&labels), &texts.iter().collect::<Vec<_>>());
        let known = checker.models.checkpoint(teacher).map(|info| info.config.clone());
        if let Some(config) = known {
            check_predictions("teacher", &config, &head, &teacher.origin, checker);
        }
    }
    if let Some(vectors) = &evaluation.nearest_label_name {
        if matches!(labels, Labels::Classes(_)) {
            checker.check_name_vectors(vectors, &head.labels, &vectors.teacher.origin);
        } else {
            let message = "`evaluation.nearest-label-name` is about classes of texts".to_owned();
            let label = "these texts have tags, numbers or no labels";
            checker.error("evaluation::labels", message, &vectors.teacher.origin, label);
        }
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_predictions("student", &config, &head, &evaluation.origin, checker);
    }
    let test = checker.corpora.texts(&evaluation.data, Split::Test).map_or(0, |texts| texts.len());
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic = Diagnostic::error("data::empty", "the test splits of the evaluation hold no text");
        let help = "name the rows of the test split, with `test-paths`, `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let found = label_counts(checker.corpora.texts(&evaluation.data, Split::Test).into_iter().flatten());
    let trained = checker.trained_classes.clone();
    checker.warn_of_unseen_classes((Split::Test, &evaluation.data), &found, &trained);
    let texts = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(TEXTS, texts, 0));
}

/// Checks an evaluation on texts without labels, by which a student can be compared with a teacher alone; false where
/// there is none.
fn check_without_labels(checker: &mut Checker<'_>) -> bool {
    let evaluation = checker.evaluation;
    if evaluation.teacher.is_none() {
        let message = "the texts of the evaluation have no labels to compare predictions with";
        checker.report(
            Diagnostic::error("evaluation::labels", message)
                .label(&evaluation.origin, "names texts without labels, and no teacher")
                .help(
                    "name the column of the labels with the corpus's `label` or `number`; or a `teacher`, and the student is \
                     evaluated by its similarity to it",
                ),
        );
        return false;
    }
    for name in evaluation.metrics.iter().filter(|name| find(&name.value).is_ok()) {
        let message = format!("`{}` needs labels, and the texts of the evaluation have none", name.value);
        checker.error("evaluation::labels", message, &name.origin, "compares predictions with labels");
    }
    for name in checker.baselines.clone() {
        let message =
            "a baseline is compared by its predictions, and the texts of the evaluation have no labels";
        let origin = checker.places.key_origin(&[name]);
        checker.error("evaluation::labels", message.to_owned(), &origin, "cannot be compared with anything");
    }
    true
}

/// Reports a model that does not predict what is asked.
fn check_predictions(
    side: &str,
    config: &Config,
    head: &HeadSpec,
    origin: &Origin,
    checker: &mut Checker<'_>,
) {
    let own = config.text_head();
    let problem = match own {
        None if config.writes_texts() => "generates texts, and texts are to be encoded".to_owned(),
        None => format!("is a {}, and texts alone are to be read", config.model_type()),
        // Nobody is asked for a prediction.
        Some(_) if head.head == Head::None => return,
        Some(own) if own.head != head.head => match head.head {
            Head::Tokens => "has no token-classification head".to_owned(),
            _ => "has no classification head".to_owned(),
        },
        Some(own) if (own.problem_type == ProblemType::Regression) != head.regression => {
            "gives numbers where classes are asked, or the other way round".to_owned()
        }
        Some(own) if own.problem_type == ProblemType::MultiLabel => {
            "gives each label by itself (multi_label_classification), where one class of each text is asked"
                .to_owned()
        }
        Some(own) if !head.regression && own.labels != head.labels => format!(
            "predicts the classes {}, and the test split has {}",
            list(own.labels.iter().map(String::as_str)),
            list(head.labels.iter().map(String::as_str))
        ),
        Some(_) => return,
    };
    let diagnostic = Diagnostic::error("evaluation::labels", format!("the {side} {problem}"))
        .label(origin, format!("the {side} that is evaluated here"));
    let of_language = own.is_some_and(|own| own.head == Head::MaskedLanguage);
    checker.report(if of_language {
        diagnostic.help("`mask` trains the language model alone: end with a stage that trains on a task")
    } else {
        diagnostic
    });
}
