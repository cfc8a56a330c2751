//! Pre-training on texts, images and pairs as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::Outline;
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};
use indexmap::IndexSet;

use super::check::check_multimodal_term;
use super::examples::MultimodalExample;
use super::options::{Modality, MultimodalsData};
use super::train::MultimodalTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::image_text_retrieval::{RetrievalEvaluator, check_retrieval};
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for MultimodalsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "multimodal-pretraining",
        summary: "Pre-training on texts, images and pairs with rewritten captions: UNIMO",
        text: include_str!("template.toml"),
    }];
}

impl MultimodalsData {
    /// The corpora whose images are read.
    pub(super) fn of_images(&self) -> Vec<At<String>> {
        let own = self.multimodal.iter().filter(|own| own.reads != Modality::Texts);
        own.flat_map(|own| &own.data).cloned().collect()
    }
}

impl Task for MultimodalsData {
    fn is_empty(&self) -> bool {
        self.multimodal.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts, images and pairs"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTextRetrieval
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.multimodal.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.of_images()
    }

    fn label_objective(&self) -> &'static str {
        "mlm"
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![
            TargetKind::PassageLists,
            TargetKind::MaskedWords,
            TargetKind::LeftOutSpans,
            TargetKind::Regions,
            TargetKind::RegionClasses,
        ])
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() })
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let mut texts: IndexSet<&str> = IndexSet::new();
        for options in self.multimodal.iter() {
            for example in options.examples(corpora, Split::Train)? {
                match example {
                    MultimodalExample::Text(text) => drop(texts.insert(text)),
                    MultimodalExample::Pair(pair) => texts.extend(pair.captions),
                    MultimodalExample::Image(_) => {}
                }
            }
        }
        Ok(VocabularySource::Texts(texts.into_iter().map(Cow::Borrowed).collect()))
    }

    fn max_length(&self) -> usize {
        self.multimodal.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    /// What the losses read of a teacher are scores, whatever heads it has.
    fn outline_of_targets(&self, _: &Outline, teacher: Outline) -> Outline {
        teacher
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its captions are rewritten anew in every epoch")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_multimodal(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_multimodal_student(site, declared, student, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        check_multimodal_term(self, site, loss, term, checker);
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
        Ok(Box::new(MultimodalTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(RetrievalEvaluator::new(context, observer)?)])
    }
}
