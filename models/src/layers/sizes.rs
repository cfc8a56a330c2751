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

/// Settings of a layer that few architectures have otherwise than by default.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LayerOptions {
    /// Width of a head; left out, the heads divide the width of hidden states.
    pub(crate) head_width: Option<usize>,
    /// Whether products of queries and keys are taken as they are, and not divided by the root of a head's width.
    pub(crate) is_unscaled: bool,
    /// Whether norms divide by the root mean square, and do not take the mean off.
    pub(crate) has_root_norms: bool,
    /// Dropout within the feed-forward sublayer, behind its activation.
    pub(crate) inner_dropout: f32,
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
    pub(crate) options: LayerOptions,
}

impl LayerSizes {
    /// Width of all heads together.
    pub(crate) fn attention_width(&self) -> usize {
        self.options.head_width.map_or(self.width, |width| width * self.heads)
    }
}
