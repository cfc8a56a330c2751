//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{Activation, AttentionMask};
use alambic_tensor::parameters::Weights;

use super::config::EPSILON;
use super::pretraining::PretrainingHeads;
use super::{LxmertConfig, LxmertHead};
use crate::initialise::deviation;
use crate::layers::{
    CrossAttention, Layer, Linear, Norm, Pass, Place, Sequences, TextEmbeddings, TextTables, WeightSource,
    counted_positions,
};
use crate::outline::tap;
use crate::published::complete;
use crate::text_encoder::HeadSpec;
use crate::tokens::repeated_rows;
use crate::{Initialiser, ModelError, Regions, TapSelection, Tokens, Trace};

/// Texts and regions as LXMERT reads them.
#[derive(Debug, Clone)]
pub struct LxmertInput {
    /// The tokens of each text.
    pub tokens: Tokens,
    /// `[batch, length]`, the segment of each token; all 0 if left out.
    pub segments: Option<Arc<Vec<u32>>>,
    /// The regions of each image, with their boxes. Where a text is about several images, those of one text lie one behind another.
    pub regions: Regions,
    /// The tokens whose logits are wanted, as indices into `[batch * length]`; left out, those of all tokens.
    pub selected: Option<Arc<Vec<u32>>>,
}

/// One side of a cross-modal layer: what it reads of the other, and then of itself.
#[derive(Debug, Clone)]
struct Side {
    cross: CrossAttention,
    layer: Layer,
}

/// A layer in which both sides look at each other, with the same weights, and then each at itself.
#[derive(Debug, Clone)]
struct CrossLayer {
    norm: Norm,
    language: Side,
    vision: Side,
}

/// An LXMERT model over given weights.
#[derive(Debug, Clone)]
pub struct Lxmert {
    config: LxmertConfig,
    words: TextEmbeddings,
    word_norm: Norm,
    /// Linear layer and norm of the features, and of the boxes.
    regions: [(Linear, Norm); 2],
    language: Vec<Layer>,
    vision: Vec<Layer>,
    cross: Vec<CrossLayer>,
    pooler: Linear,
    pretraining: PretrainingHeads,
    answers: Option<(Linear, Norm, Linear)>,
}

impl Lxmert {
    /// Builds the model over weights named as [`LxmertConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &LxmertConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width, sizes) = (WeightSource::new(weights), config.hidden_size, config.sizes()?);
        let table = |kind: &str, rows| (config.base(&format!("embeddings.{kind}_embeddings.weight")), rows);
        let tables = TextTables {
            words: table("word", config.vocab_size),
            positions: Some(table("position", config.max_position_embeddings)),
            segments: Some(table("token_type", config.type_vocab_size)),
            languages: None,
        };
        let norm = |name: &str| Norm::load(source, name, width, EPSILON);
        let linear = |name: &str, inputs, outputs| Linear::load(source, name, inputs, outputs);
        let region = |name: &str, inputs| {
            let part = |part: &str| config.base(&format!("encoder.visn_fc.{name}_{part}"));
            Ok::<_, ModelError>((linear(&part("fc"), inputs, width)?, norm(&part("layer_norm"))?))
        };
        let stack = |name: &str, layers: usize, stream| {
            (0..layers)
                .map(|layer| Layer::load(source, &config.layer(name, layer), &sizes, Place { stream, layer }))
                .collect::<Result<Vec<_>, _>>()
        };
        let cross = |index: usize| {
            let (names, cross_norm) = config.visual_attention(index);
            let side = |name: &str, stream, cross, before: usize| {
                let place = Place { stream, layer: before + index };
                Ok::<_, ModelError>(Side {
                    cross: CrossAttention::load(
                        source,
                        &names,
                        &sizes,
                        Place { stream: cross, layer: index },
                    )?,
                    layer: Layer::load(source, &config.cross_layer(name, index), &sizes, place)?,
                })
            };
            Ok(CrossLayer {
                norm: norm(&cross_norm)?,
                language: side("lang", LANGUAGE, "cross", config.l_layers)?,
                vision: side("visn", VISION, "vision.cross", config.r_layers)?,
            })
        };
        let answers = || {
            let name = |part: usize| format!("{}.{part}", config.answer_head());
            let norm = Norm::load(source, &name(2), 2 * width, EPSILON)?;
            Ok::<_, ModelError>((
                linear(&name(0), config.images() * width, 2 * width)?,
                norm,
                linear(&name(3), 2 * width, config.num_qa_labels)?,
            ))
        };
        Ok(Self {
            words: TextEmbeddings::load(source, &tables, width)?,
            word_norm: norm(&config.base("embeddings.LayerNorm"))?,
            regions: [region("visn", config.visual_feat_dim)?, region("box", config.visual_pos_dim)?],
            language: stack("layer", config.l_layers, LANGUAGE)?,
            vision: stack("r_layers", config.r_layers, VISION)?,
            cross: (0..config.x_layers).map(cross).collect::<Result<_, ModelError>>()?,
            pooler: linear(&config.base("pooler.dense"), width, width)?,
            pretraining: PretrainingHeads::load(source, config)?,
            answers: config.has_answers().then(answers).transpose()?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &LxmertConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        Initialiser::new(streams).fill(&shapes, shapes.keys(), deviation(config.hidden_size))
    }

    /// Given weights as far as they go and have the right shape, under any of the names that files have for them, and
    /// initial ones for the rest.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn complete(
        config: &LxmertConfig,
        given: &Weights,
        streams: &Streams,
    ) -> Result<Weights, ModelError> {
        complete(&config.shapes(), given, LxmertConfig::spellings, deviation(config.hidden_size), *streams)
    }

