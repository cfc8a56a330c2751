//! Encoders of BERT's family as a graph.

use alambic_models::ModelError;
use alambic_models::bert::{BertConfig, Head, TensorNames};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerSizes, Norms, OnnxWeights, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::pooling;
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
    let sizes = sizes(config);
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
        if let Some(own) = &config.pooling {
            let embedding = pooling::pool(&mut graph, &source, &hidden, &mask, own)?;
            graph.output(&embedding, "sentence_embedding", &[batch(), fixed(own.width(config.width))]);
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

/// Sizes of the layers.
pub(super) fn sizes(config: &BertConfig) -> LayerSizes<'_> {
    LayerSizes {
        width: config.width,
        heads: config.heads,
        activation: &config.activation,
        epsilon: config.epsilon,
        norms: Norms::After,
    }
}

/// Word, position and segment embeddings, normed: `[batch, sequence, width]`.
pub(super) fn embed(
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

/// The logits of a head over states `[batch, sequence, width]` and what the pooler makes of them.
pub(super) fn classify(
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
        let (own, words) = (names.output(), names.table("word"));
        let product = if config.untied {
            graph.product(&transformed, own, source.get(own)?)?
        } else {
            graph.product_with_table(&transformed, &words, source.get(&words)?)?
        };
        let bias = graph.vector(bias, source.get(bias)?)?;
        return Ok(graph.node("Add", &[&product, &bias], Vec::new()));
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
