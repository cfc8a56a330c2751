//! Encoders of BERT's family as a graph.

use alambic_models::ModelError;
use alambic_models::bert::{BertConfig, Head, Pooling, PoolingMode, PoolingStep, TensorNames, TokenPooling};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerSizes, Norms, OnnxWeights, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer, integers, text};
use super::proto::{Extent, element};

/// The graph of an encoder with its head and its pooling. Inputs: `input_ids`, `attention_mask` and, with segments,
/// `token_type_ids`. Outputs: `logits` with a head, `start_logits` and `end_logits` with that of question answering; without one `last_hidden_state`, `pooler_output` where there is a
/// pooler, and `sentence_embedding` with a pooling. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(
    config: &BertConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let source = OnnxWeights(weights);
    let names = config.names();
    let mut graph = Builder::new(config.family.model_type(), storage);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let mut hidden = embed(&mut graph, &source, &names, config, &ids)?;
    let bias = blocks::mask_bias(&mut graph, &mask);
    let sizes = LayerSizes {
        width: config.width,
        heads: config.heads,
        activation: &config.activation,
        epsilon: config.epsilon,
        norms: Norms::After,
    };
    for index in 0..config.layers {
        hidden = blocks::layer(&mut graph, &source, &names.layer(index), &sizes, &hidden, Some(&bias))?;
    }
    let pooled = if config.pooler {
        let first = first_token(&mut graph, &hidden);
        Some(blocks::linear_tanh(&mut graph, &source, &first, &names.pooler())?)
    } else {
        None
    };
    let fixed = |size: usize| Extent::from(size);
    let (batch, sequence) = (|| Extent::from("batch"), || Extent::from("sequence"));
    if config.head == Head::None {
        graph.output(&hidden, "last_hidden_state", &[batch(), sequence(), fixed(config.width)]);
        if let Some(pooled) = pooled {
            graph.output(&pooled, "pooler_output", &[batch(), fixed(config.width)]);
        }
        if let Some(pooling) = &config.pooling {
            let embedding = pool(&mut graph, &source, &hidden, &mask, pooling)?;
            graph.output(&embedding, "sentence_embedding", &[batch(), fixed(pooling.width(config.width))]);
        }
        return Ok(graph.finish());
    }
    let logits = classify(&mut graph, &source, &names, config, &hidden, pooled.as_deref())?;
    if config.head == Head::Span {
        // As Optimum exports and runs models of question answering.
        for (side, name) in [(0, "start_logits"), (1, "end_logits")] {
            let index = graph.integers(&format!("{name} index"), &[], &[side]);
            let side = graph.node("Gather", &[&logits, &index], vec![integer("axis", 2)]);
            graph.output(&side, name, &[batch(), sequence()]);
        }
        return Ok(graph.finish());
    }
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
    source: &OnnxWeights<'_>,
    names: &TensorNames,
    config: &BertConfig,
    ids: &str,
) -> Result<Name, ModelError> {
    let tables = TextTables {
        words: names.table("word"),
        positions: names.table("position"),
        segments: (names.table("token_type"), config.segments),
    };
    let positions = |graph: &mut Builder| {
        if config.family.counts_from_padding() {
            positions_after_padding(graph, config, ids)
        } else {
            blocks::counted_positions(graph, ids)
        }
    };
    let sum = blocks::embed(graph, source, &tables, ids, positions)?;
    source.norm(graph, &sum, &names.embedding_norm(), config.epsilon)
}

/// The position of each token, `[batch, sequence]`, counted from the padding on.
fn positions_after_padding(graph: &mut Builder, config: &BertConfig, ids: &str) -> Name {
    let padding = graph.integers("padding", &[], &[config.padding.into()]);
    let one = graph.integers("one", &[], &[1]);
    let is_padding = graph.node("Equal", &[ids, &padding], Vec::new());
    let is_padding = graph.node("Cast", &[&is_padding], vec![integer("to", element::I64.into())]);
    let kept = graph.node("Sub", &[&one, &is_padding], Vec::new());
    let counted = graph.node("CumSum", &[&kept, &one], Vec::new());
    let counted = graph.node("Mul", &[&counted, &kept], Vec::new());
    graph.node("Add", &[&counted, &padding], Vec::new())
}

