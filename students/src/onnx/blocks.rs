//! Parts of graphs that architectures share.

use alambic_models::ModelError;
use alambic_models::text_encoder::{AttentionNames, EncoderNames};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;

use super::builder::{Builder, Name, float, integer, integers};
use super::proto::element;

/// Added to the scores of padding: their exponential is nothing beside any other's.
pub(super) const MASKED: f32 = -10_000.0;

/// Where the norm of a sublayer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Norms {
    /// After the residual sum.
    After,
    /// Before the sublayer.
    Before,
}

/// Sizes and settings of a layer.
pub(super) struct LayerSizes<'a> {
    pub(super) width: usize,
    pub(super) heads: usize,
    /// What the configuration calls the activation of the feed-forward sublayer.
    pub(super) activation: &'a str,
    /// Added to the variance in layer norms.
    pub(super) epsilon: f64,
    pub(super) norms: Norms,
    /// Kinds of scores that are summed, by whose number they are divided as by the width of a head.
    pub(super) kinds: usize,
    pub(super) options: LayerOptions,
}

/// Settings of a layer that few architectures have otherwise than by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LayerOptions {
    /// Width of a head; left out, the heads divide the width of hidden states.
    pub(super) head_width: Option<usize>,
    /// Whether products of queries and keys are taken as they are.
    pub(super) is_unscaled: bool,
    /// Whether norms divide by the root mean square alone.
    pub(super) has_root_norms: bool,
}

impl LayerSizes<'_> {
    pub(super) fn head_width(&self) -> usize {
        self.options.head_width.unwrap_or(self.width / self.heads.max(1))
    }
}

/// What the tables of a text's embeddings are called, whole.
pub(super) struct TextTables {
    pub(super) words: String,
    /// None where positions come in otherwise.
    pub(super) positions: Option<String>,
    /// The name, and how many rows there are: 0 where texts have no segments.
    pub(super) segments: (String, usize),
}

/// Weights by name.
pub(super) struct OnnxWeights<'a>(pub(super) &'a Weights);

impl OnnxWeights<'_> {
    pub(super) fn get(&self, name: &str) -> Result<&Tensor, ModelError> {
        self.0.get(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))
    }

    pub(super) fn linear(&self, graph: &mut Builder, x: &str, name: &str) -> Result<Name, ModelError> {
        let weight = self.get(&format!("{name}.weight"))?;
        match self.0.get(&format!("{name}.bias")) {
            Some(bias) => graph.linear(x, name, weight, bias),
            None => graph.product(x, &format!("{name}.weight"), weight),
        }
    }

    /// One of `count` linear layers whose outputs follow on each other in the tensors of one name.
    pub(super) fn linear_part(
        &self,
        graph: &mut Builder,
        x: &str,
        name: &str,
        (index, count): (usize, usize),
    ) -> Result<Name, ModelError> {
        let part = |tensor: &Tensor| -> Result<Tensor, ModelError> {
            let rows = tensor.dim(0)? / count;
            Ok(tensor.narrow(0, index * rows, rows)?.contiguous()?)
        };
        let (own, weight) = (format!("{name}.part.{index}"), part(self.get(&format!("{name}.weight"))?)?);
        match self.0.get(&format!("{name}.bias")) {
            Some(bias) => graph.linear(x, &own, &weight, &part(bias)?),
            None => graph.product(x, &format!("{own}.weight"), &weight),
        }
    }

    pub(super) fn norm(
        &self,
        graph: &mut Builder,
        x: &str,
        name: &str,
        epsilon: f64,
    ) -> Result<Name, ModelError> {
        let weight = graph.vector(&format!("{name}.weight"), self.get(&format!("{name}.weight"))?)?;
        let attributes = vec![integer("axis", -1), float("epsilon", epsilon as f32)];
        let bias = self.0.get(&format!("{name}.bias"));
        let bias = bias.map(|bias| graph.vector(&format!("{name}.bias"), bias)).transpose()?;
        let inputs: Vec<&str> = [x, &weight].into_iter().chain(bias.as_deref()).collect();
        Ok(graph.node("LayerNormalization", &inputs, attributes))
    }

    /// A norm as the layers of these sizes have them.
    pub(super) fn norm_of(
        &self,
        graph: &mut Builder,
        x: &str,
        name: &str,
        sizes: &LayerSizes<'_>,
    ) -> Result<Name, ModelError> {
        if !sizes.options.has_root_norms {
            return self.norm(graph, x, name, sizes.epsilon);
        }
        let weight = graph.vector(&format!("{name}.weight"), self.get(&format!("{name}.weight"))?)?;
        let axis = graph.integers("width axis", &[1], &[-1]);
        let width = graph.number(&format!("width {}", sizes.width), sizes.width as f32);
        let epsilon = graph.number(&format!("epsilon {}", sizes.epsilon), sizes.epsilon as f32);
        let squares = graph.node("Mul", &[x, x], Vec::new());
        let sum = graph.node("ReduceSum", &[&squares, &axis], vec![integer("keepdims", 1)]);
        let mean = graph.node("Div", &[&sum, &width], Vec::new());
        let mean = graph.node("Add", &[&mean, &epsilon], Vec::new());
        let root = graph.node("Sqrt", &[&mean], Vec::new());
        let normed = graph.node("Div", &[x, &root], Vec::new());
        Ok(graph.node("Mul", &[&normed, &weight], Vec::new()))
    }
}

