//! A fusion encoder from random weights.

use alambic_models::Config;
use alambic_models::vilt::{Head, Vilt, ViltConfig};
use alambic_settings::settings;

use crate::sight::{EPSILON, SightSizes};
use crate::{Blueprint, MakeStudent, Purpose, StudentError, Surroundings};

settings! {
    /// A fusion encoder from random weights: a ViLT (Kim et al., 2021) of any size, one transformer over the tokens of a
    /// question and the patches of an image. Its vocabulary is its teacher's, or without a teacher the words of its stage's
    /// questions.
    pub struct Fusion {
        /// Its sizes.
        #[flatten]
        pub sizes: SightSizes,
    }
}

impl Fusion {
    fn configure(&self, surroundings: &Surroundings<'_>) -> Result<ViltConfig, StudentError> {
        let sizes = &self.sizes;
        sizes.check()?;
        let labels = surroundings.task.labels.clone();
        Ok(ViltConfig {
            vocab_size: surroundings.tokenizer.size(),
            type_vocab_size: 2,
            modality_type_vocab_size: 2,
            max_position_embeddings: sizes.longest,
            hidden_size: sizes.width,
            num_hidden_layers: sizes.layers,
            num_attention_heads: sizes.heads,
            intermediate_size: sizes.inner(),
            hidden_act: sizes.activation.name().to_owned(),
            hidden_dropout_prob: sizes.dropout,
            attention_probs_dropout_prob: sizes.dropout,
            layer_norm_eps: EPSILON,
            image_size: sizes.image,
            patch_size: sizes.patch,
            num_channels: 3,
            qkv_bias: true,
            max_image_length: -1,
            pad_token_id: Some(surroundings.tokenizer.padding()?),
            head: if labels.is_empty() { Head::None } else { Head::Answers },
            labels,
        })
    }
}

impl MakeStudent for Fusion {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(Config::Vilt(self.configure(surroundings)?))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let config = self.configure(surroundings)?;
        let weights = Vilt::initial_weights(&config, &surroundings.streams)?;
        Ok(Blueprint { config: Config::Vilt(config), weights })
    }

    fn takes_weights(&self) -> bool {
        false
    }

    fn purpose(&self) -> Purpose {
        Purpose::Answers
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
