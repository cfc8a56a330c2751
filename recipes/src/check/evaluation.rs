//! Checks of the evaluation that hold for every task.

use alambic_models::Config;
use alambic_reports::metrics::{TaskDescription, find, is_reference, suitable};
use alambic_reports::outcome::{BASELINE, STUDENT, TEACHER, UPPER_BOUND};
use alambic_settings::{At, Diagnostic};
use alambic_teachers::DecodingOptions;
use alambic_tensor::precision::MatmulPrecision;

use super::checker::{Checker, list};
use super::text_languages::LANGUAGE_KEYS;
use crate::evaluation::metrics::document_frequencies;
use crate::names::{
    BILINEAR, FROM_SCRATCH, HALVED_IMAGES, NEAREST_CAPTION, NEAREST_LABEL_NAME, QUESTION_ONLY, REAL_IMAGES,
    SAME_START, UNTRAINED,
};
use crate::tasks::task::Task;

/// Keys of the evaluation that tasks of some kinds read.
const OF_SOME_TASKS: [&str; 23] = [
    "directions",
    "except",
    "references",
    "beam",
    "teacher-beam",
    "max-new-tokens",
    "length-penalty",
    "no-repeat-ngram",
    "early-stopping",
    "temperature",
    "top-k",
    "top-p",
    "sampling-seed",
    "scorer",
    "detector",
    "candidates",
    "student-languages",
    "teacher-language",
    LANGUAGE_KEYS[0],
    LANGUAGE_KEYS[1],
    LANGUAGE_KEYS[2],
    "by-layer",
    NEAREST_LABEL_NAME,
];

impl Checker<'_> {
    /// Checks metrics, models and precisions that the evaluation names.
    pub(super) fn check_evaluation_options(&mut self) {
        for name in &self.evaluation.metrics {
            if let Err(error) = find(&name.value) {
                self.error("evaluation::metric", error.to_string(), &name.origin, "not a metric");
            }
        }
        if let Err(error) = document_frequencies(self.evaluation) {
            let origin = self.places.origin(&["evaluation", "document-frequencies"]);
            self.error("evaluation::document-frequencies", error.to_string(), &origin, "named here");
        }
        self.check_compared();
        self.check_precisions();
        let evaluation = self.evaluation;
        self.check_decoding(&["evaluation"], &evaluation.decoding, evaluation.beam);
    }

    /// Reports options of decoding that contradict each other, in the table at `path`.
    pub(super) fn check_decoding(&mut self, path: &[&str], options: &DecodingOptions, beam: usize) {
        for (key, message, help) in options.contradictions(beam) {
            let origin = self.places.origin(&[path, &[key]].concat());
            self.report(
                Diagnostic::error("recipe::decoding", message)
                    .label(&origin, "contradicts the rest")
                    .help(help),
            );
        }
    }

    /// Warns of keys of the evaluation that are for tasks of another kind.
    pub(super) fn warn_of_unused_evaluation_keys(&mut self, task: &dyn Task) {
        for key in OF_SOME_TASKS.into_iter().filter(|key| !task.evaluation_keys().contains(key)) {
            let path = ["evaluation", key];
            if self.places.node(&path).is_some() {
                let message = format!("`evaluation.{key}` is not used");
                let label = format!("not for the evaluation of {}", task.data_name());
                let origin = self.places.key_origin(&path);
                self.report(
                    Diagnostic::warning("recipe::unused", message).label(&origin, label).help("leave it out"),
                );
            }
        }
    }

    /// Reports metrics that suit none of these tasks, and a first one by which no model could be chosen: it does
    /// not depend on the model, or suits another task than the first.
    pub(crate) fn check_metrics(&mut self, tasks: &[TaskDescription<'_>]) {
        let metrics = &self.evaluation.metrics;
        let names =
            |task: &TaskDescription<'_>| suitable(*task).map(|metric| metric.name).collect::<Vec<_>>();
        let mut primary = tasks.first().map(names).unwrap_or_default();
        primary.retain(|name| !is_reference(name));
        let all: Vec<&str> = tasks.iter().flat_map(names).collect();
        for (index, name) in metrics.iter().enumerate() {
            let is_known = find(&name.value).is_ok();
            let message = if is_known && !all.contains(&name.as_str()) {
                format!("`{}` does not measure such predictions", name.value)
            } else if is_known && index == 0 && !primary.contains(&name.as_str()) {
                format!("models cannot be compared by `{}` alone", name.value)
            } else {
                continue;
            };
            let first = list(primary.iter().copied());
            self.report(
                Diagnostic::error("evaluation::metric", message)
                    .label(&name.origin, "named here")
                    .help(format!("name one of {first} first, or leave `metrics` out")),
            );
        }
    }

    /// Reports a scorer of images that embeds no images and texts.
    pub(crate) fn check_scorer(&mut self) {
        let is_dual = |config: &Config| config.outline().pairs;
        self.check_judge(self.evaluation.scorer.as_ref(), "a model in CLIP's layout", is_dual);
    }

    /// Reports a model that is to draw, or to see what is drawn, and cannot, as far as its configuration is known.
    pub(crate) fn check_judge(
        &mut self,
        name: Option<&At<String>>,
        needed: &str,
        is_fit: impl Fn(&Config) -> bool,
    ) {
        let Some(name) = name.filter(|name| self.check_checkpoint(name)) else { return };
        let Some(config) = self.models.teacher(name).map(|info| info.config.clone()) else { return };
        if !is_fit(&config) {
            let message = format!(
                "`{}` is a model of type `{}`, and {needed} is needed here",
                name.value,
                config.model_type()
            );
            self.error("evaluation::drawings", message, &name.origin, "named here");
        }
    }

    /// Checks the models with which the student is compared.
    fn check_compared(&mut self) {
        let compared = &self.evaluation.compare_with;
        for name in compared {
            let reserved = [
                TEACHER,
                STUDENT,
                BASELINE,
                UNTRAINED,
                SAME_START,
                FROM_SCRATCH,
                UPPER_BOUND,
                QUESTION_ONLY,
                NEAREST_CAPTION,
                BILINEAR,
                REAL_IMAGES,
                HALVED_IMAGES,
            ];
            if reserved.contains(&name.as_str()) {
                let message = format!("`{}` is what another model is called in reports", name.value);
                self.error(
                    "evaluation::compare-with",
                    message,
                    &name.origin,
                    "give this teacher another name",
                );
            }
            if compared.iter().filter(|other| other.value == name.value).count() > 1 {
                let message = format!("`{}` is named twice", name.value);
                self.error("evaluation::compare-with", message, &name.origin, "here");
            }
            self.check_checkpoint(name);
        }
    }

    /// Checks the precisions in which the student is evaluated once more.
    fn check_precisions(&mut self) {
        let precisions: &[At<MatmulPrecision>] = &self.evaluation.precisions;
        for (index, precision) in precisions.iter().enumerate() {
            let name = precision.value.name();
            let label = if precision.value == MatmulPrecision::F32 {
                "that is how it is evaluated anyway"
            } else if precisions[..index].iter().any(|other| other.value == precision.value) {
                "named before"
            } else {
                continue;
            };
            let message = format!("the student is evaluated in `{name}` already");
            self.error("evaluation::precisions", message, &precision.origin, label);
        }
    }
}
