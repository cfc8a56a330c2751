//! Structure of an encoder-decoder: all that its network and its graphs are made by.

use std::collections::HashSet;

use super::positions::Positions;
use crate::layers::{AttentionNames, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, activation};
use crate::{ModelError, Outline, Stream};

/// Names of the tensors of one layer of the decoder, `.weight` and `.bias` left out.
#[derive(Debug, Clone)]
pub struct DecoderNames {
    /// Self-attention.
    pub attention: AttentionNames,
    /// Its norm.
    pub attention_norm: String,
    /// Attention to the encoder's output.
    pub cross: AttentionNames,
    /// Its norm.
    pub cross_norm: String,
    /// First and second linear layer of the feed-forward sublayer, and its norm.
    pub feed_forward: [String; 3],
    /// Linear layer whose output multiplies that of the first one, where the sublayer is gated.
    pub gate: Option<String>,
}

impl DecoderNames {
    /// All of them, each layer's in the same order.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        let projections = |names: AttentionNames| [names.query, names.key, names.value, names.output];
        let own = projections(self.attention).into_iter().chain([self.attention_norm]);
        let cross = projections(self.cross).into_iter().chain([self.cross_norm]);
        own.chain(cross).chain(self.feed_forward).chain(self.gate).collect()
    }
}

/// One of the two stacks of layers.
#[derive(Debug, Clone)]
pub struct Stack<N> {
    /// Names of the tensors of each layer.
    pub layers: Vec<N>,
    /// Attention heads.
    pub heads: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Name of the norm of the embeddings.
    pub embedding_norm: Option<String>,
    /// Name of the norm behind all layers.
    pub last_norm: Option<String>,
}

/// A table with a row for each word, and the name of its tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordTable {
    /// Name.
    pub name: &'static str,
    /// Rows.
    pub rows: usize,
}

/// Probabilities of dropout in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropouts {
    /// Of embeddings and sublayers.
    pub hidden: f32,
    /// Of attention probabilities.
    pub attention: f32,
    /// Within feed-forward sublayers, behind the activation.
    pub inner: f32,
    /// Of the states behind the last norm of a stack.
    pub last: f32,
}

/// Structure of an encoder-decoder.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "families differ in each of them")]
pub struct Structure {
    /// Width of hidden states.
    pub width: usize,
    /// Width of a head; left out, heads divide the width of hidden states.
    pub head_width: Option<usize>,
    /// The encoder.
    pub encoder: Stack<EncoderNames>,
    /// The decoder.
    pub decoder: Stack<DecoderNames>,
    /// Activation of the feed-forward sublayers, as transformers calls it.
    pub activation: String,
    /// Number that norms add to the variance or to the mean square.
    pub epsilon: f64,
    /// Whether norms stand before the sublayers, and not behind their residual sums.
    pub is_norm_first: bool,
    /// Whether norms divide by the root mean square, and have no bias.
    pub has_root_norms: bool,
    /// Whether linear layers have biases.
    pub has_biases: bool,
    /// Whether products of queries and keys are taken as they are, and not divided by the root of a head's width.
    pub is_unscaled: bool,
    /// Whether the tap of the last hidden state is behind the last norm of its stack.
    pub taps_last_norm: bool,
    /// Dropout.
    pub dropouts: Dropouts,
    /// Tables of the words of source and target, and the matrix of the logits; several may be one tensor.
    pub word_tables: [WordTable; 3],
    /// Name of the bias of the logits, which files need not have.
    pub logits_bias: Option<&'static str>,
    /// Factor on embeddings of words.
    pub embedding_scale: f32,
    /// Factor on the last state before the logits.
    pub output_scale: f32,
    /// Positions.
    pub positions: Positions,
    /// Most tokens of a sequence; none where its positions have no limit.
    pub max_length: Option<usize>,
    /// Most tokens of a text that is written where nobody says another number.
    pub usual_max_length: usize,
    /// First token of the decoder, the token that ends a text, and padding.
    pub special_tokens: [u32; 3],
}

impl Structure {
    /// Width of all heads of a stack together.
    #[must_use]
    pub fn attention_width(&self, heads: usize) -> usize {
        self.head_width.map_or(self.width, |width| width * heads)
    }

    /// Names of the tensors of all layers, whole.
    #[must_use]
    pub fn layer_tensors(&self) -> HashSet<String> {
        let encoder = self.encoder.layers.iter().cloned().flat_map(EncoderNames::all);
        let decoder = self.decoder.layers.iter().cloned().flat_map(DecoderNames::all);
        let parts = |name: String| ["weight", "bias"].map(|part| format!("{name}.{part}"));
        encoder.chain(decoder).flat_map(parts).collect()
    }

    /// Sizes of the layers of the encoder and of the decoder.
    pub(super) fn sizes(&self) -> Result<[LayerSizes; 2], ModelError> {
        let activation = activation(&self.activation)?;
        let sizes = |heads, intermediate_size| LayerSizes {
            width: self.width,
            heads,
            intermediate_size,
            activation,
            epsilon: self.epsilon,
            dropout: self.dropouts.hidden,
            attention_dropout: self.dropouts.attention,
            norms: if self.is_norm_first { Norms::Before } else { Norms::After },
            biases: self.biases(),
            options: LayerOptions {
                head_width: self.head_width,
                is_unscaled: self.is_unscaled,
                has_root_norms: self.has_root_norms,
                inner_dropout: self.dropouts.inner,
            },
        };
        Ok([
            sizes(self.encoder.heads, self.encoder.intermediate_size),
            sizes(self.decoder.heads, self.decoder.intermediate_size),
        ])
    }

    pub(super) fn biases(&self) -> Biases {
        Biases { linear: self.has_biases, norm: !self.has_root_norms }
    }

    /// The streams `encoder` and `decoder`, and `cross`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = |layers, heads| Stream::new(layers, self.width, heads);
        let (encoder, decoder) = (&self.encoder, &self.decoder);
        let streams = [
            ("encoder".to_owned(), stream(encoder.layers.len(), encoder.heads)),
            ("decoder".to_owned(), stream(decoder.layers.len(), decoder.heads)),
            ("cross".to_owned(), stream(decoder.layers.len(), decoder.heads).without_hidden()),
        ];
        let [.., output] = self.word_tables;
        Outline {
            streams: streams.into_iter().collect(),
            classes: output.rows,
            classes_of_tokens: true,
            ..Outline::default()
        }
    }
}
