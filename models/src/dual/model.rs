//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::DualConfig;
use super::config::TOWERS;
use crate::initialise::deviation;
use crate::layers::{
    Answers, Encoder, Linear, Norm, Pass, PatchEmbeddings, Sequences, TextEmbeddings, TextTables,
    WeightSource, counted_positions,
};
use crate::regions::side_by_side;
use crate::{Initialiser, ModelError, Patches, TapSelection, Tokens, Trace};

/// An image, or what was computed of it ahead.
#[derive(Debug, Clone)]
pub enum DualImageInput {
    /// The patches of each image.
    Patches(Patches),
    /// `[batch, width]`: the tap `image.embedding` of each image.
    Embedding(Tensor),
}

/// Texts and images as a dual encoder reads them.
#[derive(Debug, Clone)]
pub struct DualInput {
    /// The tokens of each text; none for a pass over images only.
    pub tokens: Option<Tokens>,
    /// `[batch, length]`, the segment of each token; all 0 if left out.
    pub segments: Option<Arc<Vec<u32>>>,
    /// The images; none to read texts alone.
    pub seen: Option<DualImageInput>,
}

/// An encoder with what stands around it.
#[derive(Debug, Clone)]
struct Tower {
    stream: &'static str,
    modality: Tensor,
    encoder: Encoder,
    norm: Norm,
    pooler: Linear,
}

/// A dual encoder over given weights.
#[derive(Debug, Clone)]
pub struct Dual {
    config: DualConfig,
    words: TextEmbeddings,
    word_norm: Norm,
    patches: PatchEmbeddings,
    text: Tower,
    image: Tower,
    fusion: Answers,
    classifier: Option<Answers>,
}

