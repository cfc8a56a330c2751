//! Search as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, SearchQuery, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_reports::metrics::{Metric, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};
use indexmap::IndexSet;

use super::check::description;
use super::evaluate::SearchEvaluator;
use super::options::{EncoderType, SearchData};
use super::train::SearchTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::task::{Task, TransferTexts, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl SearchData {
    /// How the student scores passages; all tables have the same.
    pub(super) fn encoder(&self) -> EncoderType {
        self.search.iter().next().map_or(EncoderType::BiEncoder, |options| options.encoder)
    }

    /// The queries to train on, and all passages of their corpora, each once.
    fn training_texts<'c>(&self, corpora: &'c Corpora) -> Result<IndexSet<&'c str>, RunError> {
        let mut texts: IndexSet<&str> =
            self.asked(corpora, Split::Train)?.iter().map(|asked| asked.query.text.as_str()).collect();
        for options in self.search.iter() {
            for corpus in corpora.datasets::<SearchQuery>(&options.data)? {
                let parts =
                    |passage: &'c alambic_data::Passage| [passage.title.as_str(), passage.text.as_str()];
                texts.extend(corpus.details.passages.iter().flat_map(parts).filter(|text| !text.is_empty()));
            }
        }
        Ok(texts)
    }
}

impl TaskTemplates for SearchData {
    const TEMPLATES: &'static [Template] = &[
        Template {
            name: "search",
            summary: "Retrieval of passages: a bi-encoder that learns from a cross-encoder",
            text: include_str!("search.toml"),
        },
        Template {
            name: "reranking",
            summary: "Reranking of passages: a small cross-encoder that learns from a large one",
            text: include_str!("reranking.toml"),
        },
    ];
}

impl Task for SearchData {
    fn is_empty(&self) -> bool {
        self.search.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "queries with passages"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.search.iter().flat_map(|own| &own.data).collect()
    }

    /// A teacher's scores are numbers, whatever it reads them from.
    fn shares_texts_with_teacher(&self) -> bool {
        false
    }

    fn takes_answers(&self) -> bool {
        true
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        let train = self.asked(corpora, Split::Train).ok()?;
        let is_scored = train.iter().any(|asked| asked.query.passages.iter().any(|own| own.score.is_some()));
        let scores = is_scored.then_some(TargetKind::PassageScores);
        Some(std::iter::once(TargetKind::PassageLists).chain(scores).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(match self.encoder() {
            EncoderType::BiEncoder => HeadSpec::none(),
            EncoderType::CrossEncoder => HeadSpec {
                head: Head::Sequence,
                labels: vec!["LABEL_0".into()],
                regression: true,
                pairs: Some(true),
                ..HeadSpec::none()
            },
        })
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(description()).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let texts = self.training_texts(corpora)?;
        Ok(VocabularySource::Texts(texts.into_iter().map(Cow::Borrowed).collect()))
    }

    fn transfer_texts<'c>(&'c self, corpora: &'c Corpora) -> Result<TransferTexts<'c>, RunError> {
        let all: Vec<&str> = self.training_texts(corpora)?.into_iter().collect();
        Ok(TransferTexts { sources: all.clone(), all, translations: Vec::new() })
    }

    /// The bias of a cross-encoder's only logit: losses over a list compare the scores of its passages, and what all of them have
    /// cancels.
    fn untrainable_parameters(&self) -> &'static [&'static str] {
        match self.encoder() {
            EncoderType::BiEncoder => &[],
            EncoderType::CrossEncoder => &["classifier.bias", "classifier.out_proj.bias"],
        }
    }

    fn max_length(&self) -> usize {
        self.search.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher scores the passages of its queries when it runs")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_search(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, name: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_encoder(site, name, student, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        super::check::check_scores(site, loss, term, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Search
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        super::check::check_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(SearchTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(SearchEvaluator::new(self, context, observer)?)])
    }
}
