//! An Oscar+ model.

use alambic_models::Config;
use alambic_models::bert::Family;
use alambic_models::oscar::{Oscar, OscarConfig};
use alambic_settings::{At, settings};
use alambic_tensor::parameters::Weights;

use crate::encoder::bert;
use crate::eyes::PLACE;
use crate::sight::EPSILON;
use crate::sizes::Sizes;
use crate::{Blueprint, Donor, MakeStudent, Purpose, StudentError, Surroundings, keys};

settings! {
    /// An Oscar+ model (Zhang et al., 2021): one transformer over a text, the tags of the objects in an image, and the regions
    /// of the image. Its vocabulary is its teacher's, or that of the text encoder it starts from, or without these the words
    /// of its stage's texts and of the detector's tags.
    pub struct OscarSizes {
        /// A text encoder in BERT's layout whose sizes and weights it takes: Oscar starts so. Left out: the sizes below, and
        /// random weights.
        pub encoder: Option<At<String>>,
        /// A detector that finds regions. Left out: corpora bring the regions along.
        pub detector: Option<At<String>>,
        /// The language, by its code, in which it reads the tags that its detector gives, where corpora say what they are called
        /// in it. Left out: as the detector has them.
        pub tag_language: Option<At<String>>,
        /// Numbers of a region's features, its place included, where there is no detector.
        #[range(1..=65_536)]
        pub features: usize = 2054,
        /// The most regions of an image.
        #[range(1..=1000)]
        pub regions: usize = 50,
        /// Whether the tags of the regions are read as a second text.
        pub tags: bool = true,
        /// The sizes of its transformer.
        #[flatten]
        pub transformer: Sizes,
        /// Longest text with its tags in tokens.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
        /// Most tokens of a vocabulary that is made of the stage's texts.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl OscarSizes {
    /// The configuration, and the weights that the text encoder gives.
    fn plan(&self, surroundings: &Surroundings<'_>) -> Result<(OscarConfig, Weights), StudentError> {
        let donor = |name: &At<String>| {
            (surroundings.donor)(name).ok_or_else(|| StudentError::NoDonor(name.value.clone()))
        };
        let (bert, given) = match &self.encoder {
            None => {
                let Sizes { layers, width, heads, activation, dropout, .. } = self.transformer;
                let shape = [layers, width, heads, self.transformer.inner()];
                (bert(surroundings, shape, activation, dropout, self.max_length)?, Weights::new())
            }
            Some(name) => match donor(name)? {
                Donor { config: Config::Bert(bert), weights, .. } if bert.family == Family::Bert => {
                    (bert, weights)
                }
                Donor { config, .. } => {
                    return Err(StudentError::Size(format!(
                        "an Oscar model starts from a text encoder in BERT's layout, and `{}` is a {}",
                        name.value,
                        config.model_type()
                    )));
                }
            },
        };
        let features = match &self.detector {
            None => self.features,
            Some(name) => match donor(name)?.config {
                Config::Detector(detector) => detector.hidden_size + PLACE,
                other => {
                    return Err(StudentError::Size(format!(
                        "regions are found by a detector, and `{}` is a {}",
                        name.value,
                        other.model_type()
                    )));
                }
            },
        };
        let config = OscarConfig {
            bert,
            features,
            feature_epsilon: Some(EPSILON),
            relations: 0,
            regions: self.regions,
            tags: self.tags,
        };
        Ok((config.with_head(surroundings.task), given))
    }
}

impl MakeStudent for OscarSizes {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(Config::Oscar(self.plan(surroundings)?.0))
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let (config, given) = self.plan(surroundings)?;
        let weights = Oscar::complete(&config, &given, &surroundings.streams)?;
        Ok(Blueprint { config: Config::Oscar(config), weights })
    }

    fn takes_weights(&self) -> bool {
        self.encoder.is_some()
    }

    fn purpose(&self) -> Purpose {
        Purpose::Answers
    }

    fn donors(&self) -> Vec<&At<String>> {
        self.encoder.iter().collect()
    }

    fn overruled(&self) -> Vec<(&'static str, Vec<String>)> {
        let sizes = || [keys::<Sizes>(), ["longest", "vocabulary"].map(str::to_owned).into()].concat();
        let of_encoder = self.encoder.iter().map(|_| ("encoder", sizes()));
        let of_detector = self.detector.iter().map(|_| ("detector", vec!["features".to_owned()]));
        of_encoder.chain(of_detector).collect()
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref()
    }

    fn tag_language(&self) -> Option<&At<String>> {
        self.tag_language.as_ref()
    }

    fn vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
