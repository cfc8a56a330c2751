//! Agreement of decoder-only models and of encoders of images with transformers, on tiny random models in `tests/parity`.

use crate::held::{assert_is_read_as_written, assert_taps_agree, open};
use crate::traces::folder;
use alambic_models::architecture;
use alambic_models::{Config, ModelFolder, Pass, TapSelection};
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::Parameters;

const MODELS: [&str; 8] =
    ["gpt2", "llama", "llama-scaled", "qwen3", "qwen3-embedding", "vit", "siglip", "siglip-text"];

#[test]
fn taps_agree_with_transformers() {
    MODELS.into_iter().for_each(assert_taps_agree);
}

#[test]
fn written_folder_gives_the_same_model() {
    MODELS.into_iter().for_each(assert_is_read_as_written);
}

#[test]
fn other_spelling_of_a_configuration_gives_the_same_model() {
    for model in ["llama", "llama-scaled", "qwen3", "qwen3-embedding"] {
        let again = tempfile::tempdir().unwrap();
        std::fs::copy(folder(model).join("config-other.json"), again.path().join("config.json")).unwrap();
        let weights = folder(model).join("model/model.safetensors");
        std::fs::copy(weights, again.path().join("model.safetensors")).unwrap();
        let other = Config::open(&ModelFolder::open(again.path()).unwrap()).unwrap();
        assert_eq!(other, open(model).0, "{model}");
    }
}

#[test]
fn a_loss_reaches_every_parameter() {
    for (model, tap) in
        [("vit", "logits"), ("siglip", "logits"), ("siglip-text", "pooled"), ("qwen3", "logits")]
    {
        let (config, weights, batch) = open(model);
        let parameters = Parameters::from_weights(&weights).unwrap();
        let network = architecture::build(&config, &parameters.tracked()).unwrap();
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named([tap])).unwrap();
        let loss = trace.get(tap).unwrap().sqr().unwrap().mean_all().unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        assert_eq!(gradients.unreached(&parameters), Vec::<String>::new(), "{model}");
        gradients.check(|name| is_key_bias(name) || name.ends_with("in_proj_bias")).unwrap();
    }
}

#[test]
fn unsupported_values_are_refused_with_their_key() {
    for (model, key, value, expected) in [
        ("gpt2", "scale_attn_by_inverse_layer_idx", "true", "`scale_attn_by_inverse_layer_idx` is true"),
        ("llama", "rope_scaling", r#"{"rope_type": "yarn", "factor": 2.0}"#, "the type `yarn`"),
        ("llama", "num_key_value_heads", "3", "num_key_value_heads is 3"),
        ("qwen3", "use_sliding_window", "true", "`use_sliding_window` is true"),
        ("qwen3", "head_dim", "0", "`head_dim` is 0"),
        ("vit", "qkv_bias", "false", "qkv_bias is false"),
        ("vit", "patch_size", "5", "patch_size is 5, which does not divide image_size, 16"),
        ("modernbert", "layer_types", r#"["full_attention"]"#, "layer_types has 1 entries"),
        ("modernbert", "classifier_pooling", r#""max""#, "classifier_pooling is `max`"),
        ("deberta-v2", "pos_att_type", r#""c2p|p2p""#, "pos_att_type names `p2p`"),
        ("deberta-v2", "conv_kernel_size", "4", "conv_kernel_size is 4"),
        ("albert", "num_hidden_groups", "2", "`num_hidden_groups` is 2"),
        ("mpnet", "relative_attention_num_buckets", "-1", "`relative_attention_num_buckets` is -1"),
        ("electra", "embedding_size", r#""small""#, "`embedding_size` is"),
    ] {
        let again = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(folder(model).join("model/config.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json[key] = serde_json::from_str(value).unwrap();
        std::fs::write(again.path().join("config.json"), json.to_string()).unwrap();
        let weights = folder(model).join("model/model.safetensors");
        std::fs::copy(weights, again.path().join("model.safetensors")).unwrap();
        let error = Config::open(&ModelFolder::open(again.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("config.json"), "{model}, {key}: {error}");
    }
}
