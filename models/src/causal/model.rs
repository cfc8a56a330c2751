//! The network of a decoder-only transformer, which gives the states of a text that is read from left to right.

use std::sync::Arc;

use alambic_tensor::candle::{D, Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{self, Activation, AttentionHeads, AttentionMask, Rotation, attend, rotate};
use alambic_tensor::parameters::Weights;

use super::config::{CausalConfig, CausalFamily};
use super::names::OUTPUT;
use crate::layers::{Linear, Norm, Sequences, WeightSource, activation, counted_positions};
use crate::outline::tap;
use crate::text_encoder::{Pooler, TextInput};
use crate::{ModelError, TapSelection, Tokens, Trace};

/// A norm of the family: GPT-2's are by mean and deviation, those of others by the root mean square.
fn load_norm(
    config: &CausalConfig,
    source: WeightSource<'_>,
    name: &str,
    width: usize,
) -> Result<Norm, ModelError> {
    let load = if config.family == CausalFamily::Gpt2 { Norm::load } else { Norm::load_root };
    load(source, name, width, config.epsilon)
}

/// Queries, keys and values of a layer.
#[derive(Debug, Clone)]
enum Projections {
    /// In one tensor.
    Together(Linear),
    /// In three.
    Apart([Linear; 3]),
}

/// A layer.
#[derive(Debug, Clone)]
struct CausalLayer {
    norms: [Norm; 2],
    projections: Projections,
    /// Norms of the heads of queries and keys.
    head_norms: Option<[Norm; 2]>,
    output: Linear,
    /// Linear layers of the feed-forward sublayer: the inner ones, of which the first is activated, and the outer one.
    inner: Vec<Linear>,
    outer: Linear,
    activation: Activation,
}

impl CausalLayer {
    fn load(config: &CausalConfig, source: WeightSource<'_>, layer: usize) -> Result<Self, ModelError> {
        let part = |part: &str| config.part(layer, part);
        let (width, inner, [queries, keys]) = (config.width, config.intermediate_size, config.projected());
        let norm = |name: &str| load_norm(config, source, &part(name), width);
        let activation = activation(&config.activation)?;
        if config.family == CausalFamily::Gpt2 {
            let linear =
                |name: &str, inputs, outputs| Linear::load_transposed(source, &part(name), inputs, outputs);
            return Ok(Self {
                norms: [norm("ln_1")?, norm("ln_2")?],
                projections: Projections::Together(linear("attn.c_attn", width, 3 * width)?),
                head_norms: None,
                output: linear("attn.c_proj", width, width)?,
                inner: vec![linear("mlp.c_fc", width, inner)?],
                outer: linear("mlp.c_proj", inner, width)?,
                activation,
            });
        }
        let [has_bias, has_output_bias] = config.attention_biases;
        let project = |name: &str, outputs| {
            Linear::load_with(source, &part(&format!("self_attn.{name}")), width, outputs, has_bias)
        };
        let feed_forward = |name: &str, inputs, outputs| {
            let has_bias = config.feed_forward_biases;
            Linear::load_with(source, &part(&format!("mlp.{name}")), inputs, outputs, has_bias)
        };
        let head_norm =
            |name: &str| load_norm(config, source, &part(&format!("self_attn.{name}")), config.head_width);
        let has_head_norms = config.family == CausalFamily::Qwen3;
        Ok(Self {
            norms: [norm("input_layernorm")?, norm("post_attention_layernorm")?],
            projections: Projections::Apart([
                project("q_proj", queries)?,
                project("k_proj", keys)?,
                project("v_proj", keys)?,
            ]),
            head_norms: if has_head_norms {
                Some([head_norm("q_norm")?, head_norm("k_norm")?])
            } else {
                None
            },
            output: Linear::load_with(source, &part("self_attn.o_proj"), queries, width, has_output_bias)?,
            inner: vec![feed_forward("gate_proj", width, inner)?, feed_forward("up_proj", width, inner)?],
            outer: feed_forward("down_proj", inner, width)?,
            activation,
        })
    }

    fn forward(&self, hidden: &Tensor, attention: &Attention<'_>) -> Result<Tensor, ModelError> {
        let attended = self.attend(&self.norms[0].forward(hidden)?, attention)?;
        let hidden = (hidden + self.output.forward(&attended, Activation::Identity)?)?;
        let normed = self.norms[1].forward(&hidden)?;
        let inner = match self.inner.as_slice() {
            [activated, factor] => {
                let activated = activated.forward(&normed, self.activation)?;
                (activated * factor.forward(&normed, Activation::Identity)?)?
            }
            [only] => only.forward(&normed, self.activation)?,
            _ => {
                return Err(ModelError::Configuration(
                    "a feed-forward sublayer has one inner layer or two".into(),
                ));
            }
        };
        Ok((hidden + self.outer.forward(&inner, Activation::Identity)?)?)
    }

    fn attend(&self, x: &Tensor, attention: &Attention<'_>) -> Result<Tensor, ModelError> {
        let project = |linear: &Linear| linear.forward(x, Activation::Identity);
        let [mut query, mut key, mut value] = match &self.projections {
            Projections::Together(linear) => {
                let packed = project(linear)?;
                let width = packed.dim(D::Minus1)? / 3;
                let part = |index| packed.narrow(D::Minus1, index * width, width)?.contiguous();
                [part(0)?, part(1)?, part(2)?]
            }
            Projections::Apart([query, key, value]) => [project(query)?, project(key)?, project(value)?],
        };
        if let Some([of_queries, of_keys]) = &self.head_norms {
            query = by_head(&query, attention.head_width, of_queries)?;
            key = by_head(&key, attention.head_width, of_keys)?;
        }
        if let Some(rotation) = attention.rotation {
            let turned = |x: &Tensor| rotate(x, x.dim(D::Minus1)?, rotation, attention.positions);
            (query, key) = (turned(&query)?, turned(&key)?);
        }
        key = attention.repeated(&key)?;
        value = attention.repeated(&value)?;
        let heads = AttentionHeads::new(attention.heads, query.dim(D::Minus1)?)?;
        Ok(attend(&query, &key, &value, heads, attention.mask)?)
    }
}

/// The norm of each head of `[.., heads · width]`.
fn by_head(x: &Tensor, width: usize, norm: &Norm) -> Result<Tensor, ModelError> {
    Ok(norm.forward(&x.reshape(((), width))?)?.reshape(x.shape())?)
}

/// Attention that all layers share.
struct Attention<'a> {
    heads: usize,
    key_value_heads: usize,
    head_width: usize,
    rotation: Option<&'a Rotation>,
    positions: &'a Arc<Vec<u32>>,
    mask: &'a AttentionMask,
}

