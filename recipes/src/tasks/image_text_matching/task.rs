//! Matching of texts and images as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split, is_in_subsample};
use alambic_inference::MATCHING_LABELS;
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_reports::metrics::{Metric, PredictionKind, TaskDescription, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::options::{MatchingData, MatchingsData};
use super::train::MatchingTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::corpora::images::captions;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::images::inputs::TextImagePair;
use crate::images::vocabulary::tags_read;
use crate::observer::Observer;
use crate::tasks::image_text_retrieval::{RetrievalEvaluator, check_retrieval};
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl MatchingData {
    /// Each caption of a split with its image.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<TextImagePair<'c>>, RunError> {
        let mut pictures = corpora.captioned(&self.data, split, &self.languages)?;
        pictures.retain(|picture| is_in_subsample(picture, self.fraction));
        let of_picture =
            |picture| captions(picture, &self.languages).map(move |caption| (caption.text.as_str(), picture));
        Ok(pictures.into_iter().flat_map(of_picture).collect())
    }
}

impl MatchingsData {
    /// Each caption of a split with its image, those of all tables one after another.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<TextImagePair<'c>>, RunError> {
        let mut all = Vec::new();
        for options in self.matching.iter() {
            all.extend(options.examples(corpora, split)?);
        }
        Ok(all)
    }

    /// Names of the classes.
    fn labels() -> Vec<String> {
        MATCHING_LABELS.map(str::to_owned).to_vec()
    }
}

impl TaskTemplates for MatchingsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "image-text-matching",
        summary: "Images and texts that belong together, by a fusion encoder that reads both: Oscar's retrieval",
        text: include_str!("template.toml"),
    }];
}

impl Task for MatchingsData {
    fn is_empty(&self) -> bool {
        self.matching.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "captions with images that match or not"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.matching.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        Some(vec![TargetKind::Classes])
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec { head: Head::Sequence, labels: Self::labels(), ..HeadSpec::none() })
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(TaskDescription::new(PredictionKind::Class, &Self::labels())).collect())
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let examples = self.examples(corpora, Split::Train)?;
        let mut texts: Vec<Cow<'_, str>> =
            examples.into_iter().map(|(text, _)| Cow::Borrowed(text)).collect();
        texts.extend(tags_read(corpora, &self.image_corpora(), student, false)?.into_iter().map(Cow::Owned));
        Ok(VocabularySource::Texts(texts))
    }

    fn max_length(&self) -> usize {
        self.matching.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its pairs are drawn anew in every epoch")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_captions(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        checker.check_regions_of_stage(site, declared, student, &self.image_corpora());
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        checker.check_image_inputs(site, loss, term);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Questions && !self.is_empty()
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &["student-languages", "caption-relevance"]
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        check_retrieval(checker, true);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(MatchingTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(RetrievalEvaluator::new(context, observer)?)])
    }
}
