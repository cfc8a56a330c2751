//! Evaluation side of a task: its examples, the predictions of a model and their metrics.

use std::path::Path;

use alambic_data::Direction;
use alambic_models::ModelFolder;
use alambic_reports::document::Image;
use alambic_reports::layers::LayerRetrieval;
use alambic_reports::metrics::{Metric, Prediction, PredictionKind, TaskDescription};
use alambic_reports::outcome::Latency;
use alambic_reports::report::{IllustratedExamples, Noun, Text};
use alambic_settings::{At, IndexMap};
use alambic_students::{InitialModel, UsageExample};
use alambic_teachers::Teacher;

use super::metrics::evaluation_metrics;
use crate::context::RunContext;
use crate::error::RunError;
use crate::options::evaluation::EvaluationOptions;

/// Input of an evaluator.
pub(crate) struct EvaluationContext<'a> {
    pub(crate) run: &'a RunContext<'a>,
    pub(crate) options: &'a EvaluationOptions,
    /// The teacher of the last stage.
    pub(crate) stage_teacher: Option<&'a At<String>>,
    /// The folder of the student that the last stage left.
    pub(crate) student: &'a Path,
    /// Widths smaller than its embedding's to which a loss of its stages has the student's embedding truncated.
    pub(crate) widths: Vec<usize>,
    /// Makes the student as it was before any training, and opens the folder of the trained one, whose vocabulary it has.
    pub(crate) untrained: &'a dyn Fn() -> Result<(InitialModel, ModelFolder), RunError>,
}

/// Fields of the student's model card that depend on the task.
pub(crate) struct CardMetadata {
    /// The task, as the hub names it, where the student's folder does not say it.
    pub(crate) task: &'static str,
    pub(crate) tags: Vec<&'static str>,
    /// Codes of its languages.
    pub(crate) languages: Vec<String>,
    /// Input of an example.
    pub(crate) example: UsageExample,
    /// The student's output for it, where it is one that a program prints.
    pub(crate) output: Option<String>,
    /// The command that gives it.
    pub(crate) command: String,
    pub(crate) limits: Vec<String>,
}

/// Predictions that do not depend on what matters, for comparison.
pub(crate) struct TrivialBaseline {
    pub(crate) name: &'static str,
    /// What it is, for the report.
    pub(crate) description: &'static str,
    pub(crate) predictions: Vec<Prediction>,
}

/// The examples of an evaluation and how predictions for them are measured.
pub(crate) struct TestSet {
    /// Name of an example.
    pub(crate) noun: Noun,
    /// Reference of each example.
    pub(crate) references: Vec<Prediction>,
    /// The metrics, the one by which models are compared first; none where nothing is right or wrong.
    pub(crate) metrics: Vec<&'static Metric>,
    /// The kind of the predictions.
    pub(crate) kind: PredictionKind,
    /// All classes or tags; none where predictions are something else.
    pub(crate) classes: Vec<String>,
    /// The slice of each example; none where there is one kind of example only.
    pub(crate) slices: Vec<String>,
    /// Whether slices are languages.
    pub(crate) has_languages: bool,
    /// The language with which the others are compared, unless the recipe names one.
    pub(crate) source_language: Option<String>,
    /// The group of each example, where several tell of one sentence: they are drawn together by the bootstrap. None where each is by
    /// itself.
    pub(crate) groups: Vec<usize>,
    /// The length of each example, for a plot; none where length has little effect.
    pub(crate) lengths: Option<Vec<usize>>,
    /// What of the test split is not evaluated, and why.
    pub(crate) left_out: Option<String>,
    /// What would be right of each example in other languages than the one asked for; none where there is one language.
    pub(crate) in_other_languages: Vec<Vec<String>>,
    /// Trivial baselines; what models have above one is told of the first.
    pub(crate) trivial: Vec<TrivialBaseline>,
    /// The teacher's predictions.
    pub(crate) teacher: Option<Vec<Prediction>>,
}

