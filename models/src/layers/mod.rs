//! Blocks that architectures share.

mod answers;
mod attention;
mod cache;
mod disentangled;
mod embeddings;
mod encoder;
mod feed_forward;
mod patch_embeddings;
mod recurrent;
mod relative;
mod sequences;
mod shapes;
mod sizes;
mod tower;
mod vocabulary;

use alambic_files::text::quoted;
use alambic_tensor::candle::{self, DType, Module, Tensor};
use alambic_tensor::ops::{self, Activation, Dropout, LinearWeight, pack_affine};
use alambic_tensor::parameters::Weights;

use crate::ModelError;

pub use answers::ANSWERS_EPSILON;
pub(crate) use answers::Answers;
pub use attention::AttentionNames;
pub(crate) use attention::{AttentionScheme, CrossAttention, Place, SelfAttention};
pub(crate) use cache::LayerCache;
pub use disentangled::PositionBuckets;
pub(crate) use disentangled::{DisentangledBias, TokenConvolution};
pub(crate) use embeddings::{TextEmbeddings, TextTables, counted_positions};
pub use encoder::EncoderNames;
pub(crate) use encoder::{Branch, Encoder, Layer};
pub(crate) use feed_forward::FeedForward;
pub(crate) use patch_embeddings::PatchEmbeddings;
pub(crate) use recurrent::Recurrent;
pub use relative::RelativeBuckets;
pub use sequences::is_padding_computed;
pub(crate) use sequences::{Sequences, first};
pub(crate) use shapes::Shapes;
pub(crate) use sizes::{Biases, LayerOptions, LayerSizes, Norms};
pub(crate) use tower::{Tower, weights_of_layers};
pub(crate) use vocabulary::Vocabulary;

/// Purpose of a forward pass.
#[derive(Debug, Clone, Copy)]
pub enum Pass<'a> {
    /// Nothing is dropped.
    Evaluate,
    /// Dropout masks come from here.
    Train(&'a Dropout),
}

impl Pass<'_> {
    /// A dropout mask for so many elements; none where nothing is dropped.
    pub(crate) fn mask(self, elements: usize, probability: f32) -> Option<ops::DropoutMask> {
        match self {
            Self::Evaluate => None,
            Self::Train(dropout) => dropout.mask(elements, probability),
        }
    }

    pub(crate) fn dropout(self, tensor: &Tensor, probability: f32) -> Result<Tensor, ModelError> {
        Ok(ops::dropout(tensor, self.mask(tensor.elem_count(), probability))?)
    }
}

/// The activation that a configuration names.
pub(crate) fn activation(name: &str) -> Result<Activation, ModelError> {
    match name {
        "relu" => Ok(Activation::Relu),
        "linear" => Ok(Activation::Identity),
        "gelu" | "gelu_python" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_accurate" => {
            Ok(Activation::GeluTanh)
        }
        "quick_gelu" => Ok(Activation::QuickGelu),
        "swish" | "silu" => Ok(Activation::Silu),
        "tanh" => Ok(Activation::Tanh),
        other => Err(ModelError::Configuration(format!(
            "activation `{}` is not known: use relu, gelu or gelu_python, gelu_new, gelu_fast, gelu_accurate, \
             gelu_pytorch_tanh or gelu_python_tanh, quick_gelu, swish or silu, tanh, linear",
            quoted(other)
        ))),
    }
}

/// Named weights, checked for their shapes as they are taken.
#[derive(Clone, Copy)]
pub(crate) struct WeightSource<'a> {
    weights: &'a Weights,
}

impl<'a> WeightSource<'a> {
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

/// A linear layer, with or without bias.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: LinearWeight,
    bias: Option<Tensor>,
}

