//! Sequences of a text and an image that one encoder reads together, and the taps of their parts.

use std::sync::Arc;

use crate::outline::PROJECTIONS;
use crate::text_encoder::TextEncoderConfig;
use crate::{ModelError, Outline, Stream, TapSelection, Trace};

/// Split of the taps of a joint sequence into `text.` and `image.`: queries, keys and values, and hidden states.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Joint {
    /// Tokens of the text.
    pub(crate) text: usize,
    pub(crate) hidden: Hidden,
}

/// Selection of the hidden states of a joint sequence.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hidden {
    /// The whole, and its parts.
    WholeAndParts,
    /// The parts alone, so many of the image's tokens standing with the text.
    Parts(usize),
}

impl Joint {
    /// The taps of the joint sequence that wanted taps of its parts are cut from.
    pub(crate) fn whole(wanted: &TapSelection) -> TapSelection {
        let Some(names) = wanted.names() else { return TapSelection::All };
        let part = |name: &String| {
            let bare = name.strip_prefix("text.").or_else(|| name.strip_prefix("image."));
            bare.unwrap_or(name).to_owned()
        };
        let whole = TapSelection::named(names.iter().map(part));
        if wanted.reads_padding() { whole.with_padding() } else { whole }
    }

    /// The taps of the joint sequence and those cut from them, with the masks of the parts.
    pub(crate) fn part(
        self,
        whole: &Trace,
        wanted: TapSelection,
        text: &Arc<Vec<u8>>,
        image: &Arc<Vec<u8>>,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        for (name, tensor) in whole.taps() {
            let kind = name.split_once('.').map(|(kind, _)| kind);
            let (boundary, whole) = match (kind, self.hidden) {
                (Some("hidden"), Hidden::Parts(with_text)) => (self.text + with_text, false),
                (Some("hidden"), Hidden::WholeAndParts) => (self.text, true),
                (Some(kind), _) if PROJECTIONS.contains(&kind) => (self.text, false),
                _ => {
                    trace.record(name, tensor);
                    continue;
                }
            };
            if whole && trace.wants(name) {
                trace.record(name, tensor);
            }
            let length = tensor.dim(1)?;
            for (part, start, count) in [("text", 0, boundary), ("image", boundary, length - boundary)] {
                let tap = format!("{part}.{name}");
                if trace.wants(&tap) {
                    trace.record(&tap, &tensor.narrow(1, start, count)?.contiguous()?);
                }
            }
        }
        if let Some(mask) = whole.mask("") {
            trace.record_mask("", mask);
        }
        trace.record_mask("text", text);
        trace.record_mask("image", image);
        if let Hidden::Parts(with_text) = self.hidden {
            let batch = text.len() / self.text.max(1);
            let rows = image.len() / batch.max(1);
            let row = |index: usize| &image[index * rows..][..rows];
            let beside =
                |index: usize| text[index * self.text..][..self.text].iter().chain(&row(index)[..with_text]);
            let mask = (0..batch).flat_map(beside).copied().collect();
            trace.record_hidden_mask("text", &Arc::new(mask));
            let mask = (0..batch).flat_map(|index| &row(index)[with_text..]).copied().collect();
            trace.record_hidden_mask("image", &Arc::new(mask));
        }
        Ok(trace)
    }
}

/// The outline of a BERT encoder that reads a joint sequence: the whole without a name, and its parts.
pub(crate) fn outline(bert: &TextEncoderConfig) -> Outline {
    let stream = Stream::new(bert.layers, bert.width, bert.heads);
    let part = stream.projections();
    let streams =
        [(String::new(), stream.distributions()), ("text".to_owned(), part), ("image".to_owned(), part)];
    Outline {
        streams: streams.into_iter().collect(),
        pooled: bert.pooler.then_some(bert.width),
        ..Outline::default()
    }
}
