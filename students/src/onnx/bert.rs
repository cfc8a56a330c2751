//! Encoders of BERT's family as a graph.

use alambic_models::ModelError;
use alambic_models::bert::{AttentionNames, BertConfig, Gathering, Head, Names, Pooling};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;

use super::builder::{Builder, Name, Storage, float, integer, integers};
use super::proto::{Extent, Model, element};

/// Added to the scores of padding: their exponential is nothing beside any other's.
const MASKED: f32 = -10_000.0;

/// Weights by name.
struct Source<'a>(&'a Weights);

impl Source<'_> {
    fn get(&self, name: &str) -> Result<&Tensor, ModelError> {
        self.0.get(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))
    }

    fn linear(&self, graph: &mut Builder, x: &str, name: &str) -> Result<Name, ModelError> {
        graph.linear(x, name, self.get(&format!("{name}.weight"))?, self.get(&format!("{name}.bias"))?)
    }

    fn norm(&self, graph: &mut Builder, x: &str, name: &str, epsilon: f64) -> Result<Name, ModelError> {
        let weight = graph.vector(&format!("{name}.weight"), self.get(&format!("{name}.weight"))?)?;
        let bias = graph.vector(&format!("{name}.bias"), self.get(&format!("{name}.bias"))?)?;
        let attributes = vec![integer("axis", -1), float("epsilon", epsilon as f32)];
        Ok(graph.node("LayerNormalization", &[x, &weight, &bias], attributes))
    }
}

/// The graph of an encoder with its head and its pooling. Inputs: `input_ids`, `attention_mask` and, with segments,
/// `token_type_ids`. Outputs: `logits` with a head; without one `last_hidden_state`, `pooler_output` where there is a
/// pooler, and `sentence_embedding` with a pooling. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(
    config: &BertConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<(Model, f64), ModelError> {
    let source = Source(weights);
    let names = Names::of(config);
    let mut graph = Builder::new(config.family.model_type(), storage);
    let ids = graph.input("input_ids");
    let mask = graph.input("attention_mask");
    let mut hidden = embed(&mut graph, &source, &names, config, &ids)?;
    let bias = mask_bias(&mut graph, &mask);
    for index in 0..config.layers {
        let layer = names.layer(index);
        let attended = attention(&mut graph, &source, &layer.attention, config, &hidden, &bias)?;
        let sum = graph.node("Add", &[&hidden, &attended], Vec::new());
        hidden = source.norm(&mut graph, &sum, &layer.attention_norm, config.epsilon)?;
        let [inner, outer, norm] = &layer.feed_forward;
        let inner = source.linear(&mut graph, &hidden, inner)?;
        let inner = activate(&mut graph, &inner, &config.activation)?;
        let outer = source.linear(&mut graph, &inner, outer)?;
        let sum = graph.node("Add", &[&hidden, &outer], Vec::new());
        hidden = source.norm(&mut graph, &sum, norm, config.epsilon)?;
    }
    let pooled = if config.pooler {
        let first = first_token(&mut graph, &hidden);
        let dense = source.linear(&mut graph, &first, &names.pooler())?;
        Some(graph.node("Tanh", &[&dense], Vec::new()))
    } else {
        None
    };
    let fixed = |size: usize| Extent::Fixed(size as i64);
    let (batch, sequence) = (|| Extent::from("batch"), || Extent::from("sequence"));
    if config.head == Head::None {
        graph.output(&hidden, "last_hidden_state", &[batch(), sequence(), fixed(config.width)]);
        if let Some(pooled) = pooled {
            graph.output(&pooled, "pooler_output", &[batch(), fixed(config.width)]);
        }
        if let Some(pooling) = config.pooling {
            let embedding = pool(&mut graph, &hidden, &mask, pooling);
            graph.output(&embedding, "sentence_embedding", &[batch(), fixed(config.width)]);
        }
        return Ok(graph.finish());
    }
    let logits = classify(&mut graph, &source, &names, config, &hidden, pooled.as_deref())?;
    let classes = fixed(config.classes());
    let shape = if config.head == Head::Sequence {
        vec![batch(), classes]
    } else {
        vec![batch(), sequence(), classes]
    };
    graph.output(&logits, "logits", &shape);
    Ok(graph.finish())
}