impl Linear {
    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        let bias = source.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Self { bias: Some(bias), ..Self::load_matrix(source, name, inputs, outputs)? })
    }

    /// A layer with or without a bias.
    pub(crate) fn load_with(
        source: WeightSource<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
        has_bias: bool,
    ) -> Result<Self, ModelError> {
        let load = if has_bias { Self::load } else { Self::load_matrix };
        load(source, name, inputs, outputs)
    }

    /// A layer that has no bias.
    pub(crate) fn load_matrix(
        source: WeightSource<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[outputs, inputs])?;
        Ok(Self { weight: LinearWeight::new(weight), bias: None })
    }

    /// A layer whose matrix is stored as `[inputs, outputs]`.
    pub(crate) fn load_transposed(
        source: WeightSource<'_>,
        name: &str,
        inputs: usize,
        outputs: usize,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[inputs, outputs])?.t()?.contiguous()?;
        let bias = source.tensor(&format!("{name}.bias"), &[outputs])?;
        Ok(Self { weight: LinearWeight::new(weight), bias: Some(bias) })
    }

    /// A convolution over patches that do not overlap, which is a linear layer over each patch, `[channels, patch,
    /// patch]` in one row.
    pub(crate) fn load_patches(
        source: WeightSource<'_>,
        name: &str,
        [channels, patch, outputs]: [usize; 3],
        with_bias: bool,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[outputs, channels, patch, patch])?;
        let bias = with_bias.then(|| source.tensor(&format!("{name}.bias"), &[outputs])).transpose()?;
        Ok(Self { weight: LinearWeight::new(weight.flatten_from(1)?), bias })
    }

    /// A convolution over places whose neighbourhoods, `[kernel, kernel, channels]`, stand in one row.
    pub(crate) fn load_convolution(
        source: WeightSource<'_>,
        name: &str,
        [channels, kernel, outputs]: [usize; 3],
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[outputs, channels, kernel, kernel])?;
        let bias = source.tensor(&format!("{name}.bias"), &[outputs])?;
        let weight = weight.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?;
        Ok(Self { weight: LinearWeight::new(weight), bias: Some(bias) })
    }

    /// A convolution over tokens whose neighbourhoods, `[kernel, width]`, stand in one row.
    pub(crate) fn load_neighbours(
        source: WeightSource<'_>,
        name: &str,
        width: usize,
        kernel: usize,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[width, width, kernel])?;
        let bias = source.tensor(&format!("{name}.bias"), &[width])?;
        let weight = weight.transpose(1, 2)?.contiguous()?.flatten_from(1)?;
        Ok(Self { weight: LinearWeight::new(weight), bias: Some(bias) })
    }

    pub(crate) fn forward(&self, x: &Tensor, activation: Activation) -> Result<Tensor, ModelError> {
        Ok(self.weight.linear(x, self.bias.as_ref(), activation)?)
    }

    fn is_tracked(&self) -> bool {
        self.weight.tensor().track_op() || self.bias.as_ref().is_some_and(Tensor::track_op)
    }

    /// Weights of layers, and their biases: as many, or none.
    fn parts(layers: &[Self]) -> (Vec<&Tensor>, Vec<&Tensor>) {
        let biases = layers.iter().filter_map(|layer| layer.bias.as_ref());
        (layers.iter().map(|layer| layer.weight.tensor()).collect(), biases.collect())
    }
}

/// Linear layers over one input, computed as one product.
#[derive(Debug, Clone)]
enum Packed {
    /// To be stacked in every pass, for their gradients.
    Apart(Vec<Linear>),
    /// Stacked once, being constant, or stored so.
    Stacked(Linear),
}

impl Packed {
    fn new(layers: Vec<Linear>) -> Result<Self, ModelError> {
        if let [only] = layers.as_slice() {
            return Ok(Self::Stacked(only.clone()));
        }
        if layers.iter().any(Linear::is_tracked) {
            return Ok(Self::Apart(layers));
        }
        let (weights, biases) = Linear::parts(&layers);
        let weight = LinearWeight::new(Tensor::cat(&weights, 0)?);
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        Ok(Self::Stacked(Linear { weight, bias }))
    }

    /// Layers of these names; one whose outputs follow on each other where all have one name.
    fn load(
        source: WeightSource<'_>,
        names: &[&str],
        inputs: usize,
        outputs: usize,
        has_bias: bool,
    ) -> Result<Self, ModelError> {
        let load = |name: &str, outputs| Linear::load_with(source, name, inputs, outputs, has_bias);
        match names {
            [first, others @ ..] if others.iter().all(|other| other == first) => {
                Self::new(vec![load(first, names.len() * outputs)?])
            }
            _ => Self::new(names.iter().map(|name| load(name, outputs)).collect::<Result<_, _>>()?),
        }
    }