impl Attention<'_> {
    /// Heads of keys or values, each as often as heads of queries share it.
    fn repeated(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let times = self.heads / self.key_value_heads.max(1);
        if times == 1 {
            return Ok(x.clone());
        }
        let apart = x.reshape(((), self.key_value_heads, 1, self.head_width))?;
        let rows = apart.dim(0)?;
        let repeated = apart.expand((rows, self.key_value_heads, times, self.head_width))?.contiguous()?;
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.heads * self.head_width;
        }
        Ok(repeated.reshape(shape)?)
    }
}

/// A decoder-only transformer over given weights.
#[derive(Debug, Clone)]
pub struct CausalModel {
    config: CausalConfig,
    words: Tensor,
    positions: Option<Tensor>,
    rotation: Option<Rotation>,
    layers: Vec<CausalLayer>,
    norm: Norm,
    /// The matrix of the logits, where it is not the table of words.
    output: Option<Tensor>,
    pooling: Option<Pooler>,
}

impl CausalModel {
    /// Builds the model over weights as files have them.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &CausalConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.width);
        let table = |name: &str, rows: usize| source.tensor(name, &[rows, width]);
        let positions = config.rotation.is_none().then(|| table(&config.position_table(), config.positions));
        let output = (config.has_output && config.untied).then(|| table(OUTPUT, config.vocabulary));
        let pooling = config.pooling.as_ref().map(|pooling| Pooler::load(source, pooling, width));
        Ok(Self {
            words: table(&config.word_table(), config.vocabulary)?,
            positions: positions.transpose()?,
            rotation: config.rotation.map(|own| own.rotation(config.head_width, config.positions)),
            layers: (0..config.layers)
                .map(|layer| CausalLayer::load(config, source, layer))
                .collect::<Result<_, _>>()?,
            norm: load_norm(config, source, &config.last_norm(), width)?,
            output: output.transpose()?,
            pooling: pooling.transpose()?,
            config: config.clone(),
        })
    }

    /// The table of words, `[vocabulary, width]`.
    #[must_use]
    pub fn word_embeddings(&self) -> &Tensor {
        &self.words
    }

    /// One forward pass that reads the wanted taps: `hidden.i`, before the last norm; `pooled`, the state of the last token behind
    /// it; `logits` of each token; and with a pooling `embedding`.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn trace(&self, input: &TextInput, wanted: TapSelection) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let tokens = &input.tokens;
        crate::integers::check_rows("input_ids", &tokens.ids, self.config.vocabulary, "words")?;
        let sequences = Sequences::new(&tokens.mask, tokens.batch, trace.wanted())?;
        trace.record_mask("", &tokens.mask);
        let places = counted_positions(tokens, self.config.positions)?;
        let look_up =
            |table: &Tensor, ids| ops::embed(table, &sequences.select(ids), sequences.rows(), 1.0, None);
        let mut hidden = look_up(&self.words, &tokens.ids)?;
        if let Some(table) = &self.positions {
            hidden = (hidden + look_up(table, &places)?)?;
        }
        let mut hidden = sequences.looked_up(hidden)?;
        let mask = AttentionMask { causal: true, ..sequences.attention() };
        let places = sequences.select(&places);
        let attention = Attention {
            heads: self.config.heads,
            key_value_heads: self.config.key_value_heads,
            head_width: self.config.head_width,
            rotation: self.rotation.as_ref(),
            positions: &places,
            mask: &mask,
        };
        sequences.record(&tap("", "hidden", 0), &hidden, &mut trace)?;
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, &attention)?;
            sequences.record(&tap("", "hidden", index + 1), &hidden, &mut trace)?;
        }
        let states = self.norm.forward(&hidden)?;
        self.read(&states, &sequences, tokens, &mut trace)?;
        Ok(trace)
    }

    /// What is read of the normed states.
    fn read(
        &self,
        states: &Tensor,
        sequences: &Sequences,
        tokens: &Tokens,
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        if trace.wants("embedding")
            && let Some(pooling) = &self.pooling
        {
            trace.record("embedding", &pooling.forward(&sequences.pad(states)?, tokens)?);
        }
        if trace.wants("pooled") {
            let rows = tokens.mask.chunks(tokens.length.max(1)).enumerate();
            let last = rows.map(|(row, mask)| {
                (row * tokens.length + mask.iter().rposition(|&kept| kept == 1).unwrap_or(0)) as u32
            });
            let last = Tensor::new(last.collect::<Vec<u32>>(), device::current())?;
            let pooled = sequences.pad(states)?.flatten_to(1)?.index_select(&last, 0)?;
            trace.record("pooled", &pooled);
        }
        if self.config.has_output && trace.wants("logits") {
            let matrix = self.output.as_ref().unwrap_or(&self.words);
            let logits = ops::linear(states, matrix, None, Activation::Identity)?;
            trace.record("logits", &sequences.pad(&logits)?);
        }
        Ok(())
    }
}
