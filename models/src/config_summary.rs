//! Sizes and limits of a configuration, and what can be wrong with them.

use alambic_files::text::quoted;
use serde_json::Value;

use crate::json::check_flags;
use crate::layers::activation;
use crate::{ModelError, ModelFolder, labels};

/// The largest size that a configuration may name. Products of two fit into 64 bits; whether there is memory for them is
/// seen by the tensors of the file.
const LARGEST: usize = i32::MAX as usize;

/// The most layers of a configuration that has no weights beside it, which would show its layers.
const MOST_LAYERS: usize = 1000;

/// Sizes and limits of a configuration. Keys are those of `config.json`.
#[derive(Debug)]
pub struct ConfigSummary<'a> {
    /// Rows of the table of words.
    pub vocabulary: usize,
    /// Maximum number of tokens of a text.
    pub max_length: usize,
    /// The padding token.
    pub padding: u32,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Sizes that must not be 0, each with its key.
    pub sizes: Vec<(&'a str, usize)>,
    /// Sizes that may be 0, each with its key.
    pub counts: Vec<(&'a str, usize)>,
    /// Numbers of layers, each with its key and with what stands before the number in the names of a layer's tensors.
    pub stacks: Vec<(&'a str, usize, &'a str)>,
    /// Numbers of heads that have to divide a width, each with its key.
    pub divisions: Vec<(&'a str, usize, &'a str, usize)>,
    /// Epsilons of layer norms, each with its key.
    pub epsilons: Vec<(&'a str, f64)>,
    /// The activations that it names.
    pub activations: Vec<&'a str>,
}

impl ConfigSummary<'_> {
    /// Faults of the configuration by itself, in words.
    pub(crate) fn faults(&self) -> Vec<String> {
        let empty = self.sizes.iter().filter(|(_, size)| *size == 0).map(|(key, _)| format!("{key} is 0"));
        let stacks = self.stacks.iter().map(|(key, layers, _)| (*key, *layers));
        let large = self.sizes.iter().chain(&self.counts).copied().chain(stacks);
        let large = large
            .filter(|(_, size)| *size > LARGEST)
            .map(|(key, size)| format!("{key} is {size}; the most is {LARGEST}"));
        let divisions = self
            .divisions
            .iter()
            .filter(|(_, count, _, divided)| *count == 0 || !divided.is_multiple_of(*count))
            .map(|(heads, count, width, divided)| {
                format!("{heads} is {count}, which does not divide {width}, {divided}")
            });
        let epsilons = self
            .epsilons
            .iter()
            .filter(|(_, epsilon)| !(0.0..1.0).contains(epsilon))
            .map(|(key, epsilon)| format!("{key} is {epsilon}; it must be from 0 to 1"));
        let activations = self.activations.iter().filter_map(|name| activation(name).err());
        let activations = activations.map(|error| error.to_string());
        empty.chain(large).chain(divisions).chain(epsilons).chain(activations).collect()
    }
}

/// Keys that are true or false and change what a model computes.
const FLAGS: [&str; 7] = [
    "is_decoder",
    "add_cross_attention",
    "tie_word_embeddings",
    "sinusoidal_pos_embds",
    "bypass_transformer",
    "task_qa",
    "reads_pairs",
];

/// Fault of a value of the wrong type, which would be taken for a key that is not there.
fn mistyped(json: &Value) -> Option<String> {
    let declared =
        |key: &str, needed: &str| Some(format!("`{key}` is {}; {needed}", quoted(&json[key].to_string())));
    if let Err(fault) = check_flags(json, FLAGS) {
        return Some(fault);
    }
    let names = &json["architectures"];
    if !names.is_null() && !names.as_array().is_some_and(|names| names.iter().all(Value::is_string)) {
        return declared("architectures", "it is a list of names");
    }
    let positions = &json["position_embedding_type"];
    if !positions.is_null() && !positions.is_string() {
        return declared("position_embedding_type", "only `absolute` is supported");
    }
    labels::problem_fault(json)
}

/// Keys of any architecture that change what a model computes, with what they say that is not supported.
fn unsupported(json: &Value) -> Option<String> {
    if let Some(fault) = mistyped(json) {
        return Some(fault);
    }
    let flag = |key: &str| json[key] == true;
    if flag("is_decoder") {
        return Some("is_decoder is true: each token sees only those before it, as in a decoder; encoders are supported".into());
    }
    if flag("add_cross_attention") {
        return Some(
            "add_cross_attention is true: it is the decoder of another model; encoders are supported".into(),
        );
    }
    if let Some(kind) = json["position_embedding_type"].as_str().filter(|kind| *kind != "absolute") {
        return Some(format!("position_embedding_type is `{}`; only `absolute` is supported", quoted(kind)));
    }
    if json["pruned_heads"].as_object().is_some_and(|heads| !heads.is_empty()) {
        return Some("pruned_heads names attention heads that were removed, which is not supported".into());
    }
    if json["quantization_config"].is_object() {
        let method = json["quantization_config"]["quant_method"].as_str().unwrap_or("an unknown method");
        return Some(format!(
            "the weights are quantised by quantization_config ({}); only weights of 16 to 64 bits are read",
            quoted(method)
        ));
    }
    None
}

impl ModelFolder {
    /// Check that a configuration can be built, and has no more layers than the weights. There may be fewer: as in transformers,
    /// layers that the configuration does not ask for are left out.
    ///
    /// # Errors
    /// Every fault, with the file.
    pub(crate) fn check(&self, summary: &ConfigSummary<'_>) -> Result<(), ModelError> {
        let file = self.path().join("config.json");
        let parts = ["text_config", "vision_config", "text_config_dict", "vision_config_dict"];
        let parts = parts.map(|part| &self.json()[part]);
        let fault = [self.json()].into_iter().chain(parts).find_map(unsupported);
        if let Some(fault) = fault {
            return Err(ModelError::content(&file, fault));
        }
        let faults = summary.faults();
        if !faults.is_empty() {
            let faults = faults.into_iter().map(|fault| format!("{}: {fault}", file.display()));
            return Err(ModelError::Faults(faults.collect()));
        }
        // A configuration by itself says what it says, as far as that can be listed.
        if self.weight_files().is_err() {
            let deep = summary.stacks.iter().find(|(_, layers, _)| *layers > MOST_LAYERS);
            return deep.map_or(Ok(()), |(key, layers, _)| {
                let message = format!("{key} is {layers}; without weights, at most {MOST_LAYERS} are read");
                Err(ModelError::content(&file, message))
            });
        }
        let stored = self.stored()?;
        for (key, layers, marker) in &summary.stacks {
            let found = stored.layers(marker);
            if *layers > found {
                let weights = stored.first_file().display();
                let unit = if found == 1 { "layer" } else { "layers" };
                return Err(ModelError::content(
                    &file,
                    format!("{key} is {layers}, and the weights in {weights} have {found} {unit}"),
                ));
            }
        }
        Ok(())
    }
}
