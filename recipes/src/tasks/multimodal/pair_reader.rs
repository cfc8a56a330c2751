//! Scores of the lists of a batch by a model, whatever it reads of them.

use std::borrow::Cow;

use alambic_data::{DetectedRegions, Picture};
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    Config, EncodedText, ModelError, ModelFolder, SIMILARITY, TapSelection, Tokenizer, Trace,
};
use alambic_teachers::Teacher;
use alambic_tensor::candle::Tensor;
use indexmap::IndexMap;

use super::pair_lists::PairLists;
use super::region_classes::class_probabilities;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;

/// A model's tokenizer and images, by which it reads the lists of a batch.
pub(super) struct PairReader<'a> {
    store: ImageStore<'a>,
    /// The place in the store of the image at an address.
    places: IndexMap<usize, usize>,
    /// Truncates.
    tokenizer: Tokenizer,
    padding: u32,
    /// Whether it has a score of a text and an image that it reads together.
    reads_together: bool,
}

impl<'a> PairReader<'a> {
    /// The reader of a model over images, none of which is there yet.
    pub(super) fn new(
        config: &Config,
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, RunError> {
        Ok(Self {
            store: ImageStore::new(image_processor),
            places: IndexMap::new(),
            tokenizer: tokenizer.with_max_length(max_length.min(config.max_length()))?,
            padding: config.padding(),
            reads_together: config.outline().similarity,
        })
    }

    /// The reader of a teacher.
    pub(super) fn of_teacher(teacher: &dyn Teacher, max_length: usize) -> Result<Self, RunError> {
        let (Some(folder), Some(tokenizer)) = (teacher.folder(), teacher.tokenizer()) else {
            return Err(RunError::Recipe(
                "the teacher of a contrast is a checkpoint that compares texts and images".into(),
            ));
        };
        let config = Config::open(&ModelFolder::open(folder)?)?;
        Self::new(&config, ImageProcessor::load(&config, folder)?, tokenizer, max_length)
    }

    /// Takes an image, if it is not there. Readers of the same images have them at the same places.
    pub(super) fn add(&mut self, picture: &'a Picture) -> Result<usize, RunError> {
        let place = self.store.add(picture)?;
        self.places.insert(std::ptr::from_ref(picture).addr(), place);
        Ok(place)
    }

    /// The place of an image.
    pub(super) fn place(&self, picture: &Picture) -> Option<usize> {
        self.places.get(&std::ptr::from_ref(picture).addr()).copied()
    }

    /// A text in tokens.
    pub(super) fn encode(&self, text: &str) -> Result<EncodedText, RunError> {
        Ok(self.tokenizer.encode_text(text, None)?)
    }

    /// Texts as the model reads them.
    pub(super) fn text<S: AsRef<str>>(&self, texts: &[S]) -> Result<TextInput, RunError> {
        let encoded = texts.iter().map(|text| self.tokenizer.encode_text(text.as_ref(), None));
        let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
        Ok(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.padding))
    }

    /// Inputs of images at these places.
    pub(super) fn images(&self, places: &[usize], views: Option<Views>) -> Result<Batch, RunError> {
        self.batch(&self.store.processed_images(places, views)?)
    }

    /// The same, and how likely each of so many classes is that of the object in each of their regions, `[images, regions, classes]`.
    pub(super) fn images_with_classes(
        &self,
        places: &[usize],
        views: Option<Views>,
        classes: usize,
    ) -> Result<(Batch, Vec<f32>), RunError> {
        let processed = self.store.processed_images(places, views)?;
        let batch = self.batch(&processed)?;
        let Some(regions) = &batch.regions else { return Ok((batch, Vec::new())) };
        let found: Vec<&DetectedRegions> = processed.iter().flat_map(|image| image.detected()).collect();
        let probabilities = class_probabilities(&found, regions.features.dim(1)?, classes)?;
        Ok((batch, probabilities))
    }

    fn batch(&self, processed: &[Cow<'_, ProcessedImage>]) -> Result<Batch, RunError> {
        let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
        let (image, regions) = self.store.image_processor().batch(&processed, None)?;
        Ok(Batch { image, regions, ..Batch::default() })
    }

    /// The scores of lists, `[pairs, places]`. `forward` is the model's pass over inputs, of which a tap is wanted.
    pub(super) fn scores(
        &self,
        lists: &PairLists<'_>,
        views: Option<Views>,
        forward: &dyn Fn(&Batch, TapSelection) -> Result<Trace, RunError>,
    ) -> Result<Tensor, RunError> {
        let score = |batch: &Batch, tap: &str| {
            let trace = forward(batch, TapSelection::named([tap]))?;
            let missing =
                || RunError::Recipe(format!("a model that compares texts and images has no tap `{tap}`"));
            trace.get(tap).cloned().ok_or_else(missing)
        };
        let mut texts = lists.texts.clone();
        let mut together = None;
        if !self.reads_together {
            texts.extend(lists.together.iter().map(|(_, text)| text));
        } else if !lists.together.is_empty() {
            let (places, read): (Vec<usize>, Vec<&str>) =
                lists.together.iter().map(|&(pair, text)| (lists.images[pair], text)).unzip();
            let batch = Batch { text: Some(self.text(&read)?), ..self.images(&places, views)? };
            together = Some(score(&batch, SIMILARITY)?);
        }
        let alone = Batch { text: Some(self.text(&texts)?), ..self.images(&lists.images, views)? };
        lists.scores(together.as_ref(), &score(&alone, "logits")?)
    }
}
