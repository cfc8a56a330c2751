//! A fusion encoder from random weights.

use alambic_models::Config;
use alambic_models::vilt::Vilt;
use alambic_settings::settings;

use crate::sight::SightSizes;
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

impl MakeStudent for Fusion {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(Config::Vilt(self.sizes.configure(surroundings)?))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let config = self.sizes.configure(surroundings)?;
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
