//! Interface of a task: its data, its checks, its training and its evaluation.

use std::borrow::Cow;

use alambic_data::{ContentKind, Split, Text};
use alambic_inference::TextPair;
use alambic_losses::{Loss, TargetKind, Term};
use alambic_models::Outline;
use alambic_models::text_encoder::HeadSpec;
use alambic_reports::metrics::Metric;
use alambic_settings::At;
use alambic_students::{Student, TaskKind};

use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::evaluation::evaluator::{EvaluationContext, Evaluator};
use crate::observer::Observer;
use crate::training::job::Job;
use crate::training::task::TrainingTask;

/// Texts of a vocabulary where no teacher has one.
pub(crate) enum VocabularySource<'c> {
    /// Characters, and languages with a tag each.
    Characters(Vec<char>, Vec<String>),
    /// Sentences in several languages, which have a tag each.
    Sentences(Vec<String>, Vec<String>),
    /// Texts, and the number of tokens that stand in the place of spans that are left out of them.
    WithSentinels(Vec<String>, usize),
    /// Texts.
    Texts(Vec<Cow<'c, str>>),
}

/// The texts of a stage's training split, by which the vocabulary of a model is pruned, retrained or extended whose weights the
/// student takes.
#[derive(Debug, Default)]
pub(crate) struct TransferTexts<'c> {
    /// All of them.
    pub(crate) all: Vec<&'c str>,
    /// Those in the language of that model.
    pub(crate) sources: Vec<&'c str>,
    /// Those in its language, each with its translation.
    pub(crate) translations: Vec<(&'c str, &'c str)>,
}

/// A kind of task over the data of one stage: what a table of `data` asks for.
///
/// Implemented by the options of each kind; `run`, `check`, `plan` and the command line know nothing else of it.
pub(crate) trait Task {
    /// Whether the stage has no data of this kind.
    fn is_empty(&self) -> bool;

    /// The data in a few words, for messages.
    fn data_name(&self) -> &'static str;

    /// Kind of task of a model that trains on them.
    fn task_kind(&self) -> TaskKind;

    /// The corpora that it uses.
    fn corpora(&self) -> Vec<&At<String>>;

    /// The corpora whose images are read.
    fn image_corpora(&self) -> Vec<At<String>> {
        Vec::new()
    }

    /// The teachers that it uses other than the stage's own.
    fn teachers(&self) -> Vec<&At<String>> {
        Vec::new()
    }

    /// Whether student and teacher read the same texts, and can have one vocabulary.
    fn shares_texts_with_teacher(&self) -> bool {
        true
    }

    /// Whether a tag in the vocabulary says in which language a text is to be written.
    fn has_language_tags(&self) -> bool {
        false
    }

    /// Whether its teacher may be one that is asked about texts as they are written.
    fn takes_answers(&self) -> bool {
        false
    }

    /// Whether its training mixes texts of corpora that ask for it with words of other languages, anew in every epoch.
    fn mixes_texts(&self) -> bool {
        false
    }

    /// Whether predicting masked tokens is the task.
    fn is_masked(&self) -> bool {
        false
    }

    /// What training on labels of the data by cross-entropy is called in the vocabulary of model cards.
    fn label_objective(&self) -> &'static str {
        if self.is_masked() { "mlm" } else { "classification" }
    }

    /// Power of the number of a language's examples in proportion to which languages are sampled; none where there is nothing to
    /// sample.
    fn sampling_exponent(&self) -> Option<f64> {
        None
    }

    /// The targets that the data have; none where that is not known.
    fn targets(&self, corpora: &Corpora) -> Option<Vec<TargetKind>>;

    /// Whether the language of its examples may be known.
    fn has_languages(&self) -> bool {
        false
    }

    /// The language of each training example, where it is known; none of tasks without languages.
    fn languages<'c>(&self, _: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        Ok(Vec::new())
    }

    /// The same of the training examples that have labels.
    fn labelled_languages<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Option<&'c str>>, RunError> {
        self.languages(corpora)
    }

    /// The head that the student needs.
    fn head(&self, corpora: &Corpora) -> Result<HeadSpec, RunError>;

    /// The metrics by which checkpoints can be chosen; none where the loss alone chooses.
    fn validation_metrics(&self, _: &Corpora) -> Result<Vec<&'static Metric>, RunError> {
        Ok(Vec::new())
    }

    /// Texts of a vocabulary.
    fn vocabulary<'c>(
        &'c self,
        corpora: &'c Corpora,
        student: &Student,
    ) -> Result<VocabularySource<'c>, RunError>;

    /// The texts by which a vocabulary is adapted.
    fn transfer_texts<'c>(&'c self, _: &'c Corpora) -> Result<TransferTexts<'c>, RunError> {
        Ok(TransferTexts::default())
    }

    /// Beginnings of the names of parameters that none of its losses can train, and that are frozen for that.
    fn untrainable_parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// The most tokens of an example.
    fn max_length(&self) -> usize {
        usize::MAX
    }

    /// The rows of a split that a teacher reads whose outputs may be cached; none where they never are.
    fn cacheable_texts<'c>(&self, _: &'c Corpora, _: Split) -> Option<Result<Vec<&'c Text>, RunError>> {
        None
    }

    /// What a model reads of a row, text by text: the row's text, or both of a pair together.
    fn read_texts<'c>(&self, row: &'c Text) -> Vec<TextPair<'c>> {
        vec![(&row.first, row.second.as_deref())]
    }

    /// The outline of what the losses read of the teacher, for a student: that of the teacher, but for what the task changes of its
    /// outputs.
    fn outline_of_targets(&self, _student: &Outline, teacher: Outline) -> Outline {
        teacher
    }

    /// Why its teacher's outputs cannot be cached ahead of a run; none if they can.
    fn reason_against_caching_ahead(&self) -> Option<&'static str>;

    /// Checks the data of a training, and counts its examples under the name of the training.
    fn check(&self, site: &Site<'_>, checker: &mut Checker<'_>);

    /// Checks the data against what is known of the student.
    fn check_student(&self, _: &Site<'_>, _: &str, _: &ModelInfo, _: &mut Checker<'_>) {}

    /// Checks a bound loss term against the data.
    fn check_term(&self, _: &Site<'_>, _: &At<Loss>, _: &Term, _: &mut Checker<'_>) {}

    /// Checks all loss terms of a training together, once each is bound.
    fn check_terms(&self, _: &Site<'_>, _: &[Term], _: &mut Checker<'_>) {}

    /// Whether the test splits of corpora of this kind are evaluated by this task, whose data are those of the last stage.
    fn evaluates(&self, kind: ContentKind) -> bool;

    /// Keys of the evaluation that are for tasks of its kind, besides those that every task reads.
    fn evaluation_keys(&self) -> &'static [&'static str] {
        &[]
    }

    /// The languages in which the test splits are asked about, where the task says it and not their texts; the language of one that is
    /// not known is none.
    fn asked_languages(&self) -> Option<Vec<Option<String>>> {
        None
    }

    /// Checks the evaluation, and counts its examples.
    fn check_evaluation(&self, checker: &mut Checker<'_>);

    /// The training side of the task.
    fn training<'a>(
        &'a self,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Box<dyn TrainingTask + 'a>, RunError>;

    /// The evaluators of the test splits, the one by which models are compared first.
    fn evaluators<'a>(
        &'a self,
        context: &'a EvaluationContext<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Vec<Box<dyn Evaluator + 'a>>, RunError>;
}
