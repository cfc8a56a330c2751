//! Retrieving images by captions as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::Outline;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::check::{check_retrieval, check_scores_of_teacher};
use super::evaluate::RetrievalEvaluator;
use super::options::CaptionsData;
use super::train::CaptionTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::images::vocabulary::tags_read;
use crate::observer::Observer;
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for CaptionsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "image-text-retrieval",
        summary: "Images found by texts, and texts by images: a smaller CLIP",
        text: include_str!("template.toml"),
    }];
}

impl Task for CaptionsData {
    fn is_empty(&self) -> bool {
        self.captions.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "images with captions"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTextRetrieval
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.captions.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![TargetKind::PassageLists])
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(PredictionKind::Ranking).collect())
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let captions = self.captioned(corpora, Split::Train)?.into_iter().map(|(text, _)| text);
        let mut texts: Vec<Cow<'_, str>> = captions.map(Cow::Borrowed).collect();
        texts.extend(tags_read(corpora, &self.image_corpora(), student, false)?.into_iter().map(Cow::Owned));
        Ok(VocabularySource::Texts(texts))
    }

    fn max_length(&self) -> usize {
        self.captions.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    /// A fusion encoder's two logits are one score of a pair.
    fn outline_of_targets(&self, _: &Outline, teacher: Outline) -> Outline {
        if teacher.pairs || teacher.classes != 2 || teacher.classes_of_tokens {
            return teacher;
        }
        Outline { classes: 1, labels: Vec::new(), ..teacher }
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher reads images, and its outputs are not cached")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_pictures(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        checker.check_regions_of_stage(site, declared, student, &self.image_corpora());
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        checker.check_image_inputs(site, loss, term);
        check_scores_of_teacher(site, loss, term, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Questions && !self.is_empty()
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &["student-languages", "caption-relevance"]
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        check_retrieval(checker, false);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(CaptionTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(RetrievalEvaluator::new(context, observer)?)])
    }
}
