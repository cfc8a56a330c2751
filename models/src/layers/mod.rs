//! Blocks that architectures share.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{
    self, Activation, AttentionMask, Dropout, Heads, attend_cross, attend_packed, attend_with_taps,
    pack_affine,
};
use alambic_tensor::parameters::Weights;

use crate::{ModelError, Trace};

/// What a forward pass is for.
#[derive(Debug, Clone, Copy)]
pub enum Pass<'a> {
    /// Nothing is dropped.
    Evaluate,
    /// Dropout masks come from here.
    Train(&'a Dropout),
}

impl Pass<'_> {
    pub(crate) fn mask(self, tensor: &Tensor, probability: f32) -> Option<ops::Mask> {
        match self {
            Self::Evaluate => None,
            Self::Train(dropout) => dropout.mask(tensor.elem_count(), probability),
        }
    }

    pub(crate) fn dropout(self, tensor: &Tensor, probability: f32) -> Result<Tensor, ModelError> {
        Ok(ops::dropout(tensor, self.mask(tensor, probability))?)
    }
}

/// Named weights with a prefix, checked for their shapes as they are taken.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    weights: &'a Weights,
}

impl<'a> Source<'a> {
    pub(crate) fn new(weights: &'a Weights) -> Self {
        Self { weights }
    }

    pub(crate) fn tensor(self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        let tensor = self.weights.get(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
        if tensor.dims() == shape {
            Ok(tensor.clone())
        } else {
            Err(ModelError::Shape {
                name: name.to_owned(),
                found: tensor.dims().to_vec(),
                expected: shape.to_vec(),
            })
        }
    }
}

/// A linear layer with bias.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    pub(crate) fn load(
        source: Source<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            weight: source.tensor(&format!("{name}.weight"), &[outputs, inputs])?,
            bias: source.tensor(&format!("{name}.bias"), &[outputs])?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor, ModelError> {
        Ok(ops::linear(x, &self.weight, Some(&self.bias), activation)?)
    }
}

/// Linear layers over one input, computed as one product.
#[derive(Debug, Clone)]
struct Packed {
    layers: Vec<Linear>,
    /// The stacked weights, when they are constant.
    stacked: Option<Linear>,
}

impl Packed {
    fn new(layers: Vec<Linear>) -> Result<Self, ModelError> {
        let constant = layers.iter().all(|layer| !layer.weight.track_op() && !layer.bias.track_op());
        let stacked = if constant {
            let weights: Vec<&Tensor> = layers.iter().map(|layer| &layer.weight).collect();
            let biases: Vec<&Tensor> = layers.iter().map(|layer| &layer.bias).collect();
            Some(Linear { weight: Tensor::cat(&weights, 0)?, bias: Tensor::cat(&biases, 0)? })
        } else {
            None
        };
        Ok(Self { layers, stacked })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        if let Some(stacked) = &self.stacked {
            return stacked.forward(x, Activation::Identity);
        }
        let weights: Vec<&Tensor> = self.layers.iter().map(|layer| &layer.weight).collect();
        let biases: Vec<&Tensor> = self.layers.iter().map(|layer| &layer.bias).collect();
        Ok(ops::linear_packed(x, &weights, &biases)?)
    }
}

/// The layer norm that ends a post-norm sublayer.
#[derive(Debug, Clone)]
pub(crate) struct ResidualNorm {
    weight: Tensor,
    bias: Tensor,
    /// Both packed, when they are constant.
    packed: Option<Tensor>,
    epsilon: f64,
}

impl ResidualNorm {
    pub(crate) fn load(
        source: Source<'_>,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[width])?;
        let bias = source.tensor(&format!("{name}.bias"), &[width])?;
        let packed =
            if weight.track_op() || bias.track_op() { None } else { Some(pack_affine(&weight, &bias)?) };
        Ok(Self { weight, bias, packed, epsilon })
    }

    /// `layer_norm(x + dropout(sublayer))`.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        sublayer: &Tensor,
        pass: Pass<'_>,
        probability: f32,
    ) -> Result<Tensor, ModelError> {
        let mask = pass.mask(sublayer, probability);
        let affine = match &self.packed {
            Some(packed) => packed.clone(),
            None => pack_affine(&self.weight, &self.bias)?,
        };
        Ok(ops::residual_layer_norm(x, sublayer, &affine, self.epsilon, mask)?)
    }
}