/// Word, position and segment embeddings, normed.
fn embed(
    graph: &mut Builder,
    source: &Source<'_>,
    names: &Names,
    config: &BertConfig,
    ids: &str,
) -> Result<Name, ModelError> {
    let words = names.table("word");
    let mut sum = graph.look_up(&words, source.get(&words)?, ids)?;
    let positions = positions(graph, config, ids);
    let table = names.table("position");
    let table = graph.table(&table, source.get(&table)?)?;
    let embedded = graph.node("Gather", &[&table, &positions], Vec::new());
    sum = graph.node("Add", &[&sum, &embedded], Vec::new());
    let segments = names.table("token_type");
    if config.segments > 1 {
        let kinds = graph.input("token_type_ids");
        let table = graph.table(&segments, source.get(&segments)?)?;
        let embedded = graph.node("Gather", &[&table, &kinds], Vec::new());
        sum = graph.node("Add", &[&sum, &embedded], Vec::new());
    } else if config.segments == 1 {
        let only = graph.vector(&segments, source.get(&segments)?)?;
        sum = graph.node("Add", &[&sum, &only], Vec::new());
    }
    source.norm(graph, &sum, &names.embedding_norm(), config.epsilon)
}

/// The position of each token: `[sequence]`, or `[batch, sequence]` where positions are counted from the padding on.
fn positions(graph: &mut Builder, config: &BertConfig, ids: &str) -> Name {
    if config.family.counts_from_padding() {
        let padding = graph.integers("padding", &[], &[config.padding.into()]);
        let one = graph.integers("one", &[], &[1]);
        let is_padding = graph.node("Equal", &[ids, &padding], Vec::new());
        let is_padding = graph.node("Cast", &[&is_padding], vec![integer("to", element::I64.into())]);
        let kept = graph.node("Sub", &[&one, &is_padding], Vec::new());
        let counted = graph.node("CumSum", &[&kept, &one], Vec::new());
        let counted = graph.node("Mul", &[&counted, &kept], Vec::new());
        return graph.node("Add", &[&counted, &padding], Vec::new());
    }
    let shape = graph.node("Shape", &[ids], Vec::new());
    let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
    let length = graph.node("Gather", &[&shape, &one], Vec::new());
    graph.node("Range", &[&zero, &length, &one], Vec::new())
}

/// What is added to the scores: `[batch, 1, 1, sequence]`, zero for tokens.
fn mask_bias(graph: &mut Builder, mask: &str) -> Name {
    let mask = graph.node("Cast", &[mask], vec![integer("to", element::F32.into())]);
    let axes = graph.integers("axes of the mask", &[2], &[1, 2]);
    let mask = graph.node("Unsqueeze", &[&mask, &axes], Vec::new());
    let (one, masked) = (graph.number("1.0", 1.0), graph.number("masked", MASKED));
    let padding = graph.node("Sub", &[&one, &mask], Vec::new());
    graph.node("Mul", &[&padding, &masked], Vec::new())
}

fn attention(
    graph: &mut Builder,
    source: &Source<'_>,
    names: &AttentionNames,
    config: &BertConfig,
    hidden: &str,
    bias: &str,
) -> Result<Name, ModelError> {
    let head_width = config.width / config.heads.max(1);
    let split = graph.integers("by heads", &[4], &[0, 0, config.heads as i64, head_width as i64]);
    let project = |graph: &mut Builder, name: &str, order: &[i64]| -> Result<Name, ModelError> {
        let projected = source.linear(graph, hidden, name)?;
        let apart = graph.node("Reshape", &[&projected, &split], Vec::new());
        Ok(graph.node("Transpose", &[&apart], vec![integers("perm", order)]))
    };
    let query = project(graph, &names.query, &[0, 2, 1, 3])?;
    let key = project(graph, &names.key, &[0, 2, 3, 1])?;
    let value = project(graph, &names.value, &[0, 2, 1, 3])?;
    let scores = graph.node("MatMul", &[&query, &key], Vec::new());
    let root = graph.number("root of the head's width", (head_width as f32).sqrt());
    let scores = graph.node("Div", &[&scores, &root], Vec::new());
    let scores = graph.node("Add", &[&scores, bias], Vec::new());
    let probabilities = graph.node("Softmax", &[&scores], vec![integer("axis", -1)]);
    let context = graph.node("MatMul", &[&probabilities, &value], Vec::new());
    let context = graph.node("Transpose", &[&context], vec![integers("perm", &[0, 2, 1, 3])]);
    let together = graph.integers("heads together", &[3], &[0, 0, config.width as i64]);
    let context = graph.node("Reshape", &[&context, &together], Vec::new());
    source.linear(graph, &context, &names.output)
}

