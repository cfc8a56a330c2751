//! Statistics of the examples of a training.

use alambic_settings::IndexMap;
use serde::{Deserialize, Serialize};

/// Statistics of the examples of a training.
#[derive(Debug, Clone, Default)]
pub(crate) struct DatasetStatistics {
    /// Examples.
    pub(crate) examples: usize,
    /// Examples with a label of the data.
    pub(crate) labelled: usize,
    /// Examples that were longer than the student's positions or `max-new-tokens` and are left out.
    pub(crate) too_long: usize,
    /// Examples that were cut to fit.
    pub(crate) truncated: usize,
    /// Examples of the validation split.
    pub(crate) validation: usize,
    /// Statistics of the teacher's generation.
    pub(crate) generation: GenerationStatistics,
    /// Summary of the teacher's outputs, if they are cached or were asked for before the training.
    pub(crate) cached: Option<String>,
    /// Statistics of augmented texts.
    pub(crate) augmentation: AugmentationStatistics,
}

/// Statistics of a teacher's generation, for the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GenerationStatistics {
    /// Texts that the teacher was given.
    pub(crate) requests: usize,
    /// How many were dropped, by reason.
    pub(crate) dropped: IndexMap<String, usize>,
    /// Some of what it wrote: source, direction, intermediate text, target.
    pub(crate) samples: Vec<[String; 4]>,
}

/// Statistics of augmented texts, for the report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct AugmentationStatistics {
    /// Texts that were augmented.
    pub(crate) texts: usize,
    /// Variants that were made, those left out included.
    pub(crate) made: usize,
    /// How many variants were left out, by reason.
    pub(crate) removed: IndexMap<String, usize>,
    /// Some texts, each with a variant.
    pub(crate) samples: Vec<[String; 2]>,
}
