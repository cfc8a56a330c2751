//! Text encoders of transformer layers as a graph.

use alambic_models::ModelError;
use alambic_models::text_encoder::{ClassifierInput, Head, TensorNames, TextEncoderConfig, TokenPooling};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, LayerOptions, LayerSizes, Norms, OnnxWeights, TextTables, activate, first_token};
use super::builder::{Builder, Finished, Name, Storage, integer};
use super::pooling;
use super::proto::{Extent, element};
use super::relative::{self, Positions};

/// The graph of an encoder with its head and its pooling. Inputs: `input_ids`, `attention_mask` and, with segments,
/// `token_type_ids`. Outputs: `logits` with a head, `start_logits` and `end_logits` with that of question answering; with that of multiple choice inputs are
/// `[batch, choices, sequence]` and `logits` `[batch, choices]`; without one `last_hidden_state`, `pooler_output` where there is a
/// pooler, and `sentence_embedding` with a pooling. Beside it, the largest difference that storing made to a weight.
pub(super) fn graph(
    config: &TextEncoderConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let source = OnnxWeights(weights);
    let names = config.names();
    let is_choice = config.head == Head::MultipleChoice;
    let mut graph = Builder::new(config.family.model_type(), storage).over_choices(is_choice);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let mut hidden = embed(&mut graph, &source, &names, config, &ids)?;
    let kept = config.structure.masks_embeddings.then(|| blocks::token_mask(&mut graph, &mask));
    if let Some(kept) = &kept {
        hidden = graph.node("Mul", &[&hidden, kept], Vec::new());
    }
    if let Some((projection, false)) = embedding_projection(config, &names) {
        hidden = source.linear(&mut graph, &hidden, &projection)?;
    }
    let bias = blocks::mask_bias(&mut graph, &mask);
    let sizes = sizes(config);
    let positions = if relative::is_needed(config) {
        Some(Positions::new(&mut graph, &source, &names, config, (&ids, bias.clone()))?)
    } else {
        None
    };
    for index in 0..config.layers {
        let own = config.layer_names(index);
        let output = match &positions {
            None => blocks::layer(&mut graph, &source, &own, &sizes, &hidden, Some(&bias))?,
            Some(positions) => {
                blocks::layer_around(&mut graph, &source, &own, &sizes, &hidden, |graph, x| {
                    positions.attention(graph, &source, config, (&own.attention, index), &sizes, x)
                })?
            }
        };
        let convolution = config.structure.disentangled().and_then(|own| own.convolution.as_ref());
        hidden = match (convolution.filter(|_| index == 0), &kept) {
            (Some((kernel, activation)), Some(kept)) => relative::convolution(
                &mut graph,
                &source,
                config,
                (*kernel, activation),
                [&hidden, &output, kept],
            )?,
            _ => output,
        };
    }
    if config.structure.is_pre_norm {
        hidden = source.norm(&mut graph, &hidden, &names.final_norm(), config.epsilon)?;
    }
    let pooled = if config.pooler {
        let first = first_token(&mut graph, &hidden);
        let (pooler, activation) = names.pooler();
        Some(blocks::linear_activated(&mut graph, &source, &first, (&pooler, activation))?)
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
    let logits = classify(&mut graph, &source, &names, config, (&hidden, &mask), pooled.as_deref())?;
    if config.head == Head::Span {
        // As Optimum exports and runs models of question answering.
        for (side, name) in [(0, "start_logits"), (1, "end_logits")] {
            let index = graph.integers(&format!("{name} index"), &[], &[side]);
            let side = graph.node("Gather", &[&logits, &index], vec![integer("axis", 2)]);
            graph.output(&side, name, &[batch(), sequence()]);
        }
        return Ok(graph.finish());
    }
    if is_choice {
        let logits = graph.by_choice(&logits);
        graph.output(&logits, "logits", &[batch(), "choices".into()]);
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
pub(super) fn sizes(config: &TextEncoderConfig) -> LayerSizes<'_> {
    LayerSizes {
        width: config.width,
        heads: config.heads,
        activation: &config.activation,
        epsilon: config.epsilon,
        norms: if config.structure.is_pre_norm { Norms::Before } else { Norms::After },
        kinds: config
            .structure
            .disentangled()
            .map_or(1, |own| 1 + usize::from(own.content_to_position) + usize::from(own.position_to_content)),
        options: LayerOptions::default(),
    }
}

/// Word, position and segment embeddings, normed: `[batch, sequence, width]`.
pub(super) fn embed(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    names: &TensorNames,
    config: &TextEncoderConfig,
    ids: &str,
) -> Result<Name, ModelError> {
    let tables = TextTables {
        words: names.table("word"),
        positions: config.structure.has_positions.then(|| names.table("position")),
        segments: (names.table("token_type"), config.segments),
    };
    let positions = |graph: &mut Builder| {
        if config.structure.counts_from_padding {
            positions_after_padding(graph, config, ids)
        } else {
            blocks::counted_positions(graph, ids)
        }
    };
    let mut sum = blocks::embed(graph, source, &tables, ids, positions)?;
    if let Some((projection, true)) = embedding_projection(config, names) {
        sum = source.linear(graph, &sum, &projection)?;
    }
    source.norm(graph, &sum, &names.embedding_norm(), config.epsilon)
}

/// The layer that brings embeddings to the width of hidden states, and whether it stands before their norm.
fn embedding_projection(config: &TextEncoderConfig, names: &TensorNames) -> Option<(String, bool)> {
    let (name, _, is_before_norm) = names.embedding_projection();
    config.structure.embedding_width.map(|_| (name, is_before_norm))
}

/// The position of each token, `[batch, sequence]`, counted from the padding on.
fn positions_after_padding(graph: &mut Builder, config: &TextEncoderConfig, ids: &str) -> Name {
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
    config: &TextEncoderConfig,
    (hidden, mask): (&str, &str),
    pooled: Option<&str>,
) -> Result<Name, ModelError> {
    if config.head == Head::MaskedLanguage {
        let own = names.masked_language(config.untied);
        let [dense, norm] = own.transform;
        let dense = source.linear(graph, hidden, dense)?;
        let transformed = activate(graph, &dense, config.masked_language_activation())?;
        let transformed = source.norm(graph, &transformed, norm, config.epsilon)?;
        let words = names.table("word");
        let product = if config.untied {
            graph.product(&transformed, own.output, source.get(own.output)?)?
        } else {
            graph.product_with_table(&transformed, &words, source.get(&words)?)?
        };
        let bias = graph.vector(own.bias, source.get(own.bias)?)?;
        return Ok(graph.node("Add", &[&product, &bias], Vec::new()));
    }
    let own = names.classifier(config.head, config.structure.classifies_mean);
    let mut state = match (own.input, pooled) {
        (ClassifierInput::Tokens, _) => hidden.to_owned(),
        (ClassifierInput::Pooled, Some(pooled)) => pooled.to_owned(),
        (ClassifierInput::Mean, _) => pooling::gather(graph, hidden, mask, TokenPooling::Mean),
        _ => first_token(graph, hidden),
    };
    if let Some(dense) = own.dense {
        state = blocks::linear_activated(graph, source, &state, (dense.name, dense.activation))?;
        if let Some(norm) = dense.norm {
            state = source.norm(graph, &state, norm, config.epsilon)?;
        }
    }
    source.linear(graph, &state, own.last)
}
