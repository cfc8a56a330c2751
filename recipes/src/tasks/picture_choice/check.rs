//! Checks of pictures with descriptions.

use alambic_data::{ContentKind, PictureChoice, Split};
use alambic_inference::PictureChoicePipeline;
use alambic_models::Config;
use alambic_settings::{Diagnostic, Origin};

use super::options::PictureChoicesData;
use super::questions::description;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Pictures with descriptions, as they are counted.
const PICTURE_CHOICES: Sort = Sort { key: "picture-choices", name: "pictures with descriptions" };

/// Help for a model that scores no descriptions.
const SCORER_HELP: &str = "name a CLIP, or a ViLT that was trained on `data.picture-choices` or has transformers' head of image and text retrieval";

impl PictureChoicesData {
    /// Counts the questions of a training, and reports tables that do not go together.
    pub(super) fn check_picture_choices(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let mut is_known = !self.picture_choices.is_empty();
        for (index, options) in self.picture_choices.iter().enumerate() {
            let origin = checker.table_origin(site, "picture-choices", index);
            is_known &= checker.check_corpora(&options.data, &origin, ContentKind::PictureChoices);
        }
        let lengths = self.picture_choices.iter().map(|options| options.max_length);
        checker.check_max_length(site, "picture-choices", lengths);
        let counts = self.choices(&checker.corpora);
        if let [first, other, ..] = counts.iter().collect::<Vec<_>>()[..] {
            let message = format!(
                "the pictures of `{}` have {first} descriptions each in one corpus, and {other} in another",
                site.path.join(".")
            );
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(&checker.data_origin(site), "has different numbers of choices")
                    .help("give all corpora of a stage the same `choices`"),
            );
        }
        let count = |split| self.selected(&checker.corpora, split).map_or(0, |found| found.len());
        let (questions, validation) = (count(Split::Train), count(Split::Validation));
        if checker.depth == Depth::Whole && is_known {
            checker.check_splits(site, questions, validation);
        }
        checker.counts.insert(site.name.to_owned(), Counts::of(PICTURE_CHOICES, questions, validation));
        if let Some(teacher) = site.teacher
            && let Some(config) = checker.models.teacher(teacher).map(|info| info.config.clone())
        {
            check_scorer("teacher", &config, &teacher.origin, checker);
        }
    }
}

/// Reports a student that gets no logit of how well text and image go together.
pub(super) fn check_head(site: &Site<'_>, name: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
    if PictureChoicePipeline::is_scored_by(&student.config) && !student.config.outline().pairs {
        return;
    }
    let declared = checker.places.key_origin(&["model", name]);
    let message = format!(
        "the student of stage `{}` is a {}, which has no head that scores a text and an image together",
        site.name,
        student.config.model_type()
    );
    checker.report(
        Diagnostic::error("student::head", message)
            .label(&declared, "scores no descriptions")
            .label(&checker.data_origin(site), "descriptions to be scored")
            .help("take a student of the kind `fusion` in ViLT's layout"),
    );
}

/// The evaluation of models that choose among descriptions.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::PictureChoices) {
        return;
    }
    checker.check_metrics(&[description()]);
    let test: usize = checker
        .corpora
        .datasets::<PictureChoice>(&evaluation.data)
        .unwrap_or_default()
        .iter()
        .map(|corpus| corpus.splits.test.len())
        .sum();
    let teacher = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher));
    let compared = evaluation.compare_with.iter().map(|name| ("model", name));
    for (side, name) in teacher.map(|name| ("teacher", name)).into_iter().chain(compared) {
        if let Some(config) = checker.models.checkpoint(name).map(|info| info.config.clone()) {
            check_scorer(side, &config, &name.origin, checker);
        }
    }
    if let Some(config) = checker.student().map(|student| student.config.clone()) {
        check_scorer("student", &config, &evaluation.origin, checker);
    }
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic = Diagnostic::error(
            "data::empty",
            "the test splits of the evaluation hold no picture with descriptions",
        );
        let help = "give the corpora that they are drawn from a test split, with `split.test-fraction` or `split.test-values`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let questions = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(PICTURE_CHOICES, questions, 0));
}

/// Reports a model that scores no descriptions.
fn check_scorer(side: &str, config: &Config, origin: &Origin, checker: &mut Checker<'_>) {
    if PictureChoicePipeline::is_scored_by(config) {
        return;
    }
    let message = format!(
        "the {side} is a {} that does not say how well a text and an image go together",
        config.model_type()
    );
    checker.report(
        Diagnostic::error("evaluation::labels", message)
            .label(origin, format!("the {side} that is used here"))
            .help(SCORER_HELP),
    );
}
