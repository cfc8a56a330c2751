//! Oscar as a graph, whose inputs for regions are called as transformers calls those of `VisualBERT`.

use alambic_models::ModelError;
use alambic_models::oscar::{OscarConfig, RELATION};
use alambic_models::text_encoder::Head;
use alambic_tensor::parameters::Weights;

use super::blocks::{self, OnnxWeights, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::{captions, text_encoder};

/// The graph. Inputs: `input_ids`, `attention_mask` and `token_type_ids` of text and tags, `visual_embeds` `[batch, regions,
/// features]` (a region's place behind its features) and `visual_attention_mask`. Outputs: `logits` of the answers or of the
/// vocabulary; without a head `last_hidden_state` of the whole sequence and `pooler_output`; and `seq_relationship_logits`
/// where the model has them. Of one that writes captions, these are the text, padded to one length, with the tags behind, and `logits` at a
/// mask are those of the word in its place. A text about several images stands once for each, one behind another. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(
    config: &OscarConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let (source, names, encoder) = (OnnxWeights(weights), OscarConfig::names(), &config.bert);
    let mut graph = Builder::new("oscar", storage);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let text = if config.captions {
        captions::embed(&mut graph, &source, config, &ids)?
    } else {
        text_encoder::embed(&mut graph, &source, &names, encoder, &ids)?
    };
    let regions = graph.numbers("visual_embeds", &["batch".into(), "regions".into(), config.features.into()]);
    let region_mask = graph.whole_numbers("visual_attention_mask", &["batch".into(), "regions".into()]);
    let [linear, norm] = OscarConfig::region_names();
    let mut image = source.linear(&mut graph, &regions, &linear)?;
    if let Some(epsilon) = config.feature_epsilon {
        image = source.norm(&mut graph, &image, &norm, epsilon)?;
    }
    let mut hidden = graph.node("Concat", &[&text, &image], vec![integer("axis", 1)]);
    let bias = if config.captions {
        let both = graph.node("Concat", &[&mask, &region_mask], vec![integer("axis", 1)]);
        captions::bias(&mut graph, &both, &region_mask)
    } else {
        blocks::mask_bias_of_both(&mut graph, &mask, &region_mask)
    };
    let sizes = text_encoder::sizes(encoder);
    for index in 0..encoder.layers {
        hidden = blocks::layer(&mut graph, &source, &names.layer(index), &sizes, &hidden, Some(&bias))?;
    }
    let first = first_token(&mut graph, &hidden);
    let (pooler, activation) = names.pooler();
    let pooled = blocks::linear_activated(&mut graph, &source, &first, (&pooler, activation))?;
    let width = encoder.width;
    if config.images > 1 {
        let logits = classify_images(&mut graph, &source, config, &pooled)?;
        graph.output(&logits, "logits", &["texts".into(), encoder.labels.len().into()]);
    } else if encoder.head == Head::None {
        graph.output(&hidden, "last_hidden_state", &["batch".into(), "length".into(), width.into()]);
        graph.output(&pooled, "pooler_output", &["batch".into(), width.into()]);
    } else {
        let text = blocks::first_rows(&mut graph, &hidden, &ids);
        let logits =
            text_encoder::classify(&mut graph, &source, &names, encoder, (&text, &mask), Some(&pooled))?;
        let classes = encoder.classes().into();
        if encoder.head.is_per_token() {
            graph.output(&logits, "logits", &["batch".into(), "sequence".into(), classes]);
        } else {
            graph.output(&logits, "logits", &["batch".into(), classes]);
        }
    }
    if config.relations > 0 {
        let relation = source.linear(&mut graph, &pooled, RELATION)?;
        let shape = ["batch".into(), config.relations.into()];
        graph.output(&relation, "seq_relationship_logits", &shape);
    }
    Ok(graph.finish())
}

/// The classifier over the pooled states of each text with its images, side by side.
fn classify_images(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &OscarConfig,
    pooled: &str,
) -> Result<Name, ModelError> {
    let shape = [-1, (config.images * config.bert.width) as i64];
    let shape = graph.integers("states of a text", &[2], &shape);
    let pooled = graph.node("Reshape", &[pooled, &shape], Vec::new());
    let inner = source.linear(graph, &pooled, "classifier.0")?;
    let mut state = graph.node("Relu", &[&inner], Vec::new());
    if config.feature_epsilon.is_some() {
        state = source.norm(graph, &state, "classifier.2", config.bert.epsilon)?;
    }
    source.linear(graph, &state, &config.last_layer())
}
