//! Poolings of a text's states as parts of a graph.

use alambic_models::ModelError;
use alambic_models::text_encoder::{Pooling, PoolingMode, PoolingStep, TokenPooling};
use alambic_tensor::candle::Tensor;

use super::blocks::{
    OnnxWeights, activate, cast, counted_positions, first_place, largest_place, normalise, row_at,
};
use super::builder::{Builder, Name, integer, integers};
use super::proto::element;

/// One vector for each text, `[batch, width]`, of states `[batch, sequence, width]` and a mask `[batch, sequence]`.
pub(super) fn pool(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    hidden: &str,
    mask: &str,
    pooling: &Pooling,
) -> Result<Name, ModelError> {
    let mut vectors = match &pooling.mode {
        PoolingMode::Recurrent { width, .. } => {
            recurrent(graph, source, hidden, mask, &pooling.layers(), *width)?
        }
        PoolingMode::Tokens(modes) => {
            let mask = pooled_tokens(graph, mask, pooling.skipped);
            let all: Vec<Name> = modes.iter().map(|mode| gather(graph, hidden, &mask, *mode)).collect();
            match all.as_slice() {
                [only] => only.clone(),
                several => {
                    let several: Vec<&str> = several.iter().map(String::as_str).collect();
                    graph.node("Concat", &several, vec![integer("axis", -1)])
                }
            }
        }
    };
    for step in &pooling.steps {
        vectors = match step {
            PoolingStep::Normalise => normalise(graph, &vectors),
            PoolingStep::Dense(dense) => {
                let weight = source.get(&format!("{}.weight", dense.name()))?;
                let none = weight.narrow(1, 0, 1)?.squeeze(1)?.zeros_like()?;
                let bias =
                    if dense.has_bias { source.get(&format!("{}.bias", dense.name()))? } else { &none };
                let linear = graph.linear(&vectors, &dense.name(), weight, bias)?;
                dense.activation.map_or(Ok(linear.clone()), |name| activate(graph, &linear, name))?
            }
        };
    }
    let Some(kept) = pooling.kept else { return Ok(vectors) };
    let (start, end) =
        (graph.integers("zero row", &[1], &[0]), graph.integers("kept numbers", &[1], &[kept as i64]));
    let axis = graph.integers("token axis", &[1], &[1]);
    Ok(graph.node("Slice", &[&vectors, &start, &end, &axis], Vec::new()))
}

/// The mask without the first tokens of each text, those of a prompt that is left out.
fn pooled_tokens(graph: &mut Builder, mask: &str, skipped: usize) -> Name {
    if skipped == 0 {
        return mask.to_owned();
    }
    let positions = counted_positions(graph, mask);
    let first = graph.integers("first pooled position", &[], &[skipped as i64]);
    let is_early = graph.node("Less", &[&positions, &first], Vec::new());
    let is_early = cast(graph, &is_early, element::I64);
    let one = graph.integers("one", &[], &[1]);
    let is_late = graph.node("Sub", &[&one, &is_early], Vec::new());
    graph.node("Mul", &[mask, &is_late], Vec::new())
}

/// One vector of the states of a text's tokens.
pub(super) fn gather(graph: &mut Builder, hidden: &str, mask: &str, mode: TokenPooling) -> Name {
    let tokens = graph.integers("token axis", &[1], &[1]);
    let last = graph.integers("last axis", &[1], &[2]);
    let sum =
        |graph: &mut Builder, x: &str| graph.node("ReduceSum", &[x, &tokens], vec![integer("keepdims", 0)]);
    match mode {
        TokenPooling::First => {
            let place = first_place(graph, mask);
            row_at(graph, hidden, &place)
        }
        TokenPooling::Last => {
            // Counted from 1, so that the place of a token is above that of padding.
            let positions = positions_from_one(graph, mask);
            let kept = graph.node("Mul", &[mask, &positions], Vec::new());
            let place = largest_place(graph, &kept);
            row_at(graph, hidden, &place)
        }
        TokenPooling::Mean | TokenPooling::MeanBySquareRoot | TokenPooling::WeightedMean => {
            let weights = if mode == TokenPooling::WeightedMean {
                let positions = positions_from_one(graph, mask);
                graph.node("Mul", &[mask, &positions], Vec::new())
            } else {
                mask.to_owned()
            };
            let weights = cast(graph, &weights, element::F32);
            let weights = graph.node("Unsqueeze", &[&weights, &last], Vec::new());
            let kept = graph.node("Mul", &[hidden, &weights], Vec::new());
            let (total, count) = (sum(graph, &kept), sum(graph, &weights));
            let least = graph.number("1e-9", 1e-9);
            let count = graph.node("Max", &[&count, &least], Vec::new());
            let count = match mode {
                TokenPooling::MeanBySquareRoot => graph.node("Sqrt", &[&count], Vec::new()),
                _ => count,
            };
            graph.node("Div", &[&total, &count], Vec::new())
        }
        TokenPooling::Max => {
            let mask = cast(graph, mask, element::F32);
            let mask = graph.node("Unsqueeze", &[&mask, &last], Vec::new());
            let (one, least) = (graph.number("1.0", 1.0), graph.number("-1e30", -1e30));
            let padding = graph.node("Sub", &[&one, &mask], Vec::new());
            let bias = graph.node("Mul", &[&padding, &least], Vec::new());
            let kept = graph.node("Add", &[hidden, &bias], Vec::new());
            graph.node("ReduceMax", &[&kept], vec![integers("axes", &[1]), integer("keepdims", 0)])
        }
    }
}

