//! Encoders of BERT's family as a graph.

use alambic_models::ModelError;
use alambic_models::bert::{BertConfig, Gathering, Head, Names, Pooling};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerSizes, Norms, Source, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::proto::{Extent, element};

/// The graph of an encoder with its head and its pooling. Inputs: `input_ids`, `attention_mask` and, with segments,
/// `token_type_ids`. Outputs: `logits` with a head; without one `last_hidden_state`, `pooler_output` where there is a
/// pooler, and `sentence_embedding` with a pooling. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(
    config: &BertConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let source = Source(weights);
    let names = Names::of(config);
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
