//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{UnimoConfig, UnimoImages};
use super::decoding::ImageTranslator;
use super::model::{Unimo, UnimoInput};
use super::units::ImageUnits;
use crate::architecture::{Architecture, Batch, Image, missing};
use crate::config_summary::ConfigSummary;
use crate::generation::Translator;
use crate::head::HeadSpec;
use crate::image_input::{ImageInput, PREPROCESSOR};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for UnimoConfig {
    fn model_types() -> &'static [&'static str] {
        &[Self::MODEL_TYPE]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == Self::MODEL_TYPE).then_some("BertTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn role(&self) -> Role {
        if self.writes { Role::EncoderDecoder } else { Role::FusionEncoder }
    }

    fn summary(&self) -> ConfigSummary<'_> {
        self.summary()
    }

    fn outline(&self) -> Outline {
        self.outline()
    }

    fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes()
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        Unimo::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Unimo::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(self.image_input())
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        self.image_processor().map(|own| (PREPROCESSOR, own.to_json())).into_iter().collect()
    }

    /// The logarithm of the scale of similarities, below that of 100, as CLIP has it.
    fn clamped_parameters(&self) -> &'static [(&'static str, f64)] {
        // The logarithm of 100.
        if self.is_paired() { &[(Self::SCALE, 4.605_170_185_988_092)] } else { &[] }
    }

    fn max_length(&self) -> usize {
        self.max_read_length()
    }

    fn decoder_start(&self) -> Option<u32> {
        self.writes.then_some(self.special.start)
    }

    fn with_head(self, head: &HeadSpec) -> Self {
        self.with_head(head)
    }

    fn with_head_weights(
        &self,
        weights: Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(Self, Weights), ModelError> {
        Unimo::with_head(self, &weights, head, streams)
    }
}

impl Architecture for Unimo {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let image = match (&batch.image, &batch.regions) {
            (None, Some(regions)) if matches!(self.config().images, UnimoImages::Regions { .. }) => {
                Some(ImageUnits::of_regions(regions)?)
            }
            (image, _) => image.as_ref().map(|image| self.units(image)).transpose()?,
        };
        let input = UnimoInput { text: batch.text.clone(), image, target: batch.target.clone() };
        if input.text.is_none() && input.image.is_none() {
            return Err(missing(match self.config().images {
                UnimoImages::Patches { .. } => "text (`input_ids`) and no image (`pixel_values`)",
                UnimoImages::Regions { .. } => "text (`input_ids`) and no region (`visual_feats`)",
            }));
        }
        self.trace(&input, pass, wanted)
    }

    fn as_translator(&self) -> Option<&dyn Translator> {
        self.config().writes.then_some(self)
    }

    fn translator_of_images(&self, image: &Image) -> Option<Box<dyn Translator + '_>> {
        let translator = ImageTranslator { model: self, image: image.clone() };
        self.config().writes.then(|| Box::new(translator) as Box<dyn Translator>)
    }
}
