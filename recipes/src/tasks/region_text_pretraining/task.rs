//! Pre-training on texts about the regions of images as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::options::RegionTextsData;
use super::train::RegionTextTraining;
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

/// Classes of whether a text belongs to its image.
const RELATIONS: usize = 2;

impl TaskTemplates for RegionTextsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "region-text-pretraining",
        summary: "Pre-training on texts and regions of images, then statements about images: LXMERT",
        text: include_str!("template.toml"),
    }];
}

impl Task for RegionTextsData {
    fn is_empty(&self) -> bool {
        self.region_texts.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts about regions of images"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.region_texts.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn label_objective(&self) -> &'static str {
        "mlm"
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        let always = [TargetKind::MaskedWords, TargetKind::Relations, TargetKind::Regions];
        let asked = self.asked(corpora).next().map(|_| TargetKind::Answers);
        Some(always.into_iter().chain(asked).collect())
    }

    fn head(&self, corpora: &Corpora) -> Result<HeadSpec, RunError> {
        let labels = self.answers(corpora)?;
        Ok(HeadSpec { head: Head::MaskedLanguage, relations: RELATIONS, labels, ..HeadSpec::none() })
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        for options in self.region_texts.iter() {
            let examples = options.examples(corpora, Split::Train, &[])?;
            texts.extend(examples.into_iter().map(|example| Cow::Borrowed(example.text)));
        }
        Ok(VocabularySource::Texts(texts))
    }

    fn max_length(&self) -> usize {
        self.region_texts.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its texts and regions are masked anew in every epoch")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_region_texts(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_region_student(site, declared, student, checker);
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
        Ok(Box::new(RegionTextTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        _: &'a EvaluationContext<'a>,
        _: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(Vec::new())
    }
}
