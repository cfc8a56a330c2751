//! The files that hold a folder's weights: safetensors or PyTorch's, whole or in shards.

use std::path::{Path, PathBuf};

use alambic_tensor::candle::DType;
use alambic_tensor::candle::pickle::PthTensors;
use alambic_tensor::parameters::{self, Weights};
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;

use super::header;
use crate::{ModelError, ModelFolder};

/// Names under which a folder may keep its weights, the preferred first. With `.index.json` behind it, a name stands
/// for shards.
const NAMES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: IndexMap<String, String>,
}

impl ModelFolder {
    /// The files that hold the weights: `model.safetensors`, or its shards, or else `pytorch_model.bin` or its shards.
    ///
    /// # Errors
    /// When there is none of them, or a shard is missing.
    pub fn weight_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        for name in NAMES {
            let whole = self.path().join(name);
            if whole.is_file() {
                return Ok(vec![whole]);
            }
            let index = self.path().join(format!("{name}.index.json"));
            if index.is_file() {
                return self.shards(&index);
            }
        }
        Err(ModelError::content(
            &self.path().join(NAMES[0]),
            "no such file; a model folder needs its weights there, in shards, or in pytorch_model.bin",
        ))
    }

    /// The file that says in which of several files each tensor is; none where there is one file.
    #[must_use]
    pub fn weight_index(&self) -> Option<PathBuf> {
        let index = |name: &str| self.path().join(format!("{name}.index.json"));
        NAMES
            .into_iter()
            .take_while(|name| !self.path().join(name).is_file())
            .map(index)
            .find(|path| path.is_file())
    }

    fn shards(&self, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
        let text = std::fs::read_to_string(index).map_err(ModelError::file(index))?;
        let map: Index = serde_json::from_str(&text).map_err(|error| ModelError::content(index, error))?;
        let names: IndexSet<String> = map.weight_map.into_values().collect();
        names
            .into_iter()
            .map(|name| {
                let path = self.path().join(&name);
                // An index is data of strangers: it may name files of its own folder only.
                if Path::new(&name).file_name() != Some(name.as_ref()) {
                    Err(ModelError::content(index, format!("`{name}` is no name of a file in this folder")))
                } else if path.is_file() {
                    Ok(path)
                } else {
                    Err(ModelError::content(
                        index,
                        format!("the shard `{name}` is missing; is the folder complete?"),
                    ))
                }
            })
            .collect()
    }

    /// All weights as `f32`, by name. PyTorch's files are read by a reader that knows tensors and executes nothing.
    ///
    /// # Errors
    /// When a file is missing or broken.
    pub fn weights(&self) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for file in self.weight_files()? {
            let error = |error: &dyn std::fmt::Display| ModelError::content(&file, error);
            if is_safetensors(&file) {
                weights.extend(parameters::load(&file).map_err(|source| error(&source))?);
            } else {
                let tensors = open_pickle(&file)?;
                let mut names: Vec<&String> = tensors.tensor_infos().keys().collect();
                names.sort_unstable();
                for name in names {
                    if let Some(tensor) = tensors.get(name).map_err(|source| error(&source))? {
                        weights.insert(name.clone(), tensor);
                    }
                }
            }
        }
        for (before, dense) in self.dense()? {
            weights
                .extend(dense.weights()?.into_iter().map(|(name, tensor)| (before.clone() + &name, tensor)));
        }
        weights.into_iter().map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F32)?))).collect()
    }

    /// Name and shape of each tensor, ordered by name, without reading the tensors.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or was cut short.
    pub fn weight_shapes(&self) -> Result<IndexMap<String, Vec<usize>>, ModelError> {
        let mut shapes = IndexMap::new();
        for file in self.weight_files()? {
            if is_safetensors(&file) {
                shapes.extend(header::shapes(&file)?);
            } else {
                let tensors = open_pickle(&file)?;
                let infos = tensors.tensor_infos().iter();
                shapes.extend(infos.map(|(name, info)| (name.clone(), info.layout.dims().to_vec())));
            }
        }
        for (before, dense) in self.dense()? {
            shapes.extend(
                dense.weight_shapes()?.into_iter().map(|(name, shape)| (before.clone() + &name, shape)),
            );
        }
        shapes.sort_unstable_keys();
        Ok(shapes)
    }

    /// Bytes of the files that hold the weights.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn bytes(&self) -> Result<u64, ModelError> {
        let length = |file: &PathBuf| Ok(std::fs::metadata(file).map_err(ModelError::file(file))?.len());
        let own: u64 = self.weight_files()?.iter().map(length).sum::<Result<u64, ModelError>>()?;
        let dense = self.dense()?.into_iter().map(|(_, dense)| dense.bytes());
        Ok(own + dense.sum::<Result<u64, ModelError>>()?)
    }
}

fn is_safetensors(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "safetensors")
}

fn open_pickle(file: &Path) -> Result<PthTensors, ModelError> {
    let tensors = PthTensors::new(file, None).map_err(|error| {
        ModelError::content(
            file,
            format!("{error}; files older than PyTorch 1.6 are not read: save the model as safetensors"),
        )
    })?;
    if tensors.tensor_infos().is_empty() {
        return Err(ModelError::content(file, "the file holds no tensors that this program can read"));
    }
    Ok(tensors)
}
