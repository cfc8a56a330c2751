//! Structure of text encoders: in what their families differ beside sizes.

use alambic_tensor::ops::Rotation;
use indexmap::IndexMap;

use crate::layers::{AttentionScheme, Biases, Norms, PositionBuckets};

/// Linear layers of a gated feed-forward sublayer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// In one tensor, that which is activated first.
    Together,
    /// In two.
    Apart,
}

/// Biases of the scores of attention by relative positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelativePositions {
    /// A number a head for each of so many buckets of distances, one table for all layers (MPNet).
    Buckets(usize),
    /// Scores of contents with embeddings of relative positions (DeBERTa).
    Disentangled(Disentangled),
}

/// Disentangled attention.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct Disentangled {
    /// Buckets of relative positions.
    pub buckets: PositionBuckets,
    /// Whether queries are compared with the keys of positions: `c2p`.
    pub content_to_position: bool,
    /// Whether keys are compared with the queries of positions: `p2c`.
    pub position_to_content: bool,
    /// Whether positions are projected by the layers' own queries and keys.
    pub is_shared: bool,
    /// Whether the embeddings of positions are normed.
    pub is_normed: bool,
    /// Tokens of a neighbourhood of the convolution beside the first layer, and its activation; none without one.
    pub convolution: Option<(usize, String)>,
}

/// Rotation of queries and keys, and which layers see only their neighbourhood.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotary {
    /// Base of the frequencies of layers that see all tokens.
    pub base: f64,
    /// Base of the frequencies of layers that see a window.
    pub local_base: f64,
    /// Tokens to either side that those see.
    pub window: usize,
    /// Whether each layer sees a window alone; as many as there are layers, or none where all see all.
    pub local: Vec<bool>,
}

impl Rotary {
    /// Rotation of layers that see all tokens.
    #[must_use]
    pub fn global(base: f64) -> Self {
        Self { base, local_base: base, window: 0, local: Vec::new() }
    }

    /// Whether a layer, counted from 0, sees a window alone.
    #[must_use]
    pub fn is_local(&self, layer: usize) -> bool {
        self.local.get(layer).copied().unwrap_or(false)
    }

    /// Attention of each of so many layers, over texts of at most `positions` tokens.
    pub(super) fn schemes(&self, layers: usize, head_width: usize, positions: usize) -> Vec<AttentionScheme> {
        let rotation = |base| Rotation::new(&Rotation::frequencies(base, head_width), positions);
        let global = AttentionScheme { rotation: Some(rotation(self.base)), ..AttentionScheme::default() };
        let local = self.local.contains(&true).then(|| AttentionScheme {
            rotation: Some(rotation(self.local_base)),
            window: Some(self.window),
            ..AttentionScheme::default()
        });
        let of = |layer| local.as_ref().filter(|_| self.is_local(layer)).unwrap_or(&global).clone();
        (0..layers).map(of).collect()
    }
}

/// Structure of a text encoder.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "families differ in each by itself")]
pub struct Structure {
    /// Width of the tables of embeddings, which a linear layer brings to that of hidden states; none where they are equal.
    pub embedding_width: Option<usize>,
    /// Whether positions are counted from the padding id on, as fairseq does.
    pub counts_from_padding: bool,
    /// Whether there is a table of positions.
    pub has_positions: bool,
    /// Whether the embeddings of padding are zero.
    pub masks_embeddings: bool,
    /// Whether the states of padding are zero after each layer, which no other token sees.
    pub masks_states: bool,
    /// Rows of the table of languages; 0 for none.
    pub languages: usize,
    /// Row of each language of that table, by its code, as far as the configuration names them.
    pub language_numbers: IndexMap<String, u32>,
    /// Rotation of queries and keys; none where positions come in otherwise.
    pub rotary: Option<Rotary>,
    /// Relative positions; none where positions come in otherwise.
    pub relative: Option<RelativePositions>,
    /// Whether norms stand before sublayers, and one after the last layer.
    pub is_pre_norm: bool,
    /// Whether linear layers of layers have biases.
    pub linear_biases: bool,
    /// Whether norms have biases.
    pub norm_biases: bool,
    /// Whether the linear layer before the logits of a head has a bias.
    pub head_biases: bool,
    /// Gate of the feed-forward sublayers; none for two linear layers.
    pub gate: Option<Gate>,
    /// Whether all layers have the same weights.
    pub is_shared: bool,
    /// Whether the head of texts reads the mean over tokens and not the first one, where its family has the choice.
    pub classifies_mean: bool,
}

impl Default for Structure {
    /// The structure of BERT.
    fn default() -> Self {
        Self {
            embedding_width: None,
            counts_from_padding: false,
            has_positions: true,
            masks_embeddings: false,
            masks_states: false,
            languages: 0,
            language_numbers: IndexMap::new(),
            rotary: None,
            relative: None,
            is_pre_norm: false,
            linear_biases: true,
            norm_biases: true,
            head_biases: true,
            gate: None,
            is_shared: false,
            classifies_mean: false,
        }
    }
}

impl Structure {
    pub(super) fn norms(&self) -> Norms {
        if self.is_pre_norm { Norms::Before } else { Norms::After }
    }

    pub(super) fn biases(&self) -> Biases {
        Biases { linear: self.linear_biases, norm: self.norm_biases }
    }

    /// Whether padding has to be computed: scores by relative positions are of padded texts.
    pub(super) fn needs_padding(&self) -> bool {
        self.relative.is_some()
    }

    /// The structure of chosen layers, counted from 0.
    #[must_use]
    pub fn with_layers(&self, layers: &[usize]) -> Self {
        let rotary = self.rotary.as_ref().map(|rotary| {
            let local = if rotary.local.is_empty() {
                Vec::new()
            } else {
                layers.iter().map(|&layer| rotary.is_local(layer)).collect()
            };
            Rotary { local, ..rotary.clone() }
        });
        Self { rotary, ..self.clone() }
    }

    /// Disentangled attention; none without it.
    #[must_use]
    pub fn disentangled(&self) -> Option<&Disentangled> {
        match &self.relative {
            Some(RelativePositions::Disentangled(own)) => Some(own),
            _ => None,
        }
    }
}