impl Dual {
    /// Builds the model over weights named as [`DualConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &DualConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, sizes) = (WeightSource::new(weights), &config.sizes);
        let width = sizes.hidden_size;
        let table = |kind: &str, rows| (format!("text_model.embeddings.{kind}_embeddings.weight"), rows);
        let tables = TextTables {
            words: table("word", sizes.vocab_size),
            positions: Some(table("position", sizes.max_position_embeddings)),
            segments: Some(table("token_type", sizes.type_vocab_size)),
            languages: None,
        };
        let tower = |index: usize, stream| {
            let name = TOWERS[index];
            let layers: Vec<_> =
                (0..config.layers()[index]).map(|layer| DualConfig::layer(name, layer)).collect();
            Ok::<_, ModelError>(Tower {
                stream,
                modality: source.tensor(&format!("{name}.embeddings.modality_embedding"), &[1, width])?,
                encoder: Encoder::load(source, &layers, &sizes.sizes()?, stream)?,
                norm: Norm::load(source, &format!("{name}.layernorm"), width, sizes.layer_norm_eps)?,
                pooler: Linear::load(source, &format!("{name}.pooler.dense"), width, width)?,
            })
        };
        let head = || Answers::load(source, "classifier", [width, 2 * width, sizes.labels.len()]);
        Ok(Self {
            words: TextEmbeddings::load(source, &tables, width)?,
            word_norm: Norm::load(source, "text_model.embeddings.LayerNorm", width, sizes.layer_norm_eps)?,
            patches: PatchEmbeddings::load(
                source,
                "image_model.embeddings",
                [sizes.num_channels, sizes.patch_size, width],
                sizes.grid(),
            )?,
            text: tower(0, "text")?,
            image: tower(1, "image")?,
            fusion: Answers::load(source, "fusion", [2 * width, 2 * width, width])?,
            classifier: (!sizes.labels.is_empty()).then(head).transpose()?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one; those that are given as they are.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(
        config: &DualConfig,
        streams: &Streams,
        given: &Weights,
    ) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let missing: Vec<&String> = shapes.keys().filter(|name| !given.contains_key(*name)).collect();
        let drawn = Initialiser::new(streams).fill(&shapes, missing, deviation(config.sizes.hidden_size))?;
        let take = |name: &String| given.get(name).or_else(|| drawn.get(name)).cloned();
        Ok(shapes.keys().filter_map(|name| Some((name.clone(), take(name)?))).collect())
    }

    /// The same towers with a head for these answers, and weights for it: the given ones, with a new head where the answers are others.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_answers(
        config: &DualConfig,
        given: Weights,
        answers: &[String],
        streams: &Streams,
    ) -> Result<(DualConfig, Weights), ModelError> {
        let given = config.weights_for_answers(given, answers);
        let config = config.clone().answering(answers);
        let weights = Self::initial_weights(&config, streams, &given)?;
        Ok((config, weights))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &DualConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. A tower of which nothing is wanted does not run, and neither does
    /// that of images whose embeddings are given. One text with several images is compared with each of them, and one
    /// image with several texts, too.
    ///
    /// # Errors
    /// When text or image do not fit the model or each other.
    pub fn trace(
        &self,
        input: &DualInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let both = ["pooled", "logits"].iter().any(|tap| trace.wants(tap));
        let runs = |trace: &Trace, stream: &str| match trace.wanted().names() {
            None => true,
            Some(names) => {
                both || names.iter().any(|name| name.split_once('.').is_some_and(|(own, _)| own == stream))
            }
        };
        let text = match &input.tokens {
            Some(tokens) if runs(&trace, "text") => {
                Some(self.read(tokens, input.segments.as_ref(), pass, &mut trace)?)
            }
            _ => None,
        };
        let image = match &input.seen {
            Some(DualImageInput::Patches(patches)) if runs(&trace, "image") => {
                Some(self.see(patches, pass, &mut trace)?)
            }
            Some(DualImageInput::Embedding(embedding)) => Some(embedding.clone()),
            _ => None,
        };
        if both && let (Some(text), Some(image)) = (text, image) {
            let (texts, images) = (text.dim(0)?, image.dim(0)?);
            if texts != images && texts != 1 && images != 1 {
                return Err(ModelError::Input(format!("there are {texts} texts and {images} images")));
            }
            let count = texts.max(images);
            let [text, image] = [text, image].map(|own| own.broadcast_as((count, own.dim(1)?))?.contiguous());
            let (text, image) = (text?, image?);
            let pooled = self.fusion.forward(&Tensor::cat(&[text, image], 1)?)?;
            trace.record("pooled", &pooled);
            if let Some(classifier) = self.classifier.as_ref().filter(|_| trace.wants("logits")) {
                trace.record("logits", &classifier.forward(&pooled)?);
            }
        }
        Ok(trace)
    }

    fn read(
        &self,
        tokens: &Tokens,
        segments: Option<&Arc<Vec<u32>>>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let positions = counted_positions(tokens, self.config.sizes.max_position_embeddings)?;
        trace.record_mask("text", &tokens.mask);
        let sequences = Sequences::new(&tokens.mask, tokens.batch, trace.wanted())?;
        let words = self.words.sum(tokens, &sequences, &positions, [segments, None])?;
        let words = self.word_norm.forward(&words)?;
        self.text.forward(&words, &sequences, self.config.sizes.hidden_dropout_prob, pass, trace)
    }

    fn see(&self, patches: &Patches, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        let batch = patches.values.dim(0)?;
        let mask = side_by_side(&vec![1; batch], &patches.mask, batch);
        trace.record_mask("image", &mask);
        let sequences = Sequences::new(&mask, batch, trace.wanted())?;
        let embedded = sequences.unpad(&self.patches.forward(patches)?)?;
        self.image.forward(&embedded, &sequences, self.config.sizes.hidden_dropout_prob, pass, trace)
    }
}

impl Tower {
    /// The pooled first token `[batch, width]`.
    fn forward(
        &self,
        embedded: &Tensor,
        sequences: &Sequences,
        dropout: f32,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let embedded = pass.dropout(embedded, dropout)?.broadcast_add(&self.modality)?;
        let depth = self.encoder.depth(trace.wanted());
        let attention = sequences.attention();
        let hidden = self.encoder.forward(embedded, (sequences, &attention), depth, pass, trace)?;
        let first = self.norm.forward(&sequences.first(&hidden)?)?;
        let pooled = self.pooler.forward(&first, Activation::Tanh)?;
        trace.record(&crate::outline::embedding_tap(self.stream), &pooled);
        Ok(pooled)
    }
}
