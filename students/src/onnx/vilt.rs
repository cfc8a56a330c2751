//! ViLT as a graph, whose inputs are those that its processor in transformers gives.

use alambic_models::ModelError;
use alambic_models::vilt::{Head, VOCABULARY_BIAS, ViltConfig};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerOptions, LayerSizes, Norms, OnnxWeights, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::dual::perceptron;
use super::images::{PatchTables, with_first};

/// The graph. Inputs: `input_ids`, `attention_mask`, with segments `token_type_ids`, `pixel_values`, `pixel_mask`. Outputs:
/// `logits` with a head; without one `last_hidden_state` and `pooler_output`. Beside it, the largest difference that storing
/// made to a weight.
pub(super) fn graph(
    config: &ViltConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let source = OnnxWeights(weights);
    let mut graph = Builder::new("vilt", storage);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let text = embed_text(&mut graph, &source, config, &ids)?;
    let (image, image_mask) = embed_image(&mut graph, &source, config)?;
    let modalities = config.base("embeddings.token_type_embeddings.weight");
    let modality = |graph: &mut Builder, index: usize, rows: &str| -> Result<Name, ModelError> {
        let row = source.get(&modalities)?.narrow(0, index, 1)?;
        let row = graph.vector(&format!("{modalities} {index}"), &row)?;
        Ok(graph.node("Add", &[rows, &row], Vec::new()))
    };
    let text = modality(&mut graph, 0, &text)?;
    let image = modality(&mut graph, 1, &image)?;
    let mut hidden = graph.node("Concat", &[&text, &image], vec![integer("axis", 1)]);
    let bias = blocks::mask_bias_of_both(&mut graph, &mask, &image_mask);
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
        hidden = blocks::layer(&mut graph, &source, &config.layer(index), &sizes, &hidden, Some(&bias))?;
    }
    let hidden = source.norm(&mut graph, &hidden, &config.base("layernorm"), sizes.epsilon)?;
    head(&mut graph, &source, config, &hidden, &ids)?;
    Ok(graph.finish())
}

/// Embeddings of the text, normed, and without their modality.
fn embed_text(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &ViltConfig,
    ids: &str,
) -> Result<Name, ModelError> {
    let name = |part: &str| config.base(&format!("embeddings.text_embeddings.{part}"));
    let table = |kind: &str| name(&format!("{kind}_embeddings.weight"));
    let tables = TextTables {
        words: table("word"),
        positions: Some(table("position")),
        segments: (table("token_type"), config.type_vocab_size),
    };
    let positions = |graph: &mut Builder| blocks::counted_positions(graph, ids);
    let sum = blocks::embed(graph, source, &tables, ids, positions)?;
    source.norm(graph, &sum, &name("LayerNorm"), config.layer_norm_eps)
}

/// Embeddings of the image, its first token before them, without their modality; and their mask, `[batch, length]`.
fn embed_image(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &ViltConfig,
) -> Result<(Name, Name), ModelError> {
    let name = |part: &str| config.base(&format!("embeddings.{part}"));
    let tables = PatchTables {
        channels: config.num_channels,
        patch: config.patch_size,
        grid: config.grid(),
        projection: name("patch_embeddings.projection"),
        has_bias: true,
        positions: name("position_embeddings"),
    };
    let most = usize::try_from(config.max_image_length).ok();
    let embedded = tables.embed_any(graph, source, most)?;
    let first = source.get(&name("cls_token"))?;
    let position = source.get(&tables.positions)?.narrow(1, 0, 1)?;
    let first = graph.vector("first token of the image", &(first + position)?)?;
    let rows = with_first(graph, &first, &embedded.patches);
    // The first token counts in every image.
    let zero = graph.integers("zero", &[], &[0]);
    let any = graph.node("Gather", &[&embedded.mask, &zero], vec![integer("axis", 1)]);
    let axis = graph.integers("token axis", &[1], &[1]);
    let any = graph.node("Unsqueeze", &[&any, &axis], Vec::new());
    let one = graph.integers("one", &[], &[1]);
    let any = graph.node("Max", &[&any, &one], Vec::new());
    Ok((rows, graph.node("Concat", &[&any, &embedded.mask], vec![integer("axis", 1)])))
}

/// The outputs, by the last hidden state behind the final norm.
fn head(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &ViltConfig,
    hidden: &str,
    ids: &str,
) -> Result<(), ModelError> {
    if config.head == Head::MaskedLanguage {
        let text = blocks::first_rows(graph, hidden, ids);
        let inner = source.linear(graph, &text, "mlm_score.transform.dense")?;
        let inner = activate(graph, &inner, &config.hidden_act)?;
        let inner = source.norm(graph, &inner, "mlm_score.transform.LayerNorm", config.layer_norm_eps)?;
        let words = config.base("embeddings.text_embeddings.word_embeddings.weight");
        let logits = graph.product_with_table(&inner, &words, source.get(&words)?)?;
        let bias = graph.vector(VOCABULARY_BIAS, source.get(VOCABULARY_BIAS)?)?;
        let logits = graph.node("Add", &[&logits, &bias], Vec::new());
        graph.output(&logits, "logits", &["batch".into(), "sequence".into(), config.vocab_size.into()]);
        return Ok(());
    }
    let first = first_token(graph, hidden);
    let pooled = blocks::linear_activated(graph, source, &first, (&config.base("pooler.dense"), "tanh"))?;
    let (logits, count) = match config.head {
        Head::Answers => (perceptron(graph, source, &pooled, "classifier")?, config.labels.len()),
        Head::Match => (source.linear(graph, &pooled, "rank_output")?, 1),
        Head::None | Head::MaskedLanguage => {
            let width = config.hidden_size;
            graph.output(hidden, "last_hidden_state", &["batch".into(), "length".into(), width.into()]);
            graph.output(&pooled, "pooler_output", &["batch".into(), width.into()]);
            return Ok(());
        }
    };
    graph.output(&logits, "logits", &["batch".into(), count.into()]);
    Ok(())
}
