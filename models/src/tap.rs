//! Taps: named places in a network whose tensors can be read, and the traces that hold what was read.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use indexmap::{IndexMap, IndexSet};

use crate::ModelError;
use crate::outline::LAST_STATE;

/// Selection of taps that a forward pass records. A network computes nothing for a tap that is not selected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TapSelection {
    /// All there are, with what is computed at padding.
    All,
    /// These, by name. What stands at padding is not read: it may be zero in place of what would be computed there.
    Named(IndexSet<String>),
    /// These, by name, with what is computed at padding.
    NamedWithPadding(IndexSet<String>),
}

impl TapSelection {
    /// None at all.
    #[must_use]
    pub fn nothing() -> Self {
        Self::Named(IndexSet::new())
    }

    /// The taps of these names.
    pub fn named<I: Into<String>>(names: impl IntoIterator<Item = I>) -> Self {
        Self::Named(names.into_iter().map(Into::into).collect())
    }

    /// The same taps, with what is computed at padding.
    #[must_use]
    pub fn with_padding(self) -> Self {
        match self {
            Self::All => Self::All,
            Self::Named(names) | Self::NamedWithPadding(names) => Self::NamedWithPadding(names),
        }
    }

    /// The names of the taps; none where all are wanted.
    #[must_use]
    pub fn names(&self) -> Option<&IndexSet<String>> {
        match self {
            Self::All => None,
            Self::Named(names) | Self::NamedWithPadding(names) => Some(names),
        }
    }

    /// Whether what is computed at padding is read.
    #[must_use]
    pub fn reads_padding(&self) -> bool {
        !matches!(self, Self::Named(_))
    }

    /// Whether a tap is wanted.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names().is_none_or(|names| names.contains(name))
    }
}

/// The taps read from one forward pass, with the padding masks of their streams.
///
/// A stream's mask is under the stream's name (`encoder`, `decoder`), row by row, 1 for a real token. Where its hidden states
/// have other rows than its queries and keys, theirs is under that name with `.hidden` behind it.
#[derive(Debug, Clone)]
pub struct Trace {
    wanted: TapSelection,
    taps: IndexMap<String, Tensor>,
    masks: IndexMap<String, Arc<Vec<u8>>>,
}

impl Trace {
    /// An empty trace that takes the wanted taps.
    #[must_use]
    pub fn new(wanted: TapSelection) -> Self {
        Self { wanted, taps: IndexMap::new(), masks: IndexMap::new() }
    }

    /// The taps that it takes.
    #[must_use]
    pub fn wanted(&self) -> &TapSelection {
        &self.wanted
    }

    /// Whether a tap is wanted.
    #[must_use]
    pub fn wants(&self, name: &str) -> bool {
        self.wanted.contains(name)
    }

    /// Whether [`LAST_STATE`] is wanted by its name.
    pub(crate) fn wants_last_state(&self) -> bool {
        self.wanted.names().is_some() && self.wants(LAST_STATE)
    }

    /// Keeps a tensor if its tap is wanted.
    pub fn record(&mut self, name: &str, tensor: &Tensor) {
        if self.wants(name) {
            self.taps.insert(name.to_owned(), tensor.clone());
        }
    }

    /// Keeps the mask of a stream.
    pub fn record_mask(&mut self, stream: &str, mask: &Arc<Vec<u8>>) {
        self.masks.insert(stream.to_owned(), mask.clone());
    }

    /// The tensor of a tap.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.taps.get(name)
    }

    /// The mask of a stream.
    #[must_use]
    pub fn mask(&self, stream: &str) -> Option<&Arc<Vec<u8>>> {
        self.masks.get(stream)
    }

    /// Keeps the mask of the hidden states of a stream that have other rows than the rest of it.
    pub fn record_hidden_mask(&mut self, stream: &str, mask: &Arc<Vec<u8>>) {
        self.record_mask(&hidden_of(stream), mask);
    }

    /// The mask of a stream's hidden states.
    #[must_use]
    pub fn hidden_mask(&self, stream: &str) -> Option<&Arc<Vec<u8>>> {
        self.masks.get(&hidden_of(stream)).or_else(|| self.mask(stream))
    }

    /// The masks by their streams.
    #[must_use]
    pub fn masks(&self) -> &IndexMap<String, Arc<Vec<u8>>> {
        &self.masks
    }

    /// Trace of some rows of the batch, each as often as it is named and in this order. Where no tap was taken,
    /// nobody knows what a row is, and masks are left out.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn rows(&self, rows: &[u32]) -> Result<Self, ModelError> {
        let mut chosen = Self::new(self.wanted.clone());
        let mut batch = 0;
        for (name, tensor) in &self.taps {
            let index = Tensor::new(rows, tensor.device())?;
            chosen.taps.insert(name.clone(), tensor.contiguous()?.index_select(&index, 0)?);
            batch = tensor.dim(0)?;
        }
        for (stream, mask) in &self.masks {
            if batch == 0 {
                break;
            }
            let length = mask.len() / batch;
            let row = |&row: &u32| &mask[row as usize * length..][..length];
            chosen.masks.insert(stream.clone(), Arc::new(rows.iter().flat_map(row).copied().collect()));
        }
        Ok(chosen)
    }

    /// All taps, in the order in which the network came by them.
    #[must_use]
    pub fn taps(&self) -> &IndexMap<String, Tensor> {
        &self.taps
    }
}

/// Key of the mask of hidden states that have other rows than the rest of a stream.
fn hidden_of(stream: &str) -> String {
    format!("{stream}.hidden")
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::Device;

    use super::*;

    #[test]
    fn rows_are_chosen_with_their_masks() {
        let mut trace = Trace::new(TapSelection::All);
        let states =
            Tensor::new(&[[[1.0f32, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]], &Device::Cpu).unwrap();
        trace.record("hidden", &states);
        // A part of a larger tensor, whose rows are not one behind the other.
        trace.record("first", &states.narrow(1, 0, 1).unwrap().squeeze(1).unwrap());
        trace.record_mask("encoder", &Arc::new(vec![1, 0, 1, 1]));
        let rows = trace.rows(&[1, 0, 1]).unwrap();
        let first: Vec<Vec<f32>> = rows.get("first").unwrap().to_vec2().unwrap();
        assert_eq!(first, [[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]);
        assert_eq!(rows.get("hidden").unwrap().dims(), [3, 2, 2]);
        assert_eq!(**rows.mask("encoder").unwrap(), [1, 1, 1, 0, 1, 1]);
        assert!(trace.rows(&[2]).is_err());
    }
}
