//! Declarations that every architecture makes of itself.

use std::fmt::Debug;

use alambic_tensor::Streams;
use alambic_tensor::candle_nn::VarBuilder;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use crate::architecture::Architecture;
use crate::config_summary::ConfigSummary;
use crate::head::{HeadSpec, TextHead};
use crate::image_input::ImageInput;
use crate::text_encoder::Pooling;
use crate::{ModelError, ModelFolder, Outline, published};

/// The kind of network that an architecture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// An encoder of texts alone.
    TextEncoder,
    /// An encoder, and a decoder that writes a text.
    EncoderDecoder,
    /// One encoder over a text and an image.
    FusionEncoder,
    /// An encoder of texts and an encoder of images.
    DualEncoder,
    /// An encoder of images alone.
    ImageEncoder,
    /// A network that finds the objects in an image, and reads no texts.
    ObjectDetector,
    /// A network that makes tokens of an image, and an image of tokens; it reads no texts.
    ImageTokenizer,
}

/// Configuration of an architecture: what it reads, what it gives, which files it has, and how it is built.
///
/// An architecture implements it in its own folder, and stands in the list of [`crate::Config`]. Whoever asks about a model
/// asks this trait, which every configuration dereferences to.
pub trait ModelConfig: Debug {
    /// The values of `model_type` that stand for the architecture.
    fn model_types() -> &'static [&'static str]
    where
        Self: Sized;

    /// Whether a `config.json` is of the architecture.
    #[must_use]
    fn recognizes(json: &Value) -> bool
    where
        Self: Sized,
    {
        json["model_type"].as_str().is_some_and(|model_type| Self::model_types().contains(&model_type))
    }

    /// Class of transformers that makes the tokenizer of a model of this `model_type`, where its settings name none.
    #[must_use]
    fn tokenizer_class(_: &str) -> Option<&'static str>
    where
        Self: Sized,
    {
        None
    }

    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing, has the wrong type, or says what is not supported.
    fn open(folder: &ModelFolder) -> Result<Self, ModelError>
    where
        Self: Sized;

    /// The `model_type` that is written to `config.json`.
    fn model_type(&self) -> &'static str;

    /// The kind of network.
    fn role(&self) -> Role;

    /// Sizes and limits with their keys.
    fn summary(&self) -> ConfigSummary<'_>;

    /// Outline: streams, heads and widths.
    fn outline(&self) -> Outline;

    /// Name and shape of every parameter, in the order in which they are initialised.
    fn shapes(&self) -> IndexMap<String, Vec<usize>>;

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    fn to_json(&self) -> Result<Value, ModelError>;

    /// Initial weights, drawn from the streams of a seed.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError>;

    /// The model over given weights. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError>;

    /// Names that a published file may have for a parameter, the likeliest first.
    fn spellings(&self, name: &str) -> Vec<String> {
        vec![name.to_owned()]
    }

    /// Names of tensors of published files that are no parameters of their own: copies, and buffers.
    fn other_tensors(&self) -> Vec<String> {
        Vec::new()
    }

    /// Name and shape of each tensor that is no parameter of its own, and that the model uses where a file has it.
    fn optional_shapes(&self) -> IndexMap<String, Vec<usize>> {
        IndexMap::new()
    }

    /// The weights of a folder of this configuration, under the names of [`Self::shapes`].
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        published::open(folder, &self.shapes(), |name| self.spellings(name))
    }

    /// Weights out of a builder of candle, below its prefix: `f32`, under the names and in the order of [`Self::weights`].
    /// Those of variables stay tracked, and share the memory of these.
    ///
    /// Names are looked up as in published files. Nothing is initialised: a builder over an empty `VarMap` has no tensors, and
    /// gets them from [`Self::initial_weights`], whose random numbers are seeded.
    ///
    /// # Errors
    /// When the builder lacks a tensor, or has one of another shape, on another device, or with infinity or NaN.
    fn weights_from(&self, builder: &VarBuilder<'_>) -> Result<Weights, ModelError> {
        published::take(builder, &self.shapes(), &self.optional_shapes(), |name| self.spellings(name))
    }

    /// The model over the tensors of a builder, as [`Self::weights_from`] takes them. Over variables it is trainable.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use alambic_models::architecture::Batch;
    /// # use alambic_models::{Pass, TapSelection};
    /// # use alambic_tensor::candle::{Device, Module, Tensor};
    /// # use alambic_tensor::candle_nn;
    /// # use alambic_tensor::parameters::Weights;
    /// use alambic_models::{Config, ModelFolder};
    ///
    /// # let path = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/parity/bert/model"));
    /// let folder = ModelFolder::open(path)?;
    /// let builder = folder.var_builder()?;
    /// let model = Config::open(&folder)?.build_from(&builder)?;
    ///
    /// # let inputs = Weights::from([("input_ids".to_owned(), Tensor::new(&[[1i64, 2, 3]], &Device::Cpu)?)]);
    /// let trace = model.forward(&Batch::from_tensors(&inputs)?, Pass::Evaluate, TapSelection::All)?;
    /// let pooled = trace.get("pooled").ok_or("this model has no pooler")?;
    ///
    /// // The same builder gives the layers of candle-nn their weights: here the pooler, over the state of the first token.
    /// let width = pooled.dim(1)?;
    /// let pooler = candle_nn::linear(width, width, builder.pp("bert.pooler.dense"))?;
    /// let last = trace.get("hidden.2").ok_or("this model has other layers")?.narrow(1, 0, 1)?.squeeze(1)?;
    /// let difference = (pooler.forward(&last)?.tanh()? - pooled)?.abs()?.max_all()?.to_scalar::<f32>()?;
    /// assert!(difference < 1e-5);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`Self::weights_from`].
    fn build_from(&self, builder: &VarBuilder<'_>) -> Result<Box<dyn Architecture>, ModelError> {
        self.build(&self.weights_from(builder)?)
    }

    /// Image input; none where the model reads texts alone.
    fn image_input(&self) -> Option<ImageInput> {
        None
    }

    /// Width of the image embeddings, `[batch, width]`, that the model takes in place of images; none where it takes none.
    fn image_embedding_width(&self) -> Option<usize> {
        None
    }

    /// Files of a model's folder beside configuration, weights and tokenizer, each with the JSON that it holds.
    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        Vec::new()
    }

    /// Parameters that training clamps to a maximum, as their authors do, each with it.
    fn clamped_parameters(&self) -> &'static [(&'static str, f64)] {
        &[]
    }

    /// Beginnings of the names of parameters that training leaves as they are.
    fn frozen_parameters(&self) -> &'static [&'static str] {
        &[]
    }

    /// Tables of which a training step changes the rows that its batch looks up, and leaves the others as they are: neither weight
    /// decay nor the optimiser's running means move them.
    fn sparse_tables(&self) -> Vec<String> {
        Vec::new()
    }

    /// The head of a text encoder; none for other architectures.
    fn text_head(&self) -> Option<TextHead<'_>> {
        None
    }

    /// Pooling of the last hidden states into the embedding of a text; none without one.
    fn pooling(&self) -> Option<&Pooling> {
        None
    }

    /// The same model with another head, where its architecture has heads to choose from.
    #[must_use]
    fn with_head(self, _: &HeadSpec) -> Self
    where
        Self: Sized,
    {
        self
    }

    /// The same, and weights for it: the given ones, with a new head where they have another.
    ///
    /// # Errors
    /// When a given tensor has another shape than the configuration says.
    fn with_head_weights(
        &self,
        weights: Weights,
        _: &HeadSpec,
        _: &Streams,
    ) -> Result<(Self, Weights), ModelError>
    where
        Self: Sized + Clone,
    {
        Ok((self.clone(), weights))
    }

    /// The same model without the rows of its vocabulary that stand for no token, where it has logits for them.
    #[must_use]
    fn trim_vocabulary(self, _: usize) -> Self
    where
        Self: Sized,
    {
        self
    }

    /// Weights as they are stored, without the rows that [`Self::trim_vocabulary`] left out.
    ///
    /// # Errors
    /// When a tensor cannot be cut.
    fn trim_weights(&self, weights: Weights) -> Result<Weights, ModelError> {
        Ok(weights)
    }

    /// The number of parameters.
    fn parameters(&self) -> usize {
        self.shapes().values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Rows of the embedding table.
    fn vocabulary(&self) -> usize {
        self.summary().vocabulary
    }

    /// Maximum number of tokens of a text; 0 where no texts are read.
    fn max_length(&self) -> usize {
        self.summary().max_length
    }

    /// Inner width of the feed-forward sublayers, those of what is read.
    fn intermediate_size(&self) -> usize {
        self.summary().intermediate_size
    }

    /// Whether a text of no token has an embedding.
    fn reads_empty_texts(&self) -> bool {
        false
    }

    /// Width of the states of a text's tokens; 0 where there is no stream of them alone.
    fn state_width(&self) -> usize {
        self.outline().streams.get("").map_or(0, |stream| stream.width)
    }

    /// The padding token.
    fn padding(&self) -> u32 {
        self.summary().padding
    }

    /// The token that a decoder begins with; none where no texts are written.
    fn decoder_start(&self) -> Option<u32> {
        None
    }

    /// Whether the model reads texts.
    fn reads_texts(&self) -> bool {
        !matches!(self.role(), Role::ObjectDetector | Role::ImageEncoder | Role::ImageTokenizer)
    }

    /// Whether the model writes texts.
    fn writes_texts(&self) -> bool {
        self.role() == Role::EncoderDecoder
    }

    /// Whether the model reads images or their regions.
    fn reads_images(&self) -> bool {
        self.image_input().is_some()
    }
}
