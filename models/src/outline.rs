//! Outline of a network, known without its weights: streams, widths, heads and taps.

use std::fmt::{Display, Formatter};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::LanguageNumbers;

/// One stream of hidden states: an encoder, a decoder, a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Layers; hidden states are counted from 0, the embeddings, to this number.
    pub layers: usize,
    /// Width of hidden states.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Whether the hidden states can be read.
    pub hidden: bool,
    /// The layers whose attention can be read, and what of it.
    pub attention: (usize, &'static [&'static str]),
    /// Width of the stream's tap `embedding`, the vector of a whole text or image, if there is one.
    pub embedding: Option<usize>,
    /// The tap of its parts in the space of the embedding, [`TOKENS`] or [`PATCHES`], if there is one.
    pub parts: Option<&'static str>,
}

impl Stream {
    /// A stack of layers, everything of which can be read.
    #[must_use]
    pub fn new(layers: usize, width: usize, heads: usize) -> Self {
        Self {
            layers,
            width,
            heads,
            hidden: true,
            attention: (layers, &ATTENTION),
            embedding: None,
            parts: None,
        }
    }

    /// The same, of whose attention only queries, keys and values can be read: part of a longer sequence.
    pub(crate) fn projections(self) -> Self {
        Self { attention: (self.attention.0, &PROJECTIONS), ..self }
    }

    /// The same, of whose attention only scores and probabilities can be read: those of a sequence whose parts have
    /// names of their own.
    pub(crate) fn distributions(self) -> Self {
        Self { attention: (self.attention.0, &DISTRIBUTIONS), ..self }
    }

    /// The same without attention.
    pub(crate) fn without_attention(self) -> Self {
        Self { attention: (0, &[]), ..self }
    }

    /// The same without hidden states.
    pub(crate) fn without_hidden(self) -> Self {
        Self { hidden: false, ..self }
    }
}

/// The streams of a network by name, and the widths of what is not in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each says of other taps whether they are there")]
pub struct Outline {
    /// `encoder`, `decoder` and `cross` for an encoder-decoder; a text encoder's only stream has the empty name.
    pub streams: IndexMap<String, Stream>,
    /// Width of the tap `pooled`, if there is one.
    pub pooled: Option<usize>,
    /// Width of the tap `logits`: tokens of the vocabulary, or labels; 0 if there is none.
    pub classes: usize,
    /// Whether there are logits for every token, and not for the text as a whole.
    pub classes_of_tokens: bool,
    /// Names of the classes, where they have names.
    pub labels: Vec<String>,
    /// Width of the tap `relation`, logits of how a text and an image belong together; 0 if there is none.
    pub relations: usize,
    /// Width of the tap [`PREDICTION_LOGITS`], logits of the vocabulary at each token beside other logits; 0 if there is none.
    pub words: usize,
    /// Width of the tap [`TARGET_LOGITS`], logits of the vocabulary at each token of a target beside other logits; 0 if there is none.
    pub target_words: usize,
    /// What is predicted of each region; none without such heads.
    pub regions: Option<RegionHeads>,
    /// Whether there are the taps `objectness`, `boxes` and `features`, of cells in which objects may be.
    pub detects: bool,
    /// Width of the tap `attributes`, logits of what objects are like; 0 if there is none.
    pub attributes: usize,
    /// Codes by which images are read and made again: the taps `latents`, `tokens` and `quantized`; none where there are none.
    pub codes: Option<ImageCodes>,
    /// Numbers of the tap `reconstruction`, an image; none where no image is made.
    pub reconstruction: Option<usize>,
    /// Whether the logits are of every image with every text of a batch, and of no classes.
    pub pairs: bool,
    /// Whether there is the tap [`SIMILARITY`], of a text and an image that are read together.
    pub similarity: bool,
    /// Languages that it is told by their numbers; none where it has no embedding of them.
    pub languages: Option<LanguageNumbers>,
}

