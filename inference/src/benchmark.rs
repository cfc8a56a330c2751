//! Models over made-up inputs of given sizes, for benchmarks.

use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    ATTRIBUTE_LOGITS, Config, DecodingState, GenerationConfig, ImageInput, Images, ModelError, ModelFolder,
    OBJECT_LOGITS, PREDICTED_FEATURES, PREDICTION_LOGITS, Pass, Regions, TaggedRegions, TapSelection, Tokens,
    Translator, embedding_tap, tap,
};
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;

use crate::images::image_processor::ImageInputs;
use crate::images::region_processor::DEFAULT_REGIONS;

/// Network that never ends a target, so that every model generates as many tokens.
struct Endless<'a>(&'a dyn Translator);

impl Translator for Endless<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        self.0.start(source, capacity)
    }

    fn start_token(&self) -> u32 {
        self.0.start_token()
    }

    fn end_token(&self) -> u32 {
        // No vocabulary is as large as this.
        u32::MAX
    }

    fn max_length(&self) -> usize {
        self.0.max_length()
    }
}

/// Model of a folder, run over made-up inputs; it needs no tokenizer.
pub struct BenchmarkModel {
    config: Config,
    network: Box<dyn Architecture>,
    /// Whether embeddings of images are given instead of images.
    has_image_embeddings: bool,
}

/// Made-up inputs of a batch. Which tokens and pixels they hold makes no difference to the time.
pub struct BenchmarkInputs {
    source: Tokens,
    image: Option<Image>,
    regions: Option<Regions>,
    length: usize,
}

impl BenchmarkModel {
    /// The ways to run the model of a folder, each with a suffix to the model's name. That of a dual encoder runs over images
    /// and over stored embeddings of images.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights do not fit the configuration.
    pub fn load_all(folder: &ModelFolder, config: &Config) -> Result<Vec<(Self, &'static str)>, ModelError> {
        let weights = config.weights(folder)?;
        let model = |has_image_embeddings: bool, suffix| {
            let network = architecture::build(config, &weights)?;
            Ok::<_, ModelError>((Self { network, config: config.clone(), has_image_embeddings }, suffix))
        };
        let mut models = vec![model(false, "")?];
        if config.image_embedding_width().is_some() {
            models.push(model(true, ", images stored")?);
        }
        Ok(models)
    }

    /// Inputs of `batch` texts of `length` tokens, each with an image where the model reads images.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn inputs(&self, batch: usize, length: usize) -> Result<BenchmarkInputs, ModelError> {
        let (vocabulary, padding) = (self.config.vocabulary() as u32, self.config.padding());
        let end = self.network.as_translator().map(Translator::end_token);
        let ordinary: Vec<u32> = (0..vocabulary).filter(|&id| id != padding && Some(id) != end).collect();
        let text = |row: usize| -> Vec<u32> {
            let token = |place: usize| ordinary[(row * 31 + place * 17) % ordinary.len().max(1)];
            (0..length).map(token).collect()
        };
        let source = Tokens::pad(&(0..batch).map(text).collect::<Vec<_>>(), padding);
        let (mut image, mut regions) = self.images(batch)?;
        if self.config.writes_texts()
            && let Some(regions) = regions.take()
        {
            // Captions are of so many tokens, without tags.
            let tags = Tokens::pad(&vec![Vec::<u32>::new(); batch], padding);
            image = Some(Image::Regions(TaggedRegions { regions, tags }));
        }
        Ok(BenchmarkInputs { source, image, regions, length })
    }

    /// Images of zeros, in the size in which the model reads them.
    fn images(&self, batch: usize) -> Result<ImageInputs, ModelError> {
        let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, device::current());
        if let Some(width) = self.config.image_embedding_width().filter(|_| self.has_image_embeddings) {
            return Ok((Some(Image::Embedding(zeros(&[batch, width])?)), None));
        }
        Ok(match self.config.image_input() {
            None => (None, None),
            Some(ImageInput::Patches(input)) => {
                let pixels = zeros(&[batch, input.num_channels, input.image_size, input.image_size])?;
                (Some(Image::Pixels(Images { pixels, mask: None })), None)
            }
            Some(ImageInput::Regions(input)) => {
                let count = input.max_regions.unwrap_or(DEFAULT_REGIONS);
                let images = batch * input.images;
                let boxes = zeros(&[images, count, input.box_numbers])?;
                let boxes = (input.box_numbers > 0).then_some(&boxes);
                let features = zeros(&[images, count, input.features])?;
                (None, Some(Regions::from_tensors(&features, boxes, None)?))
            }
        })
    }

    /// The last taps, for which every layer runs.
    fn last_taps(&self) -> Vec<String> {
        let mut taps: Vec<String> = ["logits", "pooled"].map(str::to_owned).to_vec();
        let outline = self.config.outline();
        if self.config.reads_images() {
            let heads = [PREDICTION_LOGITS, OBJECT_LOGITS, ATTRIBUTE_LOGITS, PREDICTED_FEATURES];
            taps.extend(["relation", "objectness", "boxes"].into_iter().chain(heads).map(str::to_owned));
            if outline.pairs {
                taps.extend(outline.streams.keys().map(|stream| embedding_tap(stream)));
            }
        } else {
            for (name, stream) in &outline.streams {
                taps.extend([tap(name, "hidden", stream.layers), embedding_tap(name)]);
            }
        }
        taps
    }

    /// Runs the model: a generative one decodes as many tokens as it reads.
    ///
    /// # Errors
    /// When the inputs do not fit the model.
    pub fn run(&self, inputs: BenchmarkInputs) -> Result<(), ModelError> {
        let BenchmarkInputs { source, image, regions, length } = inputs;
        let of_images = image.as_ref().and_then(|image| self.network.translator_of_images(image));
        if let Some(translator) = of_images.as_deref().or(self.network.as_translator()) {
            GenerationConfig::greedy(length).run(&Endless(translator), &source)?;
        } else {
            let batch = Batch { text: Some(TextInput::new(source)), image, regions, ..Batch::default() };
            self.network.forward(&batch, Pass::Evaluate, TapSelection::named(self.last_taps()))?;
        }
        Ok(())
    }
}
