//! How two vectors are compared.

use alambic_settings::choices;
use alambic_tensor::candle::{D, Tensor};

use crate::LossError;
use crate::arithmetic::cosine;

choices! {
    /// How two vectors are compared.
    pub enum Comparison {
        /// The mean of squared differences.
        MeanSquaredError = "mse",
        /// One minus the cosine.
        Cosine = "cosine",
    }
}

impl Comparison {
    /// The comparison of each two vectors along the last dimension.
    pub(crate) fn rows(self, student: &Tensor, teacher: &Tensor) -> Result<Tensor, LossError> {
        match self {
            Self::MeanSquaredError => Ok((student - teacher)?.sqr()?.mean(D::Minus1)?),
            Self::Cosine => Ok(cosine(student, teacher)?.affine(-1.0, 1.0)?),
        }
    }
}
