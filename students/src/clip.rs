//! Two encoders, of texts and of images, into one space.

use alambic_models::Config;
use alambic_models::clip::{Clip, ClipConfig, ClipTextConfig, ClipVisionConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::sight::check_patch;
use crate::sizes::Sizes;
use crate::{Blueprint, Donor, MakeStudent, Purpose, StudentError, Surroundings, keys};

settings! {
    /// An encoder of texts and one of images that bring both into one space, as CLIP (Radford et al., 2021) does: images are
    /// found by texts, and texts by images. It is written in CLIP's layout.
    pub struct ClipSizes {
        /// A model of this kind whose sizes and weights it takes, as TinyCLIP (Wu et al., 2023) does. Left out: the sizes
        /// below, and random weights.
        pub teacher: Option<At<String>>,
        /// Layers of the encoder of texts. Left out: as many as the teacher has, or as `layers` says. Layer m of S takes the
        /// weights of the teacher's layer ⌈m·T/S⌉ of T.
        #[range(1..=1024)]
        pub text_layers: Option<usize>,
        /// Layers of the encoder of images. Left out: as for that of texts.
        #[range(1..=1024)]
        pub image_layers: Option<usize>,
        /// The sizes of both encoders, where there is no teacher.
        #[flatten]
        pub transformer: Sizes,
        /// Width of the common space.
        #[range(1..=65_536)]
        pub embedding: usize = 128,
        /// Pixels of the side of the square that is read in the middle of an image.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
        /// Longest text in tokens.
        #[range(4..=1_048_576)]
        pub max_length: usize = 40,
        /// Most tokens of a vocabulary that is made of the stage's texts, where there is no teacher.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl ClipSizes {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, surroundings: &Surroundings<'_>) -> Result<(ClipConfig, Weights), StudentError> {
        let (base, teacher) = match &self.teacher {
            None => (self.configure(surroundings)?, None),
            Some(name) => {
                let donor = (surroundings.donor)(name);
                let Donor { config, weights, .. } =
                    donor.ok_or_else(|| StudentError::NoDonor(name.value.clone()))?;
                let Config::Clip(config) = config else {
                    return Err(StudentError::Size(format!(
                        "it starts from a model in CLIP's layout, and `{}` is a {}",
                        name.value,
                        config.model_type()
                    )));
                };
                (config.clone(), Some((config, weights)))
            }
        };
        let mut config = base;
        config.text_config.num_hidden_layers =
            self.text_layers.unwrap_or(config.text_config.num_hidden_layers);
        config.vision_config.num_hidden_layers =
            self.image_layers.unwrap_or(config.vision_config.num_hidden_layers);
        let given = teacher.map(|(other, weights)| config.weights_of(&other, &weights));
        Ok((config, given.unwrap_or_default()))
    }

    /// The configuration of these sizes.
    fn configure(&self, surroundings: &Surroundings<'_>) -> Result<ClipConfig, StudentError> {
        let sizes = &self.transformer;
        crate::check_heads(sizes.width, sizes.heads)?;
        check_patch(self.image, self.patch)?;
        let activation = sizes.activation.name().to_owned();
        Ok(ClipConfig {
            projection_dim: self.embedding,
            text_config: ClipTextConfig {
                vocab_size: surroundings.tokenizer.size(),
                max_position_embeddings: self.max_length,
                hidden_size: sizes.width,
                num_hidden_layers: sizes.layers,
                num_attention_heads: sizes.heads,
                intermediate_size: sizes.inner(),
                hidden_act: activation.clone(),
                attention_dropout: sizes.dropout,
                eos_token_id: surroundings.tokenizer.closing()?,
                pad_token_id: Some(surroundings.tokenizer.padding()?),
                ..ClipTextConfig::default()
            },
            vision_config: ClipVisionConfig {
                image_size: self.image,
                patch_size: self.patch,
                hidden_size: sizes.width,
                num_hidden_layers: sizes.layers,
                num_attention_heads: sizes.heads,
                intermediate_size: sizes.inner(),
                hidden_act: activation,
                attention_dropout: sizes.dropout,
                ..ClipVisionConfig::default()
            },
            images: None,
        })
    }
}

impl MakeStudent for ClipSizes {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(Config::Clip(self.plan(surroundings)?.0))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, given) = self.plan(surroundings)?;
        let weights = Clip::initial_weights(&config, &surroundings.streams, &given)?;
        Ok(Blueprint { config: Config::Clip(config), weights })
    }

    fn takes_weights(&self) -> bool {
        self.teacher.is_some()
    }

    fn purpose(&self) -> Purpose {
        Purpose::Matches
    }

    fn donors(&self) -> Vec<&At<String>> {
        self.teacher.iter().collect()
    }

    fn overruled(&self) -> Vec<(&'static str, Vec<String>)> {
        let own = ["teacher", "text-layers", "image-layers"];
        let sizes = || keys::<Self>().into_iter().filter(|key| !own.contains(&key.as_str())).collect();
        self.teacher.iter().map(|_| ("teacher", sizes())).collect()
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
