//! An ordered store of trainable tensors.

use std::path::Path;
use std::sync::PoisonError;

use candle_core::safetensors::MmapedSafetensors;
use candle_core::{DType, Tensor, Var};
use candle_nn::VarMap;
use indexmap::{IndexMap, IndexSet};
use rayon::prelude::*;

use crate::{TensorError, device};

/// Named tensors as a network is built from them.
pub type Weights = IndexMap<String, Tensor>;

/// Trainable tensors by name, in the order in which they were added, some of them frozen.
///
/// The order is part of the store: sums over parameters, saved states and reports all follow it, so two runs agree
/// to the last bit. candle's own map iterates in another order in every process.
#[derive(Debug, Default)]
pub struct Parameters {
    variables: IndexMap<String, Var>,
    frozen: IndexSet<String>,
}

impl Parameters {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store that trains copies of the given tensors, as `f32`.
    ///
    /// # Errors
    /// When a tensor cannot be converted.
    pub fn from_weights(weights: &Weights) -> Result<Self, TensorError> {
        let mut parameters = Self::new();
        for (name, tensor) in weights {
            parameters.insert(name, tensor)?;
        }
        Ok(parameters)
    }

    /// A store of the variables of candle's map with these names, in the order of the names. Both share the memory of the
    /// variables: what either trains, the other has.
    ///
    /// # Errors
    /// When the map has no variable of a name, or one that is not `f32`.
    pub fn from_var_map<'n>(
        map: &VarMap,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, TensorError> {
        let held = map.data().lock().unwrap_or_else(PoisonError::into_inner);
        let mut parameters = Self::new();
        for name in names {
            let variable = held.get(name).ok_or_else(|| TensorError::UnknownParameter(name.to_owned()))?;
            if variable.dtype() != DType::F32 {
                return Err(TensorError::StateMismatch(format!(
                    "`{name}` is {:?}, and parameters are trained in F32; convert the variable",
                    variable.dtype()
                )));
            }
            parameters.variables.insert(name.to_owned(), variable.clone());
        }
        Ok(parameters)
    }

    /// The variables as candle's map, for a `VarBuilder` or one of candle's optimisers. Both share the memory of the
    /// variables; the map has no order, and does not know which ones are frozen.
    #[must_use]
    pub fn var_map(&self) -> VarMap {
        let map = VarMap::new();
        let own = self.variables.iter().map(|(name, variable)| (name.clone(), variable.clone()));
        map.data().lock().unwrap_or_else(PoisonError::into_inner).extend(own);
        map
    }

    /// Adds a copy of a tensor under a name, replacing what was there.
    ///
    /// # Errors
    /// When the tensor cannot be converted to `f32`.
    pub fn insert(&mut self, name: &str, tensor: &Tensor) -> Result<(), TensorError> {
        let values = tensor.to_dtype(DType::F32)?.contiguous()?.copy()?;
        self.variables.insert(name.to_owned(), Var::from_tensor(&values)?);
        Ok(())
    }

    /// Freezes the parameters that `frozen` picks by name and thaws all others.
    pub fn freeze(&mut self, frozen: impl Fn(&str) -> bool) {
        self.frozen = self.variables.keys().filter(|name| frozen(name)).cloned().collect();
    }

    /// Names of the frozen parameters.
    pub fn frozen(&self) -> impl Iterator<Item = &str> {
        self.frozen.iter().map(String::as_str)
    }

    /// Whether a parameter is frozen.
    #[must_use]
    pub fn is_frozen(&self, name: &str) -> bool {
        self.frozen.contains(name)
    }

    /// The parameters that are trained, in order.
    pub fn trainable(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.variables
            .iter()
            .filter(|(name, _)| !self.frozen.contains(*name))
            .map(|(name, var)| (name.as_str(), var))
    }

    /// All names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// The number of elements of all parameters.
    #[must_use]
    pub fn count(&self) -> usize {
        self.variables.values().map(|variable| variable.elem_count()).sum()
    }