/// What is predicted of each region of an image in pre-training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegionHeads {
    /// Classes of objects: width of the tap [`OBJECT_LOGITS`]; 0 if there is none.
    pub objects: usize,
    /// Attributes: width of the tap [`ATTRIBUTE_LOGITS`]; 0 if there is none.
    pub attributes: usize,
    /// Numbers of a region's features: width of the tap [`PREDICTED_FEATURES`]; 0 if there is none.
    pub features: usize,
}

/// The tap of logits of the vocabulary that stands beside other logits.
pub const PREDICTION_LOGITS: &str = "prediction_logits";

/// The tap of logits of the vocabulary at each token of a target, the next of which is to be written, beside other logits.
pub const TARGET_LOGITS: &str = "target_logits";

/// The tap of logits of the object in each region.
pub const OBJECT_LOGITS: &str = "object_logits";

/// The tap of logits of the attribute of the object in each region.
pub const ATTRIBUTE_LOGITS: &str = "attribute_logits";

/// The tap of the features that are predicted of each region.
pub const PREDICTED_FEATURES: &str = "predicted_features";

/// The tap of the scaled similarity of each text with its image, `[batch]`, of one pass over both.
pub const SIMILARITY: &str = "similarity";

/// Codes of a tokenizer of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageCodes {
    /// How many there are.
    pub codes: usize,
    /// Numbers of the vector of each.
    pub width: usize,
    /// Numbers that the encoder gives of a place: of its vector, or a logit of each code.
    pub latent_width: usize,
    /// Whether the encoder gives logits, of which training takes relaxed samples.
    pub is_relaxed: bool,
    /// Whether the vectors are learned by gradients, and are no running means.
    pub by_gradient: bool,
}

/// Shape of a tap, for one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TapShape {
    /// `[width]`: a vector of the whole text.
    Text {
        /// Numbers of the vector.
        width: usize,
    },
    /// `[length, width]`: a vector of each token.
    Tokens {
        /// Numbers of a vector.
        width: usize,
    },
    /// `[heads, length, length]`: a number for each pair of tokens, query by key.
    Pairs {
        /// Attention heads.
        heads: usize,
    },
}

impl TapShape {
    /// Number of elements for a text of `length` tokens.
    #[must_use]
    pub fn numbers(self, length: usize) -> usize {
        match self {
            Self::Text { width } => width,
            Self::Tokens { width } => length * width,
            Self::Pairs { heads } => heads * length * length,
        }
    }

    /// Number of vectors in these elements: of the text, of its tokens, or of its queries.
    #[must_use]
    pub fn vectors(self, length: usize) -> usize {
        match self {
            Self::Text { .. } => 1,
            Self::Tokens { .. } => length,
            Self::Pairs { heads } => heads * length,
        }
    }
}

impl Display for TapShape {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text { width } => write!(formatter, "batch × {width}"),
            Self::Tokens { width } => write!(formatter, "batch × length × {width}"),
            Self::Pairs { heads } => write!(formatter, "batch × {heads} × length × length"),
        }
    }
}

