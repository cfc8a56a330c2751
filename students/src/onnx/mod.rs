//! Students as ONNX files, written and read back without Python.

mod blocks;
mod builder;
mod captions;
mod clip;
mod dual;
mod encoder_decoder;
mod ernie_vilg;
mod image_tokenizer;
mod images;
mod matrix_embeddings;
mod oscar;
mod pali;
mod pooling;
mod proto;
mod relative;
mod running;
mod runtime;
mod siglip;
mod static_embeddings;
mod text_encoder;
mod vilt;
mod vit;

use std::path::{Path, PathBuf};

use alambic_files::{FileError, read, write};
use alambic_models::{Config, architecture};
use alambic_tensor::parameters::Weights;
use prost::Message;

pub use builder::Storage;
pub(crate) use running::run_files;

use self::builder::Finished;
use self::proto::Model;
use crate::StudentError;

/// ONNX file that was written.
#[derive(Debug, Clone, PartialEq)]
pub struct OnnxFile {
    /// The graph that it holds, as its name begins.
    pub graph: &'static str,
    /// Path.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// The largest difference that storing made to a weight, over the largest weight of its tensor.
    pub difference: f64,
}

/// Folder of ONNX files within that of an export, as transformers.js, Optimum and sentence-transformers look for it.
pub(crate) const FOLDER: &str = "onnx";

