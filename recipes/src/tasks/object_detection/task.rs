//! Detecting objects as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Picture, Split, is_in_subsample};
use alambic_losses::TargetKind;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::ObjectEvaluator;
use super::options::ObjectsData;
use super::train::ObjectTraining;
use crate::check::checker::{Checker, Site};
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

impl ObjectsData {
    /// The images of a split, those of all tables one after another.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c Picture>, RunError> {
        let mut pictures = Vec::new();
        for options in self.objects.iter() {
            let all = corpora.pictures(&options.data, split)?;
            pictures.extend(all.into_iter().filter(|picture| is_in_subsample(picture, options.fraction)));
        }
        Ok(pictures)
    }
}

impl TaskTemplates for ObjectsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "object-detection",
        summary: "Objects in images, and answers by their regions and tags",
        text: include_str!("template.toml"),
    }];
}

impl Task for ObjectsData {
    fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "images with objects"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ObjectDetection
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.objects.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![TargetKind::Boxes])
    }

    fn head(&self, corpora: &Corpora) -> Result<HeadSpec, RunError> {
        let names = self.image_corpora();
        let attributes = corpora.object_attributes(&names)?;
        Ok(HeadSpec { labels: corpora.tags(&names)?, attributes, ..HeadSpec::none() })
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(PredictionKind::Objects).collect())
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let tags = tags_read(corpora, &self.image_corpora(), student, true)?;
        Ok(VocabularySource::Texts(tags.into_iter().map(Cow::Owned).collect()))
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("a detector learns from the data alone")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_objects(site, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Questions && !self.is_empty()
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
        Ok(Box::new(ObjectTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        _: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(ObjectEvaluator::new(context)?)])
    }
}
