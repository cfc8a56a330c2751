//! Choosing among descriptions of pictures as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, PictureChoice, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::Outline;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};
use indexmap::IndexSet;

use super::evaluate::PictureChoiceEvaluator;
use super::options::PictureChoicesData;
use super::questions::description;
use super::train::PictureChoiceTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for PictureChoicesData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "picture-choice",
        summary: "Which of several descriptions is a picture's: a fusion encoder helped by a CLIP",
        text: include_str!("template.toml"),
    }];
}

impl Task for PictureChoicesData {
    fn is_empty(&self) -> bool {
        self.picture_choices.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "pictures with descriptions"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.picture_choices.iter().flat_map(|own| &own.data).collect()
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        let train = self.selected(corpora, Split::Train).ok()?;
        let is_labelled = train.is_empty() || train.iter().any(|own| own.is_labelled);
        let classes = is_labelled.then_some(TargetKind::Classes);
        Some(classes.into_iter().chain([TargetKind::Words]).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::multiple_choice())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(description()).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let train = self.selected(corpora, Split::Train)?;
        let texts: IndexSet<&str> =
            train.iter().flat_map(|own| &own.question.descriptions).map(String::as_str).collect();
        Ok(VocabularySource::Texts(texts.into_iter().map(Cow::Borrowed).collect()))
    }

    /// The bias of the only logit: what all descriptions of a picture have cancels in their softmax.
    fn untrainable_parameters(&self) -> &'static [&'static str] {
        &["rank_output.bias"]
    }

    fn max_length(&self) -> usize {
        self.picture_choices.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    /// The teacher's logits are brought to the descriptions of each picture, of whatever images and texts they are.
    fn outline_of_targets(&self, student: &Outline, teacher: Outline) -> Outline {
        if teacher.pairs { Outline { pairs: false, classes: student.classes, ..teacher } } else { teacher }
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher reads images, and its outputs are not cached")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_picture_choices(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, name: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        super::check::check_head(site, name, student, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        checker.check_image_inputs(site, loss, term);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::PictureChoices
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        super::check::check_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(PictureChoiceTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(PictureChoiceEvaluator::new(context, observer)?)])
    }
}

impl PictureChoicesData {
    /// The numbers of descriptions of the corpora, each once.
    pub(super) fn choices(&self, corpora: &Corpora) -> IndexSet<usize> {
        let names = self.corpora().into_iter();
        names
            .filter_map(|name| corpora.dataset::<PictureChoice>(name).ok())
            .map(|corpus| corpus.details.choices)
            .filter(|choices| *choices > 0)
            .collect()
    }
}
