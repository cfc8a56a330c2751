//! What can be known of a network without its weights, for binding losses to it.

use indexmap::IndexMap;

/// One stream of hidden states: an encoder, a decoder, a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Layers; hidden states are counted from 0, the embeddings, to this number.
    pub layers: usize,
    /// Width of hidden states.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
}

/// The streams of a network by name, and the widths of what is not in a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// `encoder` and `decoder` for an encoder-decoder; a text encoder's only stream has the empty name.
    pub streams: IndexMap<String, Stream>,
    /// Width of the tap `pooled`, if there is one.
    pub pooled: Option<usize>,
    /// Width of the tap `embedding`, if there is one.
    pub embedding: Option<usize>,
    /// Width of the tap `logits`: tokens of the vocabulary, or labels; 0 if there is none.
    pub classes: usize,
}

impl Outline {
    /// Every tap there is, by name.
    #[must_use]
    pub fn taps(&self) -> Vec<String> {
        let mut taps = Vec::new();
        for (name, stream) in &self.streams {
            taps.extend((0..=stream.layers).map(|layer| tap(name, "hidden", layer)));
            for kind in ATTENTION {
                taps.extend((0..stream.layers).map(|layer| tap(name, kind, layer)));
            }
        }
        if let (Some(_), Some(decoder)) = (self.streams.get("encoder"), self.streams.get("decoder")) {
            for kind in ATTENTION {
                taps.extend((0..decoder.layers).map(|layer| tap("cross", kind, layer)));
            }
        }
        let single = [
            ("pooled", self.pooled.is_some()),
            ("embedding", self.embedding.is_some()),
            ("logits", self.classes > 0),
        ];
        taps.extend(single.into_iter().filter(|(_, there)| *there).map(|(name, _)| name.to_owned()));
        taps
    }
}

/// The taps of an attention block, by kind.
pub(crate) const ATTENTION: [&str; 5] = ["queries", "keys", "values", "scores", "attention"];

/// The name of a tap: `encoder.hidden.3`, or `hidden.3` in a stream without a name.
#[must_use]
pub fn tap(stream: &str, kind: &str, number: usize) -> String {
    if stream.is_empty() { format!("{kind}.{number}") } else { format!("{stream}.{kind}.{number}") }
}
