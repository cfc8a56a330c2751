//! Extractive question answering as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, PassageQuestion, Split};
use alambic_inference::SpanOptions;
use alambic_losses::TargetKind;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::check::description;
use super::evaluate::PassageEvaluator;
use super::options::PassagesData;
use super::train::PassageTraining;
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

impl PassagesData {
    /// The questions of a split, those of all tables one after another.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c PassageQuestion>, RunError> {
        let mut questions = Vec::new();
        for options in self.passages.iter() {
            for corpus in corpora.datasets::<PassageQuestion>(&options.data)? {
                let own = corpus.splits.get(split).iter();
                questions.extend(own.filter(|question| question.is_in_subsample(options.fraction)));
            }
        }
        Ok(questions)
    }

    /// Options of whoever answers; all tables have the same.
    pub(super) fn span_options(&self, corpora: &Corpora) -> Result<SpanOptions, RunError> {
        let has_unanswered = || -> Result<bool, RunError> {
            let train = self.selected(corpora, Split::Train)?;
            Ok(train.iter().any(|question| question.is_labelled && question.answers.is_empty()))
        };
        match self.passages.iter().next() {
            Some(first) if first.no_answer.is_some() => Ok(first.span_options(false)),
            Some(first) => Ok(first.span_options(has_unanswered()?)),
            None => Ok(SpanOptions::default()),
        }
    }

    /// The questions and the passages of the training split, each passage once where its questions follow each other.
    fn training_texts<'c>(&self, corpora: &'c Corpora) -> Result<Vec<&'c str>, RunError> {
        let mut texts: Vec<&str> = Vec::new();
        let mut last = None;
        for question in self.selected(corpora, Split::Train)? {
            texts.push(&question.question);
            if last != Some(&question.passage) {
                texts.push(&question.passage);
                last = Some(&question.passage);
            }
        }
        Ok(texts)
    }
}

impl TaskTemplates for PassagesData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "question-answering",
        summary: "Answers to questions out of passages of text",
        text: include_str!("template.toml"),
    }];
}

impl Task for PassagesData {
    fn is_empty(&self) -> bool {
        self.passages.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "questions about passages"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.passages.iter().flat_map(|own| &own.data).collect()
    }

    fn label_objective(&self) -> &'static str {
        "spans"
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        let train = self.selected(corpora, Split::Train).ok()?;
        let is_labelled = train.iter().any(|question| question.is_labelled);
        Some(if is_labelled { vec![TargetKind::Classes] } else { Vec::new() })
    }

    fn has_languages(&self) -> bool {
        true
    }

    fn languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        let questions = self.selected(corpora, Split::Train)?;
        Ok(questions.into_iter().map(|question| question.language.as_deref()).collect())
    }

    fn labelled_languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        let labelled = self.selected(corpora, Split::Train)?.into_iter().filter(|own| own.is_labelled);
        Ok(labelled.map(|question| question.language.as_deref()).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::span())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(description()).collect())
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
        self.passages.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its passages are read in windows, which a run makes")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_passages(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, _: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_windows(site, student, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Passages
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &LANGUAGE_KEYS
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
        Ok(Box::new(PassageTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(PassageEvaluator::new(self, context, observer)?)])
    }
}