    /// The tensors with gradients, frozen ones without. They share memory with the store and see its updates.
    #[must_use]
    pub fn tracked(&self) -> Weights {
        self.variables
            .iter()
            .map(|(name, variable)| {
                let tensor = variable.as_tensor();
                (name.clone(), if self.frozen.contains(name) { tensor.detach() } else { tensor.clone() })
            })
            .collect()
    }

    /// The tensors without gradients, for evaluation. They share memory with the store and see its updates.
    #[must_use]
    pub fn detached(&self) -> Weights {
        self.variables.iter().map(|(name, variable)| (name.clone(), variable.as_tensor().detach())).collect()
    }

    /// Clamps the numbers of a parameter to at most `max`, unless it is frozen.
    ///
    /// # Errors
    /// When the tensor cannot be set.
    pub fn clamp_max(&self, name: &str, max: f64) -> Result<(), TensorError> {
        if let Some(variable) = self.variables.get(name).filter(|_| !self.is_frozen(name)) {
            variable.set(&variable.as_detached_tensor().minimum(max)?)?;
        }
        Ok(())
    }

    /// Sets the values of some parameters, frozen ones among them.
    ///
    /// # Errors
    /// When the store has no parameter of a name, or one of another shape.
    pub fn set(&self, weights: &Weights) -> Result<(), TensorError> {
        for (name, value) in weights {
            let variable =
                self.variables.get(name).ok_or_else(|| TensorError::UnknownParameter(name.clone()))?;
            if value.dims() != variable.dims() {
                return Err(TensorError::StateMismatch(format!(
                    "`{name}` is {:?}, and is to be set to {:?}",
                    variable.dims(),
                    value.dims()
                )));
            }
            variable.set(&value.to_dtype(DType::F32)?)?;
        }
        Ok(())
    }

    /// Sets the values of parameters that the store holds, all of them.
    ///
    /// # Errors
    /// When a name is missing, or a shape differs.
    pub fn assign(&self, weights: &Weights) -> Result<(), TensorError> {
        for (name, variable) in &self.variables {
            let value = weights.get(name).ok_or_else(|| TensorError::UnknownParameter(name.clone()))?;
            if value.dims() != variable.dims() {
                return Err(TensorError::StateMismatch(format!(
                    "`{name}` is {:?} here and {:?} in the saved state",
                    variable.dims(),
                    value.dims()
                )));
            }
            variable.set(&value.to_dtype(DType::F32)?)?;
        }
        Ok(())
    }
}

/// The bytes of a safetensors file of tensors with the given string metadata.
///
/// # Errors
/// When a tensor cannot be written.
pub fn to_bytes(weights: &Weights, metadata: &[(&str, &str)]) -> Result<Vec<u8>, TensorError> {
    let metadata: std::collections::HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    // The map is only handed over: safetensors orders the tensors itself. More than one key would be written in any
    // order, which would make the bytes differ from run to run.
    let metadata = Some(metadata).filter(|map| !map.is_empty());
    Ok(safetensors::serialize(weights, metadata).map_err(candle_core::Error::from)?)
}

/// Writes tensors to a safetensors file with the given string metadata.
///
/// # Errors
/// When the file cannot be written.
pub fn save(weights: &Weights, metadata: &[(&str, &str)], path: &Path) -> Result<(), TensorError> {
    let bytes = to_bytes(weights, metadata)?;
    // The library's own writing to a file leaves it readable by its owner alone.
    std::fs::write(path, bytes).map_err(|error| candle_core::Error::from(error).with_path(path))?;
    Ok(())
}

/// Reads all tensors of a safetensors file, ordered by name.
///
/// # Errors
/// When the file cannot be read or is no safetensors file.
pub fn load(path: &Path) -> Result<Weights, TensorError> {
    // SAFETY: the file is mapped only while its tensors are copied out of it. Files of weights are put in place whole,
    // and not written to where they are.
    let file = unsafe { MmapedSafetensors::new(path)? };
    let mut names: Vec<String> = file.tensors().into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    let tensors: candle_core::Result<Vec<Tensor>> =
        names.par_iter().map(|name| file.load(name, device::current())).collect();
    Ok(names.into_iter().zip(tensors?).collect())
}