    /// The same encoders for a task, and weights for it: the given ones, with new layers over answers where these are others.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_head(
        config: &LxmertConfig,
        given: &Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(LxmertConfig, Weights), ModelError> {
        let own = config.clone().with_head(head);
        let mut given = given.clone();
        let changes_head = (own.head == LxmertHead::Images) != (config.head == LxmertHead::Images);
        if config.labels != own.labels || changes_head {
            given.retain(|name, _| !name.contains("logit_fc."));
        }
        let weights = Self::complete(&own, &given, streams)?;
        Ok((own, weights))
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &LxmertConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps.
    ///
    /// # Errors
    /// When text or regions do not fit the model.
    pub fn trace(
        &self,
        input: &LxmertInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let images = self.config.images();
        let repeated = (images > 1).then(|| input.repeated(images));
        let LxmertInput { tokens, segments, regions, selected } = repeated.as_ref().unwrap_or(input);
        let dropout = self.config.hidden_dropout_prob;
        trace.record_mask(LANGUAGE, &tokens.mask);
        trace.record_mask(VISION, &regions.mask);
        let masks = [&tokens.mask, &regions.mask];
        let sequences = Sequences::together(masks, tokens.batch, trace.wanted())?;
        let [of_language, of_vision] = &sequences;
        let positions = counted_positions(tokens, self.config.max_position_embeddings)?;
        let words = self.words.sum(tokens, of_language, &positions, [segments.as_ref(), None])?;
        let mut language = pass.dropout(&self.word_norm.forward(&words)?, dropout)?;
        let regions = of_vision.unpad(&self.embed(regions, tokens.batch)?)?;
        let mut vision = pass.dropout(&regions, dropout)?;
        let masks = sequences.each_ref().map(Sequences::attention);
        let across = [of_language.attention_to(of_vision), of_vision.attention_to(of_language)];
        for (index, layer) in self.language.iter().enumerate() {
            language = layer.forward(&language, &masks[0], pass, &mut trace)?;
            of_language.record(&tap(LANGUAGE, "hidden", index), &language, &mut trace)?;
        }
        for (index, layer) in self.vision.iter().enumerate() {
            vision = layer.forward(&vision, &masks[1], pass, &mut trace)?;
            of_vision.record(&tap(VISION, "hidden", index), &vision, &mut trace)?;
        }
        for (index, layer) in self.cross.iter().enumerate() {
            let both = [language, vision];
            [language, vision] = layer.forward(&both, (&masks, &across), pass, dropout, &mut trace)?;
            let [own, other] = [self.language.len() + index, self.vision.len() + index];
            of_language.record(&tap(LANGUAGE, "hidden", own), &language, &mut trace)?;
            of_vision.record(&tap(VISION, "hidden", other), &vision, &mut trace)?;
        }
        let table = &self.words.words;
        self.pretraining.record_words((&language, of_language), table, selected.as_ref(), &mut trace)?;
        self.pretraining.record_regions((&vision, of_vision), &mut trace)?;
        let logits = self.answers.as_ref().filter(|_| trace.wants("logits"));
        if logits.is_some() || trace.wants("pooled") || self.pretraining.reads_pooled(&trace) {
            let pooled = self.pooler.forward(&of_language.first(&language)?, Activation::Tanh)?;
            trace.record("pooled", &pooled);
            self.pretraining.record_relation(&pooled, &mut trace)?;
            if let Some((inner, norm, outer)) = logits {
                let (rows, width) = pooled.dims2()?;
                let pooled = pooled.reshape((rows / images, images * width))?;
                let inner = norm.forward(&inner.forward(&pooled, Activation::Gelu)?)?;
                trace.record("logits", &outer.forward(&inner, Activation::Identity)?);
            }
        }
        Ok(trace)
    }

    /// The mean of normed features and normed boxes, `[batch, regions, width]`.
    fn embed(&self, regions: &Regions, batch: usize) -> Result<Tensor, ModelError> {
        let boxes = regions.boxes.as_ref().ok_or_else(|| {
            ModelError::Input("LXMERT reads regions with their boxes, and there are no boxes".into())
        })?;
        regions.check(batch, self.config.visual_feat_dim)?;
        let (numbers, expected) = (boxes.dim(2)?, self.config.visual_pos_dim);
        if numbers != expected {
            return Err(ModelError::Input(format!(
                "boxes have {numbers} numbers; the model reads {expected}"
            )));
        }
        let [features, places] = &self.regions;
        let embed = |(linear, norm): &(Linear, Norm), x: &Tensor| {
            Ok::<_, ModelError>(norm.forward(&linear.forward(&x.contiguous()?, Activation::Identity)?)?)
        };
        Ok(((embed(features, &regions.features)? + embed(places, boxes)?)? * 0.5)?)
    }
}

impl LxmertInput {
    /// The same with each text so many times, one behind another, once for each of its images.
    fn repeated(&self, images: usize) -> Self {
        let rows = |values: &Arc<Vec<u32>>| Arc::new(repeated_rows(values, self.tokens.length, images));
        Self {
            tokens: self.tokens.repeated(images),
            segments: self.segments.as_ref().map(rows),
            regions: self.regions.clone(),
            selected: None,
        }
    }
}

impl CrossLayer {
    fn forward(
        &self,
        [language, vision]: &[Tensor; 2],
        (masks, across): (&[AttentionMask; 2], &[AttentionMask; 2]),
        pass: Pass<'_>,
        dropout: f32,
        trace: &mut Trace,
    ) -> Result<[Tensor; 2], ModelError> {
        let mut look = |side: &Side, own: &Tensor, other: &Tensor, mask: &AttentionMask| {
            let seen = side.cross.forward(own, &side.cross.project_memory(other)?, mask, pass, trace)?;
            self.norm.after(own, &seen, pass, dropout)
        };
        let language_seen = look(&self.language, language, vision, &across[0])?;
        let vision_seen = look(&self.vision, vision, language, &across[1])?;
        Ok([
            self.language.layer.forward(&language_seen, &masks[0], pass, trace)?,
            self.vision.layer.forward(&vision_seen, &masks[1], pass, trace)?,
        ])
    }
}

const LANGUAGE: &str = "language";
const VISION: &str = "vision";
