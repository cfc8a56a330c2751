//! Report of a split: how large the splits are, and what was removed from them.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::options::Split;

/// Sizes of the splits of a corpus, and what was removed from which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReport {
    /// Entries to train on.
    pub train: usize,
    /// Entries to choose checkpoints on.
    pub validation: usize,
    /// Entries to report on.
    pub test: usize,
    /// Number of removed examples, by split and reason. `test: hi form seen in training` counts forms, the others count
    /// entries.
    pub removed: IndexMap<String, usize>,
    /// Number of training examples with a value of the split that no option names and that does not mean training,
    /// by value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub unnamed: IndexMap<String, usize>,
}

impl SplitReport {
    /// The size of a split, for a change to it.
    pub(crate) fn get_mut(&mut self, split: Split) -> &mut usize {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }
}

/// Why an example yields to one that is trained on.
pub(crate) const SEEN: &str = "seen in training";

/// Why an example yields to one that is evaluated.
pub(crate) const KEPT: &str = "kept for evaluation";

/// Why an example yields to another corpus.
pub(crate) const HELD_OUT: &str = "kept for the test of another corpus";

/// Counts what was removed for a reason, if anything was.
pub(crate) fn count_removed(removed: &mut IndexMap<String, usize>, reason: String, number: usize) {
    if number > 0 {
        *removed.entry(reason).or_default() += number;
    }
}
