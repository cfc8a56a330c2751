//! Answering questions about images as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_reports::metrics::{Metric, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::QuestionEvaluator;
use super::options::QuestionsData;
use super::questions::description;
use super::train::QuestionTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::corpora::mixing::translations;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::images::vocabulary::tags_read;
use crate::observer::Observer;
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for QuestionsData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "visual-question-answering",
        summary: "Answers to questions about images: two towers out of a fusion encoder",
        text: include_str!("template.toml"),
    }];
}

impl Task for QuestionsData {
    fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "questions about images"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.questions.iter().flat_map(|own| &own.data).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        self.corpora().into_iter().cloned().collect()
    }

    fn shares_texts_with_teacher(&self) -> bool {
        self.questions.iter().all(|own| own.languages().are_same())
    }

    fn mixes_texts(&self) -> bool {
        true
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        let is_labelled = self.questions.iter().any(|own| own.labelled > 0.0);
        let scores = is_labelled.then_some(TargetKind::Scores);
        Some(scores.into_iter().chain([TargetKind::Classes]).collect())
    }

    fn head(&self, corpora: &Corpora) -> Result<HeadSpec, RunError> {
        let labels = corpora.answers(&self.image_corpora())?.to_vec();
        let images = corpora.images_per_text(&self.image_corpora())?;
        Ok(HeadSpec { head: Head::Sequence, labels, images, ..HeadSpec::none() })
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        // Whether answers are graded is known when the questions of the validation split are.
        let graded = |is_graded| suitable(description(&[]).graded(is_graded));
        Ok(graded(false).chain(graded(true)).collect())
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        for options in self.questions.iter() {
            let asked = options.selected(corpora, Split::Train)?;
            texts.extend(asked.iter().map(|example| Cow::Borrowed(example.text)));
            let mixed = asked.iter().filter_map(|example| Some((example.mixer?, example.text)));
            texts.extend(translations(mixed).into_iter().map(Cow::Borrowed));
        }
        texts.extend(tags_read(corpora, &self.image_corpora(), student, false)?.into_iter().map(Cow::Owned));
        Ok(VocabularySource::Texts(texts))
    }

    fn max_length(&self) -> usize {
        self.questions.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher reads images, and its outputs are not cached")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_questions(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        checker.check_regions_of_stage(site, declared, student, &self.image_corpora());
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        checker.check_image_inputs(site, loss, term);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Questions
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &["student-languages", "teacher-language", "average-without", "source-language", "language-groups"]
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        self.check_question_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(QuestionTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(QuestionEvaluator::new(context, observer)?)])
    }
}
