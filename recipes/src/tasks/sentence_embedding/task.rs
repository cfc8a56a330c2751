//! Learning embeddings of sentences as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::TargetKind;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::BitextEvaluator;
use super::options::{SentencesData, Sides};
use super::pairs::BitextPair;
use super::similarity::SimilarityEvaluator;
use super::train::SentenceTraining;
use crate::check::checker::{Checker, Site};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::task::{Task, TransferTexts, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for SentencesData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "sentence-embedding",
        summary: "Vectors of sentences and their translations alike: an encoder for further languages",
        text: include_str!("template.toml"),
    }];
}

impl Task for SentencesData {
    fn is_empty(&self) -> bool {
        self.parallel.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "sentences to be read"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.parallel.iter().flat_map(|own| own.data.iter().chain(&own.monolingual)).collect()
    }

    fn shares_texts_with_teacher(&self) -> bool {
        false
    }

    fn sampling_exponent(&self) -> Option<f64> {
        self.parallel.iter().next().map(|own| own.smoothing)
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        let reads_both = |own: &super::options::ParallelData| {
            own.student_side == Sides::Both && own.monolingual.is_empty()
        };
        let pairs = self.parallel.iter().all(reads_both).then_some(TargetKind::TextPairs);
        Some(pairs.into_iter().collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(PredictionKind::Ranking).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let pairs = self.pairs(corpora, Split::Train)?;
        Ok(VocabularySource::Texts(pairs.iter().flat_map(BitextPair::texts).map(Cow::Borrowed).collect()))
    }

    fn transfer_texts<'c>(&'c self, corpora: &'c Corpora) -> Result<TransferTexts<'c>, RunError> {
        let pairs = self.pairs(corpora, Split::Train)?;
        Ok(TransferTexts {
            all: pairs.iter().flat_map(BitextPair::texts).collect(),
            sources: pairs.iter().map(|pair| pair.source).collect(),
            translations: pairs.iter().filter_map(BitextPair::translated).collect(),
        })
    }

    fn max_length(&self) -> usize {
        self.parallel.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher's outputs for sentences are cached when it runs")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_sentences(site, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Parallel
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &["by-layer"]
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        if checker.evaluation.by_layer {
            self.check_by_layer(checker);
        }
        super::check::check_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(SentenceTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        let mut evaluators: Vec<Box<dyn Evaluator + 'a>> =
            vec![Box::new(BitextEvaluator::new(self, context, observer)?)];
        if let Some(similarity) = SimilarityEvaluator::new(context, observer)? {
            evaluators.push(Box::new(similarity));
        }
        Ok(evaluators)
    }
}
