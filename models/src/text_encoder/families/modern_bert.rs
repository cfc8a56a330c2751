//! ModernBERT (Warner et al., 2024): rotary positions, layers that see a window, norms before sublayers, gates.

use alambic_files::text::quoted;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierDense, ClassifierInput, Family, FamilyDeclaration};
use super::bert::with_defaults;
use crate::head::{Head, MaskedLanguageNames, ProblemType};
use crate::json::decimal;
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::{Gate, Rotary, Structure};
use crate::{ModelError, ModelFolder};

/// ModernBERT.
pub(crate) struct ModernBert;

impl ModernBert {
    pub(crate) const MODEL_TYPE: &'static str = "modernbert";
}

/// Names of kinds of layers in `layer_types`.
const GLOBAL: &str = "full_attention";
const LOCAL: &str = "sliding_attention";

/// `config.json`.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of the file")]
struct Published {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    hidden_activation: String,
    max_position_embeddings: usize,
    norm_eps: f64,
    norm_bias: bool,
    pad_token_id: u32,
    attention_bias: bool,
    attention_dropout: f32,
    local_attention: usize,
    global_attn_every_n_layers: usize,
    layer_types: Option<Vec<String>>,
    embedding_dropout: f32,
    mlp_bias: bool,
    decoder_bias: bool,
    classifier_pooling: String,
    classifier_dropout: f32,
    classifier_bias: bool,
    classifier_activation: String,
}

impl Published {
    fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let defaults = json!({
            "vocab_size": 50368, "hidden_size": 768, "intermediate_size": 1152, "num_hidden_layers": 22,
            "num_attention_heads": 12, "hidden_activation": "gelu", "max_position_embeddings": 8192,
            "norm_eps": 1e-5, "norm_bias": false, "pad_token_id": 50283, "attention_bias": false,
            "attention_dropout": 0.0, "local_attention": 128, "global_attn_every_n_layers": 3,
            "embedding_dropout": 0.0, "mlp_bias": false, "decoder_bias": true, "classifier_pooling": "cls",
            "classifier_dropout": 0.0, "classifier_bias": false, "classifier_activation": "gelu",
        });
        folder.typed(&with_defaults(folder.json(), &defaults))
    }

    /// What is not supported, if there is anything.
    fn fault(&self) -> Option<String> {
        if self.attention_bias != self.mlp_bias {
            return Some("attention_bias and mlp_bias differ, which is not supported".into());
        }
        if !self.decoder_bias {
            return Some("decoder_bias is false, which is not supported".into());
        }
        if !["cls", "mean"].contains(&self.classifier_pooling.as_str()) {
            let found = quoted(&self.classifier_pooling);
            return Some(format!("classifier_pooling is `{found}`; cls and mean are supported"));
        }
        if self.classifier_activation != "gelu" {
            let found = quoted(&self.classifier_activation);
            return Some(format!("classifier_activation is `{found}`; only gelu is supported"));
        }
        let types = self.layer_types.as_ref()?;
        if types.len() != self.num_hidden_layers {
            let (found, layers) = (types.len(), self.num_hidden_layers);
            return Some(format!("layer_types has {found} entries, and num_hidden_layers is {layers}"));
        }
        let unknown = types.iter().find(|own| ![GLOBAL, LOCAL].contains(&own.as_str()))?;
        Some(format!("layer_types has `{}`; {GLOBAL} and {LOCAL} are supported", quoted(unknown)))
    }

    /// Which layers see a window alone.
    fn local(&self) -> Vec<bool> {
        match &self.layer_types {
            Some(types) => types.iter().map(|own| own == LOCAL).collect(),
            None => (0..self.num_hidden_layers)
                .map(|layer| layer % self.global_attn_every_n_layers.max(1) != 0)
                .collect(),
        }
    }
}

/// Bases of the rotation of layers that see all, and of those that see a window.
fn bases(json: &Value) -> Result<(f64, f64), String> {
    let of = |kind: &str, older: &str, default: f64| {
        let own = &json["rope_parameters"][kind];
        let scaling = &json["rope_scaling"];
        for named in [own, scaling] {
            let name = named["rope_type"].as_str().or(named["type"].as_str()).unwrap_or("default");
            if name != "default" {
                return Err(format!(
                    "a rotation of the type `{}` is not supported; default is",
                    quoted(name)
                ));
            }
        }
        Ok(own["rope_theta"].as_f64().or(json[older].as_f64()).unwrap_or(default))
    };
    Ok((of(GLOBAL, "global_rope_theta", 160_000.0)?, of(LOCAL, "local_rope_theta", 10_000.0)?))
}

