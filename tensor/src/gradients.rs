//! Gradients by parameter: collecting, adding up, their norm, and the check that every parameter is trained.

use candle_core::{DType, Tensor};
use indexmap::IndexMap;

use crate::gradient::{Gradient, GradientAccumulator};
use crate::parameters::Parameters;
use crate::{TensorError, buffer, graph, vector};

pub use crate::graph::{TensorGradients, backward};

/// Gradients of the trainable parameters that a loss reached, in the parameters' order.
#[derive(Debug, Default)]
pub struct Gradients(IndexMap<String, Gradient>);

impl Gradients {
    /// The gradients of a loss, a single number.
    ///
    /// # Errors
    /// When an operation on the way has no gradient, or cannot be computed.
    pub fn of(loss: &Tensor, parameters: &Parameters) -> Result<Self, TensorError> {
        let mut all = graph::gradients(loss)?;
        let own = parameters.trainable();
        Ok(Self(
            own.filter_map(|(name, variable)| Some((name.to_owned(), all.remove(&variable.id())?))).collect(),
        ))
    }

    /// Adds gradients of another part of the same step.
    ///
    /// # Errors
    /// When shapes differ.
    pub fn add(&mut self, other: Self) -> Result<(), TensorError> {
        for (name, gradient) in other.0 {
            let mut sum = self.0.get(&name).cloned().map(GradientAccumulator::from).unwrap_or_default();
            sum.add(gradient)?;
            if let Some(sum) = sum.into_gradient() {
                self.0.insert(name, sum);
            }
        }
        Ok(())
    }

    /// Names of the parameters that were reached, in the order in which they were.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether no parameter was reached.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The gradient of a parameter, in the form in which it came.
    pub(crate) fn get(&self, name: &str) -> Option<&Gradient> {
        self.0.get(name)
    }

    /// Puts another gradient in the place of a parameter's.
    pub(crate) fn replace(&mut self, name: &str, gradient: Gradient) {
        if let Some(own) = self.0.get_mut(name) {
            *own = gradient;
        }
    }

    /// The gradient of a parameter, in its shape; none if it was not reached.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn tensor(&self, name: &str) -> Result<Option<Tensor>, TensorError> {
        Ok(self.get(name).map(Gradient::tensor).transpose()?)
    }

    /// The Euclidean norm over all gradients together.
    ///
    /// # Errors
    /// When a gradient cannot be read.
    pub fn norm(&self) -> Result<f64, TensorError> {
        Ok(self.squares()?.iter().sum::<f64>().sqrt())
    }

    /// Names of the trainable parameters that the loss does not reach at all.
    #[must_use]
    pub fn unreached(&self, parameters: &Parameters) -> Vec<String> {
        parameters
            .trainable()
            .map(|(name, _)| name.to_owned())
            .filter(|name| !self.0.contains_key(name))
            .collect()
    }

    /// Checks that every gradient is finite and not zero, but for those that `exempt` names.
    ///
    /// # Errors
    /// [`TensorError::Unreached`] with the names that fail.
    pub fn check(&self, exempt: impl Fn(&str) -> bool) -> Result<(), TensorError> {
        let mut failing = Vec::new();
        for (name, squares) in self.0.keys().zip(self.squares()?) {
            if !squares.is_finite() || (squares == 0.0 && !exempt(name)) {
                failing.push(name.clone());
            }
        }
        if failing.is_empty() { Ok(()) } else { Err(TensorError::Unreached(failing)) }
    }

    /// The sum of the squares of each gradient.
    fn squares(&self) -> Result<Vec<f64>, TensorError> {
        let is_elsewhere = |gradient: &Gradient| match gradient {
            Gradient::Dense(tensor) => !tensor.device().is_cpu(),
            Gradient::Sparse(_) => false,
        };
        if !self.0.values().any(is_elsewhere) {
            return self.0.values().map(squares).collect();
        }
        // Read all at once: every reading waits for the device.
        let sums: candle_core::Result<Vec<Tensor>> =
            self.0.values().map(|gradient| gradient.tensor()?.sqr()?.sum_all()).collect();
        Ok(Tensor::stack(&sums?, 0)?.to_dtype(DType::F64)?.to_vec1()?)
    }
}

impl FromIterator<(String, Gradient)> for Gradients {
    fn from_iter<G: IntoIterator<Item = (String, Gradient)>>(gradients: G) -> Self {
        Self(gradients.into_iter().collect())
    }
}

/// The sum of squares, block by block in a fixed order.
fn squares(gradient: &Gradient) -> Result<f64, TensorError> {
    use rayon::prelude::*;
    let sum = |values: &[f32]| {
        let blocks = values.par_chunks(buffer::rows_per_task(1));
        let sums: Vec<f64> = blocks.map(|values| f64::from(vector::dot(values, values))).collect();
        sums.iter().sum()
    };
    Ok(match gradient {
        Gradient::Dense(tensor) => buffer::with_slice(tensor, "gradient norm", sum)?,
        Gradient::Sparse(rows) => sum(rows.values()),
    })
}

/// Whether a parameter is the bias of attention keys, whose gradient is zero in exact arithmetic: it shifts all
/// scores of a query alike, which a softmax does not see.
#[must_use]
pub fn is_key_bias(name: &str) -> bool {
    name.ends_with("k_proj.bias") || name.ends_with("key.bias") || name.ends_with("k_lin.bias")
}
