//! CLIP as graphs, with the names of files, inputs and outputs that the hub's have.

use alambic_models::ModelError;
use alambic_models::clip::{ClipConfig, ClipVisionConfig};
use alambic_tensor::parameters::Weights;

use super::blocks::{
    self, LayerOptions, LayerSizes, Norms, OnnxWeights, TextTables, cast, first_place, first_token,
    normalise, row_at,
};
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use super::images::{PatchTables, with_first};
use super::proto::element;

/// The end of a text in files that were written before there was a key for it: the highest id of the text.
const HIGHEST: u32 = 2;

/// The graphs `model`, of both towers and the similarities of all pairs, and `text_model` and `vision_model`, whose
/// embeddings are as projected, not of length one; each with the largest difference that storing made to a weight.
pub(super) fn graphs(
    config: &ClipConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, ModelError> {
    let model = ClipGraphs { config, source: OnnxWeights(weights) };
    Ok(vec![
        ("model", model.both(storage)?),
        ("text_model", model.text_model(storage)?),
        ("vision_model", model.vision_model(storage)?),
    ])
}

/// The norm behind the image tower.
pub(super) const LAST_NORM: &str = "vision_model.post_layernorm";

/// Sizes and names of the image tower's embeddings.
pub(super) fn patch_tables(config: &ClipVisionConfig) -> PatchTables {
    PatchTables {
        channels: config.num_channels,
        patch: config.patch_size,
        grid: config.grid(),
        projection: "vision_model.embeddings.patch_embedding".into(),
        has_bias: false,
        positions: "vision_model.embeddings.position_embedding.weight".into(),
    }
}

/// The last hidden state of class token and patches of images, `[batch, 1 + patches, width]`, before the last norm.
pub(super) fn image_states(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &ClipVisionConfig,
    pixels: &str,
) -> Result<Name, ModelError> {
    let patches = patch_tables(config);
    let embedded = patches.embed_squares(graph, source, pixels)?;
    let first = "vision_model.embeddings.class_embedding";
    let first = graph.vector(first, &source.get(first)?.reshape((1, 1, ()))?)?;
    let embedded = with_first(graph, &first, &embedded);
    let positions = graph.table(&patches.positions, source.get(&patches.positions)?)?;
    let embedded = graph.node("Add", &[&embedded, &positions], Vec::new());
    let epsilon = config.layer_norm_eps;
    let mut hidden = source.norm(graph, &embedded, "vision_model.pre_layrnorm", epsilon)?;
    let sizes = LayerSizes {
        width: config.hidden_size,
        heads: config.num_attention_heads,
        activation: &config.hidden_act,
        epsilon,
        norms: Norms::Before,
        kinds: 1,
        options: LayerOptions::default(),
    };
    for index in 0..config.num_hidden_layers {
        hidden = blocks::layer(graph, source, &config.layer(index), &sizes, &hidden, None)?;
    }
    Ok(hidden)
}

struct ClipGraphs<'a> {
    config: &'a ClipConfig,
    source: OnnxWeights<'a>,
}

