//! Writing about images as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::{At, Diagnostic};
use alambic_students::{Student, TaskKind};

use super::contrast::ContrastEvaluator;
use super::drawings::DrawingEvaluator;
use super::evaluate::WrittenEvaluator;
use super::options::{GenerationEntry, Written, WrittenData};
use super::span_evaluate::SpanEvaluator;
use super::span_texts::KINDS;
use super::train::WrittenTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::images::vocabulary::tags_read;
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
        if self.writes_only_spans() {
            "texts of which spans are written"
        } else {
            "texts to be written about images"
        }
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
        // Student and teacher are forced on the labels, too.
        let labels = self.writes() && self.generation.iter().any(GenerationEntry::has_labels);
        let labels = labels.then_some(TargetKind::Classes);
        let by_teacher = self.writes().then_some(TargetKind::TeacherText);
        let pairs = (!self.contrast.is_empty()).then_some(TargetKind::ContrastPairs);
        let images = self.draws().then_some(TargetKind::Images);
        Some(labels.into_iter().chain(by_teacher).chain(pairs).chain(images).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        // Models of which some write and some do not are told.
        Ok(HeadSpec { writes: self.writes(), ..HeadSpec::none() })
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        // What is left out of texts is no text to be compared, and many images are right: the loss chooses.
        if self.writes_only_spans() || self.draws() {
            return Ok(Vec::new());
        }
        let kind = if self.writes() { PredictionKind::Text } else { PredictionKind::Ranking };
        Ok(suitable(kind).collect())
    }

    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError> {
        let (mut texts, mut sentinels) = (Vec::new(), 0);
        for entry in self.generation.iter() {
            if entry.writes == Written::Spans {
                texts.extend(entry.texts(corpora, Split::Train)?);
                sentinels = sentinels.max(entry.sentinels());
            }
            // Of all images, so that a language is read of which no example is trained on.
            let examples = entry.labelled_examples(corpora, Split::Train)?;
            for version in examples.into_iter().flat_map(|own| own.versions) {
                texts.extend(version.targets.iter().map(ToString::to_string));
                texts.push(version.prompt);
            }
        }
        for entry in self.contrast.iter() {
            texts.extend(entry.training_texts(corpora)?);
        }
        // These write as encoders of texts, and have the special tokens of one.
        let has_tags = matches!(student, Student::Oscar(_) | Student::OscarLayers(_));
        if has_tags {
            texts.extend(tags_read(corpora, &self.image_corpora(), student, false)?);
        }
        if has_tags || matches!(student, Student::Unimo(_) | Student::UnimoLayers(_)) {
            return Ok(VocabularySource::Texts(texts.into_iter().map(Cow::Owned).collect()));
        }
        if sentinels > 0 {
            return Ok(VocabularySource::WithSentinels(texts, sentinels));
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
        self.check_unlabelled(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, student: &str, info: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_span_student(site, student, info, checker);
        self.check_image_token_student(site, student, info, checker);
        self.check_region_student(site, student, info, checker);
    }

    fn check_term(&self, site: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        if term.name == "sequence" && !self.has_unlabelled() {
            let message = "the targets of these entries are labels, and no texts of a teacher".to_owned();
            checker.report(
                Diagnostic::error("loss::idle", message)
                    .label(&loss.origin, "has no targets")
                    .help("use `cross-entropy`, or set `labelled` or `labelled-languages` of an entry"),
            );
        }
        let is_of_image =
            |stream: &String| stream.starts_with("encoder.image") || stream.starts_with("image");
        let reads_patches = term.token_by_token.iter().chain(&term.student_taps).any(is_of_image);
        if reads_patches && !self.generation.iter().all(GenerationEntry::reads_images) {
            let message = format!("the loss `{}` compares patches, and an entry reads no image", term.name);
            checker.error("loss::images", message, &loss.origin, "has nothing to compare in its batches");
        }
        checker.check_image_inputs(site, loss, term);
    }

    fn check_terms(&self, site: &Site<'_>, terms: &[Term], checker: &mut Checker<'_>) {
        self.check_written_terms(site, terms, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        let of_entry = |entry: &GenerationEntry| match (kind, entry.writes) {
            (_, Written::Spans) => KINDS.contains(&kind),
            (ContentKind::Parallel, _) => self.evaluates_sentences(),
            _ => kind == ContentKind::Questions,
        };
        let of_pairs = match kind {
            ContentKind::Questions => !self.contrast.is_empty(),
            ContentKind::Parallel => self.evaluates_sentences(),
            _ => false,
        };
        of_pairs || self.generation.iter().any(of_entry)
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        if self.evaluated_drawing().is_some() {
            return &["temperature", "top-k", "top-p", "sampling-seed", "scorer", "detector", "candidates"];
        }
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
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError> {
        Ok(Box::new(WrittenTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        if let Some(entry) = self.evaluated_spans() {
            return Ok(vec![Box::new(SpanEvaluator::new(entry, context, observer)?)]);
        }
        if let Some(entry) = self.evaluated_drawing() {
            return Ok(vec![Box::new(DrawingEvaluator::new(entry, context, observer)?)]);
        }
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
