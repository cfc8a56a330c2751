//! Learning embeddings of sentences of one language as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Labels, Split, Text};
use alambic_inference::TextPair;
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::Outline;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::SentenceEvaluator;
use super::options::{SentenceExamples, SentenceTargets, SimilarityData};
use super::train::SimilarityTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::check::text_languages::LANGUAGE_KEYS;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::task::{Task, TransferTexts, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl SimilarityData {
    /// Whether examples are pairs of which some have scores.
    pub(super) fn has_scores(&self, corpora: &Corpora) -> bool {
        self.form() == SentenceExamples::Pairs && self.are_scored(corpora).any(|is_scored| is_scored)
    }

    /// Whether the rows of each corpus have scores.
    fn are_scored(&self, corpora: &Corpora) -> impl Iterator<Item = bool> {
        let names = self.sentences.iter().flat_map(|own| &own.data);
        names.map(|name| {
            corpora.dataset::<Text>(name).is_ok_and(|corpus| corpus.details.labels == Labels::Numbers)
        })
    }
}

impl TaskTemplates for SimilarityData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "sentence-similarity",
        summary: "Vectors of sentences of one language: a smaller encoder, and how alike it finds what people compared",
        text: include_str!("template.toml"),
    }];
}

impl Task for SimilarityData {
    fn is_empty(&self) -> bool {
        self.sentences.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "sentences to be embedded"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.sentences.iter().flat_map(|own| &own.data).collect()
    }

    fn takes_answers(&self) -> bool {
        true
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        Some(match self.form() {
            SentenceExamples::Texts => Vec::new(),
            SentenceExamples::Pairs if self.has_scores(corpora) => vec![TargetKind::Similarities],
            SentenceExamples::Pairs | SentenceExamples::Dropout => vec![TargetKind::TextPairs],
        })
    }

    fn has_languages(&self) -> bool {
        true
    }

    fn languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        let examples = self.examples(corpora, Split::Train)?.examples;
        Ok(examples.into_iter().map(|example| example.language).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, corpora: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        let kind = if self.has_scores(corpora) { PredictionKind::Number } else { PredictionKind::Nothing };
        Ok(suitable(kind).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let texts = self.training_texts(corpora)?;
        Ok(VocabularySource::Texts(texts.into_iter().map(Cow::Borrowed).collect()))
    }

    fn transfer_texts<'c>(&'c self, corpora: &'c Corpora) -> Result<TransferTexts<'c>, RunError> {
        let all = self.training_texts(corpora)?;
        Ok(TransferTexts { sources: all.clone(), all, translations: Vec::new() })
    }

    fn max_length(&self) -> usize {
        self.sentences.iter().map(|own| own.max_length).max().unwrap_or_default()
    }

    fn cacheable_texts<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Option<Result<Vec<&'c Text>, RunError>> {
        Some(self.rows(corpora, split))
    }

    fn read_texts<'c>(&self, row: &'c Text) -> Vec<TextPair<'c>> {
        row.texts().map(|text| (text, None)).collect()
    }

    fn outline_of_targets(&self, student: &Outline, mut teacher: Outline) -> Outline {
        if self.targets_of_teacher() == SentenceTargets::Components {
            let own = student.streams.get("").and_then(|own| own.embedding);
            let other = teacher.streams.get_mut("").and_then(|other| other.embedding.as_mut());
            if let (Some(own), Some(other)) = (own, other) {
                *other = own.min(*other);
            }
        }
        teacher
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher's outputs for sentences are cached when it runs")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_sentences(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, _: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_dropout(site, student, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        self.check_rows_of_pairs(site, loss, term, checker);
        self.check_components(site, loss, term, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Texts && !self.is_empty()
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &LANGUAGE_KEYS
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        super::check_evaluation::check_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(SimilarityTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(SentenceEvaluator::new(context, observer)?)])
    }
}