impl TestSet {
    /// Examples without right answers, metrics or slices.
    pub(crate) fn new(one: &str, many: &str, kind: PredictionKind, references: Vec<Prediction>) -> Self {
        Self {
            noun: Noun { one: one.into(), many: many.into() },
            references,
            metrics: Vec::new(),
            kind,
            classes: Vec::new(),
            slices: Vec::new(),
            has_languages: false,
            source_language: None,
            groups: Vec::new(),
            lengths: None,
            left_out: None,
            in_other_languages: Vec::new(),
            trivial: Vec::new(),
            teacher: None,
        }
    }

    /// Kind of the task's predictions, by which metrics are chosen.
    pub(crate) fn task(&self) -> TaskDescription<'_> {
        let known =
            self.references.iter().map(Prediction::kind).find(|kind| *kind != PredictionKind::Nothing);
        TaskDescription::new(self.kind, &self.classes)
            .with_references(known.unwrap_or(self.kind))
            .graded(self.references.iter().any(Prediction::is_graded))
            .grouped(!self.groups.is_empty())
            .multilingual(self.in_other_languages.iter().any(|own| !own.is_empty()))
    }

    /// Code of the language in which each example is written: its slice, or the target where slices are directions; an empty one where
    /// neither is known.
    pub(crate) fn written_languages(&self) -> Vec<String> {
        let of_slice = |slice: &String| match slice.parse::<Direction>() {
            _ if self.has_languages => slice.clone(),
            Ok(direction) => direction.target,
            Err(_) => String::new(),
        };
        let mut languages: Vec<String> = self.slices.iter().map(of_slice).collect();
        languages.resize(self.references.len(), String::new());
        languages
    }

    /// The same examples with the metrics that an evaluation has for them.
    ///
    /// # Errors
    /// When a name is not a metric's.
    pub(crate) fn with_metrics(self, options: &EvaluationOptions) -> Result<Self, RunError> {
        Ok(Self { metrics: evaluation_metrics(options, self.task())?, ..self })
    }
}

/// Whose predictions are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ModelRole {
    /// The student, or one trained as it was.
    Student,
    /// A model that was not trained as the student was.
    Compared,
    /// The student, of whose embeddings so many numbers are kept.
    Truncated(usize),
    /// The student, which is shown other inputs than those of the examples.
    Changed(InputChange),
}

/// Change of the inputs of examples, or of the way in which a model is used, by which it is seen what each part does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InputChange {
    /// No image is shown.
    WithoutImages,
    /// The image of another example is shown.
    OtherImages,
    /// The codes that it writes are made into images by its image tokenizer, and not by its reconstructor.
    TokenizerDecoder,
    /// It is given the codes of the real image in place of those that it would write.
    RealTokens,
    /// The codes of the real image are made into an image by its image tokenizer.
    RealTokensByTokenizer,
    /// It draws several images, of which the best is taken.
    BestOfSeveral,
}

/// Metrics that images drawn of captions do not have, and those that are made of the tokens of real ones have.
pub(crate) const OF_REAL_TOKENS: [&str; 3] = ["psnr", "l1", "reconstruction-distance"];

impl InputChange {
    /// Whether the student makes images of the tokens of real ones.
    pub(crate) fn has_real_tokens(self) -> bool {
        matches!(self, Self::RealTokens | Self::RealTokensByTokenizer)
    }

    /// Name of the student's row.
    pub(crate) fn row(self) -> &'static str {
        match self {
            Self::WithoutImages => "student without images",
            Self::OtherImages => "student with other images",
            Self::TokenizerDecoder => "student through the image tokenizer",
            Self::RealTokens => "student with real tokens",
            Self::RealTokensByTokenizer => "image tokenizer with real tokens",
            Self::BestOfSeveral => "student, best of several",
        }
    }

    /// Description of the row, for the report.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::WithoutImages => "the student, which is given the texts and no image",
            Self::OtherImages => "the student, which is given the texts with the image of another example",
            Self::TokenizerDecoder => {
                "the student, of whose tokens the decoder of its image tokenizer makes the images"
            }
            Self::RealTokens => "the student, which is given the tokens of the real images",
            Self::RealTokensByTokenizer => {
                "the decoder of the student's image tokenizer, which is given the tokens of the real images"
            }
            Self::BestOfSeveral => {
                "the student, which draws several images of each text: the best by its re-ranker, or the likeliest"
            }
        }
    }
}