impl Outline {
    /// Every tap there is, by name.
    #[must_use]
    pub fn taps(&self) -> Vec<String> {
        let mut taps = Vec::new();
        for (name, stream) in &self.streams {
            if stream.hidden {
                taps.extend((0..=stream.layers).map(|layer| tap(name, "hidden", layer)));
            }
            let (layers, kinds) = stream.attention;
            for kind in kinds {
                taps.extend((0..layers).map(|layer| tap(name, kind, layer)));
            }
            if stream.embedding.is_some() {
                taps.push(embedding_tap(name));
                taps.extend(stream.parts.map(|parts| parts_tap(name, parts)));
            }
        }
        let single = [
            ("pooled", self.pooled.is_some()),
            ("logits", self.classes > 0 || self.pairs),
            ("relation", self.relations > 0),
            (SIMILARITY, self.similarity),
            (PREDICTION_LOGITS, self.words > 0),
            (TARGET_LOGITS, self.target_words > 0),
            (OBJECT_LOGITS, self.region_heads().objects > 0),
            (ATTRIBUTE_LOGITS, self.region_heads().attributes > 0),
            (PREDICTED_FEATURES, self.region_heads().features > 0),
            ("objectness", self.detects),
            ("boxes", self.detects),
            ("attributes", self.attributes > 0),
            ("features", self.detects),
            ("latents", self.codes.is_some()),
            ("tokens", self.codes.is_some()),
            ("quantized", self.codes.is_some()),
            ("reconstruction", self.reconstruction.is_some()),
        ];
        taps.extend(single.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()));
        taps
    }

    /// What is predicted of each region, none of which is there without such heads.
    fn region_heads(&self) -> RegionHeads {
        self.regions.unwrap_or_default()
    }

    /// Shape of a tap, for one text; none for a tap that there is not, or that is of a whole batch.
    #[must_use]
    pub fn tap_shape(&self, tap: &str) -> Option<TapShape> {
        let tokens = |width| (width > 0).then_some(TapShape::Tokens { width });
        match tap {
            "logits" if self.pairs || self.classes == 0 => return None,
            "logits" if self.classes_of_tokens => return Some(TapShape::Tokens { width: self.classes }),
            "logits" => return Some(TapShape::Text { width: self.classes }),
            "objectness" => return self.detects.then_some(TapShape::Tokens { width: 1 }),
            "boxes" => return self.detects.then_some(TapShape::Tokens { width: 4 }),
            "features" if self.detects => {
                return self.streams.get("").map(|stream| TapShape::Tokens { width: stream.width });
            }
            "attributes" => {
                return (self.attributes > 0).then_some(TapShape::Tokens { width: self.attributes });
            }
            "relation" => return (self.relations > 0).then_some(TapShape::Text { width: self.relations }),
            // A number of each pair, and no vector.
            SIMILARITY => return None,
            PREDICTION_LOGITS => return tokens(self.words),
            TARGET_LOGITS => return tokens(self.target_words),
            OBJECT_LOGITS => return tokens(self.region_heads().objects),
            ATTRIBUTE_LOGITS => return tokens(self.region_heads().attributes),
            PREDICTED_FEATURES => return tokens(self.region_heads().features),
            "pooled" => return self.pooled.map(|width| TapShape::Text { width }),
            "latents" => return self.codes.map(|own| TapShape::Tokens { width: own.latent_width }),
            "tokens" => return self.codes.map(|_| TapShape::Tokens { width: 1 }),
            "quantized" => return self.codes.map(|own| TapShape::Tokens { width: own.width }),
            "reconstruction" => return self.reconstruction.map(|width| TapShape::Text { width }),
            _ => {}
        }
        if let Some(stream) = stream_of_embedding(tap) {
            return self.streams.get(stream)?.embedding.map(|width| TapShape::Text { width });
        }
        let (front, last) = tap.rsplit_once('.')?;
        if let Some(stream) = self.streams.get(front).filter(|stream| stream.parts == Some(last)) {
            return stream.embedding.map(|width| TapShape::Tokens { width });
        }
        let (stream, kind) = front.rsplit_once('.').unwrap_or(("", front));
        let stream = self.streams.get(stream)?;
        Some(match kind {
            "scores" | "attention" => TapShape::Pairs { heads: stream.heads },
            _ => TapShape::Tokens { width: stream.width },
        })
    }
}

/// The name of a stream's tap `embedding`.
#[must_use]
pub fn embedding_tap(stream: &str) -> String {
    if stream.is_empty() { "embedding".to_owned() } else { format!("{stream}.embedding") }
}

/// The stream of whose embedding this is the tap.
#[must_use]
pub fn stream_of_embedding(tap: &str) -> Option<&str> {
    let stream = tap.strip_suffix("embedding")?;
    if stream.is_empty() { Some(stream) } else { stream.strip_suffix('.') }
}

/// Tap of the tokens of a text in the space of its embedding, `[batch, length, width]`: the projection of their last states.
pub const TOKENS: &str = "tokens";

/// The same of the patches of an image.
pub const PATCHES: &str = "patches";

