//! Sizes and settings of a transformer layer.

use alambic_tensor::ops::Activation;

/// Place of the norm of a sublayer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Norms {
    /// After the residual sum: Marian, BERT, LXMERT.
    After,
    /// Before the sublayer: ViT, ViLT, CLIP.
    Before,
}

/// Biases that a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Biases {
    /// Of linear layers.
    pub(crate) linear: bool,
    /// Of norms.
    pub(crate) norm: bool,
}

impl Biases {
    pub(crate) const ALL: Self = Self { linear: true, norm: true };
}

/// Sizes and settings of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSizes {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Inner width of the feed-forward sublayer.
    pub(crate) intermediate_size: usize,
    pub(crate) activation: Activation,
    /// Added to the variance in layer norms.
    pub(crate) epsilon: f64,
    /// Of sublayers.
    pub(crate) dropout: f32,
    /// Of attention probabilities.
    pub(crate) attention_dropout: f32,
    pub(crate) norms: Norms,
    pub(crate) biases: Biases,
}
