//! Writing in another language as a kind of task.

use alambic_data::{ContentKind, Split};
use alambic_losses::TargetKind;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::{Metric, PredictionKind, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};
use indexmap::IndexSet;

use super::evaluate::GenerationEvaluator;
use super::options::GenerationData;
use super::train::GenerationTraining;
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

impl TaskTemplates for GenerationData {
    const TEMPLATES: &'static [Template] = &[
        Template {
            name: "transliteration",
            summary: "Words in the script of another language: a two-step pipeline collapsed into one model",
            text: include_str!("transliteration.toml"),
        },
        Template {
            name: "translation",
            summary: "Sentences in another language: a translator distilled by what it writes",
            text: include_str!("translation.toml"),
        },
    ];
}

impl GenerationData {
    /// Whether a corpus of its data holds sentences.
    fn has_sentences(&self, corpora: &Corpora) -> bool {
        let names = self.pairs.iter().map(|own| &own.data).chain(self.words.iter().map(|own| &own.data));
        names.into_iter().any(|names| corpora.have_sentences(names))
    }
}

impl Task for GenerationData {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.words.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts to be written"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn corpora(&self) -> Vec<&At<String>> {
        let pairs = self.pairs.iter().flat_map(|own| &own.data);
        pairs.chain(self.words.iter().flat_map(|own| &own.data)).collect()
    }

    fn teachers(&self) -> Vec<&At<String>> {
        self.words.iter().filter_map(|own| own.back_translated_by.as_ref()).collect()
    }

    fn has_language_tags(&self) -> bool {
        true
    }

    fn label_objective(&self) -> &'static str {
        "sequence-to-sequence"
    }

    fn targets(&self, _: &Corpora) -> Option<Vec<TargetKind>> {
        let labels = (!self.pairs.is_empty()).then_some(TargetKind::Classes);
        let written = (!self.words.is_empty()).then_some(TargetKind::TeacherText);
        Some(labels.into_iter().chain(written).collect())
    }

    fn head(&self, _: &Corpora) -> Result<HeadSpec, RunError> {
        Ok(HeadSpec::none())
    }

    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(suitable(PredictionKind::Text).collect())
    }

    fn vocabulary<'c>(&'c self, corpora: &'c Corpora, _: &Student) -> Result<VocabularySource<'c>, RunError> {
        let mut texts: Vec<String> = Vec::new();
        let mut languages: IndexSet<String> = IndexSet::new();
        let pairs = self.pairs.iter().map(|own| (&own.data, &own.directions, &own.except));
        let words = self.words.iter().map(|own| (&own.data, &own.directions, &own.except));
        for (names, directions, except) in pairs.chain(words) {
            for direction in corpora.directions(names, directions, except)? {
                languages.insert(direction.source);
                languages.insert(direction.target);
            }
            for entry in corpora.entries(names, Split::Train)? {
                texts.extend(entry.forms.into_values());
            }
        }
        languages.sort_unstable();
        let languages = languages.into_iter().collect();
        if self.has_sentences(corpora) {
            return Ok(VocabularySource::Sentences(texts, languages));
        }
        let mut characters: Vec<char> = texts.iter().flat_map(|text| text.chars()).collect();
        characters.sort_unstable();
        Ok(VocabularySource::Characters(characters, languages))
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        Some("what its teacher writes is recorded when it runs")
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_words(site, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        // Sentences are evaluated by the task of the last stage.
        kind == ContentKind::Words || (kind == ContentKind::Parallel && !self.is_empty())
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        &[
            "directions",
            "except",
            "references",
            "beam",
            "teacher-beam",
            "max-new-tokens",
            "length-penalty",
            "no-repeat-ngram",
            "early-stopping",
            "temperature",
            "top-k",
            "top-p",
            "sampling-seed",
        ]
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
        Ok(Box::new(GenerationTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(GenerationEvaluator::new(context, observer)?)])
    }
}
