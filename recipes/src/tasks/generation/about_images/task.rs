//! Writing about images as a kind of task.

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::contrast::ContrastEvaluator;
use super::evaluate::WrittenEvaluator;
use super::options::{Written, WrittenData};
use super::train::WrittenTraining;
use crate::check::checker::{Checker, Site};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::tasks::task::{Task, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TaskTemplates for WrittenData {
    const TEMPLATES: &'static [Template] = &[Template {
        name: "image-text-generation",
        summary: "Answers and captions, written about images in several languages by one model (PaLI)",
        text: include_str!("template.toml"),
    }];
}

impl Task for WrittenData {
    fn is_empty(&self) -> bool {
        self.generation.is_empty() && self.contrast.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts to be written about images"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn corpora(&self) -> Vec<&At<String>> {
        let pairs = self.contrast.iter().flat_map(|own| &own.data);
        self.generation.iter().flat_map(|own| &own.data).chain(pairs).collect()
    }

    fn image_corpora(&self) -> Vec<At<String>> {
        let written = self.generation.iter().filter(|own| own.reads_images()).flat_map(|own| &own.data);
        let pairs = self.contrast.iter().filter(|own| own.reads_images()).flat_map(|own| &own.data);
        written.chain(pairs).cloned().collect()
    }

    fn label_objective(&self) -> &'static str {
        "sequence-to-sequence"
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        // Student and teacher are forced on the labels.
        let written = [TargetKind::Classes, TargetKind::TeacherText];
        let written = written.into_iter().filter(|_| self.writes());
        let pairs = (!self.contrast.is_empty()).then_some(TargetKind::ContrastPairs);
        Some(written.chain(pairs).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        let kind = if self.writes() { PredictionKind::Text } else { PredictionKind::Ranking };
        Ok(suitable(kind).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let mut texts = Vec::new();
        for entry in self.generation.iter() {
            // Of all images, so that a language is read of which no example is trained on.
            let examples = entry.examples_of(&entry.data, corpora, Split::Train)?;
            for version in examples.into_iter().flat_map(|own| own.versions) {
                texts.extend(version.targets.iter().map(ToString::to_string));
                texts.push(version.prompt);
            }
        }
        for entry in self.contrast.iter() {
            texts.extend(entry.training_texts(corpora)?);
        }
        // Prompts name the language that is asked for.
        Ok(VocabularySource::Sentences(texts, Vec::new()))
    }

    fn max_length(&self) -> usize {
        let pairs = self.contrast.iter().map(|own| own.max_length);
        self.generation.iter().map(|own| own.max_length).chain(pairs).max().unwrap_or_default()
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("its teacher reads images, and its outputs are not cached")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_written(site, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        if term.name == "sequence" {
            let message =
                "the targets of `generation` are those of the corpus, and no texts of a teacher".to_owned();
            checker.error("loss::idle", message, &loss.origin, "use `cross-entropy`");
        }
        checker.check_image_inputs(site, loss, term);
    }

    fn check_terms(&self, site: &Site<'_>, terms: &[Term], checker: &mut Checker<'_>) {
        self.check_written_terms(site, terms, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        match kind {
            ContentKind::Questions => !self.is_empty(),
            ContentKind::Parallel => self.evaluates_sentences(),
            _ => false,
        }
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &[
            "beam",
            "max-new-tokens",
            "length-penalty",
            "no-repeat-ngram",
            "early-stopping",
            "temperature",
            "top-k",
            "top-p",
            "sampling-seed",
            "average-without",
            "source-language",
            "language-groups",
        ]
    }

    fn asked_languages(&self) -> Option<Vec<Option<String>>> {
        // Translations are evaluated by direction.
        if self.evaluated().iter().any(|entry| entry.writes == Written::Text) || self.evaluated().is_empty() {
            return Some(Vec::new());
        }
        let entries = self.evaluated();
        let languages = entries.iter().flat_map(|entry| entry.languages.iter());
        Some(languages.map(|language| Some(language.value.clone())).collect())
    }

    fn check_evaluation(&self, checker: &mut Checker<'_>) {
        self.check_written_evaluation(checker);
    }

    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        _: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(WrittenTraining::new(self, context, job)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        let mut evaluators: Vec<Box<dyn Evaluator + 'a>> = Vec::new();
        if !self.evaluated().is_empty() {
            evaluators.push(Box::new(WrittenEvaluator::new(self, context, observer)?));
        }
        if !self.searched().is_empty() {
            evaluators.push(Box::new(ContrastEvaluator::new(self, context, observer)?));
        }
        Ok(evaluators)
    }
}
