//! Written texts.

use serde::{Deserialize, Serialize};

/// One generated text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text.
    pub text: String,
    /// The sum of log-probabilities of the last step.
    pub log_probability: f32,
}
