//! A UNIMO model.

use alambic_models::text_encoder::{Family, TextEncoderConfig};
use alambic_models::unimo::{Unimo, UnimoConfig, UnimoImages};
use alambic_models::{Config, SpecialTokens};
use alambic_settings::{At, choices, settings};
use alambic_tensor::parameters::Weights;

use crate::StudentError;
use crate::encoder::bert;
use crate::sizes::TransformerSizes;
use crate::student_builder::{
    BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind, check_patch, keys,
};

choices! {
    /// What an image is made of.
    pub enum ImageUnits {
        /// Square patches of its pixels.
        Patches = "patches",
        /// Regions that a detector found in it.
        Regions = "regions",
    }
}

settings! {
    /// A UNIMO model (Li et al., 2021): one transformer that reads texts, images, and an image with a text behind it. It compares texts
    /// and images that it encodes alone, as a CLIP does, and those that it reads together; under a head for answers (`fusion` with it
    /// as `teacher`) it answers questions, and it writes texts behind what it reads. Its vocabulary is its teacher's, or that of the text encoder it starts from, or without
    /// these the words of its stage's texts.
    pub struct UnimoSizes {
        /// A text encoder in BERT's layout whose sizes and weights it takes. Left out: the sizes below, and random weights.
        pub encoder: Option<At<String>>,
        /// What images are made of.
        pub units: ImageUnits = ImageUnits::Patches,
        /// A detector that finds regions. Left out: corpora bring the regions along.
        pub detector: Option<At<String>>,
        /// Numbers of a region's features, its place not among them, where there is no detector.
        #[range(1..=65_536)]
        pub features: usize = 2048,
        /// Classes of objects that pre-training predicts of regions (`region-classes`), where there is no detector. Left out: the detector's,
        /// or none.
        #[range(1..=1_000_000)]
        pub objects: Option<usize>,
        /// Maximum number of regions of an image.
        #[range(1..=1000)]
        pub regions: usize = 100,
        /// Pixels of the side of the square that is read in the middle of an image, where it is read in patches.
        #[range(4..=2048)]
        pub image: usize = 64,
        /// Pixels of the side of a patch; they divide those of the image.
        #[range(1..=256)]
        pub patch: usize = 8,
        /// The sizes of its transformer.
        #[flatten]
        pub transformer: TransformerSizes,
        /// Maximum number of tokens of a text.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
        /// Most tokens that it writes, the end included, in stages that train it to write: the last so many of the positions of
        /// `max-length` are for these, and the others for what it reads.
        #[range(2..=1_048_576)]
        pub max_target_length: usize = 24,
        /// Maximum number of tokens of a vocabulary that is trained on the stage's texts.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
    }
}

impl UnimoSizes {
    /// The configuration, and the weights that the text encoder gives.
    fn plan(&self, context: &BuildContext<'_>) -> Result<(UnimoConfig, Weights), StudentError> {
        let (text, given) = match &self.encoder {
            None => {
                let TransformerSizes { layers, width, heads, activation, dropout, .. } = self.transformer;
                let shape = [layers, width, heads, self.transformer.intermediate_size()];
                let text = bert(context, shape, activation, dropout, self.max_length)?;
                (TextEncoderConfig { segments: 1, ..text }, Weights::new())
            }
            Some(name) => match context.require(name)? {
                SourceModel { config: Config::TextEncoder(text), weights, .. }
                    if text.family == Family::Bert =>
                {
                    (text, weights)
                }
                SourceModel { config, .. } => {
                    return Err(SourceModel::unexpected(name, &config, "a text encoder in BERT's layout"));
                }
            },
        };
        let (images, objects) = self.images(context)?;
        let config = UnimoConfig {
            text,
            images,
            objects,
            labels: Vec::new(),
            writes: false,
            max_target_length: self.max_target_length,
            special: SpecialTokens::of(context.tokenizer)?,
        };
        Ok((with_head(config, context)?, given))
    }

    /// What images are made of, and how many classes of objects there are in them.
    fn images(&self, context: &BuildContext<'_>) -> Result<(UnimoImages, usize), StudentError> {
        if self.units == ImageUnits::Patches {
            check_patch(self.image, self.patch)?;
            let patches =
                UnimoImages::Patches { image_size: self.image, patch_size: self.patch, processor: None };
            return Ok((patches, 0));
        }
        let (features, objects) = match &self.detector {
            None => (self.features, self.objects.unwrap_or_default()),
            Some(name) => match context.require(name)?.config {
                Config::Detector(detector) => (detector.hidden_size, detector.tags.len()),
                other => {
                    return Err(SourceModel::unexpected(name, &other, "a detector, which finds regions"));
                }
            },
        };
        Ok((UnimoImages::Regions { features, max_regions: self.regions }, objects))
    }
}

/// The model under the head of a task, of one that writes with room for what it reads.
pub(crate) fn with_head(
    config: UnimoConfig,
    context: &BuildContext<'_>,
) -> Result<UnimoConfig, StudentError> {
    let config = config.with_head(context.head);
    let positions = config.text.max_length();
    // A text that is read has a token before and behind it, and one between.
    if config.writes && config.max_target_length + 3 > positions {
        return Err(StudentError::Incompatible(format!(
            "written texts of {} tokens leave no room for what is read among the {positions} positions of the model: raise \
             `max-length`, or lower `max-target-length`",
            config.max_target_length
        )));
    }
    Ok(config)
}

impl StudentBuilder for UnimoSizes {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(Config::Unimo(self.plan(context)?.0))
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, given) = self.plan(context)?;
        let weights = Unimo::complete(&config, &given, &context.streams)?;
        Ok(InitialModel { config: Config::Unimo(config), weights })
    }

    fn has_source_weights(&self) -> bool {
        self.encoder.is_some()
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::ImageTextRetrieval
    }

    fn serves(&self, kind: TaskKind) -> bool {
        matches!(kind, TaskKind::ImageTextRetrieval | TaskKind::TextGeneration)
    }

    fn source_models(&self) -> Vec<&At<String>> {
        self.encoder.iter().collect()
    }

    fn overridden_keys(&self) -> Vec<(&'static str, Vec<String>)> {
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let sizes = || [keys::<TransformerSizes>(), named(&["max-length", "vocabulary"])].concat();
        let of_encoder = self.encoder.iter().map(|_| ("encoder", sizes()));
        let of_detector = self.detector.iter().map(|_| ("detector", named(&["features", "objects"])));
        let of_units = match self.units {
            ImageUnits::Patches => named(&["detector", "features", "objects", "regions"]),
            ImageUnits::Regions => named(&["image", "patch"]),
        };
        of_encoder.chain(of_detector).chain([("units", of_units)]).collect()
    }

    fn detector(&self) -> Option<&At<String>> {
        self.detector.as_ref().filter(|_| self.units == ImageUnits::Regions)
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }
}
