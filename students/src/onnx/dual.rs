//! Dual encoders as graphs: two towers, each a graph of its own, and the head over both embeddings.

use alambic_models::dual::{ANSWERS_EPSILON, DualConfig};
use alambic_models::{ModelError, evenly_spaced};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerOptions, LayerSizes, Norms, OnnxWeights, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::images::{PatchTables, with_first};
use super::proto::Extent;

/// The output of each tower and input of the head, `[batch, width]`, as transformers calls such vectors.
const EMBEDDINGS: [&str; 2] = ["text_embeds", "image_embeds"];

/// The graphs `text`, `image` and `head`, each with the largest difference that storing made to a weight.
pub(super) fn graphs(
    config: &DualConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<[(&'static str, Finished); 3], ModelError> {
    let source = OnnxWeights(weights);
    Ok([
        ("text", text(config, &source, storage)?),
        ("image", image(config, &source, storage)?),
        ("head", head(config, &source, storage)?),
    ])
}

/// Inputs: `input_ids`, `attention_mask` and, with segments, `token_type_ids`. Output: `text_embeds`.
fn text(config: &DualConfig, source: &OnnxWeights<'_>, storage: Storage) -> Result<Finished, ModelError> {
    let mut graph = Builder::new("dual-encoder text", storage);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let table = |kind: &str| format!("text_model.embeddings.{kind}_embeddings.weight");
    let tables = TextTables {
        words: table("word"),
        positions: Some(table("position")),
        segments: (table("token_type"), config.sizes.type_vocab_size),
    };
    let positions = |graph: &mut Builder| blocks::counted_positions(graph, &ids);
    let sum = blocks::embed(&mut graph, source, &tables, &ids, positions)?;
    let embedded =
        source.norm(&mut graph, &sum, "text_model.embeddings.LayerNorm", config.sizes.layer_norm_eps)?;
    let bias = blocks::mask_bias(&mut graph, &mask);
    let tower = Tower { name: "text_model", layers: config.text_layers, output: EMBEDDINGS[0] };
    tower.finish(graph, config, source, &embedded, Some(&bias))
}

/// Input: `pixel_values`, squares of the size for which positions are stored, so that none is interpolated. Of
/// more patches than the model reads, those are read that are spread evenly. Output: `image_embeds`.
fn image(config: &DualConfig, source: &OnnxWeights<'_>, storage: Storage) -> Result<Finished, ModelError> {
    let sizes = &config.sizes;
    let mut graph = Builder::new("dual-encoder image", storage);
    let name = |part: &str| format!("image_model.embeddings.{part}");
    let (grid, positions) = (sizes.grid(), name("position_embeddings"));
    let patches = PatchTables {
        channels: sizes.num_channels,
        patch: sizes.patch_size,
        grid,
        projection: name("patch_embeddings.projection"),
        has_bias: true,
        positions: positions.clone(),
    };
    let pixels = patches.squares(&mut graph, "batch");
    let embedded = patches.embed_squares(&mut graph, source, &pixels)?;
    let first = graph.vector(&name("cls_token"), source.get(&name("cls_token"))?)?;
    let embedded = with_first(&mut graph, &first, &embedded);
    let positions = graph.table(&positions, source.get(&positions)?)?;
    let mut embedded = graph.node("Add", &[&embedded, &positions], Vec::new());
    if let Some(most) = usize::try_from(sizes.max_image_length).ok().filter(|most| *most < grid * grid) {
        let read = evenly_spaced(grid * grid, most).into_iter().map(|patch| patch as i64 + 1);
        let read: Vec<i64> = std::iter::once(0).chain(read).collect();
        let read = graph.integers("what is read", &[read.len()], &read);
        embedded = graph.node("Gather", &[&embedded, &read], vec![integer("axis", 1)]);
    }
    let tower = Tower { name: "image_model", layers: config.image_layers, output: EMBEDDINGS[1] };
    tower.finish(graph, config, source, &embedded, None)
}

/// A tower from its embeddings on.
struct Tower {
    /// What the names of its tensors begin with.
    name: &'static str,
    layers: usize,
    /// The name of its output.
    output: &'static str,
}

impl Tower {
    /// The layers over `[batch, length, width]`, and what the pooler makes of the first token.
    fn finish(
        &self,
        mut graph: Builder,
        config: &DualConfig,
        source: &OnnxWeights<'_>,
        embedded: &str,
        bias: Option<&str>,
    ) -> Result<Finished, ModelError> {
        let (name, width) = (self.name, config.sizes.hidden_size);
        let modality = format!("{name}.embeddings.modality_embedding");
        let modality = graph.vector(&modality, source.get(&modality)?)?;
        let mut hidden = graph.node("Add", &[embedded, &modality], Vec::new());
        let sizes = LayerSizes {
            width,
            heads: config.sizes.num_attention_heads,
            activation: &config.sizes.hidden_act,
            epsilon: config.sizes.layer_norm_eps,
            norms: Norms::Before,
            kinds: 1,
            options: LayerOptions::default(),
        };
        for index in 0..self.layers {
            let names = DualConfig::layer(name, index);
            hidden = blocks::layer(&mut graph, source, &names, &sizes, &hidden, bias)?;
        }
        let first = first_token(&mut graph, &hidden);
        let first = source.norm(&mut graph, &first, &format!("{name}.layernorm"), sizes.epsilon)?;
        let pooled =
            blocks::linear_activated(&mut graph, source, &first, (&format!("{name}.pooler.dense"), "tanh"))?;
        graph.output(&pooled, self.output, &["batch".into(), width.into()]);
        Ok(graph.finish())
    }
}

/// Inputs: `text_embeds` and `image_embeds`. Output: `logits` of the answers; without answers `pooler_output`, both fused.
fn head(config: &DualConfig, source: &OnnxWeights<'_>, storage: Storage) -> Result<Finished, ModelError> {
    let (width, answers) = (config.sizes.hidden_size, config.sizes.labels.len());
    let shape = |size: usize| -> [Extent; 2] { ["batch".into(), size.into()] };
    let mut graph = Builder::new("dual-encoder head", storage);
    let [text, image] = EMBEDDINGS.map(|name| graph.numbers(name, &shape(width)));
    let both = graph.node("Concat", &[&text, &image], vec![integer("axis", 1)]);
    let fused = perceptron(&mut graph, source, &both, "fusion")?;
    if answers == 0 {
        graph.output(&fused, "pooler_output", &shape(width));
    } else {
        let logits = perceptron(&mut graph, source, &fused, "classifier")?;
        graph.output(&logits, "logits", &shape(answers));
    }
    Ok(graph.finish())
}

/// A linear layer, a norm, a GELU and another linear layer: the parts 0, 1, 2 and 3 of a sequence of modules.
pub(super) fn perceptron(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    x: &str,
    name: &str,
) -> Result<Name, ModelError> {
    let inner = source.linear(graph, x, &format!("{name}.0"))?;
    let inner = source.norm(graph, &inner, &format!("{name}.1"), ANSWERS_EPSILON)?;
    let inner = activate(graph, &inner, "gelu")?;
    source.linear(graph, &inner, &format!("{name}.3"))
}