/// Writes a model's ONNX files into the folder `onnx` within a folder, and reads them back to see that they are whole. Names are
/// those of Optimum, and end as those of transformers.js do: `model.onnx`, `model_fp16.onnx`, `model_quantized.onnx` of eight
/// bits.
///
/// A text encoder is `model.onnx`, from `input_ids`, `attention_mask` and, where the model has segments, `token_type_ids`,
/// all `[batch, sequence]`, to `logits`; without a head to `last_hidden_state`, `pooler_output` and `sentence_embedding`,
/// those that it has. With a head of multiple choice inputs are `[batch, choices, sequence]`, and `logits` `[batch, choices]`.
///
/// Matrix embeddings are the same, and take `token_type_ids` where they read pairs of texts.
///
/// An encoder-decoder is four. `encoder_model.onnx` gives `last_hidden_state`. `decoder_model.onnx` takes it as
/// `encoder_hidden_states`, with `encoder_attention_mask` and `input_ids`, to `logits` and `present.LAYER.decoder.key` and the
/// like; `decoder_with_past_model.onnx` takes these as `past_key_values.LAYER.decoder.key`; `decoder_model_merged.onnx` is
/// both, by `use_cache_branch`.
///
/// PaLI is the same four. Its encoder takes `pixel_values` `[batch, 3, side, side]` as well, and gives beside `last_hidden_state`, of
/// the patches and behind them the prompt, the `encoder_attention_mask` of both.
///
/// A dual encoder is three. `text.onnx` takes the same as a text encoder to `text_embeds` `[batch, width]`. `image.onnx` takes
/// `pixel_values` `[batch, 3, side, side]`, colours from -1 to 1, to `image_embeds` `[batch, width]`; its side is that of
/// the square for which the model stores positions. `head.onnx` takes both vectors to `logits` `[batch, answers]`, or, in
/// a model without answers, to `pooler_output` `[batch, width]`.
///
/// CLIP is `model.onnx`, to `logits_per_image`, `logits_per_text`, `text_embeds` and `image_embeds`, and its towers
/// `text_model.onnx` and `vision_model.onnx`, whose embeddings are as projected. SigLIP is the same without a mask, since it reads
/// padding as well; the embeddings of its towers are `pooler_output`, and one tower alone is `model.onnx`. ViT is `model.onnx`, to
/// `logits`, or to `last_hidden_state` and `pooler_output`. `ViLT` is `model.onnx` and takes
/// `pixel_values` of any size and `pixel_mask` as well; Oscar is `model.onnx` and takes `visual_embeds` `[batch, regions,
/// features]` and `visual_attention_mask`.
///
/// An image tokenizer is two. `encoder.onnx` takes `pixel_values`, squares of its size, to `tokens` `[batch, places]` and the
/// `latents` behind them; `decoder.onnx` takes `tokens` to `reconstruction`, pixels again.
///
/// A transformer that writes images and texts is six, or seven: these two; `text_prefix.onnx`, which takes `input_ids` and
/// `attention_mask` to keys and values, `present.LAYER.key` and `present.LAYER.value`, and `image_step.onnx`, which takes these as
/// `past_key_values.LAYER.key`, the texts' `attention_mask` and tokens of images as `input_ids` to `logits` and keys and values again;
/// `image_prefix.onnx` and `text_step.onnx`, the same of texts behind images; and where it has one, `reconstructor.onnx`, which takes texts
/// and `image_ids`, an image in tokens behind the one with which it begins, to `reconstruction`.
///
/// # Errors
/// When the architecture has no such form, the weights do not fit the configuration, or a file cannot be written or does
/// not read back as it was.
pub fn export(
    folder: &Path,
    config: &Config,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<OnnxFile>, StudentError> {
    // A graph is put together without a look at the shapes of weights; the network says what does not fit.
    architecture::build(config, weights)?;
    let graphs = match config {
        Config::TextEncoder(config) => vec![("model", text_encoder::graph(config, weights, storage)?)],
        Config::Static(config) => vec![("model", static_embeddings::graph(config, weights, storage)?)],
        Config::Matrix(config) => vec![("model", matrix_embeddings::graph(config, weights, storage)?)],
        Config::Bart(_) | Config::T5(_) => {
            encoder_decoder::graphs(&config.encoder_decoder()?, weights, storage)?
        }
        Config::Pali(config) => pali::graphs(config, weights, storage)?,
        Config::Dual(config) => dual::graphs(config, weights, storage)?.into(),
        Config::Clip(config) => clip::graphs(config, weights, storage)?,
        Config::Siglip(config) => siglip::graphs(config, weights, storage)?,
        Config::Vit(config) => vec![("model", vit::graph(config, weights, storage)?)],
        Config::Vilt(config) => vec![("model", vilt::graph(config, weights, storage)?)],
        Config::Oscar(config) => vec![("model", oscar::graph(config, weights, storage)?)],
        Config::ImageTokenizer(config) => image_tokenizer::graphs(config, weights, storage)?,
        Config::ErnieVilg(config) => ernie_vilg::graphs(config, weights, storage)?,
        other => {
            return Err(StudentError::Incompatible(format!(
                "a {} has no ONNX form here; `hf` is the form that it has",
                other.model_type()
            )));
        }
    };
    let folder = folder.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(FileError::io(&folder))?;
    let suffix = storage.suffix();
    let write = |(graph, (model, difference)): (&'static str, Finished)| {
        let path = folder.join(format!("{graph}{suffix}.onnx"));
        write::write(&path, &model.encode_to_vec())?;
        let read = read::bytes(&path, u64::MAX)?;
        match Model::decode(read.as_slice()) {
            Ok(back) if back == model => Ok(OnnxFile { graph, path, bytes: read.len() as u64, difference }),
            _ => Err(StudentError::RoundTrip { path, difference: f32::INFINITY }),
        }
    };
    graphs.into_iter().map(write).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::Path;

    use alambic_models::ModelFolder;
    use alambic_models::dual::{Dual, DualConfig};
    use alambic_models::text_encoder::{Head, TextEncoder, TextEncoderConfig};
    use alambic_models::vilt::ViltConfig;
    use alambic_tensor::Streams;

    use super::proto::{Extent, Graph, Node, Value, element};
    use super::*;

    fn folder(model: &str) -> ModelFolder {
        let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity");
        ModelFolder::open(&parity.join(model).join("model")).unwrap()
    }

    /// Follows nodes in their order, and those of branches before the node that chooses one.
    fn follow<'a>(nodes: &'a [Node], known: &mut HashSet<&'a String>, used: &mut HashSet<&'a String>) {
        for node in nodes {
            for branch in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
                known.extend(branch.input.iter().map(|input| &input.name));
                follow(&branch.node, known, used);
                assert!(branch.output.iter().all(|output| known.contains(&output.name)));
            }
            for input in node.input.iter().filter(|input| !input.is_empty()) {
                assert!(known.contains(input), "{} reads `{input}`, which is not there yet", node.name);
                used.insert(input);
            }
            for output in &node.output {
                assert!(known.insert(output), "`{output}` is there twice");
            }
        }
    }

    /// A graph that a reader can run node by node: what a node reads has been there before, and each constant is read.
    fn whole(model: &Model) -> &Graph {
        let graph = model.graph.as_ref().unwrap();
        let mut known = HashSet::new();
        let constants = graph.initializer.iter().map(|constant| &constant.name);
        for name in graph.input.iter().map(|input| &input.name).chain(constants) {
            assert!(known.insert(name), "`{name}` is there twice");
        }
        let mut used = HashSet::new();
        follow(&graph.node, &mut known, &mut used);
        for constant in &graph.initializer {
            assert!(used.contains(&constant.name), "nobody reads `{}`", constant.name);
            let width = match constant.data_type {
                element::I8 => 1,
                element::F16 => 2,
                element::F32 => 4,
                _ => 8,
            };
            let count = constant.dims.iter().product::<i64>() * width;
            assert_eq!(constant.raw_data.len(), usize::try_from(count).unwrap(), "{}", constant.name);
        }
        assert!(graph.output.iter().all(|output| known.contains(&output.name)));
        graph
    }

    /// Name, number format and dimensions of inputs or outputs.
    fn described(values: &[Value]) -> Vec<String> {
        let one = |value: &Value| {
            let tensor = value.kind.as_ref().unwrap().tensor.as_ref().unwrap();
            let extents = tensor.shape.as_ref().unwrap().dim.iter().map(|dim| match &dim.extent {
                Some(Extent::Fixed(size)) => size.to_string(),
                Some(Extent::Named(name)) => name.clone(),
                None => "?".to_owned(),
            });
            let format = if tensor.element == element::I64 { "whole" } else { "float" };
            format!("{} {format} {}", value.name, extents.collect::<Vec<_>>().join(" "))
        };
        values.iter().map(one).collect()
    }

    fn count(graph: &Graph, operation: &str) -> usize {
        graph.node.iter().filter(|node| node.op_type == operation).count()
    }

    const STORAGES: [Storage; 3] = [Storage::F32, Storage::F16, Storage::Int8];

    #[test]
    fn graphs_of_text_encoders_are_whole() {
        for model in [
            "bert",
            "xlm",
            "xlm-roberta",
            "distilbert",
            "camembert",
            "electra",
            "electra-discriminator",
            "albert",
            "mpnet",
            "deberta-v2",
            "deberta-v3",
            "deberta-v2-plain",
            "modernbert",
            "nomic-bert",
        ] {
            let folder = folder(model);
            let config = Config::open(&folder).unwrap();
            let weights = config.weights(&folder).unwrap();
            for storage in STORAGES {
                let (model, _) =
                    text_encoder::graph(config.text_encoder().unwrap(), &weights, storage).unwrap();
                let graph = whole(&model);
                assert_eq!(count(graph, "Softmax"), config.text_encoder().unwrap().layers);
            }
        }
    }

    #[test]
    fn graphs_of_matrix_embeddings_are_whole() {
        for model in ["matrix/none", "matrix/pairs", "matrix/published"] {
            let folder = folder(model);
            let config = Config::open(&folder).unwrap();
            let weights = config.weights(&folder).unwrap();
            let Config::Matrix(config) = config else { panic!("{model}") };
            for storage in STORAGES {
                let (model, _) = matrix_embeddings::graph(&config, &weights, storage).unwrap();
                let graph = whole(&model);
                let readings = if config.splits_pairs() || config.head == Head::None { 2 } else { 1 };
                let directions = config.names().matrices.iter().filter(|(_, table)| table.is_some()).count();
                assert_eq!(count(graph, "Loop"), readings * directions);
            }
        }
    }

    #[test]
    fn a_head_over_the_vocabulary_reads_the_matrix_that_it_has() {
        for (untied, matrix) in
            [(false, "bert.embeddings.word_embeddings.weight"), (true, "cls.predictions.decoder.weight")]
        {
            let config = Config::open(&folder("bert")).unwrap();
            let head = Head::MaskedLanguage;
            let config =
                TextEncoderConfig { head, untied, pooler: false, ..config.text_encoder().unwrap().clone() };
            let weights = TextEncoder::initial_weights(&config, &Streams::new(1)).unwrap();
            let (model, _) = text_encoder::graph(&config, &weights, Storage::F32).unwrap();
            let output = whole(&model).initializer.iter().find(|constant| constant.name == matrix);
            // That of words is stored as it is looked up in.
            let own = if untied { weights[matrix].t().unwrap() } else { weights[matrix].clone() };
            let expected = own.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let expected: Vec<u8> = expected.into_iter().flat_map(f32::to_le_bytes).collect();
            assert_eq!(output.unwrap().raw_data, expected, "{matrix}");
        }
    }

    #[test]
    fn towers_and_head_of_a_dual_encoder_fit_each_other() {
        let vilt = ViltConfig::open(&folder("vilt")).unwrap();
        let (width, side, channels) = (vilt.hidden_size, vilt.image_size, vilt.num_channels);
        let embedding = |side: &str| format!("{side}_embeds float batch {width}");
        for answers in [&["yes", "no", "two"][..], &[]] {
            let sizes = vilt.clone().answering(&answers.iter().map(ToString::to_string).collect::<Vec<_>>());
            let config = DualConfig { text_layers: 2, image_layers: 1, sizes };
            let weights = Dual::initial_weights(&config, &Streams::new(1), &Weights::new()).unwrap();
            for storage in STORAGES {
                let [(_, (text, _)), (_, (image, _)), (_, (head, _))] =
                    dual::graphs(&config, &weights, storage).unwrap();
                let [text, image, head] = [&text, &image, &head].map(whole);
                let tokens = ["input_ids", "attention_mask", "token_type_ids"]
                    .map(|name| format!("{name} whole batch sequence"));
                assert_eq!(described(&text.input), tokens);
                assert_eq!(described(&text.output), [embedding("text")]);
                let pixels = format!("pixel_values float batch {channels} {side} {side}");
                assert_eq!(described(&image.input), [pixels]);
                assert_eq!(described(&image.output), [embedding("image")]);
                assert_eq!(described(&head.input), ["text", "image"].map(embedding));
                let said = match answers.len() {
                    0 => format!("pooler_output float batch {width}"),
                    count => format!("logits float batch {count}"),
                };
                assert_eq!(described(&head.output), [said]);
                assert_eq!([text, image, head].map(|graph| count(graph, "Softmax")), [2, 1, 0]);
                let eights = [text, image, head].map(|graph| count(graph, "MatMulInteger") > 0);
                assert_eq!(eights, [storage == Storage::Int8; 3]);
            }
        }
    }
}
