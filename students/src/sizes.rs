//! The sizes that transformers have in common.

use alambic_models::clip::ClipVisionConfig;
use alambic_settings::settings;

use crate::encoder_decoder::ActivationFunction;

settings! {
    /// The sizes of a transformer.
    pub struct TransformerSizes {
        /// Layers.
        #[range(1..=1024)]
        pub layers: usize = 4,
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
    }
}

impl TransformerSizes {
    /// Image tower of these sizes in CLIP's layout, which reads squares of `image` pixels in patches of `patch` pixels.
    pub(crate) fn image_tower(&self, image: usize, patch: usize) -> ClipVisionConfig {
        ClipVisionConfig {
            image_size: image,
            patch_size: patch,
            hidden_size: self.width,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            intermediate_size: self.intermediate_size(),
            hidden_act: self.activation.name().to_owned(),
            attention_dropout: self.dropout,
            ..ClipVisionConfig::default()
        }
    }

    /// Inner width of feed-forward layers.
    pub(crate) fn intermediate_size(&self) -> usize {
        self.feed_forward.unwrap_or(4 * self.width)
    }
}
