//! A dual encoder.

use alambic_models::Config;
use alambic_models::dual::{Dual, DualConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::sight::{EPSILON, SightSizes};
use crate::{Blueprint, Donor, MakeStudent, Purpose, StudentError, Surroundings};

settings! {
    /// A dual encoder as in DiDE (Wang et al., 2022): a tower for the question and a tower for the image, which never see each
    /// other, and a small head over both. Images can be read ahead and their vectors stored.
    pub struct DualEncoder {
        /// A fusion encoder whose sizes and weights both towers take: DiDE starts so. Left out: the sizes below, and random
        /// weights.
        pub teacher: Option<At<String>>,
        /// Layers of the question's tower. Left out: as many as the teacher has, or as `layers` says. Layer m of S takes
        /// the weights of the teacher's layer ⌈m·T/S⌉ of T.
        #[range(1..)]
        pub text_layers: Option<usize>,
        /// Layers of the image's tower. Left out: as for the question's.
        #[range(1..)]
        pub image_layers: Option<usize>,
        /// Its sizes, where there is no teacher.
        #[flatten]
        pub sizes: SightSizes,
    }
}

impl DualEncoder {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, surroundings: &Surroundings<'_>) -> Result<(DualConfig, Weights), StudentError> {
        let labels = surroundings.task.labels.clone();
        if let Some(name) = &self.teacher {
            let donor = (surroundings.donor)(name);
            let Donor { config, weights } = donor.ok_or_else(|| StudentError::NoDonor(name.value.clone()))?;
            let Config::Vilt(teacher) = &config else {
                return Err(StudentError::Size(format!(
                    "a dual encoder starts from a fusion encoder in ViLT's layout, and `{}` is a {}",
                    name.value,
                    config.model_type()
                )));
            };
            let layers = self.layers(teacher.num_hidden_layers);
            let config = DualConfig { labels, ..DualConfig::like(teacher, layers.0, layers.1) };
            let given = config.weights_of(teacher, &weights);
            return Ok((config, given));
        }
        let sizes = &self.sizes;
        sizes.check()?;
        let (text_layers, image_layers) = self.layers(sizes.layers);
        let config = DualConfig {
            vocab_size: surroundings.tokenizer.size(),
            type_vocab_size: 2,
            max_position_embeddings: sizes.longest,
            hidden_size: sizes.width,
            text_layers,
            image_layers,
            num_attention_heads: sizes.heads,
            intermediate_size: sizes.inner(),
            hidden_act: sizes.activation.name().to_owned(),
            hidden_dropout_prob: sizes.dropout,
            attention_probs_dropout_prob: sizes.dropout,
            layer_norm_eps: EPSILON,
            image_size: sizes.image,
            patch_size: sizes.patch,
            num_channels: 3,
            max_image_length: -1,
            pad_token_id: Some(surroundings.tokenizer.padding()?),
            labels,
        };
        Ok((config, Weights::new()))
    }

    fn layers(&self, usual: usize) -> (usize, usize) {
        (self.text_layers.unwrap_or(usual), self.image_layers.unwrap_or(usual))
    }
}

impl MakeStudent for DualEncoder {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(Config::Dual(self.plan(surroundings)?.0))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, given) = self.plan(surroundings)?;
        let weights = Dual::initial_weights(&config, &surroundings.streams, &given)?;
        Ok(Blueprint { config: Config::Dual(config), weights })
    }

    fn takes_weights(&self) -> bool {
        self.teacher.is_some()
    }

    fn purpose(&self) -> Purpose {
        Purpose::Answers
    }

    fn donors(&self) -> Vec<&At<String>> {
        self.teacher.iter().collect()
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