impl ClipGraphs<'_> {
    /// Inputs: `input_ids`, `attention_mask`. Outputs: `text_embeds`, `last_hidden_state`.
    fn text_model(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("clip text", storage);
        let ids = graph.tokens("input_ids");
        let mask = graph.tokens("attention_mask");
        let (hidden, projected) = self.text(&mut graph, &ids, &mask)?;
        graph.output(&projected, "text_embeds", &["batch".into(), self.config.projection_dim.into()]);
        let width = self.config.text_config.hidden_size;
        graph.output(&hidden, "last_hidden_state", &["batch".into(), "sequence".into(), width.into()]);
        Ok(graph.finish())
    }

    /// Input: `pixel_values`. Outputs: `image_embeds`, `last_hidden_state`.
    fn vision_model(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("clip vision", storage);
        let pixels = self.patches().squares(&mut graph, "batch");
        let (hidden, projected) = self.image(&mut graph, &pixels)?;
        graph.output(&projected, "image_embeds", &["batch".into(), self.config.projection_dim.into()]);
        let vision = &self.config.vision_config;
        let length = 1 + vision.grid() * vision.grid();
        let shape = ["batch".into(), length.into(), vision.hidden_size.into()];
        graph.output(&hidden, "last_hidden_state", &shape);
        Ok(graph.finish())
    }

    /// Inputs: `input_ids`, `pixel_values`, `attention_mask`. Outputs: `logits_per_image`, `logits_per_text`,
    /// `text_embeds` and `image_embeds`, both of length one.
    fn both(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("clip", storage);
        let texts = ["text_batch".into(), "sequence".into()];
        let ids = graph.whole_numbers("input_ids", &texts);
        let pixels = self.patches().squares(&mut graph, "image_batch");
        let mask = graph.whole_numbers("attention_mask", &texts);
        let (_, text) = self.text(&mut graph, &ids, &mask)?;
        let (_, image) = self.image(&mut graph, &pixels)?;
        let [text, image] = [text, image].map(|rows| normalise(&mut graph, &rows));
        let scale = graph.vector("logit_scale", self.source.get("logit_scale")?)?;
        let scale = graph.node("Exp", &[&scale], Vec::new());
        let turn = || vec![integers("perm", &[1, 0])];
        let turned = graph.node("Transpose", &[&text], turn());
        let similarities = graph.node("MatMul", &[&image, &turned], Vec::new());
        let by_image = graph.node("Mul", &[&similarities, &scale], Vec::new());
        let by_text = graph.node("Transpose", &[&by_image], turn());
        let width = self.config.projection_dim;
        graph.output(&by_image, "logits_per_image", &["image_batch".into(), "text_batch".into()]);
        graph.output(&by_text, "logits_per_text", &["text_batch".into(), "image_batch".into()]);
        graph.output(&text, "text_embeds", &["text_batch".into(), width.into()]);
        graph.output(&image, "image_embeds", &["image_batch".into(), width.into()]);
        Ok(graph.finish())
    }

    /// The last hidden state and the projected embedding of texts.
    fn text(&self, graph: &mut Builder, ids: &str, mask: &str) -> Result<(Name, Name), ModelError> {
        let config = &self.config.text_config;
        let table = |kind: &str| format!("text_model.embeddings.{kind}_embedding.weight");
        let tables = TextTables {
            words: table("token"),
            positions: Some(table("position")),
            segments: (String::new(), 0),
        };
        let positions = |graph: &mut Builder| blocks::counted_positions(graph, ids);
        let mut hidden = blocks::embed(graph, &self.source, &tables, ids, positions)?;
        let zero = graph.integers("zero", &[], &[0]);
        let causal = blocks::causal_bias(graph, ids, &zero);
        let bias = blocks::mask_bias(graph, mask);
        let bias = graph.node("Add", &[&bias, &causal], Vec::new());
        let sizes = LayerSizes {
            width: config.hidden_size,
            heads: config.num_attention_heads,
            activation: &config.hidden_act,
            epsilon: config.layer_norm_eps,
            norms: Norms::Before,
            kinds: 1,
            options: LayerOptions::default(),
        };
        for index in 0..config.num_hidden_layers {
            hidden = blocks::layer(graph, &self.source, &config.layer(index), &sizes, &hidden, Some(&bias))?;
        }
        let hidden =
            self.source.norm(graph, &hidden, "text_model.final_layer_norm", config.layer_norm_eps)?;
        // The state of the first end of a text stands for it.
        let end = if config.eos_token_id == HIGHEST {
            graph.node("ReduceMax", &[ids], vec![integers("axes", &[1]), integer("keepdims", 1)])
        } else {
            graph.integers("end of a text", &[], &[config.eos_token_id.into()])
        };
        let is_end = graph.node("Equal", &[ids, &end], Vec::new());
        let is_end = cast(graph, &is_end, element::I64);
        let place = first_place(graph, &is_end);
        let last = row_at(graph, &hidden, &place);
        let projection = "text_projection.weight";
        let projected = graph.product(&last, projection, self.source.get(projection)?)?;
        Ok((hidden, projected))
    }

    fn patches(&self) -> PatchTables {
        patch_tables(&self.config.vision_config)
    }

    /// The last hidden state and the projected embedding of images.
    fn image(&self, graph: &mut Builder, pixels: &str) -> Result<(Name, Name), ModelError> {
        let config = &self.config.vision_config;
        let hidden = image_states(graph, &self.source, config, pixels)?;
        let first = first_token(graph, &hidden);
        let pooled = self.source.norm(graph, &first, LAST_NORM, config.layer_norm_eps)?;
        let projection = "visual_projection.weight";
        let projected = graph.product(&pooled, projection, self.source.get(projection)?)?;
        Ok((hidden, projected))
    }
}
