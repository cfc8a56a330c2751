//! SigLIP and its towers as graphs, with the names of files, inputs and outputs that the hub's have.

use alambic_models::ModelError;
use alambic_models::siglip::{SiglipConfig, SiglipTextConfig, SiglipVisionConfig};
use alambic_tensor::parameters::Weights;

use super::blocks::{
    self, FORWARD, LayerOptions, LayerSizes, Norms, OnnxWeights, TextTables, attend, feed_forward,
    first_token, normalise, split_heads,
};
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use super::images::PatchTables;

/// The graphs: of both towers `model`, with the similarities of all pairs, `text_model` and `vision_model`; of one tower `model`. Each
/// with the largest difference that storing made to a weight.
pub(super) fn graphs(
    config: &SiglipConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, ModelError> {
    let model = SiglipGraphs { config, source: OnnxWeights(weights) };
    Ok(match (&config.text, &config.vision) {
        (Some(text), Some(vision)) => vec![
            ("model", model.both(text, vision, storage)?),
            ("text_model", model.text_model(text, storage)?),
            ("vision_model", model.vision_model(vision, storage)?),
        ],
        (Some(text), None) => vec![("model", model.text_model(text, storage)?)],
        (None, Some(vision)) => vec![("model", model.vision_model(vision, storage)?)],
        (None, None) => Vec::new(),
    })
}

struct SiglipGraphs<'a> {
    config: &'a SiglipConfig,
    source: OnnxWeights<'a>,
}