/// One vector for each text.
fn pool(
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
        PoolingMode::Tokens(_) if pooling.skipped > 0 => {
            return Err(ModelError::Configuration(
                "a pooling that leaves a prompt out (`include_prompt: false`) has no form in ONNX here"
                    .into(),
            ));
        }
        PoolingMode::Tokens(modes) => {
            let mut all = Vec::new();
            for mode in modes {
                all.push(gather(graph, hidden, mask, *mode)?);
            }
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
    Ok(vectors)
}

/// One vector of the states of a text's tokens.
fn gather(graph: &mut Builder, hidden: &str, mask: &str, mode: TokenPooling) -> Result<Name, ModelError> {
    match mode {
        TokenPooling::First => Ok(first_token(graph, hidden)),
        TokenPooling::Mean | TokenPooling::MeanBySquareRoot => {
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
            let count = match mode {
                TokenPooling::Mean => count,
                _ => graph.node("Sqrt", &[&count], Vec::new()),
            };
            Ok(graph.node("Div", &[&sum, &count], Vec::new()))
        }
        TokenPooling::Max => {
            let last = graph.integers("last axis", &[1], &[2]);
            let mask = graph.node("Cast", &[mask], vec![integer("to", element::F32.into())]);
            let mask = graph.node("Unsqueeze", &[&mask, &last], Vec::new());
            let (one, least) = (graph.number("1.0", 1.0), graph.number("-1e30", -1e30));
            let padding = graph.node("Sub", &[&one, &mask], Vec::new());
            let bias = graph.node("Mul", &[&padding, &least], Vec::new());
            let kept = graph.node("Add", &[hidden, &bias], Vec::new());
            Ok(graph.node("ReduceMax", &[&kept], vec![integers("axes", &[1]), integer("keepdims", 0)]))
        }
        TokenPooling::WeightedMean | TokenPooling::Last => {
            Err(ModelError::Configuration(format!("the pooling {mode:?} has no form in ONNX here")))
        }
    }
}

/// Vectors brought to length one.
fn normalise(graph: &mut Builder, vectors: &str) -> Name {
    let axis = graph.integers("width axis", &[1], &[-1]);
    let squares = graph.node("Mul", &[vectors, vectors], Vec::new());
    let squares = graph.node("ReduceSum", &[&squares, &axis], vec![integer("keepdims", 1)]);
    let length = graph.node("Sqrt", &[&squares], Vec::new());
    let least = graph.number("1e-12", 1e-12);
    let length = graph.node("Max", &[&length, &least], Vec::new());
    graph.node("Div", &[vectors, &length], Vec::new())
}

/// The states at the ends of each text of one layer of long short-term memory, or of two in both orders.
fn recurrent(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    hidden: &str,
    mask: &str,
    layers: &[String],
    width: usize,
) -> Result<Name, ModelError> {
    let (mut inputs, mut states, mut biases) = (Vec::new(), Vec::new(), Vec::new());
    for layer in layers {
        // The standard has input, output, forget and cell.
        let ordered = |tensor: &Tensor| {
            let gate = |index: usize| tensor.narrow(0, index * width, width);
            Tensor::cat(&[gate(0)?, gate(3)?, gate(1)?, gate(2)?], 0)
        };
        let weight = ordered(source.get(&format!("{layer}.weight"))?)?;
        let read = weight.dim(1)? - width;
        inputs.push(weight.narrow(1, 0, read)?.contiguous()?);
        states.push(weight.narrow(1, read, width)?.contiguous()?);
        let bias = ordered(source.get(&format!("{layer}.bias"))?)?;
        // It has a bias for either map; ours is the sum of both.
        biases.push(Tensor::cat(&[&bias, &bias.zeros_like()?], 0)?);
    }
    let inputs = graph.table("pooling.input", &Tensor::stack(&inputs, 0)?)?;
    let states = graph.table("pooling.state", &Tensor::stack(&states, 0)?)?;
    let biases = graph.vector("pooling.bias", &Tensor::stack(&biases, 0)?)?;
    let order = |permutation: &[i64]| vec![integers("perm", permutation)];
    let steps = graph.node("Transpose", &[hidden], order(&[1, 0, 2]));
    let axis = graph.integers("length axis", &[1], &[1]);
    let lengths = graph.node("ReduceSum", &[mask, &axis], vec![integer("keepdims", 0)]);
    let lengths = graph.node("Cast", &[&lengths], vec![integer("to", element::I32.into())]);
    let direction = if layers.len() > 1 { "bidirectional" } else { "forward" };
    let attributes = vec![integer("hidden_size", width as i64), text("direction", direction)];
    let [_, ends, _] = graph.nodes("LSTM", &[&steps, &inputs, &states, &biases, &lengths], attributes);
    let ends = graph.node("Transpose", &[&ends], order(&[1, 0, 2]));
    let shape = graph.integers("vector shape", &[2], &[0, (layers.len() * width) as i64]);
    Ok(graph.node("Reshape", &[&ends, &shape], Vec::new()))
}

fn classify(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    names: &TensorNames,
    config: &BertConfig,
    hidden: &str,
    pooled: Option<&str>,
) -> Result<Name, ModelError> {
    if config.head == Head::MaskedLanguage {
        let [dense, norm, bias] = names.masked_language(config.untied);
        let dense = source.linear(graph, hidden, dense)?;
        let transformed = activate(graph, &dense, config.masked_language_activation())?;
        let transformed = source.norm(graph, &transformed, norm, config.epsilon)?;
        let table = if config.untied { names.output().to_owned() } else { names.table("word") };
        let words = source.get(&table)?;
        return graph.linear(&transformed, "vocabulary", words, source.get(bias)?);
    }
    let (before, last) = names.classifier(config.head);
    let input = match (config.head, before, pooled) {
        (head, ..) if head.is_per_token() => hidden.to_owned(),
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