/// Evaluates models on the test splits of corpora.
pub(crate) trait Evaluator {
    /// The examples.
    fn test_set(&self) -> &TestSet;

    /// Widths to which the student's embeddings are truncated for rows of their own.
    fn widths(&self) -> &[usize] {
        &[]
    }

    /// Changes of the inputs with which the student is evaluated once more, for rows of their own.
    fn input_changes(&self) -> &'static [InputChange] {
        &[]
    }

    /// The teacher with which the student is compared.
    fn teacher(&self) -> Option<&dyn Teacher>;

    /// The predictions of a finished model. `progress` hears how many are done.
    fn predict(
        &self,
        folder: &Path,
        role: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError>;

    /// Similarities of the student's inner states to the teacher's, each with its value for shuffled pairs.
    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError>;

    /// Retrieval by the hidden states of each layer of a finished model, or of the teacher where no folder is named; none where it is
    /// not asked for, or the model has no layers.
    fn by_layer(&self, _folder: Option<&Path>) -> Result<Option<LayerRetrieval>, RunError> {
        Ok(None)
    }

    /// Times by setting and model; see [`super::timing`].
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError>;

    /// Attention of models, or objects that they find, in some examples, as images. Models are given by name and folder; the teacher, and the
    /// student before its training, are the evaluator's own to add.
    fn illustrated_examples(
        &self,
        _examples: &[usize],
        _models: &[(&str, &Path)],
    ) -> Result<IllustratedExamples, RunError> {
        Ok(IllustratedExamples::default())
    }

    /// The probability that a finished model gives to its prediction for each of some examples, or the teacher where no folder
    /// is named; of several tokens or words the geometric mean; empty where predictions have none.
    fn probabilities(
        &self,
        _folder: Option<&Path>,
        _examples: &[usize],
    ) -> Result<Vec<Option<f64>>, RunError> {
        Ok(Vec::new())
    }

    /// The image of an example's input, small; none of texts.
    fn source_image(&self, _index: usize) -> Result<Option<Image>, RunError> {
        Ok(None)
    }

    /// The image that a prediction for an example stands for, small; none of what is no image.
    fn shown_image(&self, _index: usize, _prediction: &Prediction) -> Result<Option<Image>, RunError> {
        Ok(None)
    }

    /// How the student's vectors are compared, in the word of sentence-transformers; none where its training does not say it, and
    /// the student keeps what the folder of its teacher says.
    fn vector_similarity(&self) -> Option<&'static str> {
        None
    }

    /// What models of the student's kind are for, one sentence for the head of the report.
    fn purpose(&self) -> Option<String> {
        None
    }

    /// The text of an example.
    fn source(&self, index: usize) -> Text;

    /// A prediction for an example, or what is right, as a reader is shown it.
    fn shown(&self, index: usize, prediction: &Prediction) -> Text;

    /// Model card of the student: what it is and how it is used, with its prediction for the first example.
    fn card(&self, first: Option<&Prediction>) -> CardMetadata;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_language_is_the_slice_or_the_target_of_a_direction() {
        let references = vec![Prediction::Nothing; 3];
        let mut set = TestSet::new("text", "texts", PredictionKind::Text, references);
        set.slices = ["en-ja", "zh-Hant", "questions"].map(str::to_owned).to_vec();
        assert_eq!(set.written_languages(), ["ja", "", ""]);
        set.has_languages = true;
        assert_eq!(set.written_languages(), ["en-ja", "zh-Hant", "questions"]);
        set.slices.clear();
        assert_eq!(set.written_languages(), ["", "", ""]);
    }
}
