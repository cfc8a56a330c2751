//! Multiple choice as a kind of task.

use std::borrow::Cow;

use alambic_data::{ChoiceQuestion, ContentKind, Split, Text};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};
use indexmap::IndexSet;

use super::evaluate::ChoiceEvaluator;
use super::options::ChoicesData;
use super::questions::description;
use super::train::ChoiceTraining;
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

impl ChoicesData {
    /// The questions of a split, those of all tables one after another.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c ChoiceQuestion>, RunError> {
        let mut questions = Vec::new();
        for options in self.choices.iter() {
            for corpus in corpora.datasets::<ChoiceQuestion>(&options.data)? {
                let own = corpus.splits.get(split).iter();
                questions.extend(own.filter(|question| question.is_in_subsample(options.fraction)));
            }
        }
        Ok(questions)
    }

    /// The prompts and the choices of the training split, each once.
    fn training_texts<'c>(&self, corpora: &'c Corpora) -> Result<Vec<&'c str>, RunError> {
        let train = self.selected(corpora, Split::Train)?;
        let texts: IndexSet<&str> =
            train.into_iter().flat_map(|own| &own.pairs).flat_map(Text::texts).collect();
        Ok(texts.into_iter().collect())
    }
}

impl TaskTemplates for ChoicesData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "multiple-choice",
        summary: "Which of several choices belongs to a prompt: causes and effects, answers, endings",
        text: include_str!("template.toml"),
    }];
}

impl Task for ChoicesData {
    fn is_empty(&self) -> bool {
        self.choices.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "questions with choices"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.choices.iter().flat_map(|own| &own.data).collect()
    }

    fn takes_answers(&self) -> bool {
        true
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        let train = self.selected(corpora, Split::Train).ok()?;
        let is_labelled = train.iter().any(|question| question.label.is_some());
        Some(if is_labelled { vec![TargetKind::Classes] } else { Vec::new() })
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::multiple_choice())
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

    /// The bias of the only logit: what all choices of a prompt have cancels in their softmax.
    fn untrainable_parameters(&self) -> &'static [&'static str] {
        &["classifier.bias", "classifier.5.bias"]
    }

    fn max_length(&self) -> usize {
        self.choices.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn cacheable_texts<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Option<Result<Vec<&'c Text>, RunError>> {
        let questions = self.selected(corpora, split);
        Some(questions.map(|own| own.into_iter().flat_map(|question| &question.pairs).collect()))
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some(
            "its questions are put together from prompts and choices when it runs, and its teacher's outputs are cached then",
        )
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_choices(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, name: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        super::check::check_head(site, name, student, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        self.check_distributions(site, loss, term, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Choices
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
        Ok(Box::new(ChoiceTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(ChoiceEvaluator::new(self, context, observer)?)])
    }
}