/// The activation that a configuration names.
fn activate(graph: &mut Builder, x: &str, activation: &str) -> Result<Name, ModelError> {
    Ok(match activation {
        "relu" => graph.node("Relu", &[x], Vec::new()),
        "tanh" => graph.node("Tanh", &[x], Vec::new()),
        "swish" | "silu" => {
            let gate = graph.node("Sigmoid", &[x], Vec::new());
            graph.node("Mul", &[x, &gate], Vec::new())
        }
        "gelu" => {
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
        "gelu_new" | "gelu_pytorch_tanh" => {
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
fn first_token(graph: &mut Builder, hidden: &str) -> Name {
    let zero = graph.integers("zero", &[], &[0]);
    graph.node("Gather", &[hidden, &zero], vec![integer("axis", 1)])
}

/// One vector for each text.
fn pool(graph: &mut Builder, hidden: &str, mask: &str, pooling: Pooling) -> Name {
    let vectors = match pooling.gathering {
        Gathering::First => first_token(graph, hidden),
        Gathering::Mean => {
            let (last, tokens) =
                (graph.integers("last axis", &[1], &[2]), graph.integers("token axis", &[1], &[1]));
            let mask = graph.node("Cast", &[mask], vec![integer("to", element::F32.into())]);
            let mask = graph.node("Unsqueeze", &[&mask, &last], Vec::new());
            let kept = graph.node("Mul", &[hidden, &mask], Vec::new());
            let keep = || vec![integer("keepdims", 0)];
            let sum = graph.node("ReduceSum", &[&kept, &tokens], keep());
            let count = graph.node("ReduceSum", &[&mask, &tokens], keep());
            let least = graph.number("1e-9", 1e-9);
            let count = graph.node("Max", &[&count, &least], Vec::new());
            graph.node("Div", &[&sum, &count], Vec::new())
        }
    };
    if !pooling.normalise {
        return vectors;
    }
    let axis = graph.integers("width axis", &[1], &[-1]);
    let squares = graph.node("Mul", &[&vectors, &vectors], Vec::new());
    let squares = graph.node("ReduceSum", &[&squares, &axis], vec![integer("keepdims", 1)]);
    let length = graph.node("Sqrt", &[&squares], Vec::new());
    let least = graph.number("1e-12", 1e-12);
    let length = graph.node("Max", &[&length, &least], Vec::new());
    graph.node("Div", &[&vectors, &length], Vec::new())
}

fn classify(
    graph: &mut Builder,
    source: &Source<'_>,
    names: &Names,
    config: &BertConfig,
    hidden: &str,
    pooled: Option<&str>,
) -> Result<Name, ModelError> {
    if config.head == Head::MaskedLanguage {
        let [dense, norm, bias] = names.masked_language();
        let dense = source.linear(graph, hidden, dense)?;
        let transformed = activate(graph, &dense, names.masked_language_activation(config))?;
        let transformed = source.norm(graph, &transformed, norm, config.epsilon)?;
        let words = source.get(&names.table("word"))?;
        return graph.linear(&transformed, "vocabulary", words, source.get(bias)?);
    }
    let (before, last) = names.classifier(config.head);
    let input = match (config.head, before, pooled) {
        (Head::Tokens, ..) => hidden.to_owned(),
        (_, Some(before), _) => {
            let first = first_token(graph, hidden);
            let dense = source.linear(graph, &first, before)?;
            let operation = if config.family.classifies_with_tanh() { "Tanh" } else { "Relu" };
            graph.node(operation, &[&dense], Vec::new())
        }
        (_, None, Some(pooled)) => pooled.to_owned(),
        (_, None, None) => first_token(graph, hidden),
    };
    source.linear(graph, &input, last)
}
