//! The network.

use alambic_tensor::candle::{D, Module, Tensor};
use alambic_tensor::ops::{self, Activation, AttentionHeads, AttentionMask, attend};
use alambic_tensor::parameters::Weights;

use super::config::{SiglipConfig, SiglipTextConfig, SiglipVisionConfig};
use crate::clip::ClipInput;
use crate::layers::{
    Encoder, Linear, Norm, Pass, PatchEmbeddings, Sequences, TextEmbeddings, TextTables, Tower, WeightSource,
    activation, counted_positions,
};
use crate::{LAST_STATE, ModelError, Patches, TapSelection, Tokens, Trace};

/// The text encoder: all places are read, padding too, and the last one stands for the text.
#[derive(Debug, Clone)]
struct TextTower {
    words: TextEmbeddings,
    encoder: Encoder,
    norm: Norm,
    head: Linear,
    positions: usize,
}

/// The image encoder: attention of a learnt query over the patches gives the embedding.
#[derive(Debug, Clone)]
struct ImageTower {
    patches: PatchEmbeddings,
    encoder: Encoder,
    norm: Norm,
    head: Option<PoolingHead>,
}

/// Attention pooling.
#[derive(Debug, Clone)]
struct PoolingHead {
    /// `[1, 1, width]`.
    probe: Tensor,
    /// Query, key and value, `[3 * width, width]` and `[3 * width]`.
    input: (Tensor, Tensor),
    output: Linear,
    norm: Norm,
    inner: Linear,
    outer: Linear,
    activation: Activation,
    heads: usize,
}

/// A SigLIP model, or one of its towers, over given weights.
#[derive(Debug, Clone)]
pub struct Siglip {
    config: SiglipConfig,
    text: Option<TextTower>,
    image: Option<ImageTower>,
    /// The logarithm of the factor on similarities, and what is added to them, `[1]` each.
    scale: Option<(Tensor, Tensor)>,
}

fn encoder(source: WeightSource<'_>, tower: &Tower<'_>, stream: &'static str) -> Result<Encoder, ModelError> {
    let layers: Vec<_> = (0..tower.layers).map(|index| tower.layer(index)).collect();
    Encoder::load(source, &layers, &tower.sizes()?, stream)
}

impl TextTower {
    fn load(source: WeightSource<'_>, own: &SiglipTextConfig, is_alone: bool) -> Result<Self, ModelError> {
        let (tower, width) = (own.tower(is_alone), own.hidden_size);
        let table = |kind: &str| format!("{}embeddings.{kind}_embedding.weight", tower.base);
        let tables = TextTables {
            words: (table("token"), own.vocab_size),
            positions: Some((table("position"), own.max_position_embeddings)),
            segments: None,
            languages: None,
        };
        let norm = format!("{}final_layer_norm", tower.base);
        Ok(Self {
            words: TextEmbeddings::load(source, &tables, width)?,
            encoder: encoder(source, &tower, if is_alone { "" } else { "text" })?,
            norm: Norm::load(source, &norm, width, own.layer_norm_eps)?,
            head: Linear::load(source, &format!("{}head", tower.base), width, own.embedding_width())?,
            positions: own.max_position_embeddings,
        })
    }

    /// The embedding of each text, `[batch, width]`.
    fn forward(
        &self,
        tokens: &Tokens,
        stream: &str,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let all = std::sync::Arc::new(vec![1; tokens.ids.len()]);
        trace.record_mask(stream, &all);
        let sequences = Sequences::padded(&all, tokens.batch);
        let positions = counted_positions(tokens, self.positions)?;
        let embedded = self.words.sum(tokens, &sequences, &positions, [None, None])?;
        let depth = self.encoder.depth(trace.wanted());
        let hidden =
            self.encoder.forward(embedded, (&sequences, &AttentionMask::default()), depth, pass, trace)?;
        if trace.wants_last_state() {
            trace.record(LAST_STATE, &self.norm.forward(&hidden)?);
        }
        let last = hidden.narrow(1, tokens.length - 1, 1)?.squeeze(1)?.contiguous()?;
        self.head.forward(&self.norm.forward(&last)?, Activation::Identity)
    }
}

impl ImageTower {
    fn load(source: WeightSource<'_>, own: &SiglipVisionConfig, is_alone: bool) -> Result<Self, ModelError> {
        let (tower, width, grid) = (own.tower(is_alone), own.hidden_size, own.grid());
        let part = |part: &str| format!("{}{part}", tower.base);
        let positions = part("embeddings.position_embedding.weight");
        let patches = PatchEmbeddings {
            projection: Linear::load_patches(
                source,
                &part("embeddings.patch_embedding"),
                [own.num_channels, own.patch_size, width],
                true,
            )?,
            first: None,
            positions: source.tensor(&positions, &[grid * grid, width])?,
            grid,
        };
        Ok(Self {
            patches,
            encoder: encoder(source, &tower, if is_alone { "" } else { "image" })?,
            norm: Norm::load(source, &part("post_layernorm"), width, own.layer_norm_eps)?,
            head: own.vision_use_head.then(|| PoolingHead::load(source, own, &part("head"))).transpose()?,
        })
    }

