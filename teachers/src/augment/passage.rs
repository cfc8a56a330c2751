//! Texts, their variants, and their words.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A text, or a pair of texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

impl Passage {
    /// The one or two texts.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        [Some(self.text.as_str()), self.second.as_deref()].into_iter().flatten()
    }
}

/// Variants of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AugmentedText {
    /// Its variants, different from the text and from one another.
    pub variants: Vec<Passage>,
}

/// A word of a text that may be replaced.
#[derive(Debug, Clone)]
pub(super) struct Word {
    /// Where it stands, in bytes.
    pub(super) place: Range<usize>,
    /// Spelling in the vocabulary.
    pub(super) spelling: String,
}
