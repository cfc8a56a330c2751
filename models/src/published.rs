//! Names of tensors in published files.

use alambic_tensor::Streams;
use alambic_tensor::candle::DType;
use alambic_tensor::candle_nn::{Init, VarBuilder};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use crate::finite::first_not_finite;
use crate::initialise::Initialiser;
use crate::{ModelError, ModelFolder};

/// Prefix of all names where the model is part of an object of that name.
const OWNER: &str = "model.";

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
        match look_up(published, &spellings(name)) {
            Some((_, tensor)) => {
                weights.insert(name.clone(), tensor.clone());
            }
            None => missing.push(name.clone()),
        }
    }
    (weights, missing)
}

/// Given weights as far as they go and have the right shape, under any of the names that files have for them, and initial ones of
/// this deviation for the rest, in the order of `shapes`.
///
/// # Errors
/// When a tensor cannot be made.
pub(crate) fn complete(
    shapes: &IndexMap<String, Vec<usize>>,
    given: &Weights,
    spellings: impl Fn(&str) -> Vec<String>,
    deviation: f64,
    streams: Streams,
) -> Result<Weights, ModelError> {
    let (mut weights, _) = adopt(shapes, given, spellings);
    weights.retain(|name, tensor| tensor.dims() == shapes[name]);
    let missing = shapes.keys().filter(|name| !weights.contains_key(*name));
    let initial = Initialiser::new(&streams).fill(shapes, missing, deviation)?;
    weights.extend(initial);
    Ok(shapes.keys().filter_map(|name| Some((name.clone(), weights.get(name)?.clone()))).collect())
}

/// The weights of a folder under the names of `shapes`, all of which are needed. Names and shapes are compared before any
/// is read, and what is not needed is not read.
///
/// # Errors
/// When a file is missing or broken, a tensor is missing or has another shape, or holds infinity or NaN.
pub(crate) fn open(
    folder: &ModelFolder,
    shapes: &IndexMap<String, Vec<usize>>,
    spellings: impl Fn(&str) -> Vec<String>,
) -> Result<Weights, ModelError> {
    let stored = folder.stored()?;
    let mut names = Vec::with_capacity(shapes.len());
    for (name, shape) in shapes {
        let found = stored.find(&spellings(name)).ok_or_else(|| {
            ModelError::content(
                stored.first_file(),
                format!("there is no tensor `{name}`; is this a checkpoint of this architecture?"),
            )
        })?;
        if let Some(other) = stored.shape(found).filter(|other| other != shape) {
            return Err(stored
                .fault(found, format!("it has shape {other:?}, and the configuration asks for {shape:?}")));
        }
        names.push((name.as_str(), found));
    }
    stored.load(&names)
}

/// The tensors of a builder under the names of `shapes`, all of which are needed, and behind them of `optional` those that
/// are there; as `f32`.
///
/// # Errors
/// When a tensor is missing or has another shape, is on another device, or holds infinity or NaN.
pub(crate) fn take(
    builder: &VarBuilder<'_>,
    shapes: &IndexMap<String, Vec<usize>>,
    optional: &IndexMap<String, Vec<usize>>,
    spellings: impl Fn(&str) -> Vec<String>,
) -> Result<Weights, ModelError> {
    let mut weights = Weights::new();
    for (name, shape) in shapes.iter().chain(optional) {
        let names = with_owner(spellings(name));
        let Some(found) = names.iter().find(|found| builder.contains_tensor(found)) else {
            if shapes.contains_key(name) {
                return Err(ModelError::MissingTensor(name.clone()));
            }
            continue;
        };
        let tensor = builder.get_with_hints_dtype(shape.as_slice(), found, Init::default(), DType::F32)?;
        let (location, own) = (tensor.device().location(), device::current().location());
        if location != own {
            return Err(ModelError::Configuration(format!(
                "tensor `{name}` is on {location:?}, and this process computes on {own:?}: make the builder on that device"
            )));
        }
        // A variable of another type than was asked for comes as it is.
        let tensor = tensor.to_dtype(DType::F32)?;
        if first_not_finite(&tensor.detach().flatten_all()?.to_vec1::<f32>()?).is_some() {
            return Err(ModelError::Configuration(format!(
                "tensor `{name}` has numbers that are infinite or NaN"
            )));
        }
        weights.insert(name.clone(), tensor);
    }
    Ok(weights)
}

