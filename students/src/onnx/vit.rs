//! ViT as a graph.

use alambic_models::ModelError;
use alambic_models::vit::VitConfig;
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerOptions, LayerSizes, Norms, OnnxWeights, activate, first_token};
use super::builder::{Builder, Finished, Storage};
use super::images::{PatchTables, with_first};

/// The graph. Input: `pixel_values`. Outputs: `logits` with a head; without one `last_hidden_state` and, where there is a pooler,
/// `pooler_output`. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(config: &VitConfig, weights: &Weights, storage: Storage) -> Result<Finished, ModelError> {
    let source = OnnxWeights(weights);
    let mut graph = Builder::new("vit", storage);
    let (width, grid) = (config.hidden_size, config.grid());
    let tables = PatchTables {
        channels: config.num_channels,
        patch: config.patch_size,
        grid,
        projection: config.base("embeddings.patch_embeddings.projection"),
        has_bias: true,
        positions: config.base("embeddings.position_embeddings"),
    };
    let pixels = tables.squares(&mut graph, "batch");
    let patches = tables.embed_squares(&mut graph, &source, &pixels)?;
    let first = config.base("embeddings.cls_token");
    let first = graph.vector(&first, source.get(&first)?)?;
    let embedded = with_first(&mut graph, &first, &patches);
    let positions = graph.table(&tables.positions, &source.get(&tables.positions)?.reshape(((), width))?)?;
    let mut hidden = graph.node("Add", &[&embedded, &positions], Vec::new());
    let sizes = LayerSizes {
        width,
        heads: config.num_attention_heads,
        activation: &config.hidden_act,
        epsilon: config.layer_norm_eps,
        norms: Norms::Before,
        kinds: 1,
        options: LayerOptions::default(),
    };
    for index in 0..config.num_hidden_layers {
        hidden = blocks::layer(&mut graph, &source, &config.layer(index), &sizes, &hidden, None)?;
    }
    let hidden = source.norm(&mut graph, &hidden, &config.base("layernorm"), sizes.epsilon)?;
    let first = first_token(&mut graph, &hidden);
    if config.labels.is_empty() {
        let shape = ["batch".into(), (1 + grid * grid).into(), width.into()];
        graph.output(&hidden, "last_hidden_state", &shape);
        if config.pooler {
            let pooled = source.linear(&mut graph, &first, &config.base("pooler.dense"))?;
            let pooled = activate(&mut graph, &pooled, "tanh")?;
            graph.output(&pooled, "pooler_output", &["batch".into(), width.into()]);
        }
    } else {
        let logits = source.linear(&mut graph, &first, "classifier")?;
        graph.output(&logits, "logits", &["batch".into(), config.labels.len().into()]);
    }
    Ok(graph.finish())
}