/// The sum of word, position and segment embeddings, `[batch, sequence, width]`; with several segments, `token_type_ids`
/// becomes an input.
pub(super) fn embed(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    tables: &TextTables,
    ids: &str,
    positions: impl FnOnce(&mut Builder) -> Name,
) -> Result<Name, ModelError> {
    let mut sum = graph.look_up(&tables.words, source.get(&tables.words)?, ids)?;
    if let Some(name) = &tables.positions {
        let positions = positions(graph);
        let table = graph.table(name, source.get(name)?)?;
        let embedded = graph.node("Gather", &[&table, &positions], Vec::new());
        sum = graph.node("Add", &[&sum, &embedded], Vec::new());
    }
    let (segments, count) = &tables.segments;
    if *count > 1 {
        let kinds = graph.tokens("token_type_ids");
        let table = graph.table(segments, source.get(segments)?)?;
        let embedded = graph.node("Gather", &[&table, &kinds], Vec::new());
        sum = graph.node("Add", &[&sum, &embedded], Vec::new());
    } else if *count == 1 {
        let only = graph.vector(segments, source.get(segments)?)?;
        sum = graph.node("Add", &[&sum, &only], Vec::new());
    }
    Ok(sum)
}

/// The position of each token, `[sequence]`, counted from 0.
pub(super) fn counted_positions(graph: &mut Builder, ids: &str) -> Name {
    let shape = graph.node("Shape", &[ids], Vec::new());
    let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
    let length = graph.node("Gather", &[&shape, &one], Vec::new());
    graph.node("Range", &[&zero, &length, &one], Vec::new())
}

/// What is added to the scores: `[batch, 1, 1, sequence]`, zero for tokens.
pub(super) fn mask_bias(graph: &mut Builder, mask: &str) -> Name {
    let mask = cast(graph, mask, element::F32);
    let axes = graph.integers("axes of the mask", &[2], &[1, 2]);
    let mask = graph.node("Unsqueeze", &[&mask, &axes], Vec::new());
    let (one, masked) = (graph.number("1.0", 1.0), graph.number("masked", MASKED));
    let padding = graph.node("Sub", &[&one, &mask], Vec::new());
    graph.node("Mul", &[&padding, &masked], Vec::new())
}

/// Factors `[batch, sequence, 1]`, one for tokens and zero for padding.
pub(super) fn token_mask(graph: &mut Builder, mask: &str) -> Name {
    let axes = graph.integers("axis of a token's state", &[1], &[2]);
    let mask = cast(graph, mask, element::F32);
    graph.node("Unsqueeze", &[&mask, &axes], Vec::new())
}

/// The same for a text and an image that are read as one sequence.
pub(super) fn mask_bias_of_both(graph: &mut Builder, text: &str, image: &str) -> Name {
    let mask = graph.node("Concat", &[text, image], vec![integer("axis", 1)]);
    mask_bias(graph, &mask)
}

/// The first rows of `[batch, length, width]`, as many as a text has tokens.
pub(super) fn first_rows(graph: &mut Builder, rows: &str, ids: &str) -> Name {
    let [start, axis] = [("start of the text", 0), ("token axis", 1)]
        .map(|(name, value)| graph.integers(name, &[1], &[value]));
    let end = graph.node("Shape", &[ids], vec![integer("start", 1)]);
    graph.node("Slice", &[rows, &start, &end, &axis], Vec::new())
}

