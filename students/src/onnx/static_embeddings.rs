//! Static embeddings as a graph.

use alambic_models::ModelError;
use alambic_models::static_embeddings::StaticConfig;
use alambic_tensor::parameters::Weights;

use super::blocks::{OnnxWeights, cast, normalise, token_mask};
use super::builder::{Builder, Finished, Storage, integer};
use super::proto::element;

/// The graph of a table. Inputs: `input_ids`, `attention_mask`. Output: `sentence_embedding`. Beside it, the largest difference
/// that storing made to a weight.
pub(super) fn graph(
    config: &StaticConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let mut graph = Builder::new("static embeddings", storage);
    let ids = graph.tokens("input_ids");
    let mut mask = graph.tokens("attention_mask");
    if let Some(left_out) = config.left_out {
        let left_out = graph.integers("token that is left out", &[], &[left_out.into()]);
        let is_left_out = graph.node("Equal", &[&ids, &left_out], Vec::new());
        let is_left_out = cast(&mut graph, &is_left_out, element::I64);
        let one = graph.integers("one", &[], &[1]);
        let kept = graph.node("Sub", &[&one, &is_left_out], Vec::new());
        mask = graph.node("Mul", &[&mask, &kept], Vec::new());
    }
    let states = graph.look_up("embeddings", OnnxWeights(weights).get("embeddings")?, &ids)?;
    let kept = token_mask(&mut graph, &mask);
    let states = graph.node("Mul", &[&states, &kept], Vec::new());
    let axis = graph.integers("token axis", &[1], &[1]);
    let keep = || vec![integer("keepdims", 0)];
    let sum = graph.node("ReduceSum", &[&states, &axis], keep());
    let count = graph.node("ReduceSum", &[&kept, &axis], keep());
    // A text of no token has the vector zero.
    let one = graph.number("1.0", 1.0);
    let count = graph.node("Max", &[&count, &one], Vec::new());
    let mut vectors = graph.node("Div", &[&sum, &count], Vec::new());
    if config.normalise {
        vectors = normalise(&mut graph, &vectors);
    }
    graph.output(&vectors, "sentence_embedding", &["batch".into(), config.width.into()]);
    Ok(graph.finish())
}