    /// All outputs, activated.
    fn activated(&self, x: &Tensor, activation: Activation) -> Result<Tensor, ModelError> {
        match self {
            Self::Stacked(only) => only.forward(x, activation),
            Self::Apart(_) => Ok(ops::activate(&self.forward(x)?, activation)?),
        }
    }
}

impl Module for Packed {
    fn forward(&self, x: &Tensor) -> candle::Result<Tensor> {
        match self {
            Self::Stacked(Linear { weight, bias }) => weight.linear(x, bias.as_ref(), Activation::Identity),
            Self::Apart(layers) => {
                let (weights, mut biases) = Linear::parts(layers);
                let zeros =
                    weights.iter().map(|weight| Tensor::zeros(weight.dim(0)?, DType::F32, x.device()));
                let zeros =
                    if biases.is_empty() { zeros.collect::<candle::Result<_>>()? } else { Vec::new() };
                biases.extend(&zeros);
                ops::linear_packed(x, &weights, &biases)
            }
        }
    }
}

/// A norm of states.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    weight: Tensor,
    epsilon: f64,
    kind: NormKind,
}

/// What a norm takes off and divides by.
#[derive(Debug, Clone)]
enum NormKind {
    /// Mean and deviation.
    Layer {
        bias: Tensor,
        /// Weight and bias packed, when they are constant.
        packed: Option<Tensor>,
    },
    /// Root mean square alone.
    Root,
}

impl Norm {
    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<Self, ModelError> {
        Self::load_with(source, name, width, epsilon, true)
    }

    /// A norm as the layers of these sizes have them.
    pub(crate) fn load_sized(
        source: WeightSource<'_>,
        name: &str,
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        if sizes.options.has_root_norms {
            return Self::load_root(source, name, sizes.width, sizes.epsilon);
        }
        Self::load_with(source, name, sizes.width, sizes.epsilon, sizes.biases.norm)
    }

    /// A norm by the root mean square.
    pub(crate) fn load_root(
        source: WeightSource<'_>,
        name: &str,
        width: usize,
        epsilon: f64,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[width])?;
        Ok(Self { weight, epsilon, kind: NormKind::Root })
    }

    /// A norm with or without a bias.
    pub(crate) fn load_with(
        source: WeightSource<'_>,
        name: &str,
        width: usize,
        epsilon: f64,
        has_bias: bool,
    ) -> Result<Self, ModelError> {
        let weight = source.tensor(&format!("{name}.weight"), &[width])?;
        let bias = if has_bias {
            source.tensor(&format!("{name}.bias"), &[width])?
        } else {
            weight.detach().zeros_like()?
        };
        let packed =
            if weight.track_op() || bias.track_op() { None } else { Some(pack_affine(&weight, &bias)?) };
        Ok(Self { weight, epsilon, kind: NormKind::Layer { bias, packed } })
    }

    /// Weight and bias of a layer norm; none of one by the root mean square.
    fn affine(&self) -> candle::Result<Option<Tensor>> {
        match &self.kind {
            NormKind::Root => Ok(None),
            NormKind::Layer { packed: Some(packed), .. } => Ok(Some(packed.clone())),
            NormKind::Layer { bias, packed: None } => pack_affine(&self.weight, bias).map(Some),
        }
    }

    /// `norm(x + dropout(sublayer))`, the end of a post-norm sublayer.
    pub(crate) fn after(
        &self,
        x: &Tensor,
        sublayer: &Tensor,
        pass: Pass<'_>,
        probability: f32,
    ) -> Result<Tensor, ModelError> {
        let Some(affine) = self.affine()? else {
            return Ok(self.forward(&(x + pass.dropout(sublayer, probability)?)?)?);
        };
        let mask = pass.mask(sublayer.elem_count(), probability);
        Ok(ops::residual_layer_norm(x, sublayer, &affine, self.epsilon, mask)?)
    }
}

/// `norm(x)`.
impl Module for Norm {
    fn forward(&self, x: &Tensor) -> candle::Result<Tensor> {
        match self.affine()? {
            Some(affine) => ops::layer_norm(x, &affine, self.epsilon),
            None => ops::root_norm(x, &self.weight, self.epsilon),
        }
    }
}