/// The first of these names that is there, also behind the name of an owner, and what it stands for.
pub(crate) fn look_up<'f, T>(
    found: &'f IndexMap<String, T>,
    spellings: &[String],
) -> Option<(&'f str, &'f T)> {
    let entry = with_owner(spellings.to_vec()).into_iter().find_map(|name| found.get_key_value(&name));
    entry.map(|(name, value)| (name.as_str(), value))
}

/// These names, and behind them the same after the name of an owner.
pub(crate) fn with_owner(mut spellings: Vec<String>) -> Vec<String> {
    let owned: Vec<String> = spellings.iter().map(|name| format!("{OWNER}{name}")).collect();
    spellings.extend(owned);
    spellings
}

/// A name without what wrappers put into it: `module.` in front where data parallelism held the model, and anywhere the
/// marks of compilation, of sharding and of recomputed activations.
pub(crate) fn without_wrappers(name: &str) -> String {
    let mut parts = Vec::new();
    for part in name.split('.') {
        match part {
            "_orig_mod" | "_fsdp_wrapped_module" | "_checkpoint_wrapped_module" => {}
            "module" if parts.is_empty() => {}
            part => parts.push(part),
        }
    }
    parts.join(".")
}

/// A name with and without the prefix of the base model, which files of the base model alone leave out.
pub(crate) fn with_and_without(base: &str, name: &str) -> Vec<String> {
    let bare = name.strip_prefix(base).unwrap_or(name);
    let mut names = vec![name.to_owned(), bare.to_owned(), format!("{base}{bare}")];
    names.dedup();
    names
}

/// Names with those of older files added: a norm's weight and bias as `gamma` and `beta`, as TensorFlow's checkpoints had
/// them.
pub(crate) fn older(mut names: Vec<String>) -> Vec<String> {
    let old = |name: &String| {
        let (norm, part) = name.rsplit_once('.')?;
        let part = if part == "weight" { "gamma" } else { "beta" };
        norm.ends_with("LayerNorm").then(|| format!("{norm}.{part}"))
    };
    names.extend(names.iter().filter_map(old).collect::<Vec<_>>());
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_what_wrappers_put_into_them() {
        for (wrapped, plain) in [
            ("module._orig_mod.encoder.layer.0.weight", "encoder.layer.0.weight"),
            ("_orig_mod.module.bert.pooler.bias", "bert.pooler.bias"),
            ("encoder._orig_mod.layer.0._checkpoint_wrapped_module.weight", "encoder.layer.0.weight"),
            ("_fsdp_wrapped_module.model.shared.weight", "model.shared.weight"),
            ("fusion.module.weight", "fusion.module.weight"),
        ] {
            assert_eq!(without_wrappers(wrapped), plain);
        }
    }

    #[test]
    fn a_name_behind_its_owner_is_found_where_there_is_no_other() {
        let found =
            |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0)).collect::<IndexMap<_, _>>();
        let spellings = with_and_without("bert.", "bert.pooler.bias");
        let look = |names: &[&str]| look_up(&found(names), &spellings).map(|(name, _)| name.to_owned());
        assert_eq!(look(&["model.bert.pooler.bias"]).as_deref(), Some("model.bert.pooler.bias"));
        assert_eq!(look(&["model.pooler.bias", "pooler.bias"]).as_deref(), Some("pooler.bias"));
        assert_eq!(look(&["other.pooler.bias"]), None);
    }
}
