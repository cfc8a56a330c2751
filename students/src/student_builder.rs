//! Interface of the ways to build a student.

use alambic_models::text_encoder::HeadSpec;
use alambic_models::{Config, Tokenizer, TokenizerModel, UnifiedScript};
use alambic_settings::{At, Table};
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::embedding::EmbeddingOptions;
use crate::vocabulary_transfer::VocabularyTransfer;

/// Model whose weights or sizes a student takes.
#[derive(Debug, Clone)]
pub struct SourceModel {
    /// Configuration.
    pub config: Config,
    /// Weights by name.
    pub weights: Weights,
    /// Tokenizer; none where only the sizes are asked for.
    pub tokenizer: Option<Tokenizer>,
}

impl SourceModel {
    /// The error that the model does not have the architecture that a builder needs.
    pub(crate) fn unexpected(name: &str, config: &Config, expected: &str) -> StudentError {
        StudentError::Incompatible(format!("`{name}` is a {}; {expected} is needed", config.model_type()))
    }
}

/// Inputs of a student's builder.
pub struct BuildContext<'a> {
    /// The student's tokenizer.
    pub tokenizer: &'a Tokenizer,
    /// The head of an encoder.
    pub head: &'a HeadSpec,
    /// The seed's random streams.
    pub streams: Streams,
    /// Source models by the name of their teacher.
    pub source_model: &'a dyn Fn(&str) -> Option<SourceModel>,
    /// Texts of the training split.
    pub texts: &'a [&'a str],
    /// Texts of the training split in the language of the source model, each with its translation.
    pub translations: &'a [(&'a str, &'a str)],
}

impl BuildContext<'_> {
    /// The source model of a name.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn require(&self, name: &str) -> Result<SourceModel, StudentError> {
        (self.source_model)(name).ok_or_else(|| StudentError::MissingSourceModel(name.to_owned()))
    }
}

/// Student before training.
#[derive(Debug, Clone)]
pub struct InitialModel {
    /// Configuration.
    pub config: Config,
    /// Initial weights.
    pub weights: Weights,
}

/// Task that a student's architecture is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Generation of texts.
    TextGeneration,
    /// Classes, tags, numbers or embeddings of texts.
    TextEncoding,
    /// Answers to questions about images.
    VisualQuestionAnswering,
    /// Retrieval of images by texts, and of texts by images.
    ImageTextRetrieval,
    /// Detection of objects in images.
    ObjectDetection,
    /// Tokens of images, and images of tokens.
    ImageTokenization,
}

/// Builder of a student: its configuration and initial weights.
pub trait StudentBuilder {
    /// The configuration alone, which needs no weights of a source model.
    ///
    /// # Errors
    /// When sizes do not fit each other or the source model.
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError>;

    /// The configuration and initial weights.
    ///
    /// # Errors
    /// When sizes do not fit each other or the source model.
    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError>;

    /// Whether weights of a source model are taken over.
    fn has_source_weights(&self) -> bool;

    /// Task that the architecture is made for.
    fn task_kind(&self) -> TaskKind;

    /// Whether it is made for tasks of a kind: some are for several.
    fn serves(&self, kind: TaskKind) -> bool {
        kind == self.task_kind()
    }

    /// How it makes embeddings; none of students of other kinds than text encoders.
    fn embedding(&self) -> Option<&EmbeddingOptions> {
        None
    }

    /// Maximum number of tokens of a vocabulary that is trained on the stage's texts; none where its size is not an option.
    fn max_vocabulary(&self) -> Option<usize> {
        None
    }

    /// Tokenizer model of such a vocabulary.
    fn tokenizer_model(&self) -> TokenizerModel {
        TokenizerModel::Words
    }

    /// Script in which texts are written before they are tokenized; none where they stay as they are.
    fn unified_script(&self) -> Option<UnifiedScript> {
        None
    }

    /// Change of the source model's vocabulary.
    fn vocabulary_transfer(&self) -> VocabularyTransfer {
        VocabularyTransfer::Keep
    }

    /// Detector of the regions that it reads.
    fn detector(&self) -> Option<&At<String>> {
        None
    }

    /// Model that chooses among the images that it draws.
    fn re_ranker(&self) -> Option<&At<String>> {
        None
    }

    /// Language of the tags that it reads; none for the detector's own.
    fn tag_language(&self) -> Option<&At<String>> {
        None
    }

    /// Teachers whose weights are taken over.
    fn source_models(&self) -> Vec<&At<String>> {
        Vec::new()
    }

    /// Teacher whose vocabulary it has; none where that is made for it.
    fn vocabulary_source(&self) -> Option<&At<String>> {
        self.source_models().into_iter().next()
    }

    /// Keys that override others, each with those others.
    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        Vec::new()
    }
}

/// The keys of a table of options.
pub(crate) fn keys<T: Table>() -> Vec<String> {
    T::description().fields.into_iter().map(|field| field.key).collect()
}

/// Indices of layers, from 0, of a choice counted from 1; all if nothing is chosen.
pub(crate) fn layer_indices(
    chosen: Option<&Vec<usize>>,
    layers: usize,
    stack: &str,
) -> Result<Vec<usize>, StudentError> {
    let Some(chosen) = chosen else { return Ok((0..layers).collect()) };
    match chosen.iter().find(|&&layer| layer == 0 || layer > layers) {
        Some(layer) => Err(StudentError::Incompatible(format!(
            "the {stack} has no layer {layer}; its layers are 1 to {layers}"
        ))),
        None if chosen.is_empty() => {
            Err(StudentError::Incompatible(format!("no layer of the {stack} is taken")))
        }
        None => Ok(chosen.iter().map(|layer| layer - 1).collect()),
    }
}

/// Fails where a width does not divide into heads.
pub(crate) fn check_heads(width: usize, heads: usize) -> Result<(), StudentError> {
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    Err(StudentError::Incompatible(format!("a width of {width} does not divide into {heads} heads")))
}

/// Fails where the side of an image does not divide into patches.
pub(crate) fn check_patch(image: usize, patch: usize) -> Result<(), StudentError> {
    if image.is_multiple_of(patch) {
        return Ok(());
    }
    Err(StudentError::Incompatible(format!("images of {image} pixels do not divide into patches of {patch}")))
}

/// Added to the variance in layer norms, as in BERT and ViLT.
pub(crate) const EPSILON: f64 = 1e-12;
