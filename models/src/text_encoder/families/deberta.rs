//! DeBERTa of versions 2 and 3 (He et al., 2021): attention to contents and to relative positions apart.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Family, FamilyDeclaration};
use super::bert::{Published, keys};
use crate::head::{Head, MaskedLanguageNames};
use crate::json::{check_flags, decimal, extend_object};
use crate::layers::{AttentionNames, EncoderNames, PositionBuckets};
use crate::text_encoder::structure::{Disentangled, RelativePositions, Structure};
use crate::{ModelError, ModelFolder};

/// DeBERTa-v2 and DeBERTa-v3.
pub(crate) struct DebertaV2;

impl DebertaV2 {
    pub(crate) const MODEL_TYPE: &'static str = "deberta-v2";
}

/// Keys that are true or false.
const FLAGS: [&str; 4] = ["relative_attention", "share_att_key", "position_biased_input", "legacy"];

/// Kinds of scores that `pos_att_type` names: a list, or a string with bars between them.
fn position_kinds(json: &Value) -> Result<Vec<String>, String> {
    let kinds = match json {
        Value::Null => Vec::new(),
        Value::String(kinds) => {
            kinds.split('|').map(|kind| kind.trim().to_lowercase()).filter(|kind| !kind.is_empty()).collect()
        }
        Value::Array(kinds) => {
            let kinds = kinds.iter().map(|kind| kind.as_str().map(str::to_owned));
            kinds.collect::<Option<Vec<_>>>().ok_or("`pos_att_type` is a list of names")?
        }
        other => return Err(format!("`pos_att_type` is {}, no list of names", quoted(&other.to_string()))),
    };
    match kinds.iter().find(|kind| !["c2p", "p2c"].contains(&kind.as_str())) {
        Some(unknown) => Err(format!("pos_att_type names `{}`; c2p and p2c are supported", quoted(unknown))),
        None => Ok(kinds),
    }
}

/// Disentangled attention of a configuration; none without relative attention.
fn disentangled(json: &Value, positions: usize) -> Result<Option<Disentangled>, String> {
    check_flags(json, FLAGS)?;
    let kinds = position_kinds(&json["pos_att_type"])?;
    if json["relative_attention"] != true {
        return match kinds.as_slice() {
            [] => Ok(None),
            _ => Err("pos_att_type is set and relative_attention is not, which is not supported".into()),
        };
    }
    if kinds.is_empty() {
        return Err("relative_attention is true, and pos_att_type names no kind of scores".into());
    }
    let positive = |key: &str| json[key].as_i64().filter(|value| *value > 0).map(|value| value as usize);
    let convolution = match json["conv_kernel_size"].as_u64().filter(|size| *size > 0) {
        None => None,
        Some(size) if size % 2 == 0 => {
            return Err(format!("conv_kernel_size is {size}; an odd number is needed"));
        }
        Some(_) if json["conv_groups"].as_u64().is_some_and(|groups| groups != 1) => {
            return Err("conv_groups is not 1, which is not supported".into());
        }
        Some(size) => Some((size as usize, json["conv_act"].as_str().unwrap_or("tanh").to_owned())),
    };
    let norm = json["norm_rel_ebd"].as_str().unwrap_or("none").to_lowercase();
    Ok(Some(Disentangled {
        buckets: PositionBuckets {
            buckets: positive("position_buckets"),
            max_distance: positive("max_relative_positions").unwrap_or(positions),
        },
        content_to_position: kinds.iter().any(|kind| kind == "c2p"),
        position_to_content: kinds.iter().any(|kind| kind == "p2c"),
        is_shared: json["share_att_key"] == true,
        is_normed: norm.split('|').any(|kind| kind.trim() == "layer_norm"),
        convolution,
    }))
}

impl FamilyDeclaration for DebertaV2 {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "DebertaV2"
    }

    fn tokenizer_class(&self) -> &'static str {
        "DebertaV2Tokenizer"
    }

    fn prefix(&self) -> &'static str {
        "deberta."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let defaults = json!({
            "vocab_size": 128_100, "hidden_size": 1536, "num_hidden_layers": 24, "num_attention_heads": 24,
            "intermediate_size": 6144, "max_position_embeddings": 512, "type_vocab_size": 0,
            "layer_norm_eps": 1e-7, "pad_token_id": 0,
        });
        let json = folder.json();
        let mut published = Published::read(folder, &defaults)?;
        published.classifier_dropout = json["cls_dropout"].as_f64().map(|dropout| dropout as f32);
        let positions = published.max_position_embeddings;
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let relative = disentangled(json, positions).map_err(fault)?;
        let embedding_width = folder.size_or("embedding_size", published.hidden_size)?;
        let pooled = folder.size_or("pooler_hidden_size", published.hidden_size)?;
        let activation = json["pooler_hidden_act"].as_str().unwrap_or("gelu");
        if pooled != published.hidden_size || activation != "gelu" {
            let message = "a pooler of the width of hidden states with the activation gelu is supported \
                           (pooler_hidden_size, pooler_hidden_act)";
            return Err(fault(message.into()));
        }
        let structure = Structure {
            embedding_width: Some(embedding_width).filter(|width| *width != published.hidden_size),
            relative: relative.map(RelativePositions::Disentangled),
            has_positions: json["position_biased_input"] != false,
            masks_embeddings: true,
            ..Structure::default()
        };
        Ok(published.into_config(Family::DebertaV2, head, structure))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        extend_object(
            &mut json,
            json!({
                "embedding_size": config.embedding_width(),
                "position_biased_input": config.structure.has_positions,
                "pooler_hidden_size": config.width,
                "pooler_hidden_act": "gelu",
                "pooler_dropout": 0.0,
                "cls_dropout": decimal(config.head_dropout),
                "legacy": true,
                "relative_attention": config.structure.relative.is_some(),
            }),
        );
        let Some(own) = config.structure.disentangled() else { return json };
        let kinds = [(own.content_to_position, "c2p"), (own.position_to_content, "p2c")];
        let kinds: Vec<&str> =
            kinds.into_iter().filter(|(is_set, _)| *is_set).map(|(_, kind)| kind).collect();
        extend_object(
            &mut json,
            json!({
                "pos_att_type": kinds,
                "position_buckets": own.buckets.buckets.map_or(-1, |buckets| buckets as i64),
                "max_relative_positions": own.buckets.max_distance,
                "share_att_key": own.is_shared,
                "norm_rel_ebd": if own.is_normed { "layer_norm" } else { "none" },
            }),
        );
        if let Some((kernel, activation)) = &own.convolution {
            extend_object(&mut json, json!({ "conv_kernel_size": kernel, "conv_act": activation }));
        }
        json
    }

    fn embedding_projection(&self) -> (&'static str, bool, bool) {
        ("embeddings.embed_proj", false, true)
    }

    fn pooler(&self, _: &str) -> String {
        "pooler.dense".into()
    }

    fn pooler_activation(&self) -> &'static str {
        "gelu"
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.self.query_proj"),
                key: part("attention.self.key_proj"),
                value: part("attention.self.value_proj"),
                output: part("attention.output.dense"),
            },
            attention_norm: Some(part("attention.output.LayerNorm")),
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
            gate: None,
        }
    }

    fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"],
            bias: if untied { "cls.predictions.decoder.bias" } else { "cls.predictions.bias" },
            output: "cls.predictions.decoder.weight",
        }
    }
}
