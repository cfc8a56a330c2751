//! The network.

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::OscarConfig;
use super::classifier::Classifier;
use super::config::RELATION;
use crate::initialise::deviation;
use crate::joint::{Hidden, Joint};
use crate::layers::{Linear, Norm, Pass, Sequences, WeightSource};
use crate::published::complete;
use crate::regions::side_by_side;
use crate::text_encoder::{HeadSpec, TextEncoder, TextInput};
use crate::{ModelError, Regions, TapSelection, Trace};

/// Texts with tags, and regions, as Oscar reads them.
#[derive(Debug, Clone)]
pub struct OscarInput {
    /// Text and tags, a pair of texts.
    pub text: TextInput,
    /// The regions of each image. Boxes that are given apart are put behind the features.
    pub regions: Regions,
}

/// An Oscar model over given weights.
#[derive(Debug, Clone)]
pub struct Oscar {
    config: OscarConfig,
    pub(super) bert: TextEncoder,
    regions: Linear,
    region_norm: Option<Norm>,
    relation: Option<Linear>,
    /// Over several images.
    classifier: Option<Classifier>,
}

impl Oscar {
    /// Builds the model over weights named as [`OscarConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &OscarConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.bert.width);
        let [linear, norm] = OscarConfig::region_names();
        let relation = || Linear::load(source, RELATION, width, config.relations);
        Ok(Self {
            bert: TextEncoder::under(&config.encoder(), &OscarConfig::names(), weights)?,
            regions: Linear::load(source, &linear, config.features, width)?,
            region_norm: config
                .feature_epsilon
                .map(|epsilon| Norm::load(source, &norm, width, epsilon))
                .transpose()?,
            relation: (config.relations > 0).then(relation).transpose()?,
            classifier: Classifier::load(source, config)?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &OscarConfig, streams: &Streams) -> Result<Weights, ModelError> {
        Self::complete(config, &Weights::new(), streams)
    }

    /// Given weights as far as they go and have the right shape, under any of the names that files have for them, and
    /// initial ones for the rest.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn complete(config: &OscarConfig, given: &Weights, streams: &Streams) -> Result<Weights, ModelError> {
        let deviation = deviation(config.bert.width);
        complete(&config.shapes(), given, OscarConfig::spellings, deviation, *streams)
    }

    /// The same encoder for a task, and weights for it: the given ones, with new heads where they are of another head.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_head(
        config: &OscarConfig,
        given: &Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(OscarConfig, Weights), ModelError> {
        let mut given = given.clone();
        let own = config.clone().with_head(head);
        if config.bert.labels != head.labels || config.images != own.images {
            given.retain(|name, _| !name.starts_with("classifier."));
        }
        let config = own;
        let weights = Self::complete(&config, &given, streams)?;
        Ok((config, weights))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &OscarConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. Layers above the highest wanted one do not run.
    ///
    /// # Errors
    /// When text or regions do not fit the model.
    pub fn trace(
        &self,
        input: &OscarInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        if self.config.captions {
            return self.trace_captions(input, pass, wanted);
        }
        // Texts that have tags come once for each of their images already.
        let images = self.config.images;
        let repeated = (images > 1 && input.text.tokens.batch * images == input.regions.features.dim(0)?)
            .then(|| input.text.repeated(images));
        let (input_text, regions) = (repeated.as_ref().unwrap_or(&input.text), &input.regions);
        let tokens = &input_text.tokens;
        let image = self.embed_regions(regions, tokens.batch)?;
        let text = self.bert.embedding_norm().forward(&self.bert.embed(input_text)?)?;
        let embedded = Tensor::cat(&[text, image], 1)?;

        let mut whole = Trace::new(Joint::whole(&wanted));
        let mask = side_by_side(&tokens.mask, &regions.mask, tokens.batch);
        let hidden = self.bert.encode(&embedded, &mask, pass, &mut whole)?;
        let relation = self.relation.as_ref().filter(|_| whole.wants("relation"));
        let sequences = Sequences::new(&tokens.mask, tokens.batch, whole.wanted())?;
        let text = sequences.unpad(&hidden.narrow(1, 0, tokens.length)?.contiguous()?)?;
        self.bert.head((&text, &sequences), input_text, pass, &mut whole)?;
        if let Some(relation) = relation
            && let Some(pooled) = self.bert.pool(&sequences.first(&text)?)?
        {
            whole.record("relation", &relation.forward(&pooled, Activation::Identity)?);
        }
        if let Some(classifier) = self.classifier.as_ref().filter(|_| whole.wants("logits"))
            && let Some(pooled) = self.bert.pool(&sequences.first(&text)?)?
        {
            let pooled = pass.dropout(&pooled, self.config.bert.head_dropout)?;
            whole.record("logits", &classifier.forward(&pooled)?);
        }
        Joint { text: tokens.length, hidden: Hidden::WholeAndParts }.part(
            &whole,
            wanted,
            &tokens.mask,
            &regions.mask,
        )
    }

    /// Normed embeddings of the regions of so many images, `[batch, regions, width]`.
    pub(super) fn embed_regions(&self, regions: &Regions, batch: usize) -> Result<Tensor, ModelError> {
        let features = match &regions.boxes {
            Some(boxes) => {
                Regions { features: Tensor::cat(&[&regions.features, boxes], 2)?, ..regions.clone() }
            }
            None => regions.clone(),
        };
        features.check(batch, self.config.features)?;
        let image = self.regions.forward(&features.features, Activation::Identity)?;
        match &self.region_norm {
            Some(norm) => Ok(norm.forward(&image)?),
            None => Ok(image),
        }
    }
}
