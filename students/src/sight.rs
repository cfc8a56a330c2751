//! What students that look at images have in common.

use alambic_data::Raster;
use alambic_models::dual::DualConfig;
use alambic_models::vilt::{Head, ViltConfig};
use alambic_models::{Config, Images, ModelError, fitted};
use alambic_settings::settings;

use crate::{ActivationFunction, StudentError, Surroundings};

settings! {
    /// The sizes of a model that looks at images.
    pub struct SightSizes {
        /// Layers.
        #[range(1..)]
        pub layers: usize = 4,
        /// Width of hidden states.
        #[range(1..)]
        pub width: usize = 128,
        /// Attention heads; they divide the width.
        #[range(1..)]
        pub heads: usize = 4,
        /// Inner width of feed-forward layers. Left out: four times the width.
        #[range(1..)]
        pub feed_forward: Option<usize>,
        /// Activation of feed-forward layers.
        pub activation: ActivationFunction = ActivationFunction::Gelu,
        /// Share of activations dropped in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Pixels to which the shorter side of an image is brought; positions are stored for a square of it.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
        /// Longest text in tokens.
        #[range(4..)]
        pub longest: usize = 40,
        /// Most tokens of a vocabulary that is made of the stage's questions, where there is no teacher.
        #[range(10..)]
        pub vocabulary: usize = 8192,
    }
}

impl SightSizes {
    /// The fusion encoder of these sizes.
    pub(crate) fn configure(&self, surroundings: &Surroundings<'_>) -> Result<ViltConfig, StudentError> {
        crate::check_heads(self.width, self.heads)?;
        if !self.image.is_multiple_of(self.patch) {
            return Err(StudentError::Size(format!(
                "images of {} pixels do not divide into patches of {}",
                self.image, self.patch
            )));
        }
        Ok(ViltConfig {
            vocab_size: surroundings.tokenizer.size(),
            type_vocab_size: 2,
            modality_type_vocab_size: 2,
            max_position_embeddings: self.longest,
            hidden_size: self.width,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            intermediate_size: self.feed_forward.unwrap_or(4 * self.width),
            hidden_act: self.activation.name().to_owned(),
            hidden_dropout_prob: self.dropout,
            attention_probs_dropout_prob: self.dropout,
            layer_norm_eps: EPSILON,
            image_size: self.image,
            patch_size: self.patch,
            num_channels: 3,
            qkv_bias: true,
            max_image_length: -1,
            pad_token_id: Some(surroundings.tokenizer.padding()?),
            head: Head::None,
            labels: Vec::new(),
        }
        .answering(&surroundings.task.labels))
    }
}

/// Added to the variance in layer norms, as in ViLT.
const EPSILON: f64 = 1e-12;

/// How a model looks at images: the size to which they are brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eyes {
    size: usize,
    patch: usize,
}

impl Eyes {
    /// The eyes of a model.
    ///
    /// # Errors
    /// When it does not look at images as they are.
    pub fn of(config: &Config) -> Result<Self, StudentError> {
        match config {
            Config::Vilt(config) => Ok(Self { size: config.image_size, patch: config.patch_size }),
            Config::Dual(DualConfig { sizes, .. }) => {
                Ok(Self { size: sizes.image_size, patch: sizes.patch_size })
            }
            other => Err(StudentError::Size(format!(
                "a {} does not answer questions about images as they are",
                other.model_type()
            ))),
        }
    }

    /// Pixels of the side of a patch.
    #[must_use]
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// An image in the size in which the model reads it.
    #[must_use]
    pub fn prepare(&self, image: &Raster) -> Raster {
        let (width, height) = fitted((image.width, image.height), self.size, self.patch);
        image.resized(width, height)
    }

    /// A batch of prepared images.
    ///
    /// # Errors
    /// When an image has another number of values than its sides say.
    pub fn images(images: &[&Raster]) -> Result<Images, ModelError> {
        let images: Vec<(usize, usize, &[u8])> =
            images.iter().map(|image| (image.width, image.height, image.rgb.as_slice())).collect();
        Images::of_rgb(&images)
    }
}