/// The place of each token of a text, `[sequence]`, counted from 1.
fn positions_from_one(graph: &mut Builder, mask: &str) -> Name {
    let positions = counted_positions(graph, mask);
    let one = graph.integers("one", &[], &[1]);
    graph.node("Add", &[&positions, &one], Vec::new())
}

/// The state behind the last token of each text of a layer of long short-term memory, and of a second one, which reads
/// backward, that before the first token.
///
/// The lengths of texts are no input of the layers, which some runtimes do not heed: padding is read last in either order,
/// and the state at a text's own end is taken.
fn recurrent(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    hidden: &str,
    mask: &str,
    layers: &[String],
    width: usize,
) -> Result<Name, ModelError> {
    let axis = graph.integers("token axis", &[1], &[1]);
    let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
    let lengths = graph.node("ReduceSum", &[mask, &axis], vec![integer("keepdims", 1)]);
    let last = graph.node("Sub", &[&lengths, &one], Vec::new());
    let last = graph.node("Max", &[&last, &zero], Vec::new());
    let mut ends = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let states = if index == 0 {
            hidden.to_owned()
        } else {
            let positions = counted_positions(graph, mask);
            let turned = graph.node("Sub", &[&last, &positions], Vec::new());
            let turned = graph.node("Max", &[&turned, &zero], Vec::new());
            let axis = graph.integers("last axis", &[1], &[2]);
            let turned = graph.node("Unsqueeze", &[&turned, &axis], Vec::new());
            graph.node("GatherND", &[hidden, &turned], vec![integer("batch_dims", 1)])
        };
        let outputs = long_short_term_memory(graph, source, &states, layer, width)?;
        ends.push(row_at(graph, &outputs, &last));
    }
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    Ok(match ends.as_slice() {
        [only] => (*only).to_owned(),
        several => graph.node("Concat", several, vec![integer("axis", -1)]),
    })
}

/// The output of a layer at every token, `[batch, sequence, width]`.
fn long_short_term_memory(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    states: &str,
    layer: &str,
    width: usize,
) -> Result<Name, ModelError> {
    // The standard has input, output, forget and cell.
    let ordered = |tensor: &Tensor| {
        let gate = |index: usize| tensor.narrow(0, index * width, width);
        Tensor::cat(&[gate(0)?, gate(3)?, gate(1)?, gate(2)?], 0)
    };
    let weight = ordered(source.get(&format!("{layer}.weight"))?)?;
    let read = weight.dim(1)? - width;
    let part = |start: usize, count: usize| weight.narrow(1, start, count)?.contiguous()?.unsqueeze(0);
    let inputs = graph.table(&format!("{layer}.input"), &part(0, read)?)?;
    let recurrent = graph.table(&format!("{layer}.state"), &part(read, width)?)?;
    let bias = ordered(source.get(&format!("{layer}.bias"))?)?;
    // It has a bias for either map; ours is the sum of both.
    let bias = Tensor::cat(&[&bias, &bias.zeros_like()?], 0)?.unsqueeze(0)?;
    let bias = graph.vector(&format!("{layer}.bias"), &bias)?;
    let steps = graph.node("Transpose", &[states], vec![integers("perm", &[1, 0, 2])]);
    let attributes = vec![integer("hidden_size", width as i64)];
    let outputs = graph.node("LSTM", &[&steps, &inputs, &recurrent, &bias], attributes);
    let direction = graph.integers("token axis", &[1], &[1]);
    let outputs = graph.node("Squeeze", &[&outputs, &direction], Vec::new());
    Ok(graph.node("Transpose", &[&outputs], vec![integers("perm", &[1, 0, 2])]))
}