/// The name of a stream's tap of its parts: `text.tokens`.
#[must_use]
pub fn parts_tap(stream: &str, parts: &str) -> String {
    format!("{stream}.{parts}")
}

/// Patterns of the taps of all architectures, with what they hold. STREAM is the name of a stream of the model's outline, such
/// as `encoder`, `decoder`, `cross`, `text` or `image`, and a dot; a text encoder's only stream has none.
pub const TAP_PATTERNS: &[(&str, &str)] = &[
    ("STREAM.hidden.i", "Hidden states after layer i; 0 is the output of the embeddings"),
    ("STREAM.queries.i", "Queries of layer i, counted from 0"),
    ("STREAM.keys.i", "Keys of layer i"),
    ("STREAM.values.i", "Values of layer i"),
    ("STREAM.scores.i", "Scaled attention scores of layer i, before the mask and the softmax"),
    ("STREAM.attention.i", "Attention probabilities of layer i"),
    ("STREAM.embedding", "Embedding of the whole text or image"),
    ("STREAM.tokens", "Tokens of a text, each projected as the embedding is, not brought to length one"),
    ("STREAM.patches", "Patches of an image, each projected as the embedding is, not brought to length one"),
    ("pooled", "Output of the pooler"),
    ("logits", "Logits of the head or the decoder; of a model for retrieval, of every image with every text"),
    ("relation", "Logits of the relation of a text and an image"),
    ("similarity", "Scaled similarity of a text and an image that are read together"),
    ("prediction_logits", "Logits of the vocabulary at each token of a text, beside other logits"),
    (
        "target_logits",
        "Logits of the vocabulary at each token of a target that stands behind a text, an image or both",
    ),
    ("object_logits", "Logits of the class of the object in each region of an image"),
    ("attribute_logits", "Logits of the attribute of the object in each region of an image"),
    ("predicted_features", "Features that are predicted of each region or patch of an image"),
    ("objectness", "Logits that an object is in a cell, for each object that a cell may have"),
    ("boxes", "Box of each object that a cell may have"),
    ("attributes", "Logits of what each object that a cell may have is like"),
    ("features", "Features of each object that a cell may have, before the heads"),
    (
        "latents",
        "What the encoder of an image tokenizer gives of each place: a vector, or logits of the codes",
    ),
    ("tokens", "The code of each place of an image, as a number"),
    ("quantized", "The vector of each place's code"),
    ("reconstruction", "The image that a decoder makes of codes, colours from -1 to 1"),
];

/// Whether a tap is one of a pattern.
#[cfg(test)]
pub(crate) fn fits_pattern(pattern: &str, tap: &str) -> bool {
    let Some(kind) = pattern.strip_prefix("STREAM.") else { return pattern == tap };
    let (kind, number) = kind.strip_suffix(".i").map_or((kind, false), |kind| (kind, true));
    let rest = if number {
        tap.rsplit_once('.').filter(|(_, index)| index.parse::<usize>().is_ok()).map(|(front, _)| front)
    } else {
        Some(tap)
    };
    rest.is_some_and(|rest| rest == kind || rest.ends_with(&format!(".{kind}")))
}

/// The taps of an attention block, by kind.
pub(crate) const ATTENTION: [&str; 5] = ["queries", "keys", "values", "scores", "attention"];

/// Taps of an attention block with a vector for each token.
pub(crate) const PROJECTIONS: [&str; 3] = ["queries", "keys", "values"];

/// Taps of an attention block with a number for each pair of tokens.
pub(crate) const DISTRIBUTIONS: [&str; 2] = ["scores", "attention"];

/// Tap of the last hidden state behind a norm after all layers, as transformers' models give it. It is read where it is named, and
/// is not among all taps: without such a norm it is the last hidden state.
pub const LAST_STATE: &str = "last_hidden_state";

/// The name of a tap: `encoder.hidden.3`, or `hidden.3` in a stream without a name.
#[must_use]
pub fn tap(stream: &str, kind: &str, number: usize) -> String {
    if stream.is_empty() { format!("{kind}.{number}") } else { format!("{stream}.{kind}.{number}") }
}