/// The same number in another format.
pub(super) fn cast(graph: &mut Builder, x: &str, element: i32) -> Name {
    graph.node("Cast", &[x], vec![integer("to", element.into())])
}

/// What is added to the scores so that no token sees one behind it: `[length, past + length]`, where `past` tokens (a
/// whole number of its own) stand before those of `ids`.
pub(super) fn causal_bias(graph: &mut Builder, ids: &str, past: &str) -> Name {
    let shape = graph.node("Shape", &[ids], Vec::new());
    let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
    let length = graph.node("Gather", &[&shape, &one], Vec::new());
    let end = graph.node("Add", &[past, &length], Vec::new());
    let rows = graph.node("Range", &[past, &end, &one], Vec::new());
    let axis = graph.integers("axis of what is seen", &[1], &[1]);
    let rows = graph.node("Unsqueeze", &[&rows, &axis], Vec::new());
    let columns = graph.node("Range", &[&zero, &end, &one], Vec::new());
    let behind = graph.node("Greater", &[&columns, &rows], Vec::new());
    let behind = cast(graph, &behind, element::F32);
    let masked = graph.number("masked", MASKED);
    graph.node("Mul", &[&behind, &masked], Vec::new())
}

/// A layer over `[batch, length, width]`. `bias` is added to the scores; none where nothing is padded.
pub(super) fn layer(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    names: &EncoderNames,
    sizes: &LayerSizes<'_>,
    hidden: &str,
    bias: Option<&str>,
) -> Result<Name, ModelError> {
    layer_around(graph, source, names, sizes, hidden, |graph, x| {
        attention(graph, source, &names.attention, sizes, x, bias)
    })
}

/// A layer around an attention of its own.
pub(super) fn layer_around(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    names: &EncoderNames,
    sizes: &LayerSizes<'_>,
    hidden: &str,
    attention: impl FnOnce(&mut Builder, &str) -> Result<Name, ModelError>,
) -> Result<Name, ModelError> {
    let [inner, outer, norm] = &names.feed_forward;
    let hidden = sublayer(graph, source, names.attention_norm.as_deref(), sizes, hidden, attention)?;
    sublayer(graph, source, norm.as_str(), sizes, &hidden, |graph, x| {
        feed_forward_gated(graph, source, [inner, outer], names.gate.as_deref(), sizes, x)
    })
}

/// Two linear layers with an activation between them, and the linear layer of a gate, if there is one.
pub(super) fn feed_forward_gated(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    [inner, outer]: [&str; 2],
    gate: Option<&str>,
    sizes: &LayerSizes<'_>,
    x: &str,
) -> Result<Name, ModelError> {
    let Some(gate) = gate else { return feed_forward(graph, source, [inner, outer], sizes, x) };
    let parts = if gate == inner {
        [0, 1].map(|index| source.linear_part(graph, x, inner, (index, 2)))
    } else {
        [inner, gate].map(|name| source.linear(graph, x, name))
    };
    let [activated, factor] = parts;
    let activated = activate(graph, &activated?, sizes.activation)?;
    let gated = graph.node("Mul", &[&activated, &factor?], Vec::new());
    source.linear(graph, &gated, outer)
}

/// Two linear layers with an activation between them.
pub(super) fn feed_forward(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    [inner, outer]: [&str; 2],
    sizes: &LayerSizes<'_>,
    x: &str,
) -> Result<Name, ModelError> {
    let inner = source.linear(graph, x, inner)?;
    let inner = activate(graph, &inner, sizes.activation)?;
    source.linear(graph, &inner, outer)
}

/// A sublayer with its residual sum and its norm; without one where what it reads is normed already.
pub(super) fn sublayer<'n>(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    norm: impl Into<Option<&'n str>>,
    sizes: &LayerSizes<'_>,
    hidden: &str,
    inside: impl FnOnce(&mut Builder, &str) -> Result<Name, ModelError>,
) -> Result<Name, ModelError> {
    match (sizes.norms, norm.into()) {
        (_, None) => {
            let inside = inside(graph, hidden)?;
            Ok(graph.node("Add", &[hidden, &inside], Vec::new()))
        }
        (Norms::After, Some(norm)) => {
            let inside = inside(graph, hidden)?;
            let sum = graph.node("Add", &[hidden, &inside], Vec::new());
            source.norm_of(graph, &sum, norm, sizes)
        }
        (Norms::Before, Some(norm)) => {
            let normed = source.norm_of(graph, hidden, norm, sizes)?;
            let inside = inside(graph, &normed)?;
            Ok(graph.node("Add", &[hidden, &inside], Vec::new()))
        }
    }
}

