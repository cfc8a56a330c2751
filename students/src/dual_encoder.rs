//! A dual encoder.

use alambic_models::Config;
use alambic_models::dual::{Dual, DualConfig};
use alambic_models::vilt::ViltConfig;
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::sight::SightSizes;
use crate::{Blueprint, Donor, MakeStudent, Purpose, StudentError, Surroundings, keys};

settings! {
    /// A dual encoder as in DiDE (Wang et al., 2022): a tower for the question and a tower for the image, which never see each
    /// other, and a small head over both. Images can be read ahead and their vectors stored.
    pub struct DualEncoder {
        /// A fusion encoder whose sizes and weights both towers take: DiDE starts so. Left out: the sizes below, and random
        /// weights.
        pub teacher: Option<At<String>>,
        /// Layers of the question's tower. Left out: as many as the teacher has, or as `layers` says. Layer m of S takes
        /// the weights of the teacher's layer ⌈m·T/S⌉ of T.
        #[range(1..=1024)]
        pub text_layers: Option<usize>,
        /// Layers of the image's tower. Left out: as for the question's.
        #[range(1..=1024)]
        pub image_layers: Option<usize>,
        /// Its sizes, where there is no teacher.
        #[flatten]
        pub sizes: SightSizes,
    }
}

impl DualEncoder {
    /// The configuration, and the weights that the teacher gives.
    fn plan(&self, surroundings: &Surroundings<'_>) -> Result<(DualConfig, Weights), StudentError> {
        let config = |sizes: ViltConfig| {
            let layers = sizes.num_hidden_layers;
            DualConfig {
                text_layers: self.text_layers.unwrap_or(layers),
                image_layers: self.image_layers.unwrap_or(layers),
                sizes: sizes.answering(&surroundings.task.labels),
            }
        };
        let Some(name) = &self.teacher else {
            return Ok((config(self.sizes.configure(surroundings)?), Weights::new()));
        };
        let donor = (surroundings.donor)(name);
        let Donor { config: teacher, weights, .. } =
            donor.ok_or_else(|| StudentError::NoDonor(name.value.clone()))?;
        let Config::Vilt(teacher) = &teacher else {
            return Err(StudentError::Size(format!(
                "a dual encoder starts from a fusion encoder in ViLT's layout, and `{}` is a {}",
                name.value,
                teacher.model_type()
            )));
        };
        let config = config(teacher.clone());
        let given = config.weights_of(teacher, &weights);
        Ok((config, given))
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

    fn overruled(&self) -> Vec<(&'static str, Vec<String>)> {
        self.teacher.iter().map(|_| ("teacher", keys::<SightSizes>())).collect()
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }
}
