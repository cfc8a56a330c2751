//! The files that hold a folder's weights: safetensors or PyTorch's, whole or in shards.

use std::path::{Path, PathBuf};

use alambic_files::read;
use alambic_files::text::quoted;
use alambic_tensor::parameters::Weights;
use indexmap::{IndexMap, IndexSet};
use serde::Deserialize;

use super::stored::StoredWeights;
use super::{header, modules, pytorch};
use crate::published::without_wrappers;
use crate::text_encoder::dense::{POOLING, prefix};
use crate::{ModelError, ModelFolder};

/// Names under which a folder may keep its weights, the preferred first. With `.index.json` behind it, a name stands
/// for shards.
const NAMES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// The longest list of shards that is read; those of published models have some hundred bytes for each tensor.
const INDEX: u64 = 64 << 20;

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
            if whole.exists() {
                return Ok(vec![whole]);
            }
            let index = self.path().join(format!("{name}.index.json"));
            if index.exists() {
                return self.shards(&index);
            }
        }
        Err(ModelError::content(
            &self.path().join("model.safetensors"),
            "there is no such file; a model folder needs its weights there, in shards, or in pytorch_model.bin",
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
        let text = read::text(index, INDEX)?;
        let map: Index = serde_json::from_str(&text).map_err(|error| ModelError::content(index, error))?;
        let names: IndexSet<String> = map.weight_map.into_values().collect();
        names
            .into_iter()
            .map(|name| {
                let path = self.path().join(&name);
                // An index is data of strangers: it may name files of its own folder only.
                if Path::new(&name).file_name() != Some(name.as_ref()) {
                    let name = quoted(&name);
                    Err(ModelError::content(index, format!("`{name}` is no name of a file in this folder")))
                } else if path.is_file() {
                    Ok(path)
                } else {
                    let name = quoted(&name);
                    Err(ModelError::content(
                        index,
                        format!("the shard `{name}` is missing; is the folder complete?"),
                    ))
                }
            })
            .collect()
    }

    /// The folders of the dense layers behind the pooling, in their order; none where there is no pooling.
    ///
    /// # Errors
    /// When `modules.json` is broken.
    pub fn dense_folders(&self) -> Result<Vec<PathBuf>, ModelError> {
        let modules = modules::read(self.root())?.unwrap_or_default();
        modules
            .iter()
            .filter(|module| module.kind() == modules::DENSE)
            .map(|module| module.folder(self.root()))
            .collect()
    }

    /// Modules with weights of their own as folders, each with what stands before the names of its tensors in the model:
    /// dense layers, and recurrent pooling where sentence-transformers has written it.
    fn modules_with_weights(&self) -> Result<Vec<(String, Self)>, ModelError> {
        let folders = self.dense_folders()?.into_iter().enumerate();
        let mut all: Vec<_> = folders.map(|(index, path)| (prefix(index), Self::of_weights(path))).collect();
        let modules = modules::read(self.root())?.unwrap_or_default();
        if let Some(module) = modules.iter().find(|module| module.kind() == modules::RECURRENT) {
            let path = module.folder(self.root())?;
            if path.join(NAMES[0]).is_file() {
                all.push((format!("{POOLING}."), Self::of_weights(path)));
            }
        }
        Ok(all)
    }

    /// The tensors that there are, by their names without the prefixes of wrappers, none of them read.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or was cut short; when two tensors have the same name.
    pub(crate) fn stored(&self) -> Result<StoredWeights, ModelError> {
        let files = self.weight_files()?;
        let mut tensors = IndexMap::new();
        for (index, file) in files.iter().enumerate() {
            let found =
                if is_safetensors(file) { header::read(file)?.tensors } else { pytorch::tensors(file)? };
            for (name, stored) in found {
                let plain = without_wrappers(&name);
                if tensors.insert(plain.clone(), (index, stored)).is_some() {
                    let (name, plain) = (quoted(&name), quoted(&plain));
                    return Err(ModelError::content(
                        file,
                        format!(
                            "tensor `{name}`: another tensor is called `{plain}`, too, when what wrappers put in front is left out"
                        ),
                    ));
                }
            }
        }
        let mut all = StoredWeights { files, tensors };
        for (before, module) in self.modules_with_weights()? {
            all.extend(&before, module.stored()?);
        }
        Ok(all)
    }

    /// All weights as `f32`, by name without the prefixes of wrappers; tensors of whole numbers and of truth values, which
    /// are none, are left out. PyTorch's files are read by a reader that knows tensors and executes nothing.
    ///
    /// # Errors
    /// When a file is missing or broken, or a weight is infinite or NaN.
    pub fn weights(&self) -> Result<Weights, ModelError> {
        let stored = self.stored()?;
        let names: Vec<(&str, &str)> = stored.numbers().into_iter().map(|name| (name, name)).collect();
        stored.load(&names)
    }

    /// Name and shape of each tensor, ordered by name, without reading the tensors. Prefixes of wrappers are left out.
    ///
    /// # Errors
    /// When a file is missing, is not what it should be, or was cut short.
    pub fn weight_shapes(&self) -> Result<IndexMap<String, Vec<usize>>, ModelError> {
        Ok(self.stored()?.shapes())
    }

    /// Bytes of the files that hold the weights.
    ///
    /// # Errors
    /// When a file is missing.
    pub fn bytes(&self) -> Result<u64, ModelError> {
        let length = |file: &PathBuf| Ok(std::fs::metadata(file).map_err(ModelError::file(file))?.len());
        let own: u64 = self.weight_files()?.iter().map(length).sum::<Result<u64, ModelError>>()?;
        let modules = self.modules_with_weights()?.into_iter().map(|(_, module)| module.bytes());
        Ok(own + modules.sum::<Result<u64, ModelError>>()?)
    }
}

fn is_safetensors(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "safetensors")
}