/// Self-attention.
fn attention(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    names: &AttentionNames,
    sizes: &LayerSizes<'_>,
    hidden: &str,
    bias: Option<&str>,
) -> Result<Name, ModelError> {
    let query = heads(graph, source, &names.query, sizes, hidden, FORWARD)?;
    let key = heads(graph, source, &names.key, sizes, hidden, TURNED)?;
    let value = heads(graph, source, &names.value, sizes, hidden, FORWARD)?;
    attend(graph, source, &names.output, sizes, [&query, &key, &value], bias)
}

/// The order of the axes of `[batch, length, heads, width of a head]` in which heads are apart: `[batch, heads, length,
/// width of a head]`.
pub(super) const FORWARD: [i64; 4] = [0, 2, 1, 3];
/// The same with the last two axes turned, as the keys of a product.
pub(super) const TURNED: [i64; 4] = [0, 2, 3, 1];

/// A projection whose heads are apart, its axes in this order.
pub(super) fn heads(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    name: &str,
    sizes: &LayerSizes<'_>,
    hidden: &str,
    order: [i64; 4],
) -> Result<Name, ModelError> {
    let projected = source.linear(graph, hidden, name)?;
    Ok(split_heads(graph, &projected, sizes, order))
}

/// A projection with its heads apart, its axes in this order.
pub(super) fn split_heads(
    graph: &mut Builder,
    projected: &str,
    sizes: &LayerSizes<'_>,
    order: [i64; 4],
) -> Name {
    let (heads, width) = (sizes.heads as i64, sizes.head_width() as i64);
    let split = graph.integers(&format!("{heads} heads of {width}"), &[4], &[0, 0, heads, width]);
    let apart = graph.node("Reshape", &[projected, &split], Vec::new());
    graph.node("Transpose", &[&apart], vec![integers("perm", &order)])
}

/// The output of attention by queries and values whose heads are apart, and keys that are turned as well.
pub(super) fn attend(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    output: &str,
    sizes: &LayerSizes<'_>,
    [query, key, value]: [&str; 3],
    bias: Option<&str>,
) -> Result<Name, ModelError> {
    let scores = graph.node("MatMul", &[query, key], Vec::new());
    let scores = if sizes.options.is_unscaled {
        scores
    } else {
        let width = sizes.head_width() * sizes.kinds;
        let root = graph.number(&format!("root of {width}"), (width as f32).sqrt());
        graph.node("Div", &[&scores, &root], Vec::new())
    };
    let scores = match bias {
        Some(bias) => graph.node("Add", &[&scores, bias], Vec::new()),
        None => scores,
    };
    let probabilities = graph.node("Softmax", &[&scores], vec![integer("axis", -1)]);
    let context = graph.node("MatMul", &[&probabilities, value], Vec::new());
    let context = graph.node("Transpose", &[&context], vec![integers("perm", &FORWARD)]);
    let width = (sizes.heads * sizes.head_width()) as i64;
    let together = graph.integers(&format!("heads together, {width}"), &[3], &[0, 0, width]);
    let context = graph.node("Reshape", &[&context, &together], Vec::new());
    source.linear(graph, &context, output)
}

