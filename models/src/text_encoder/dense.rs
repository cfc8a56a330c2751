//! Dense layers behind a pooling.

use std::path::Path;

use alambic_files::text::quoted;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::layers::Shapes;
use crate::{ModelError, json};

/// Keys of its `config.json`.
const KEYS: [&str; 7] = [
    "in_features",
    "out_features",
    "bias",
    "activation_function",
    "module_input_name",
    "module_output_name",
    "use_residual",
];

/// Names of activations in PyTorch, and in transformers; the identity has none there.
const ACTIVATIONS: [(&str, &str, Option<&str>); 5] = [
    ("Identity", "linear.Identity", None),
    ("Tanh", "activation.Tanh", Some("tanh")),
    ("ReLU", "activation.ReLU", Some("relu")),
    ("GELU", "activation.GELU", Some("gelu")),
    ("SiLU", "activation.SiLU", Some("silu")),
];

/// A linear layer with an activation, over the vector of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dense {
    /// Index among the dense layers of its model, counted from 0.
    pub index: usize,
    /// Numbers that it reads.
    pub inputs: usize,
    /// Numbers that it gives.
    pub outputs: usize,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// Activation, as transformers names it; none for the identity.
    pub activation: Option<&'static str>,
}

/// `config.json` of its folder.
#[derive(Deserialize)]
struct Published {
    in_features: usize,
    out_features: usize,
    #[serde(default = "yes")]
    bias: bool,
    #[serde(default = "tanh")]
    activation_function: String,
    #[serde(default)]
    use_residual: bool,
}

fn yes() -> bool {
    true
}

fn tanh() -> String {
    "torch.nn.modules.activation.Tanh".into()
}

impl Dense {
    /// Dense layer of a module's folder.
    pub(super) fn open(folder: &Path, index: usize) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let config: Value = json::read(&path)?;
        json::check_keys(&config, &KEYS).map_err(|fault| ModelError::content(&path, fault))?;
        let published: Published =
            serde_json::from_value(config).map_err(|error| ModelError::content(&path, error))?;
        let class = published.activation_function.rsplit('.').next().unwrap_or_default();
        let known = ACTIVATIONS.iter().find(|(own, ..)| *own == class);
        let Some((.., activation)) = known.filter(|_| published.activation_function.starts_with("torch."))
        else {
            let names = ACTIVATIONS.map(|(own, ..)| own).join(", ");
            return Err(ModelError::content(
                &path,
                format!(
                    "the activation `{}` is not supported; {names} of torch are",
                    quoted(&published.activation_function)
                ),
            ));
        };
        if published.use_residual {
            return Err(ModelError::content(&path, "`use_residual` is not supported"));
        }
        Ok(Self {
            index,
            inputs: published.in_features,
            outputs: published.out_features,
            has_bias: published.bias,
            activation: *activation,
        })
    }

    /// Name of its tensors in a model, `.weight` and `.bias` left out.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", prefix(self.index), "linear")
    }

    pub(super) fn shapes(&self, shapes: &mut Shapes) {
        shapes.tensor(format!("{}.weight", self.name()), &[self.outputs, self.inputs]);
        if self.has_bias {
            shapes.tensor(format!("{}.bias", self.name()), &[self.outputs]);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let class = ACTIVATIONS.iter().find(|(.., own)| *own == self.activation);
        json!({
            "in_features": self.inputs,
            "out_features": self.outputs,
            "bias": self.has_bias,
            "activation_function": format!("torch.nn.modules.{}", class.map_or(ACTIVATIONS[0].1, |(_, path, _)| path)),
        })
    }
}

/// First part of the names of the tensors of a recurrent pooling.
pub(crate) const POOLING: &str = "pooling";

/// Prefix of the names of the tensors of a dense layer in a model; what follows is their name in its own file.
pub(crate) fn prefix(index: usize) -> String {
    format!("dense.{index}.")
}
