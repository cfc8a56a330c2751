//! Models over made-up inputs of given sizes, for benchmarks.

use std::sync::Arc;

use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::bert::TextInput;
use alambic_models::{
    Config, Generation, Images, ModelError, ModelFolder, Pass, Regions, Stepper, Tokens, Translator, Wanted,
};
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;

use crate::encoder::last_encoder_taps;
use crate::generation::{GenerativeNetwork, load_network};
use crate::images::image_processor::{DEFAULT_REGIONS, ImageInputs};

/// Network that never ends a target, so that every model generates as many tokens.
struct Endless<'a>(&'a dyn Translator);

impl Translator for Endless<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn Stepper + '_>, ModelError> {
        self.0.start(source, capacity)
    }

    fn start_token(&self) -> u32 {
        self.0.start_token()
    }

    fn end_token(&self) -> u32 {
        // No vocabulary is as large as this.
        u32::MAX
    }

    fn longest(&self) -> usize {
        self.0.longest()
    }
}

/// Network, by what is run of it.
enum Network {
    /// Greedy decoding.
    Generative(Arc<dyn GenerativeNetwork>),
    /// A forward pass that computes these taps.
    Encoder(Box<dyn Architecture>, Vec<String>),
}

/// Model of a folder, run over made-up inputs; it needs no tokenizer.
pub struct BenchmarkModel {
    config: Config,
    network: Network,
    /// Whether embeddings of images are given instead of images.
    has_stored_images: bool,
}

/// Made-up inputs of a batch. Which tokens and pixels they hold makes no difference to the time.
pub struct BenchmarkInputs {
    batch: Batch,
    length: usize,
}

impl BenchmarkModel {
    /// The ways to run the model of a folder, each with a suffix to the model's name. That of a dual encoder runs over images
    /// and over stored embeddings of images.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights do not fit the configuration.
    pub fn load_all(folder: &ModelFolder, config: &Config) -> Result<Vec<(Self, &'static str)>, ModelError> {
        if let Config::Marian(_) = config {
            let network = Network::Generative(load_network(config, folder)?);
            return Ok(vec![(Self { config: config.clone(), network, has_stored_images: false }, "")]);
        }
        let weights = config.weights(folder)?;
        let model = |has_stored_images| -> Result<Self, ModelError> {
            let network = Network::Encoder(architecture::over(config, &weights)?, last_taps(config));
            Ok(Self { config: config.clone(), network, has_stored_images })
        };
        Ok(match config {
            Config::Dual(_) => vec![(model(false)?, ""), (model(true)?, ", images stored")],
            _ => vec![(model(false)?, "")],
        })
    }

    /// Inputs of `batch` texts of `length` tokens, each with an image where the model reads images.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn inputs(&self, batch: usize, length: usize) -> Result<BenchmarkInputs, ModelError> {
        let padding = self.config.padding();
        let end = match &self.network {
            Network::Generative(network) => Some(network.end_token()),
            Network::Encoder(..) => None,
        };
        let vocabulary = self.config.vocabulary() as u32;
        let ordinary: Vec<u32> = (0..vocabulary).filter(|&id| id != padding && Some(id) != end).collect();
        let text = |row: usize| -> Vec<u32> {
            let token = |place: usize| ordinary[(row * 31 + place * 17) % ordinary.len().max(1)];
            (0..length).map(token).collect()
        };
        let source = Tokens::pad(&(0..batch).map(text).collect::<Vec<_>>(), padding);
        let (image, regions) = image_inputs(&self.config, batch, self.has_stored_images)?;
        let batch = Batch { text: Some(TextInput::new(source)), image, regions, ..Batch::default() };
        Ok(BenchmarkInputs { batch, length })
    }

    /// Runs the model: a generative one decodes as many tokens as it reads.
    ///
    /// # Errors
    /// When the inputs do not fit the model.
    pub fn run(&self, inputs: &BenchmarkInputs) -> Result<(), ModelError> {
        match (&self.network, &inputs.batch.text) {
            (Network::Generative(network), Some(text)) => {
                let network: &dyn Translator = &**network;
                Generation::greedy(inputs.length).run(&Endless(network), &text.tokens)?;
            }
            (Network::Generative(_), None) => {}
            (Network::Encoder(network, taps), _) => {
                network.read(&inputs.batch, Pass::Evaluate, Wanted::named(taps.iter().cloned()))?;
            }
        }
        Ok(())
    }
}

/// The last taps of a model, for which every layer runs.
fn last_taps(config: &Config) -> Vec<String> {
    let mut taps = vec!["logits", "pooled", "relation", "objectness", "boxes"];
    match config {
        Config::Bert(config) => return last_encoder_taps(config),
        Config::Clip(_) => taps.extend(["text.embedding", "image.embedding"]),
        _ => {}
    }
    taps.into_iter().map(str::to_owned).collect()
}

/// Image inputs of zeros, in the size in which the model reads them.
fn image_inputs(config: &Config, batch: usize, is_stored: bool) -> Result<ImageInputs, ModelError> {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, device::current());
    let pixels = |channels, side| -> Result<_, ModelError> {
        let pixels = zeros(&[batch, channels, side, side])?;
        Ok((Some(Image::Pixels(Images { pixels, mask: None })), None))
    };
    let regions = |count, features, place| -> Result<_, ModelError> {
        let boxes = zeros(&[batch, count, place])?;
        let boxes = (place > 0).then_some(&boxes);
        Ok((None, Some(Regions::from_tensors(&zeros(&[batch, count, features])?, boxes, None)?)))
    };
    match config {
        Config::Dual(config) if is_stored => {
            Ok((Some(Image::Embedding(zeros(&[batch, config.sizes.hidden_size])?)), None))
        }
        Config::Dual(config) => pixels(config.sizes.num_channels, config.sizes.image_size),
        Config::Vilt(config) => pixels(config.num_channels, config.image_size),
        Config::Detector(config) => pixels(config.num_channels, config.image_size),
        Config::Clip(config) => pixels(3, config.vision_config.image_size),
        Config::Oscar(config) => regions(config.regions, config.features, 0),
        Config::Lxmert(config) => regions(DEFAULT_REGIONS, config.visual_feat_dim, config.visual_pos_dim),
        Config::VisualBert(config) => regions(DEFAULT_REGIONS, config.features, 0),
        Config::Marian(_) | Config::Bert(_) => Ok((None, None)),
    }
}