/// Multi-head attention with its projections.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    /// Query, key and value for self-attention; empty otherwise.
    self_projection: Option<Packed>,
    query: Linear,
    key_value: Packed,
    output: Linear,
    heads: Heads,
    /// `encoder`, `decoder` or `cross`, and the layer, for the names of taps.
    place: (&'static str, usize),
}

impl Attention {
    /// Loads `name.{q,k,v,out}_proj`.
    pub(crate) fn load(
        source: Source<'_>,
        name: &str,
        width: usize,
        heads: usize,
        place: (&'static str, usize),
    ) -> Result<Self, ModelError> {
        let linear = |part: &str| Linear::load(source, &format!("{name}.{part}"), width, width);
        let (query, key, value) = (linear("q_proj")?, linear("k_proj")?, linear("v_proj")?);
        let own = place.0 != "cross";
        Ok(Self {
            self_projection: own
                .then(|| Packed::new(vec![query.clone(), key.clone(), value.clone()]))
                .transpose()?,
            query,
            key_value: Packed::new(vec![key, value])?,
            output: linear("out_proj")?,
            heads: Heads::new(heads, width)?,
            place,
        })
    }

    /// Self-attention over `x` `[batch, length, width]`.
    pub(crate) fn attend_self(
        &self,
        x: &Tensor,
        mask: &AttentionMask,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let Some(projection) = &self.self_projection else {
            return Err(ModelError::Configuration("cross-attention used as self-attention".into()));
        };
        let packed = projection.forward(x)?;
        let context = if self.tapped(trace) {
            let width = x.dim(2)?;
            let part = |index: usize| packed.narrow(2, index * width, width);
            self.with_taps(&part(0)?, &part(1)?, &part(2)?, mask, trace)?
        } else {
            attend_packed(&packed, self.heads, mask)?
        };
        self.output.forward(&context, Activation::Identity)
    }

    /// Attention of `x` over a memory whose keys and values are projected by [`Self::project_memory`].
    pub(crate) fn attend_memory(
        &self,
        x: &Tensor,
        key_value: &Tensor,
        mask: &AttentionMask,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let query = self.query.forward(x, Activation::Identity)?;
        let context = if self.tapped(trace) {
            let width = x.dim(2)?;
            let (key, value) = (key_value.narrow(2, 0, width)?, key_value.narrow(2, width, width)?);
            self.with_taps(&query, &key, &value, mask, trace)?
        } else {
            attend_cross(&query, key_value, self.heads, mask)?
        };
        self.output.forward(&context, Activation::Identity)
    }

    /// Keys and values of a memory, `[batch, length, 2 * width]`.
    pub(crate) fn project_memory(&self, memory: &Tensor) -> Result<Tensor, ModelError> {
        self.key_value.forward(memory)
    }

    /// Query, key and value of new tokens for a cache, `[batch, 1, 3 * width]`.
    pub(crate) fn project_step(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        match &self.self_projection {
            Some(projection) => projection.forward(x),
            None => Err(ModelError::Configuration("cross-attention has no cache of its own".into())),
        }
    }

    /// One decoding step over a cache `[batch, capacity, 2 * width]` of which `length` rows are used.
    pub(crate) fn attend_cached(
        &self,
        query: &Tensor,
        cache: &[f32],
        capacity: usize,
        length: usize,
    ) -> Result<Tensor, ModelError> {
        let context = ops::attend_cached(query, cache, capacity, length, self.heads)?;
        self.output.forward(&context, Activation::Identity)
    }

    fn tap(&self, kind: &str) -> String {
        format!("{}.{kind}.{}", self.place.0, self.place.1)
    }

    fn tapped(&self, trace: &Trace) -> bool {
        ["queries", "keys", "values", "scores", "attention"].iter().any(|kind| trace.wants(&self.tap(kind)))
    }

    fn with_taps(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        mask: &AttentionMask,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let (context, scores, probabilities) = attend_with_taps(query, key, value, self.heads, mask)?;
        for (kind, tensor) in [
            ("queries", query),
            ("keys", key),
            ("values", value),
            ("scores", &scores),
            ("attention", &probabilities),
        ] {
            trace.record(&self.tap(kind), tensor);
        }
        Ok(context)
    }
}
