//! NomicBERT (Nussbaum et al., 2024): rotary positions, gates, norms after sublayers.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Family, FamilyDeclaration};
use super::bert::{Published, keys, with_defaults};
use crate::head::{Head, MaskedLanguageNames};
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::{Gate, Rotary, Structure};
use crate::{ModelError, ModelFolder};

/// NomicBERT.
pub(crate) struct NomicBert;

impl NomicBert {
    pub(crate) const MODEL_TYPE: &'static str = "nomic_bert";
}

/// Base of the rotation where a configuration has none.
const BASE: f64 = 1000.0;

/// Keys of the published configuration, which follows GPT-2, and those of transformers.
const PUBLISHED: [(&str, &str); 9] = [
    ("n_embd", "hidden_size"),
    ("n_layer", "num_hidden_layers"),
    ("n_head", "num_attention_heads"),
    ("n_inner", "intermediate_size"),
    ("n_positions", "max_position_embeddings"),
    ("layer_norm_epsilon", "layer_norm_eps"),
    ("resid_pdrop", "hidden_dropout_prob"),
    ("attn_pdrop", "attention_probs_dropout_prob"),
    ("rotary_emb_base", "rope_theta"),
];

/// Keys of the published configuration that change what is computed, each with the only value that is supported.
fn fixed() -> [(&'static str, Value); 11] {
    [
        ("rotary_emb_fraction", json!(1.0)),
        ("rotary_emb_interleaved", json!(false)),
        ("rotary_emb_scale_base", Value::Null),
        ("rotary_scaling_factor", Value::Null),
        ("prenorm", json!(false)),
        ("qkv_proj_bias", json!(false)),
        ("mlp_fc1_bias", json!(false)),
        ("mlp_fc2_bias", json!(false)),
        ("use_rms_norm", json!(false)),
        ("causal", json!(false)),
        ("parallel_block", json!(false)),
    ]
}

/// The published configuration in the keys of transformers, or the fault of what is not supported.
fn translated(json: &Value) -> Result<Value, String> {
    if json["n_embd"].is_null() {
        return Ok(json.clone());
    }
    for (key, supported) in fixed() {
        let value = &json[key];
        let is_equal = value.as_f64().zip(supported.as_f64()).map_or(*value == supported, |(a, b)| a == b);
        if !value.is_null() && !is_equal {
            let (found, supported) = (quoted(&value.to_string()), supported.to_string());
            return Err(format!("`{key}` is {found}; only {supported} is supported"));
        }
    }
    let activation = json["activation_function"].as_str().unwrap_or("swiglu");
    if activation != "swiglu" {
        return Err(format!("activation_function is `{}`; only swiglu is supported", quoted(activation)));
    }
    let mut own = json.clone();
    for (from, to) in PUBLISHED {
        if !json[from].is_null() {
            own[to] = json[from].clone();
        }
    }
    own["hidden_act"] = json!("silu");
    if json["pad_vocab_size_multiple"].as_u64().is_some_and(|multiple| multiple > 1)
        && let (Some(size), Some(multiple)) =
            (json["vocab_size"].as_u64(), json["pad_vocab_size_multiple"].as_u64())
    {
        own["vocab_size"] = json!(size.div_ceil(multiple) * multiple);
    }
    Ok(own)
}

/// Base of the rotation.
fn base(json: &Value) -> Result<f64, String> {
    let own = &json["rope_parameters"];
    let name = own["rope_type"].as_str().or(own["type"].as_str()).unwrap_or("default");
    if name != "default" {
        return Err(format!("a rotation of the type `{}` is not supported; default is", quoted(name)));
    }
    Ok(own["rope_theta"].as_f64().or(json["rope_theta"].as_f64()).unwrap_or(BASE))
}

impl FamilyDeclaration for NomicBert {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "NomicBert"
    }

    fn tokenizer_class(&self) -> &'static str {
        "BertTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "nomic_bert."
    }

    fn other_prefixes(&self) -> &'static [&'static str] {
        &["bert."]
    }

    fn has_head(&self, head: Head) -> bool {
        head != Head::MultipleChoice
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let json = translated(folder.json()).map_err(fault)?;
        let defaults = json!({
            "vocab_size": 30528, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "silu", "max_position_embeddings": 2048,
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "pad_token_id": 0,
        });
        let published: Published = folder.typed(&with_defaults(&json, &defaults))?;
        let head_width = json["head_dim"]
            .as_u64()
            .filter(|&width| width as usize * published.num_attention_heads != published.hidden_size);
        if let Some(width) = head_width {
            return Err(fault(format!("head_dim is {width}; heads that divide hidden_size are supported")));
        }
        let structure = Structure {
            has_positions: false,
            rotary: Some(Rotary::global(base(&json).map_err(fault)?)),
            linear_biases: false,
            gate: Some(Gate::Apart),
            ..Structure::default()
        };
        Ok(published.into_config(Family::NomicBert, head, structure))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        let base = config.structure.rotary.as_ref().map_or(BASE, |rotary| rotary.base);
        json["rope_parameters"] = json!({ "rope_type": "default", "rope_theta": base });
        if let Some(json) = json.as_object_mut() {
            json.shift_remove("position_embedding_type");
        }
        json
    }

    fn embedding_norm(&self) -> &'static str {
        "emb_ln"
    }

    fn stack(&self) -> &'static str {
        "encoder.layers."
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        let input = part("attn.Wqkv");
        EncoderNames {
            attention: AttentionNames {
                query: input.clone(),
                key: input.clone(),
                value: input,
                output: part("attn.out_proj"),
            },
            attention_norm: Some(part("norm1")),
            feed_forward: [part("mlp.fc12"), part("mlp.fc2"), part("norm2")],
            gate: Some(part("mlp.fc11")),
        }
    }

    fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["cls.predictions.transform.dense", "cls.predictions.transform.layer_norm"],
            bias: if untied { "cls.predictions.decoder.bias" } else { "cls.predictions.bias" },
            output: "cls.predictions.decoder.weight",
        }
    }
}