    /// The embedding of each image, `[batch, width]`; none without a head.
    fn forward(
        &self,
        patches: &Patches,
        stream: &str,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Option<Tensor>, ModelError> {
        let batch = patches.values.dim(0)?;
        trace.record_mask(stream, &patches.mask);
        let sequences = Sequences::padded(&patches.mask, batch);
        let (depth, mask) = (self.encoder.depth(trace.wanted()), AttentionMask::default());
        let embedded = self.patches.forward(patches)?;
        let hidden = self.encoder.forward(embedded, (&sequences, &mask), depth, pass, trace)?;
        let hidden = self.norm.forward(&hidden)?;
        if trace.wants_last_state() {
            trace.record(LAST_STATE, &hidden);
        }
        self.head.as_ref().map(|head| head.forward(&hidden)).transpose()
    }
}

impl PoolingHead {
    fn load(source: WeightSource<'_>, own: &SiglipVisionConfig, name: &str) -> Result<Self, ModelError> {
        let (width, inner) = (own.hidden_size, own.intermediate_size);
        let part = |part: &str| format!("{name}.{part}");
        let linear = |own: &str, inputs, outputs| Linear::load(source, &part(own), inputs, outputs);
        Ok(Self {
            probe: source.tensor(&part("probe"), &[1, 1, width])?,
            input: (
                source.tensor(&part("attention.in_proj_weight"), &[3 * width, width])?,
                source.tensor(&part("attention.in_proj_bias"), &[3 * width])?,
            ),
            output: linear("attention.out_proj", width, width)?,
            norm: Norm::load(source, &part("layernorm"), width, own.layer_norm_eps)?,
            inner: linear("mlp.fc1", width, inner)?,
            outer: linear("mlp.fc2", inner, width)?,
            activation: activation(&own.hidden_act)?,
            heads: own.num_attention_heads,
        })
    }

    /// The vector `[batch, width]` of normed states `[batch, patches, width]`.
    fn forward(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        let (batch, _, width) = states.dims3()?;
        let (weights, biases) = &self.input;
        let project = |x: &Tensor, part: usize| -> Result<Tensor, ModelError> {
            let weight = weights.narrow(0, part * width, width)?.contiguous()?;
            let bias = biases.narrow(0, part * width, width)?.contiguous()?;
            Ok(ops::linear(x, &weight, Some(&bias), Activation::Identity)?)
        };
        let query = project(&self.probe, 0)?.broadcast_as((batch, 1, width))?.contiguous()?;
        let (key, value) = (project(states, 1)?, project(states, 2)?);
        let heads = AttentionHeads::new(self.heads, width)?;
        let context = attend(&query, &key, &value, heads, &AttentionMask::default())?;
        let pooled = self.output.forward(&context, Activation::Identity)?;
        let inner = self.inner.forward(&self.norm.forward(&pooled)?, self.activation)?;
        let sum = (pooled + self.outer.forward(&inner, Activation::Identity)?)?;
        Ok(sum.squeeze(1)?.contiguous()?)
    }
}

impl Siglip {
    /// Builds the model over given weights. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &SiglipConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, is_alone) = (WeightSource::new(weights), !config.is_dual());
        let text = config.text.as_ref().map(|own| TextTower::load(source, own, is_alone));
        let image = config.vision.as_ref().map(|own| ImageTower::load(source, own, is_alone));
        let number = |name: &str| source.tensor(name, &[1]);
        let scale =
            config.is_dual().then(|| Ok::<_, ModelError>((number("logit_scale")?, number("logit_bias")?)));
        Ok(Self {
            config: config.clone(),
            text: text.transpose()?,
            image: image.transpose()?,
            scale: scale.transpose()?,
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &SiglipConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps: with both towers `text.…`, `image.…` and `logits` by image, with one of them
    /// `hidden.i` and the like, `pooled` and, where it is named, [`LAST_STATE`]. A tower whose input is missing does not run.
    ///
    /// # Errors
    /// When text or image do not fit the model.
    pub fn trace(
        &self,
        input: &ClipInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let [of_text, of_image] = if self.config.is_dual() { ["text", "image"] } else { ["", ""] };
        let text = match (&self.text, &input.tokens) {
            (Some(tower), Some(tokens)) => Some(tower.forward(tokens, of_text, pass, &mut trace)?),
            _ => None,
        };
        let image = match (&self.image, &input.patches) {
            (Some(tower), Some(patches)) => tower.forward(patches, of_image, pass, &mut trace)?,
            _ => None,
        };
        let Some((scale, bias)) = &self.scale else {
            if let Some(pooled) = text.or(image) {
                trace.record("pooled", &pooled);
            }
            return Ok(trace);
        };
        let [text, image] = [text, image].map(|rows| rows.map(|rows| unit_length(&rows)).transpose());
        let (text, image) = (text?, image?);
        for (tap, embedding) in [("text.embedding", &text), ("image.embedding", &image)] {
            if let Some(embedding) = embedding {
                trace.record(tap, embedding);
            }
        }
        if let (Some(text), Some(image), true) = (&text, &image, trace.wants("logits")) {
            let similarities = image.matmul(&text.t()?)?.broadcast_mul(&scale.exp()?)?;
            trace.record("logits", &similarities.broadcast_add(bias)?);
        }
        Ok(trace)
    }
}

fn unit_length(rows: &Tensor) -> Result<Tensor, ModelError> {
    Ok(rows.broadcast_div(&rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?)
}
