//! An LXMERT model from random weights.

use alambic_models::Config;
use alambic_models::lxmert::{Lxmert, LxmertConfig, LxmertHead};
use alambic_settings::{At, settings};

use crate::StudentError;
use crate::encoder_decoder::ActivationFunction;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, check_heads,
};

settings! {
    /// An LXMERT model (Tan and Bansal, 2019) from random weights, at any size: an encoder of texts, an encoder of regions with their
    /// boxes, and a cross-modal encoder in which each looks at the other. Its vocabulary is its teacher's, or without one the words of
    /// its stage's texts. Texts about several images are read once with each.
    pub struct LxmertSizes {
        /// Layers of the text encoder.
        #[range(1..=1024)]
        pub language_layers: usize = 9,
        /// Layers of the region encoder.
        #[range(0..=1024)]
        pub vision_layers: usize = 5,
        /// Layers of the cross-modal encoder.
        #[range(1..=1024)]
        pub cross_layers: usize = 5,
        /// Width of hidden states.
        #[range(1..=65_536)]
        pub width: usize = 128,
        /// Attention heads; they divide the width.
        #[range(1..=1024)]
        pub heads: usize = 4,
        /// Inner width of feed-forward layers. Left out: four times the width.
        #[range(1..=1_048_576)]
        pub feed_forward: Option<usize>,
        /// Activation of feed-forward layers.
        pub activation: ActivationFunction = ActivationFunction::Gelu,
        /// Dropout probability in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// A detector that finds regions. Left out: corpora bring the regions along.
        pub detector: Option<At<String>>,
        /// Numbers of a region's features, where there is no detector.
        #[range(1..=65_536)]
        pub features: usize = 2048,
        /// Classes of objects that pre-training tells apart, where there is no detector.
        #[range(1..=1_000_000)]
        pub objects: usize = 1600,
        /// Attributes that pre-training tells apart, where there is no detector; a detector gives none.
        #[range(0..=1_000_000)]
        pub attributes: usize = 400,
        /// Maximum number of tokens of a text.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's texts.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl LxmertSizes {
    fn configure(&self, context: &BuildContext<'_>) -> Result<LxmertConfig, StudentError> {
        check_heads(self.width, self.heads)?;
        let [features, objects, attributes] = match &self.detector {
            None => [self.features, self.objects, self.attributes],
            Some(name) => match context.require(name)?.config {
                Config::Detector(detector) => [detector.hidden_size, detector.tags.len(), 0],
                other => return Err(SourceModel::unexpected(name, &other, "a detector of regions")),
            },
        };
        let config = LxmertConfig {
            vocab_size: context.tokenizer.size(),
            hidden_size: self.width,
            num_attention_heads: self.heads,
            intermediate_size: self.feed_forward.unwrap_or(4 * self.width),
            hidden_act: self.activation.name().to_owned(),
            hidden_dropout_prob: self.dropout,
            attention_probs_dropout_prob: self.dropout,
            max_position_embeddings: self.max_length,
            type_vocab_size: 2,
            l_layers: self.language_layers,
            x_layers: self.cross_layers,
            r_layers: self.vision_layers,
            visual_feat_dim: features,
            visual_pos_dim: 4,
            num_qa_labels: 0,
            num_object_labels: objects,
            num_attr_labels: attributes,
            task_mask_lm: true,
            task_matched: true,
            task_obj_predict: true,
            task_qa: true,
            visual_obj_loss: true,
            visual_attr_loss: true,
            visual_feat_loss: true,
            num_images: 1,
            pad_token_id: Some(context.tokenizer.padding()?),
            head: LxmertHead::None,
            labels: Vec::new(),
        };
        Ok(config.with_head(context.head))
    }
}

impl StudentBuilder for LxmertSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Lxmert(self.configure(context)?))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = Lxmert::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: Config::Lxmert(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::VisualQuestionAnswering
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        let of_detector = || ["features", "objects", "attributes"].map(str::to_owned).into();
        self.detector.iter().map(|_| ("detector", of_detector())).collect()
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
