//! Batches of inputs of similar length.

use alambic_models::{ModelError, Trace};
use alambic_ranks::in_turns;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::InferenceError;

/// What `compute` makes of each input, given the places of the inputs of a batch. Batches have inputs of similar length, at most
/// `size` of them; ranks that share the work compute them in turns.
pub(crate) fn in_batches<I, T: Serialize + DeserializeOwned>(
    inputs: &[I],
    length: impl Fn(&I) -> usize,
    size: usize,
    mut compute: impl FnMut(&[usize]) -> Result<Vec<T>, InferenceError>,
) -> Result<Vec<T>, InferenceError> {
    let mut order: Vec<usize> = (0..inputs.len()).collect();
    order.sort_by_key(|&index| length(&inputs[index]));
    let rows = in_turns(order.chunks(size), &mut compute)?;
    let mut placed: Vec<(usize, T)> = order.iter().copied().zip(rows.into_iter().flatten()).collect();
    placed.sort_unstable_by_key(|(index, _)| *index);
    Ok(placed.into_iter().map(|(_, row)| row).collect())
}

/// The rows that `compute` makes of inputs, a batch of at most `size` at a time, in the order of inputs; ranks that share the work
/// compute batches in turns.
pub(crate) fn rows_in_batches<I>(
    inputs: &[I],
    size: usize,
    compute: impl FnMut(&[I]) -> Result<Vec<Vec<f32>>, InferenceError>,
) -> Result<Vec<Vec<f32>>, InferenceError> {
    Ok(in_turns(inputs.chunks(size), compute)?.concat())
}

/// The rows of a tap `[inputs, width]`.
pub(crate) fn rows_of(trace: &Trace, tap: &str) -> Result<Vec<Vec<f32>>, InferenceError> {
    let tensor = trace.get(tap).ok_or_else(|| {
        InferenceError::Unsupported(format!(
            "the model has no tap `{tap}`; `alambic list taps MODEL` lists those that it has"
        ))
    })?;
    Ok(tensor.to_vec2().map_err(ModelError::from)?)
}
