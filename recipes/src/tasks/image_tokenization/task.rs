//! Making tokens of images as a kind of task.

use alambic_data::{ContentKind, Picture, Split, is_in_subsample};
use alambic_losses::TargetKind;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::ImageEvaluator;
use super::options::ImagesData;
use super::train::ImageTraining;
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

impl ImagesData {
    /// The images of a split, those of all tables one after another.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c Picture>, RunError> {
        let mut pictures = Vec::new();
        for options in self.images.iter() {
            let all = corpora.pictures(&options.data, split)?;
            pictures.extend(all.into_iter().filter(|picture| is_in_subsample(picture, options.fraction)));
        }
        Ok(pictures)
    }
}

impl TaskTemplates for ImagesData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "image-tokenization",
        summary: "Tokens of images by a learned codebook, and images of tokens (VQ-VAE)",
        text: include_str!("template.toml"),
    }];
}

impl Task for ImagesData {
    fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "images alone"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTokenization
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.images.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![TargetKind::Images])
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(PredictionKind::Image).collect())
    }

    /// Nothing is read but images.
    fn vocabulary<'c>(&'c self, _: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        Ok(VocabularySource::Texts(Vec::new()))
    }

    /// Counts of codes are set, and codes that are running means with them.
    fn untrainable_parameters(&self) -> &'static [&'static str] {
        &["codebook.cluster_size", "codebook.embed_avg"]
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("an image tokenizer learns from the images alone")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_images(site, checker);
    }

    fn check_student(&self, _: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_student_sides(declared, student, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Questions && !self.is_empty()
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &["scorer"]
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
        Ok(Box::new(ImageTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        _: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(ImageEvaluator::new(context)?)])
    }
}
