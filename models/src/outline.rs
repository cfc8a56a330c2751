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

/// The streams of a network by name, and the classes of its logits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outline {
    /// `encoder` and `decoder` for an encoder-decoder.
    pub streams: IndexMap<String, Stream>,
    /// Width of the logits.
    pub vocabulary: usize,
}

impl Outline {
    /// Every tap there is, by name.
    #[must_use]
    pub fn taps(&self) -> Vec<String> {
        let mut taps = Vec::new();
        for (name, stream) in &self.streams {
            taps.extend((0..=stream.layers).map(|layer| format!("{name}.hidden.{layer}")));
            for kind in ["queries", "keys", "values", "scores", "attention"] {
                taps.extend((0..stream.layers).map(|layer| format!("{name}.{kind}.{layer}")));
            }
        }
        if let (Some(_), Some(decoder)) = (self.streams.get("encoder"), self.streams.get("decoder")) {
            for kind in ["queries", "keys", "values", "scores", "attention"] {
                taps.extend((0..decoder.layers).map(|layer| format!("cross.{kind}.{layer}")));
            }
        }
        taps.push("logits".to_owned());
        taps
    }
}
