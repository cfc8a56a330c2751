//! An Oscar+ model.

use alambic_inference::POSITION_FEATURES;
use alambic_models::oscar::{Oscar, OscarConfig};
use alambic_models::text_encoder::Family;
use alambic_models::{Config, SpecialTokens};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::encoder::bert;
use crate::sizes::TransformerSizes;
use crate::student_builder::{
    BuildContext, EPSILON, InitialModel, SourceModel, StudentBuilder, TaskKind, keys,
};

settings! {
    /// An Oscar+ model (Zhang et al., 2021): one transformer over a text, the tags of the objects in an image, and the regions
    /// of the image. It answers questions, says whether texts and images match, and writes captions. Its vocabulary is its teacher's, or that of the text encoder it starts from, or without these the words
    /// of its stage's texts and of the detector's tags.
    pub struct OscarSizes {
        /// A text encoder in BERT's layout whose sizes and weights it takes: Oscar starts so. Left out: the sizes below, and
        /// random weights.
        pub encoder: Option<At<String>>,
        /// A detector that finds regions. Left out: corpora bring the regions along.
        pub detector: Option<At<String>>,
        /// The language, by its code, in which it reads the tags that its detector gives, where corpora translate them
        /// to it. Left out: as the detector has them.
        pub tag_language: Option<At<String>>,
        /// Numbers of a region's features, its place included, where there is no detector.
        #[range(1..=65_536)]
        pub features: usize = 2054,
        /// Maximum number of regions of an image.
        #[range(1..=1000)]
        pub regions: usize = 50,
        /// Whether the tags of the regions are read as a second text.
        pub tags: bool = true,
        /// The sizes of its transformer.
        #[flatten]
        pub transformer: TransformerSizes,
        /// Maximum number of tokens of a text with its tags.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
        /// Maximum number of tokens of a caption that it writes, the special ones included, in stages that train it to: the tags of
        /// the regions have the positions behind these, up to `max-length`.
        #[range(3..=1_048_576)]
        pub max_caption_length: usize = 40,
        /// Whether the embeddings of words, and with them the logits of words, stay as they are in stages that train it to write
        /// captions.
        pub freeze_word_embeddings: bool = false,
        /// Inner width of the classifier over the states of several images, in widths of a hidden state, where texts are about
        /// several.
        #[range(1..=64)]
        pub classifier_scale: usize = 3,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's texts.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl OscarSizes {
    /// The configuration, and the weights that the text encoder gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(OscarConfig, Weights), StudentError> {
        let (bert, given) = match &self.encoder {
            None => {
                let TransformerSizes { layers, width, heads, activation, dropout, .. } = self.transformer;
                let shape = [layers, width, heads, self.transformer.intermediate_size()];
                (bert(context, shape, activation, dropout, self.max_length)?, Weights::new())
            }
            Some(name) => match context.require(name)? {
                SourceModel { config: Config::TextEncoder(bert), weights, .. }
                    if bert.family == Family::Bert =>
                {
                    (bert, weights)
                }
                SourceModel { config, .. } => {
                    return Err(StudentError::Incompatible(format!(
                        "an Oscar model starts from a text encoder in BERT's layout, and `{}` is a {}",
                        name.value,
                        config.model_type()
                    )));
                }
            },
        };
        let features = match &self.detector {
            None => self.features,
            Some(name) => match context.require(name)?.config {
                Config::Detector(detector) => detector.hidden_size + POSITION_FEATURES,
                other => {
                    return Err(StudentError::Incompatible(format!(
                        "regions are found by a detector, and `{}` is a {}",
                        name.value,
                        other.model_type()
                    )));
                }
            },
        };
        let config = OscarConfig {
            bert,
            features,
            feature_epsilon: Some(EPSILON),
            relations: 0,
            regions: self.regions,
            tags: self.tags,
            captions: false,
            max_caption_length: self.max_caption_length,
            special: SpecialTokens::of(context.tokenizer)?,
            freeze_embedding: self.freeze_word_embeddings,
            images: 1,
            classifier_scale: self.classifier_scale,
        };
        Ok((with_head(config, context)?, given))
    }
}

/// The model under the head of a task, of one that writes with room for tags.
pub(crate) fn with_head(
    config: OscarConfig,
    context: &BuildContext<'_>,
) -> Result<OscarConfig, StudentError> {
    let config = config.with_head(context.head);
    let needed = config.caption_positions();
    if config.captions && config.bert.max_length() < needed {
        return Err(StudentError::Incompatible(format!(
            "captions of {} tokens and tags behind them need {needed} positions, and the model has {}: raise `max-length`, or lower \
             `max-caption-length`",
            config.max_caption_length,
            config.bert.max_length()
        )));
    }
    Ok(config)
}

impl StudentBuilder for OscarSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Oscar(self.plan(context)?.0))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let weights = Oscar::complete(&config, &given, &context.streams)?;
        Ok(InitialModel { config: Config::Oscar(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        self.encoder.is_some()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn serves(&self, kind: TaskKind) -> bool {
        matches!(kind, TaskKind::VisualQuestionAnswering | TaskKind::TextGeneration)
    }

    fn source_models(&self) -> Vec<&At<String>> {
        self.encoder.iter().collect()
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        let sizes =
            || [keys::<TransformerSizes>(), ["max-length", "vocabulary"].map(str::to_owned).into()].concat();
        let of_encoder = self.encoder.iter().map(|_| ("encoder", sizes()));
        let of_detector = self.detector.iter().map(|_| ("detector", vec!["features".to_owned()]));
        of_encoder.chain(of_detector).collect()
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }

    fn tag_language(&self) -> Option<&At<String>> {
        self.tag_language.as_ref()
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