impl SiglipGraphs<'_> {
    /// Input: `input_ids`, as long as the model's texts. Outputs: `last_hidden_state`, `pooler_output`.
    fn text_model(&self, text: &SiglipTextConfig, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("siglip text", storage);
        let ids = graph.tokens("input_ids");
        let (hidden, pooled) = self.text(&mut graph, text, &ids)?;
        let shape = ["batch".into(), "sequence".into(), text.hidden_size.into()];
        graph.output(&hidden, "last_hidden_state", &shape);
        graph.output(&pooled, "pooler_output", &["batch".into(), text.embedding_width().into()]);
        Ok(graph.finish())
    }

    /// Input: `pixel_values`. Outputs: `last_hidden_state` and, where attention pools the patches, `pooler_output`.
    fn vision_model(&self, vision: &SiglipVisionConfig, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("siglip vision", storage);
        let pixels = self.patches(vision).squares(&mut graph, "batch");
        let (hidden, pooled) = self.image(&mut graph, vision, &pixels)?;
        let (count, width) = (vision.grid() * vision.grid(), vision.hidden_size);
        graph.output(&hidden, "last_hidden_state", &["batch".into(), count.into(), width.into()]);
        if let Some(pooled) = pooled {
            graph.output(&pooled, "pooler_output", &["batch".into(), width.into()]);
        }
        Ok(graph.finish())
    }

    /// Inputs: `input_ids`, `pixel_values`. Outputs: `logits_per_image`, `logits_per_text`, `text_embeds` and `image_embeds`, both of
    /// length one.
    fn both(
        &self,
        text: &SiglipTextConfig,
        vision: &SiglipVisionConfig,
        storage: Storage,
    ) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("siglip", storage);
        let ids = graph.whole_numbers("input_ids", &["text_batch".into(), "sequence".into()]);
        let pixels = self.patches(vision).squares(&mut graph, "image_batch");
        let (_, texts) = self.text(&mut graph, text, &ids)?;
        let (_, images) = self.image(&mut graph, vision, &pixels)?;
        let images = images.ok_or_else(|| ModelError::Configuration("images have no embedding".into()))?;
        let [texts, images] = [texts, images].map(|rows| normalise(&mut graph, &rows));
        let [scale, bias] =
            ["logit_scale", "logit_bias"].map(|name| graph.vector(name, self.source.get(name)?));
        let scale = graph.node("Exp", &[&scale?], Vec::new());
        let turn = || vec![integers("perm", &[1, 0])];
        let turned = graph.node("Transpose", &[&texts], turn());
        let similarities = graph.node("MatMul", &[&images, &turned], Vec::new());
        let scaled = graph.node("Mul", &[&similarities, &scale], Vec::new());
        let by_image = graph.node("Add", &[&scaled, &bias?], Vec::new());
        let by_text = graph.node("Transpose", &[&by_image], turn());
        graph.output(&by_image, "logits_per_image", &["image_batch".into(), "text_batch".into()]);
        graph.output(&by_text, "logits_per_text", &["text_batch".into(), "image_batch".into()]);
        graph.output(&texts, "text_embeds", &["text_batch".into(), text.embedding_width().into()]);
        graph.output(&images, "image_embeds", &["image_batch".into(), vision.hidden_size.into()]);
        Ok(graph.finish())
    }

    /// Name of a tensor of a tower.
    fn name(&self, tower: &str, part: &str) -> String {
        if self.config.is_dual() { format!("{tower}.{part}") } else { part.to_owned() }
    }

    fn layers(
        &self,
        graph: &mut Builder,
        (is_text, count): (bool, usize),
        sizes: &LayerSizes<'_>,
        mut hidden: Name,
    ) -> Result<Name, ModelError> {
        for names in (0..count).map_while(|index| self.config.layer(is_text, index)) {
            hidden = blocks::layer(graph, &self.source, &names, sizes, &hidden, None)?;
        }
        Ok(hidden)
    }

    /// The last hidden state of texts, normed, and their embedding: that of the last place, which may be padding.
    fn text(
        &self,
        graph: &mut Builder,
        text: &SiglipTextConfig,
        ids: &str,
    ) -> Result<(Name, Name), ModelError> {
        let name = |part: &str| self.name("text_model", part);
        let table = |kind: &str| name(&format!("embeddings.{kind}_embedding.weight"));
        let tables = TextTables {
            words: table("token"),
            positions: Some(table("position")),
            segments: (String::new(), 0),
        };
        let positions = |graph: &mut Builder| blocks::counted_positions(graph, ids);
        let embedded = blocks::embed(graph, &self.source, &tables, ids, positions)?;
        let sizes = LayerSizes {
            width: text.hidden_size,
            heads: text.num_attention_heads,
            activation: &text.hidden_act,
            epsilon: text.layer_norm_eps,
            norms: Norms::Before,
            kinds: 1,
            options: LayerOptions::default(),
        };
        let hidden = self.layers(graph, (true, text.num_hidden_layers), &sizes, embedded)?;
        let hidden = self.source.norm(graph, &hidden, &name("final_layer_norm"), sizes.epsilon)?;
        let last = graph.integers("minus one", &[], &[-1]);
        let last = graph.node("Gather", &[&hidden, &last], vec![integer("axis", 1)]);
        let pooled = self.source.linear(graph, &last, &name("head"))?;
        Ok((hidden, pooled))
    }

    fn patches(&self, vision: &SiglipVisionConfig) -> PatchTables {
        let name = |part: &str| self.name("vision_model", part);
        PatchTables {
            channels: vision.num_channels,
            patch: vision.patch_size,
            grid: vision.grid(),
            projection: name("embeddings.patch_embedding"),
            has_bias: true,
            positions: name("embeddings.position_embedding.weight"),
        }
    }

    /// The last hidden state of images, normed, and their embedding; none where attention does not pool the patches.
    fn image(
        &self,
        graph: &mut Builder,
        vision: &SiglipVisionConfig,
        pixels: &str,
    ) -> Result<(Name, Option<Name>), ModelError> {
        let name = |part: &str| self.name("vision_model", part);
        let patches = self.patches(vision);
        let embedded = patches.embed_squares(graph, &self.source, pixels)?;
        let positions = graph.table(&patches.positions, self.source.get(&patches.positions)?)?;
        let embedded = graph.node("Add", &[&embedded, &positions], Vec::new());
        let sizes = LayerSizes {
            width: vision.hidden_size,
            heads: vision.num_attention_heads,
            activation: &vision.hidden_act,
            epsilon: vision.layer_norm_eps,
            norms: Norms::Before,
            kinds: 1,
            options: LayerOptions::default(),
        };
        let hidden = self.layers(graph, (false, vision.num_hidden_layers), &sizes, embedded)?;
        let hidden = self.source.norm(graph, &hidden, &name("post_layernorm"), sizes.epsilon)?;
        let pooled = vision.vision_use_head.then(|| self.pool(graph, &sizes, &name("head"), &hidden));
        Ok((hidden, pooled.transpose()?))
    }

    /// Attention of a learnt query over normed states, `[batch, width]`.
    fn pool(
        &self,
        graph: &mut Builder,
        sizes: &LayerSizes<'_>,
        head: &str,
        states: &str,
    ) -> Result<Name, ModelError> {
        let part = |part: &str| format!("{head}.{part}");
        let (weights, biases) = (part("attention.in_proj_weight"), part("attention.in_proj_bias"));
        let (weights, biases) = (self.source.get(&weights)?, self.source.get(&biases)?);
        let project = |graph: &mut Builder, x: &str, index: usize, order| {
            let rows = index * sizes.width;
            let weight = weights.narrow(0, rows, sizes.width)?.contiguous()?;
            let bias = biases.narrow(0, rows, sizes.width)?.contiguous()?;
            let projected =
                graph.linear(x, &format!("{}.{index}", part("attention.in_proj")), &weight, &bias)?;
            Ok::<_, ModelError>(split_heads(graph, &projected, sizes, order))
        };
        let probe = part("probe");
        let probe = graph.vector(&probe, self.source.get(&probe)?)?;
        let query = project(graph, &probe, 0, FORWARD)?;
        let key = project(graph, states, 1, blocks::TURNED)?;
        let value = project(graph, states, 2, FORWARD)?;
        let output = part("attention.out_proj");
        let pooled = attend(graph, &self.source, &output, sizes, [&query, &key, &value], None)?;
        let normed = self.source.norm(graph, &pooled, &part("layernorm"), sizes.epsilon)?;
        let layers = [part("mlp.fc1"), part("mlp.fc2")];
        let inner = feed_forward(graph, &self.source, [&layers[0], &layers[1]], sizes, &normed)?;
        let sum = graph.node("Add", &[&pooled, &inner], Vec::new());
        Ok(first_token(graph, &sum))
    }
}
