//! Text and image encoders into one space.

use alambic_models::Config;
use alambic_models::clip::{ClipConfig, ClipTextConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::sizes::TransformerSizes;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, check_heads, check_patch,
};
use crate::two_tower::TowerSource;

settings! {
    /// An encoder of texts and one of images that bring both into one space, as CLIP (Radford et al., 2021) does: images are
    /// found by texts, and texts by images. It is written in CLIP's layout, or in SigLIP's where its teacher is a SigLIP.
    pub struct ClipSizes {
        /// The model that it starts from.
        #[flatten]
        pub towers: TowerSource,
        /// The sizes of both encoders, where there is no teacher.
        #[flatten]
        pub transformer: TransformerSizes,
        /// Width of the common space.
        #[range(1..=65_536)]
        pub embedding: usize = 128,
        /// Pixels of the side of the square that is read in the middle of an image.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
        /// Maximum number of tokens of a text.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's texts, where there is no teacher.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl ClipSizes {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(Config, Weights), StudentError> {
        let Some((name, source)) = self.towers.model(context)? else {
            return Ok((Config::Clip(self.configure(context)?), Weights::new()));
        };
        match &source.config {
            Config::Clip(teacher) => {
                let mut config = teacher.clone();
                let (text, vision) = (&mut config.text_config, &mut config.vision_config);
                (text.num_hidden_layers, vision.num_hidden_layers) =
                    self.towers.layers(text.num_hidden_layers, vision.num_hidden_layers);
                let given = config.weights_of(teacher, &source.weights);
                Ok((Config::Clip(config), given))
            }
            Config::Siglip(teacher) if teacher.is_dual() => {
                let mut config = teacher.clone();
                if let (Some(text), Some(vision)) = (&mut config.text, &mut config.vision) {
                    (text.num_hidden_layers, vision.num_hidden_layers) =
                        self.towers.layers(text.num_hidden_layers, vision.num_hidden_layers);
                }
                let given = config.weights_of(teacher, &source.weights);
                Ok((Config::Siglip(config), given))
            }
            other => Err(SourceModel::unexpected(
                name,
                other,
                "a model of two towers in CLIP's or SigLIP's layout",
            )),
        }
    }

    /// The configuration of these sizes.
    fn configure(&self, context: &BuildContext<'_>) -> Result<ClipConfig, StudentError> {
        let sizes = &self.transformer;
        check_heads(sizes.width, sizes.heads)?;
        check_patch(self.image, self.patch)?;
        Ok(ClipConfig {
            projection_dim: self.embedding,
            text_config: ClipTextConfig {
                vocab_size: context.tokenizer.size(),
                max_position_embeddings: self.max_length,
                hidden_size: sizes.width,
                num_hidden_layers: sizes.layers,
                num_attention_heads: sizes.heads,
                intermediate_size: sizes.intermediate_size(),
                hidden_act: sizes.activation.name().to_owned(),
                attention_dropout: sizes.dropout,
                eos_token_id: context.tokenizer.closing()?,
                pad_token_id: Some(context.tokenizer.padding()?),
                ..ClipTextConfig::default()
            },
            vision_config: sizes.image_tower(self.image, self.patch),
            images: None,
        })
    }
}

impl StudentBuilder for ClipSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let mut weights = config.initial_weights(&context.streams)?;
        weights.extend(given);
        Ok(InitialModel { config, weights })
    }

    fn has_source_weights(&self) -> bool {
        self.towers.teacher.is_some()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTextRetrieval
    }

    fn source_models(&self) -> Vec<&At<String>> {
        self.towers.teacher.iter().collect()
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        self.towers.overridden_keys::<Self>()
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
