//! Folders of the form `hf` in candle-transformers, over the tokens and pixels of the cases.
//!
//!     cargo run -- CASES RESULTS

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use candle_core::{DType, Device, IndexOp, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{bert, clip, distilbert, marian, xlm_roberta};
use serde::de::DeserializeOwned;
use serde_json::{json, Value};

type Outputs = Result<Vec<(&'static str, Value)>, Box<dyn Error>>;

const CPU: &Device = &Device::Cpu;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&arguments[0])?)?;
    let mut lines = String::new();
    writeln!(lines, "{}", json!({ "version": "candle-transformers 0.11.1" }))?;
    for case in cases {
        let name = &case["name"];
        match outputs(&case) {
            Ok(found) => {
                for (what, values) in found {
                    writeln!(lines, "{}", json!({ "case": name, "part": "", "what": what, "values": values }))?;
                }
            }
            Err(error) => {
                let message: String = error.to_string().chars().take(300).collect();
                writeln!(lines, "{}", json!({ "case": name, "refuses": message.replace('\n', " ") }))?;
            }
        }
    }
    Ok(std::fs::write(&arguments[1], lines)?)
}

fn outputs(case: &Value) -> Outputs {
    let folder = Path::new(case["hf"].as_str().unwrap_or_default());
    let weights = std::fs::read(folder.join("model.safetensors"))?;
    let weights = VarBuilder::from_buffered_safetensors(weights, DType::F32, CPU)?;
    let head = case["config"]["architectures"][0].as_str().unwrap_or_default();
    match case["config"]["model_type"].as_str() {
        Some("bert") if head.ends_with("ForMaskedLM") => {
            let model = bert::BertForMaskedLM::load(weights, &config(case)?)?;
            let logits = model.forward(&ids(case)?, &segments(case)?, Some(&mask(case)?))?;
            Ok(vec![("logits", values(&logits)?)])
        }
        Some("bert") => {
            let model = bert::BertModel::load(weights, &config(case)?)?;
            let states = model.forward(&ids(case)?, &segments(case)?, Some(&mask(case)?))?;
            Ok(vec![("states", values(&states)?)])
        }
        Some("distilbert") => {
            // What is left out is marked here.
            let hidden = mask(case)?.eq(0u32)?.unsqueeze(1)?.unsqueeze(1)?;
            if head.ends_with("ForMaskedLM") {
                let model = distilbert::DistilBertForMaskedLM::load(weights, &config(case)?)?;
                return Ok(vec![("logits", values(&model.forward(&ids(case)?, &hidden)?)?)]);
            }
            let model = distilbert::DistilBertModel::load(weights, &config(case)?)?;
            Ok(vec![("states", values(&model.forward(&ids(case)?, &hidden)?)?)])
        }
        Some("roberta" | "xlm-roberta") => {
            let config: xlm_roberta::Config = config(case)?;
            let (ids, mask) = (ids(case)?, mask(case)?);
            let segments = ids.zeros_like()?;
            if head.ends_with("ForSequenceClassification") {
                let labels = case["config"]["id2label"].as_object().map_or(0, |labels| labels.len());
                let model = xlm_roberta::XLMRobertaForSequenceClassification::new(labels, &config, weights)?;
                return Ok(vec![("logits", values(&model.forward(&ids, &mask, &segments)?)?)]);
            }
            if head.ends_with("ForMaskedLM") {
                let model = xlm_roberta::XLMRobertaForMaskedLM::new(&config, weights)?;
                let logits = model.forward(&ids, &mask, &segments, None, None, None)?;
                return Ok(vec![("logits", values(&logits)?)]);
            }
            let weights = if head == "RobertaModel" { weights } else { weights.pp("roberta") };
            let model = xlm_roberta::XLMRobertaModel::new(&config, weights)?;
            let states = model.forward(&ids, &mask, &segments, None, None, None)?;
            Ok(vec![("states", values(&states)?)])
        }
        Some("marian") => generation(case, weights),
        Some("clip") => images(case, weights),
        _ => Ok(Vec::new()),
    }
}

