//! Pre-training on texts about images as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::options::{ImageTextData, ImageTextsData};
use super::train::ImageTextTraining;
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

impl TaskTemplates for ImageTextsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "image-text-pretraining",
        summary: "Pre-training on images with texts, then questions about images: Oscar+",
        text: include_str!("template.toml"),
    }];
}

impl Task for ImageTextsData {
    fn is_empty(&self) -> bool {
        self.image_texts.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts about images"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.image_texts.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn label_objective(&self) -> &'static str {
        "mlm"
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![TargetKind::Classes, TargetKind::Relations])
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        let relations = self.image_texts.iter().map(ImageTextData::relations).max().unwrap_or_default();
        Ok(HeadSpec { head: Head::MaskedLanguage, relations, ..HeadSpec::none() })
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        for options in self.image_texts.iter() {
            let examples = options.examples(corpora, Split::Train)?;
            let both = examples.into_iter().flat_map(|example| [Some(example.first), example.second]);
            texts.extend(both.flatten().map(Cow::Owned));
        }
        texts.extend(tags_read(corpora, &self.image_corpora(), student, false)?.into_iter().map(Cow::Owned));
        Ok(VocabularySource::Texts(texts))
    }

    fn max_length(&self) -> usize {
        self.image_texts.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its texts are masked anew in every epoch")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_image_texts(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        super::check::check_mask_token(site, student, checker);
        checker.check_regions_of_stage(site, declared, student, &self.image_corpora());
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        checker.check_image_inputs(site, loss, term);
    }

    /// What is pre-trained is evaluated by the task that follows.
    fn evaluates(&self, _: ContentKind) -> bool {
        false
    }

    fn check_evaluation(&self, _: &mut Checker<'_>) {}

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(ImageTextTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        _: &'a EvaluationContext<'a>,
        _: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(Vec::new())
    }
}
