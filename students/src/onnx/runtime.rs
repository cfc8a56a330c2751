//! ONNX files run in this process, by rten.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use rten::{Model, NodeId, Value, ValueOrView, ValueView};
use rten_tensor::prelude::*;

use crate::StudentError;

/// Values of a run by their names.
pub(super) type Values = IndexMap<String, Value>;

/// ONNX file that was loaded.
pub(super) struct Session {
    path: PathBuf,
    model: Model,
    inputs: Vec<(String, NodeId)>,
    outputs: Vec<(String, NodeId)>,
}

impl Session {
    /// Loads a file.
    ///
    /// # Errors
    /// When it cannot be read, or the runtime lacks one of its operations.
    pub(super) fn load(path: &Path) -> Result<Self, StudentError> {
        let model = Model::load_file(path).map_err(|error| failed(path, &error))?;
        let named = |ids: &[NodeId]| {
            let name = |id: &NodeId| {
                let info = model.node_info(*id)?;
                Some((info.name()?.to_owned(), *id))
            };
            ids.iter().filter_map(name).collect()
        };
        Ok(Self {
            path: path.to_owned(),
            inputs: named(model.input_ids()),
            outputs: named(model.output_ids()),
            model,
        })
    }

    /// Names of its inputs.
    pub(super) fn inputs(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|(name, _)| name.as_str())
    }

    /// All outputs for those of the values that it reads.
    ///
    /// # Errors
    /// When a value is missing, or an operation fails.
    pub(super) fn run(&self, values: &Values) -> Result<Values, StudentError> {
        let mut inputs = Vec::new();
        for (name, id) in &self.inputs {
            let value = values
                .get(name)
                .ok_or_else(|| failed(&self.path, &format!("nothing is known for its input `{name}`")))?;
            inputs.push((*id, ValueOrView::View(value.as_view())));
        }
        let wanted: Vec<NodeId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let found = self.model.run(inputs, &wanted, None).map_err(|error| failed(&self.path, &error))?;
        Ok(self.outputs.iter().map(|(name, _)| name.clone()).zip(found).collect())
    }
}

/// Numbers of a value, row by row; none of one that is not of 32 bits.
pub(super) fn numbers(value: &Value) -> Vec<f32> {
    match value.as_view() {
        ValueView::FloatTensor(tensor) => tensor.to_vec(),
        _ => Vec::new(),
    }
}

/// Whole numbers of a value, row by row; none of one of other numbers.
pub(super) fn whole_numbers(value: &Value) -> Vec<i32> {
    match value.as_view() {
        ValueView::Int32Tensor(tensor) => tensor.to_vec(),
        _ => Vec::new(),
    }
}

/// A value of numbers.
pub(super) fn of_numbers(path: &Path, shape: &[usize], values: Vec<f32>) -> Result<Value, StudentError> {
    Value::from_shape(shape, values).map_err(|error| failed(path, &error))
}

/// A value of whole numbers.
pub(super) fn of_integers(path: &Path, shape: &[usize], values: Vec<i32>) -> Result<Value, StudentError> {
    Value::from_shape(shape, values).map_err(|error| failed(path, &error))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> StudentError {
    StudentError::Run { path: path.to_owned(), message: error.to_string() }
}
