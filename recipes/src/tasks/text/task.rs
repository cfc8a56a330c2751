//! Reading texts as a kind of task.

use std::borrow::Cow;

use alambic_data::{ContentKind, Label, Labels, Split, Text};
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::text_encoder::{Head, HeadSpec};
use alambic_reports::metrics::{Metric, TaskDescription, suitable};
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use super::evaluate::TextEvaluator;
use super::labels::{head_of, kind_of};
use super::options::TextsData;
use super::train::TextTraining;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::check::text_languages::LANGUAGE_KEYS;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::corpora::mixing::translations;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::names::NEAREST_LABEL_NAME;
use crate::observer::Observer;
use crate::tasks::task::{Task, TransferTexts, VocabularySource};
use crate::tasks::template::{TaskTemplates, Template};
use crate::training::job::Job;
use crate::training::task::TrainingTask;

impl TextsData {
    /// The corpora, each as often as it is named.
    pub(super) fn names(&self) -> Vec<At<String>> {
        self.texts.iter().flat_map(|options| options.data.clone()).collect()
    }

    /// Whether all tokens of tagged words have labels.
    pub(super) fn labels_all_tokens(&self) -> bool {
        self.texts.iter().any(|options| options.label_all_tokens)
    }

    /// The texts of a split, those of each table by themselves.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<Vec<&'c Text>>, RunError> {
        let select = |own: &super::options::TextData| corpora.texts_of_share(&own.data, split, own.fraction);
        self.texts.iter().map(select).collect()
    }

    /// Both texts of each pair of the training split, one after another, and then what they may be mixed with.
    fn training_texts<'c>(&self, corpora: &'c Corpora) -> Result<Vec<&'c str>, RunError> {
        let texts = self.selected(corpora, Split::Train)?.concat();
        let both = |text: &&'c Text| [Some(&text.first), text.second.as_ref()];
        let mut all: Vec<&str> = texts.iter().flat_map(both).flatten().map(String::as_str).collect();
        let mixed = |text: &&'c Text| {
            let mixer = text.mixer.as_ref()?;
            Some(both(text).into_iter().flatten().map(move |own| (mixer, own.as_str())))
        };
        all.extend(translations(texts.iter().filter_map(mixed).flatten()));
        Ok(all)
    }
}

/// Whether some of the texts are mixed anew in every epoch.
pub(super) fn are_mixed(texts: &[&Text]) -> bool {
    texts.iter().any(|text| text.mixer.is_some())
}

impl TaskTemplates for TextsData {
    const TEMPLATES: &'static [Template] = &[
        Template {
            name: "text-classification",
            summary: "Classes of texts, or of pairs of texts",
            text: include_str!("classification.toml"),
        },
        Template {
            name: "token-classification",
            summary: "Tags of words, such as names and their kinds",
            text: include_str!("tagging.toml"),
        },
        Template {
            name: "text-embedding",
            summary: "Vectors of texts, for search: a smaller encoder out of texts without labels",
            text: include_str!("embedding.toml"),
        },
    ];
}

impl Task for TextsData {
    fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    fn data_name(&self) -> &'static str {
        "texts to be read"
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn corpora(&self) -> Vec<&At<String>> {
        self.texts.iter().flat_map(|own| &own.data).collect()
    }

    fn teachers(&self) -> Vec<&At<String>> {
        let augmented = self.texts.iter().filter_map(|texts| texts.augment.as_ref());
        augmented.flat_map(|own| own.model.iter().chain(&own.teacher)).collect()
    }

    fn is_masked(&self) -> bool {
        self.texts.iter().any(|texts| texts.mask.is_some())
    }

    fn mixes_texts(&self) -> bool {
        true
    }

    fn takes_answers(&self) -> bool {
        !self.is_masked() && self.texts.iter().all(|texts| texts.augment.is_none())
    }

    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>> {
        if self.is_masked() {
            return Some(vec![TargetKind::Classes]);
        }
        Some(match corpora.labels(&self.names()).ok()? {
            Labels::None => Vec::new(),
            Labels::Classes(_) => vec![TargetKind::Classes],
            // Tags may be left unread, for a teacher to give them.
            Labels::Words(_) => {
                let texts = self.selected(corpora, Split::Train).ok()?;
                let is_tagged = texts.iter().flatten().any(|text| text.label != Label::None);
                if is_tagged { vec![TargetKind::Classes] } else { Vec::new() }
            }
            Labels::Numbers => vec![TargetKind::Numbers],
        })
    }

    fn has_languages(&self) -> bool {
        true
    }

    fn languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        let texts = self.selected(corpora, Split::Train)?.concat();
        Ok(texts.into_iter().map(|text| text.language.as_deref()).collect())
    }

    fn labelled_languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        if self.is_masked() {
            return Ok(Vec::new());
        }
        let texts = self.selected(corpora, Split::Train)?.concat();
        let labelled = texts.into_iter().filter(|text| text.label != Label::None);
        Ok(labelled.map(|text| text.language.as_deref()).collect())
    }

    fn head(&self, corpora: &Corpora) -> Result<HeadSpec, RunError> {
        if self.is_masked() {
            return Ok(HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() });
        }
        let names = self.names();
        let texts = corpora.texts(&names, Split::Train)?;
        let pairs = texts.iter().any(|text| text.second.is_some());
        Ok(HeadSpec { pairs: Some(pairs), ..head_of(corpora.labels(&names)?) })
    }

    fn validation_metrics(&self, corpora: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        let head = self.head(corpora)?;
        if self.is_masked() || head.head == Head::None {
            return Ok(Vec::new());
        }
        let kind = kind_of(corpora.labels(&self.names())?);
        Ok(suitable(TaskDescription::new(kind, &head.labels)).collect())
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
        self.texts.iter().map(|options| options.max_length).max().unwrap_or_default()
    }

    fn cacheable_texts<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Option<Result<Vec<&'c Text>, RunError>> {
        let texts = (!self.is_masked()).then(|| Ok(self.selected(corpora, split)?.concat()))?;
        let is_mixed = matches!(&texts, Ok(texts) if are_mixed(texts));
        (!is_mixed).then_some(texts)
    }

    fn reason_against_caching_ahead(&self) -> Option<&'static str> {
        if self.is_masked() {
            Some("its texts are masked anew in every epoch")
        } else if self.texts.iter().any(|texts| texts.augment.is_some()) {
            Some("its texts are augmented when it runs, and its teacher's outputs are cached then")
        } else {
            None
        }
    }

    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        self.check_texts(site, checker);
        self.check_answers(site, checker);
        self.check_augmentation(site, checker);
        self.check_masking(site, checker);
    }

    fn check_student(&self, site: &Site<'_>, _: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        self.check_mask_token(site, student, checker);
    }

    fn check_term(&self, _: &Site<'_>, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        self.check_training_classes(loss, term, checker);
    }

    fn evaluates(&self, kind: ContentKind) -> bool {
        kind == ContentKind::Texts
    }

    fn evaluation_keys(&self) -> &'static [&'static str] {
        const KEYS: [&str; 4] = [LANGUAGE_KEYS[0], LANGUAGE_KEYS[1], LANGUAGE_KEYS[2], NEAREST_LABEL_NAME];
        &KEYS
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
        Ok(Box::new(TextTraining::new(self, context, job, observer)?))
    }

    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError> {
        Ok(vec![Box::new(TextEvaluator::new(context, observer)?)])
    }
}
