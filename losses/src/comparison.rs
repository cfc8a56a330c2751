//! Distances of two vectors.

use std::sync::Arc;

use alambic_settings::choices;
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::ops::{SquaredError, squared_error};

use crate::LossError;
use crate::arithmetic::{cosine, weighted_mean};

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
    /// The mean of the comparison of each two vectors along the last dimension, weighted if weights are given; 0 where all
    /// weights are. The teacher gets no gradient.
    pub(crate) fn mean(
        self,
        student: &Tensor,
        teacher: &Tensor,
        weights: Option<Vec<f32>>,
    ) -> Result<Tensor, LossError> {
        match self {
            Self::MeanSquaredError => {
                let rows = student.elem_count() / student.dim(D::Minus1)?.max(1);
                let weights = Arc::new(weights.unwrap_or_else(|| vec![1.0; rows]));
                Ok(squared_error(student, teacher, SquaredError { weights, columns: None })?)
            }
            Self::Cosine => {
                let distances = cosine(student, &teacher.detach())?.affine(-1.0, 1.0)?;
                match weights {
                    None => Ok(distances.mean_all()?),
                    Some(weights) => {
                        let weights = Tensor::from_vec(weights, distances.shape(), distances.device())?;
                        weighted_mean(&distances, &weights)
                    }
                }
            }
        }
    }
}
