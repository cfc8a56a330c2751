//! Sizes that models of text and image have in common.

use alambic_models::text_encoder::Head as TextHead;
use alambic_models::vilt::{Head, ViltConfig};
use alambic_settings::settings;

use crate::StudentError;
use crate::sizes::TransformerSizes;
use crate::student_builder::{BuildContext, EPSILON, check_heads, check_patch};

settings! {
    /// The sizes of a model of text and image.
    pub struct VisionLanguageSizes {
        /// The sizes of its transformers.
        #[flatten]
        pub transformer: TransformerSizes,
        /// Pixels to which the shorter side of an image is brought; positions are stored for a square of it.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
        /// Maximum number of patches of an image: in training a random choice, the same for student and teacher, and
        /// else spread evenly over the image. Left out: all.
        #[range(1..=65_536)]
        pub patches: Option<usize>,
        /// Maximum number of tokens of a text.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's questions, where there is no teacher.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl VisionLanguageSizes {
    /// Fusion encoder of these sizes.
    pub(crate) fn configure(&self, context: &BuildContext<'_>) -> Result<ViltConfig, StudentError> {
        check_heads(self.transformer.width, self.transformer.heads)?;
        check_patch(self.image, self.patch)?;
        let config = ViltConfig {
            vocab_size: context.tokenizer.size(),
            type_vocab_size: 2,
            modality_type_vocab_size: 2,
            max_position_embeddings: self.max_length,
            hidden_size: self.transformer.width,
            num_hidden_layers: self.transformer.layers,
            num_attention_heads: self.transformer.heads,
            intermediate_size: self.transformer.intermediate_size(),
            hidden_act: self.transformer.activation.name().to_owned(),
            hidden_dropout_prob: self.transformer.dropout,
            attention_probs_dropout_prob: self.transformer.dropout,
            layer_norm_eps: EPSILON,
            image_size: self.image,
            patch_size: self.patch,
            num_channels: 3,
            qkv_bias: true,
            max_image_length: self.patches.map_or(-1, |patches| patches as i64),
            pad_token_id: Some(context.tokenizer.padding()?),
            images: None,
            head: Head::None,
            labels: Vec::new(),
        };
        Ok(match context.head.head {
            TextHead::MultipleChoice => config.matching(),
            _ => config.answering(&context.head.labels),
        })
    }
}
