//! Ways of choosing the regions of an image.

use serde::{Deserialize, Serialize};

/// Way of choosing the regions of an image among the boxes of all cells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegionSelection {
    /// Of boxes that overlap the likeliest, whatever they are: those with an object at least as likely as 0.4, without any that
    /// overlaps a likelier one by more than half.
    #[default]
    Agnostic,
    /// As VinVL's detector does it: of boxes that overlap by more than 0.3 the likeliest of each class, each box then with its
    /// best class left, of these the ones with a confidence of at least 0.2, or the best 10 where there are fewer, and 100 at most.
    VinVl,
}