/// The activation that a configuration names.
pub(super) fn activate(graph: &mut Builder, x: &str, activation: &str) -> Result<Name, ModelError> {
    Ok(match activation {
        "linear" => x.to_owned(),
        "relu" => graph.node("Relu", &[x], Vec::new()),
        "tanh" => graph.node("Tanh", &[x], Vec::new()),
        "swish" | "silu" => {
            let gate = graph.node("Sigmoid", &[x], Vec::new());
            graph.node("Mul", &[x, &gate], Vec::new())
        }
        "quick_gelu" => {
            let factor = graph.number("1.702", 1.702);
            let scaled = graph.node("Mul", &[x, &factor], Vec::new());
            let gate = graph.node("Sigmoid", &[&scaled], Vec::new());
            graph.node("Mul", &[x, &gate], Vec::new())
        }
        "gelu" | "gelu_python" => {
            let (root, one, half) = (
                graph.number("root of 2", 2.0f32.sqrt()),
                graph.number("1.0", 1.0),
                graph.number("0.5", 0.5),
            );
            let scaled = graph.node("Div", &[x, &root], Vec::new());
            let error = graph.node("Erf", &[&scaled], Vec::new());
            let shifted = graph.node("Add", &[&error, &one], Vec::new());
            let product = graph.node("Mul", &[x, &shifted], Vec::new());
            graph.node("Mul", &[&product, &half], Vec::new())
        }
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" | "gelu_python_tanh" | "gelu_accurate" => {
            let (cubic, root, one, half) = (
                graph.number("0.044715", 0.044_715),
                graph.number("root of 2 over pi", (2.0 / std::f32::consts::PI).sqrt()),
                graph.number("1.0", 1.0),
                graph.number("0.5", 0.5),
            );
            let square = graph.node("Mul", &[x, x], Vec::new());
            let square = graph.node("Mul", &[&square, &cubic], Vec::new());
            let square = graph.node("Add", &[&square, &one], Vec::new());
            let inner = graph.node("Mul", &[x, &square], Vec::new());
            let inner = graph.node("Mul", &[&inner, &root], Vec::new());
            let inner = graph.node("Tanh", &[&inner], Vec::new());
            let inner = graph.node("Add", &[&inner, &one], Vec::new());
            let product = graph.node("Mul", &[x, &inner], Vec::new());
            graph.node("Mul", &[&product, &half], Vec::new())
        }
        other => {
            return Err(ModelError::Configuration(format!("activation `{other}` has no form in ONNX here")));
        }
    })
}

/// The first token's state, `[batch, width]`.
pub(super) fn first_token(graph: &mut Builder, hidden: &str) -> Name {
    let zero = graph.integers("zero", &[], &[0]);
    graph.node("Gather", &[hidden, &zero], vec![integer("axis", 1)])
}

/// The row of each text, `[batch, width]`, at a place `[batch, 1]` of `[batch, sequence, width]`.
pub(super) fn row_at(graph: &mut Builder, rows: &str, place: &str) -> Name {
    graph.node("GatherND", &[rows, place], vec![integer("batch_dims", 1)])
}

/// The first place of each text, `[batch, 1]`, at which `[batch, sequence]` is 1 and not 0; 0 where there is none.
///
/// Of equal numbers runtimes do not agree which one is the largest, so none are equal here.
pub(super) fn first_place(graph: &mut Builder, candidates: &str) -> Name {
    let positions = counted_positions(graph, candidates);
    let shape = graph.node("Shape", &[candidates], Vec::new());
    let one = graph.integers("one", &[], &[1]);
    let length = graph.node("Gather", &[&shape, &one], Vec::new());
    let behind = graph.node("Sub", &[&length, &positions], Vec::new());
    let before_all = graph.node("Mul", &[candidates, &length], Vec::new());
    let order = graph.node("Add", &[&before_all, &behind], Vec::new());
    largest_place(graph, &order)
}

/// The place of the largest whole number of each row, `[batch, 1]`.
pub(super) fn largest_place(graph: &mut Builder, numbers: &str) -> Name {
    let numbers = cast(graph, numbers, element::I32);
    graph.node("ArgMax", &[&numbers], vec![integer("axis", 1), integer("keepdims", 1)])
}

/// A linear layer with an activation, as the configuration names it.
pub(super) fn linear_activated(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    x: &str,
    (name, activation): (&str, &str),
) -> Result<Name, ModelError> {
    let dense = source.linear(graph, x, name)?;
    activate(graph, &dense, activation)
}

/// Vectors brought to length one.
pub(super) fn normalise(graph: &mut Builder, vectors: &str) -> Name {
    let axis = graph.integers("width axis", &[1], &[-1]);
    let squares = graph.node("Mul", &[vectors, vectors], Vec::new());
    let squares = graph.node("ReduceSum", &[&squares, &axis], vec![integer("keepdims", 1)]);
    let length = graph.node("Sqrt", &[&squares], Vec::new());
    let least = graph.number("1e-12", 1e-12);
    let length = graph.node("Max", &[&length, &least], Vec::new());
    graph.node("Div", &[vectors, &length], Vec::new())
}
