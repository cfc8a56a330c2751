//! What published files call the tensors of an architecture.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use crate::{ModelError, ModelFolder};

/// The tensors of a published file under the names of `shapes`, in their order, and the names of those that the file does
/// not hold. `spellings` are the names that a file may have for one, the likeliest first.
pub(crate) fn adopt(
    shapes: &IndexMap<String, Vec<usize>>,
    published: &Weights,
    spellings: impl Fn(&str) -> Vec<String>,
) -> (Weights, Vec<String>) {
    let mut weights = Weights::new();
    let mut missing = Vec::new();
    for name in shapes.keys() {
        match spellings(name).iter().find_map(|other| published.get(other)) {
            Some(tensor) => {
                weights.insert(name.clone(), tensor.clone());
            }
            None => missing.push(name.clone()),
        }
    }
    (weights, missing)
}

/// The same for the file of a folder, all of whose tensors are needed.
///
/// # Errors
/// When a file is missing or broken, or the weights lack a tensor.
pub(crate) fn open(
    folder: &ModelFolder,
    shapes: &IndexMap<String, Vec<usize>>,
    spellings: impl Fn(&str) -> Vec<String>,
) -> Result<Weights, ModelError> {
    let (weights, missing) = adopt(shapes, &folder.weights()?, spellings);
    match missing.into_iter().next() {
        Some(name) => Err(ModelError::MissingTensor(name)),
        None => Ok(weights),
    }
}

/// A name with and without the prefix of the base model, which files of the base model alone leave out.
pub(crate) fn with_and_without(base: &str, name: &str) -> Vec<String> {
    let bare = name.strip_prefix(base).unwrap_or(name);
    let mut names = vec![name.to_owned(), bare.to_owned(), format!("{base}{bare}")];
    names.dedup();
    names
}

/// These names and those of older files: a norm's weight and bias as `gamma` and `beta`, as TensorFlow's checkpoints had
/// them, and the prefixes of wrappers.
pub(crate) fn older(mut names: Vec<String>) -> Vec<String> {
    let old = |name: &String| {
        let (norm, part) = name.rsplit_once('.')?;
        let part = if part == "weight" { "gamma" } else { "beta" };
        norm.ends_with("LayerNorm").then(|| format!("{norm}.{part}"))
    };
    names.extend(names.iter().filter_map(old).collect::<Vec<_>>());
    let wrapped =
        names.iter().flat_map(|name| ["model.", "module."].map(|wrapper| format!("{wrapper}{name}")));
    names.extend(wrapped.collect::<Vec<_>>());
    names
}
