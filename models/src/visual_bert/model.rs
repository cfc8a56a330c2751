//! The network.

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::VisualBertConfig;
use crate::initialise::deviation;
use crate::joint::{Hidden, Joint};
use crate::layers::{Linear, Pass, Sequences, WeightSource};
use crate::published::complete;
use crate::regions::side_by_side;
use crate::text_encoder::{TextEncoder, TextInput};
use crate::{Initialiser, ModelError, Regions, TapSelection, Tokens, Trace};

/// Prefix of the names of the head over answers.
const CLASSIFIER: &str = "cls.";

/// Texts and regions as VisualBERT reads them.
#[derive(Debug, Clone)]
pub struct VisualBertInput {
    /// The texts.
    pub text: TextInput,
    /// The regions of each image; boxes are not looked at.
    pub regions: Regions,
}

/// A VisualBERT model over given weights.
#[derive(Debug, Clone)]
pub struct VisualBert {
    config: VisualBertConfig,
    bert: TextEncoder,
    projection: Linear,
    /// `[width]`: what all regions have in common, the embeddings of their segment and their position.
    common: Tensor,
    classifier: Option<Linear>,
}

impl VisualBert {
    /// Builds the model over weights named as [`VisualBertConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &VisualBertConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.bert.width);
        let row = |kind: &str, rows: usize, row: usize| {
            let name = config.embedding(&format!("visual_{kind}_embeddings.weight"));
            Ok::<_, ModelError>(source.tensor(&name, &[rows, width])?.narrow(0, row, 1)?.squeeze(0)?)
        };
        // Regions are of segment 1 and stand at position 0, all of them.
        let common =
            (row("token_type", config.bert.segments, 1)? + row("position", config.bert.positions, 0)?)?;
        let head = !config.labels.is_empty();
        Ok(Self {
            bert: TextEncoder::under(&config.bert, &config.names(), weights)?,
            projection: Linear::load(source, &config.embedding("visual_projection"), config.features, width)?,
            common,
            classifier: head.then(|| Linear::load(source, "cls", width, config.labels.len())).transpose()?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &VisualBertConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        Initialiser::new(streams).fill(&shapes, shapes.keys(), deviation(config.bert.width))
    }

    /// The same encoder with a head for these answers, and weights for it: the given ones, with a new head where the answers are others.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_answers(
        config: &VisualBertConfig,
        mut given: Weights,
        answers: &[String],
        streams: &Streams,
    ) -> Result<(VisualBertConfig, Weights), ModelError> {
        if config.labels != answers {
            given.retain(|name, _| !name.starts_with(CLASSIFIER));
        }
        let config = VisualBertConfig { labels: answers.to_vec(), ..config.clone() };
        let deviation = deviation(config.bert.width);
        let weights = complete(&config.shapes(), &given, VisualBertConfig::spellings, deviation, *streams)?;
        Ok((config, weights))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &VisualBertConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. Layers above the highest wanted one do not run.
    ///
    /// # Errors
    /// When text or regions do not fit the model.
    pub fn trace(
        &self,
        input: &VisualBertInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let (tokens, regions) = (&input.text.tokens, &input.regions);
        regions.check(tokens.batch, self.config.features)?;
        let image = self.projection.forward(&regions.features, Activation::Identity)?;
        let image = image.broadcast_add(&self.common)?;
        let embedded = Tensor::cat(&[self.bert.embed(&input.text)?, image], 1)?;
        let embedded = self.bert.embedding_norm().forward(&embedded)?;

        let mut whole = Trace::new(Joint::whole(&wanted));
        let mask = side_by_side(&tokens.mask, &regions.mask, tokens.batch);
        let hidden = self.bert.encode(&embedded, &mask, pass, &mut whole)?;
        self.bert.head((&hidden, &Sequences::padded(&mask, tokens.batch)), &input.text, pass, &mut whole)?;
        if let Some(classifier) = self.classifier.as_ref().filter(|_| whole.wants("logits")) {
            let last = pass.dropout(&last_words(&hidden, tokens)?, self.config.bert.dropout)?;
            whole.record("logits", &classifier.forward(&last, Activation::Identity)?);
        }
        Joint { text: tokens.length, hidden: Hidden::WholeAndParts }.part(
            &whole,
            wanted,
            &tokens.mask,
            &regions.mask,
        )
    }
}

/// The state of the last token before the one that ends each text, `[batch, width]`, as the authors' code has it.
fn last_words(hidden: &Tensor, tokens: &Tokens) -> Result<Tensor, ModelError> {
    let length = hidden.dim(1)?;
    let rows: Vec<u32> = tokens
        .mask
        .chunks(tokens.length.max(1))
        .enumerate()
        .map(|(row, mask)| {
            let count: usize = mask.iter().map(|&kept| usize::from(kept)).sum();
            (row * length + count.saturating_sub(2)) as u32
        })
        .collect();
    Ok(hidden.flatten_to(1)?.index_select(&Tensor::new(rows.as_slice(), device::current())?, 0)?)
}