/// An encoder-decoder, text by text: it has no mask.
fn generation(case: &Value, weights: VarBuilder) -> Outputs {
    let mut model = marian::MTModel::new(&config(case)?, weights)?;
    let (ids, mask, targets) = (ids(case)?, mask(case)?, integers(case, "decoder_input_ids")?);
    let mut all = Vec::new();
    for row in 0..ids.dim(0)? {
        let length = mask.i(row)?.sum_all()?.to_scalar::<u32>()? as usize;
        let text = ids.i((row..row + 1, ..length))?;
        model.reset_kv_cache();
        let states = model.encoder().forward(&text, 0)?;
        all.push(model.decode(&targets.i(row..row + 1)?, &states, 0)?);
    }
    Ok(vec![("logits", values(&Tensor::cat(&all, 0)?)?)])
}

fn images(case: &Value, weights: VarBuilder) -> Outputs {
    let size = |part: &str, key: &str| case["config"][part][key].as_u64().unwrap_or_default() as usize;
    let (text, vision) = ("text_config", "vision_config");
    if [text, vision].iter().any(|part| case["config"][part]["hidden_act"] != "quick_gelu") {
        // It has no other, and reads none out of a configuration.
        return Err("quick_gelu is the only activation of CLIP".into());
    }
    let activation = clip::text_model::Activation::QuickGelu;
    let config = clip::ClipConfig {
        text_config: clip::text_model::ClipTextConfig {
            vocab_size: size(text, "vocab_size"),
            embed_dim: size(text, "hidden_size"),
            activation,
            intermediate_size: size(text, "intermediate_size"),
            max_position_embeddings: size(text, "max_position_embeddings"),
            pad_with: None,
            num_hidden_layers: size(text, "num_hidden_layers"),
            num_attention_heads: size(text, "num_attention_heads"),
            projection_dim: size(text, "projection_dim"),
        },
        vision_config: clip::vision_model::ClipVisionConfig {
            embed_dim: size(vision, "hidden_size"),
            activation,
            intermediate_size: size(vision, "intermediate_size"),
            num_hidden_layers: size(vision, "num_hidden_layers"),
            num_attention_heads: size(vision, "num_attention_heads"),
            projection_dim: size(vision, "projection_dim"),
            num_channels: 3,
            image_size: size(vision, "image_size"),
            patch_size: size(vision, "patch_size"),
        },
        logit_scale_init_value: 2.6592,
        image_size: size(vision, "image_size"),
    };
    let model = clip::ClipModel::new(weights, &config)?;
    let text = model.get_text_features(&ids(case)?)?;
    let pixels = case["inputs"]["pixel_values"].as_array().map_or(0, Vec::len);
    let side = config.image_size;
    let mut numbers = Vec::new();
    flatten(&case["inputs"]["pixel_values"], &mut numbers);
    let numbers: Vec<f32> = numbers.into_iter().map(|number| number as f32).collect();
    let image = model.get_image_features(&Tensor::from_vec(numbers, (pixels, 3, side, side), CPU)?)?;
    Ok(vec![("text", values(&text)?), ("image", values(&image)?)])
}

fn config<C: DeserializeOwned>(case: &Value) -> Result<C, serde_json::Error> {
    serde_json::from_value(case["config"].clone())
}

fn ids(case: &Value) -> Result<Tensor, Box<dyn Error>> {
    integers(case, "input_ids")
}

fn mask(case: &Value) -> Result<Tensor, Box<dyn Error>> {
    integers(case, "attention_mask")
}

fn segments(case: &Value) -> Result<Tensor, Box<dyn Error>> {
    integers(case, "token_type_ids")
}

fn integers(case: &Value, name: &str) -> Result<Tensor, Box<dyn Error>> {
    let rows: Vec<Vec<u32>> = serde_json::from_value(case["inputs"][name].clone())?;
    Ok(Tensor::new(rows, CPU)?)
}

fn flatten(value: &Value, numbers: &mut Vec<f64>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, numbers)),
        number => numbers.extend(number.as_f64()),
    }
}

fn values(tensor: &Tensor) -> Result<Value, candle_core::Error> {
    Ok(match tensor.rank() {
        3 => json!(tensor.to_vec3::<f32>()?),
        _ => json!(tensor.to_vec2::<f32>()?),
    })
}