impl FamilyDeclaration for ModernBert {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "ModernBert"
    }

    fn tokenizer_class(&self) -> &'static str {
        "PreTrainedTokenizerFast"
    }

    fn prefix(&self) -> &'static str {
        "model."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let published = Published::read(folder)?;
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        if let Some(message) = published.fault() {
            return Err(fault(message));
        }
        let (base, local_base) = bases(folder.json()).map_err(fault)?;
        let local = published.local();
        Ok(TextEncoderConfig {
            family: Family::ModernBert,
            head,
            pooler: false,
            untied: false,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary: published.vocab_size,
            width: published.hidden_size,
            layers: published.num_hidden_layers,
            heads: published.num_attention_heads,
            intermediate_size: published.intermediate_size,
            activation: published.hidden_activation,
            positions: published.max_position_embeddings,
            segments: 0,
            epsilon: published.norm_eps,
            padding: published.pad_token_id,
            dropout: published.embedding_dropout,
            attention_dropout: published.attention_dropout,
            head_dropout: published.classifier_dropout,
            structure: Structure {
                has_positions: false,
                rotary: Some(Rotary { base, local_base, window: published.local_attention / 2, local }),
                is_pre_norm: true,
                linear_biases: published.mlp_bias,
                norm_biases: published.norm_bias,
                head_biases: published.classifier_bias,
                gate: Some(Gate::Together),
                classifies_mean: published.classifier_pooling == "mean",
                ..Structure::default()
            },
            pooling: None,
        })
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let structure = &config.structure;
        let rotary = structure.rotary.clone().unwrap_or_else(|| Rotary::global(160_000.0));
        let types: Vec<&str> =
            (0..config.layers).map(|layer| if rotary.is_local(layer) { LOCAL } else { GLOBAL }).collect();
        json!({
            "hidden_size": config.width,
            "intermediate_size": config.intermediate_size,
            "num_hidden_layers": config.layers,
            "num_attention_heads": config.heads,
            "hidden_activation": config.activation,
            "norm_eps": config.epsilon,
            "norm_bias": structure.norm_biases,
            "attention_bias": structure.linear_biases,
            "mlp_bias": structure.linear_biases,
            "classifier_bias": structure.head_biases,
            "attention_dropout": decimal(config.attention_dropout),
            "embedding_dropout": decimal(config.dropout),
            "mlp_dropout": decimal(config.dropout),
            "classifier_dropout": decimal(config.head_dropout),
            "classifier_pooling": if structure.classifies_mean { "mean" } else { "cls" },
            // Left out, they would be those of the published vocabulary; nothing is read by them.
            "bos_token_id": Value::Null,
            "eos_token_id": Value::Null,
            "cls_token_id": Value::Null,
            "sep_token_id": Value::Null,
            "local_attention": 2 * rotary.window,
            "layer_types": types,
            "global_rope_theta": rotary.base,
            "local_rope_theta": rotary.local_base,
            "rope_parameters": {
                GLOBAL: { "rope_type": "default", "rope_theta": rotary.base },
                LOCAL: { "rope_type": "default", "rope_theta": rotary.local_base },
            },
        })
    }

    fn table(&self, _: &str) -> String {
        "embeddings.tok_embeddings.weight".into()
    }

    fn embedding_norm(&self) -> &'static str {
        "embeddings.norm"
    }

    fn stack(&self) -> &'static str {
        "layers."
    }

    fn layer(&self, index: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        let input = part("attn.Wqkv");
        EncoderNames {
            attention: AttentionNames {
                query: input.clone(),
                key: input.clone(),
                value: input,
                output: part("attn.Wo"),
            },
            // The embeddings are normed already.
            attention_norm: (index > 0).then(|| part("attn_norm")),
            feed_forward: [part("mlp.Wi"), part("mlp.Wo"), part("mlp_norm")],
            gate: Some(part("mlp.Wi")),
        }
    }

    fn classifier(&self, head: Head, of_mean: bool) -> Classifier {
        let dense = ClassifierDense {
            name: "head.dense",
            activation: "gelu",
            norm: Some("head.norm"),
            drops_input: false,
        };
        let input = match head {
            head if !head.is_of_text() => ClassifierInput::Tokens,
            _ if of_mean => ClassifierInput::Mean,
            _ => ClassifierInput::First,
        };
        Classifier { dense: Some(dense), ..Classifier::of(input, "classifier") }
    }

    fn masked_language(&self, _: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["head.dense", "head.norm"],
            bias: "decoder.bias",
            output: "decoder.weight",
        }
    }

    fn masked_language_activation(&self) -> Option<&'static str> {
        Some("gelu")
    }
}
