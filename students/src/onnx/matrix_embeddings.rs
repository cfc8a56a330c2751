//! Matrix embeddings as a graph.

use alambic_models::ModelError;
use alambic_models::matrix::{ClassifierKind, MatrixConfig, MatrixNames, PairFeatures, StateOrder};
use alambic_models::text_encoder::Head;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{MAX_PRODUCT_ENTRY, ReadingOrder};
use alambic_tensor::parameters::Weights;

use super::blocks::{OnnxWeights, cast, counted_positions};
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use super::proto::{Extent, element};

/// Matrices and vectors of tokens in a graph, and what is made of them for one mask of tokens.
struct Tokens<'a> {
    source: OnnxWeights<'a>,
    config: &'a MatrixConfig,
    names: MatrixNames,
    ids: Name,
    /// The identity, `[side, side]`; none without matrices.
    identity: Option<Name>,
}

/// Which states of a reading are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Those of whole texts.
    Texts,
    /// Those of each token.
    Tokens,
}

/// The graph of matrix embeddings with their head. Inputs: `input_ids`, `attention_mask` and, where pairs of texts have logits,
/// `token_type_ids`. Outputs: `logits` with a head, `start_logits` and `end_logits` with that of question answering; without one
/// `last_hidden_state` and `sentence_embedding`. Products are made token by token in a `Loop`. Beside it, the largest difference
/// that storing made to a weight.
pub(super) fn graph(
    config: &MatrixConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Finished, ModelError> {
    let is_choice = config.head == Head::MultipleChoice;
    let mut graph = Builder::new("matrix embeddings", storage).over_choices(is_choice);
    let ids = graph.tokens("input_ids");
    let mask = graph.tokens("attention_mask");
    let side = config.side;
    let identity = if side > 0 {
        let identity = Tensor::eye(side, DType::F32, device::current())?;
        Some(graph.vector("identity", &identity)?)
    } else {
        None
    };
    let tokens = Tokens { source: OnnxWeights(weights), config, names: config.names(), ids, identity };
    let (batch, sequence) = (|| Extent::from("batch"), || Extent::from("sequence"));
    if config.head == Head::None {
        let states = tokens.read(&mut graph, &mask, Wanted::Tokens)?;
        let pooled = tokens.read(&mut graph, &mask, Wanted::Texts)?;
        graph.output(&states, "last_hidden_state", &[batch(), sequence(), config.state_width().into()]);
        graph.output(&pooled, "sentence_embedding", &[batch(), config.pooled_width().into()]);
        return Ok(graph.finish());
    }
    let read = if config.splits_pairs() {
        tokens.pair(&mut graph, &mask)?
    } else {
        let wanted = if config.head.is_per_token() { Wanted::Tokens } else { Wanted::Texts };
        tokens.read(&mut graph, &mask, wanted)?
    };
    let logits = tokens.classify(&mut graph, &read)?;
    if config.head == Head::Span {
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
    let classes = Extent::from(config.outline().classes);
    let shape =
        if config.head.is_per_token() { vec![batch(), sequence(), classes] } else { vec![batch(), classes] };
    graph.output(&logits, "logits", &shape);
    Ok(graph.finish())
}

impl Tokens<'_> {
    /// The states of tokens, `[batch, sequence, width]`, or the embeddings of texts, `[batch, width]`, of the tokens of a mask.
    fn read(&self, graph: &mut Builder, mask: &str, wanted: Wanted) -> Result<Name, ModelError> {
        let axis = graph.integers("last axis", &[1], &[2]);
        let is_token = cast(graph, mask, element::BOOL);
        let is_token = graph.node("Unsqueeze", &[&is_token, &axis], Vec::new());
        let vectors = self.vectors(graph, &is_token)?;
        let mut parts = Vec::new();
        if let (Wanted::Texts, Some(vectors)) = (wanted, &vectors) {
            let axis = graph.integers("token axis", &[1], &[1]);
            parts.push(graph.node("ReduceSum", &[vectors, &axis], vec![integer("keepdims", 0)]));
        }
        for &(order, ref table) in &self.names.matrices {
            let own = self.products(graph, table.as_deref(), order, &is_token, wanted)?;
            if wanted == Wanted::Texts {
                parts.extend(own);
                continue;
            }
            let is_backward = order == ReadingOrder::Backward;
            let mut states = Vec::new();
            if let Some(vectors) = &vectors {
                let axis = graph.integers("one", &[], &[1]);
                let reverse = vec![integer("reverse", is_backward.into())];
                states.push(graph.node("CumSum", &[vectors, &axis], reverse));
            }
            states.extend(own);
            let states = concatenate(graph, &states);
            let turns = is_backward && self.config.order == StateOrder::Published;
            parts.push(if turns { reversed(graph, mask, &states) } else { states });
        }
        Ok(concatenate(graph, &parts))
    }

    /// Vectors of tokens, `[batch, sequence, vector]`, zero at padding; none where tokens have none.
    fn vectors(&self, graph: &mut Builder, is_token: &str) -> Result<Option<Name>, ModelError> {
        let Some(name) = &self.names.vectors else { return Ok(None) };
        let vectors = graph.look_up(name, self.source.get(name)?, &self.ids)?;
        let nothing = graph.number("0.0", 0.0);
        Ok(Some(graph.node("Where", &[is_token, &vectors, &nothing], Vec::new())))
    }

    /// Products of the matrices of tokens in a reading order: up to each token, `[batch, sequence, side * side]`, or of texts, `[batch,
    /// side * side]`; none where tokens have none. Padding is the identity.
    fn products(
        &self,
        graph: &mut Builder,
        table: Option<&str>,
        order: ReadingOrder,
        is_token: &str,
        wanted: Wanted,
    ) -> Result<Option<Name>, ModelError> {
        let (Some(table), Some(identity)) = (table, &self.identity) else { return Ok(None) };
        let side = self.config.side as i64;
        let axis = graph.integers("matrix axis", &[1], &[3]);
        let is_token = graph.node("Unsqueeze", &[is_token, &axis], Vec::new());
        let matrices = self.matrices(graph, table)?;
        let matrices = graph.node("Where", &[&is_token, &matrices, identity], Vec::new());
        // A token of all texts at once.
        let matrices = graph.node("Transpose", &[&matrices], vec![integers("perm", &[1, 0, 2, 3])]);
        let shape = graph.node("Shape", &[&self.ids], Vec::new());
        let one = graph.integers("one", &[], &[1]);
        let length = graph.node("Gather", &[&shape, &one], Vec::new());
        let batch = graph.node("Shape", &[&self.ids], vec![integer("end", 1)]);
        let sides = graph.integers("sides of a matrix", &[2], &[side, side]);
        let start = graph.node("Concat", &[&batch, &sides], vec![integer("axis", 0)]);
        let start = graph.node("Expand", &[identity, &start], Vec::new());
        let last = graph.node("Sub", &[&length, &one], Vec::new());
        let limit = graph.number("largest entry", MAX_PRODUCT_ENTRY);
        let (whole, each) =
            graph.repeat(&length, &start, wanted == Wanted::Tokens, &mut |graph, index, product| {
                let place = match order {
                    ReadingOrder::Forward => index.to_owned(),
                    ReadingOrder::Backward => graph.node("Sub", &[&last, index], Vec::new()),
                };
                let matrix = graph.node("Gather", &[&matrices, &place], vec![integer("axis", 0)]);
                let product = graph.node("MatMul", &[product, &matrix], Vec::new());
                let size = graph.node("Abs", &[&product], Vec::new());
                let largest = graph.node(
                    "ReduceMax",
                    &[&size],
                    vec![integers("axes", &[1, 2]), integer("keepdims", 1)],
                );
                let largest = graph.node("Max", &[&largest, &limit], Vec::new());
                let factor = graph.node("Div", &[&limit, &largest], Vec::new());
                graph.node("Mul", &[&product, &factor], Vec::new())
            });
        let width = side * side;
        let Some(each) = each else {
            let flat = graph.integers("a matrix in a row", &[2], &[-1, width]);
            return Ok(Some(graph.node("Reshape", &[&whole, &flat], Vec::new())));
        };
        let each = graph.node("Transpose", &[&each], vec![integers("perm", &[1, 0, 2, 3])]);
        let flat = graph.integers("matrices in rows", &[3], &[0, 0, width]);
        let each = graph.node("Reshape", &[&each, &flat], Vec::new());
        if order == ReadingOrder::Forward {
            return Ok(Some(each));
        }
        let down = graph.integers("minus one", &[], &[-1]);
        let places = graph.node("Range", &[&last, &down, &down], Vec::new());
        Ok(Some(graph.node("Gather", &[&each, &places], vec![integer("axis", 1)])))
    }

    /// Matrices of tokens, `[batch, sequence, side, side]`.
    fn matrices(&self, graph: &mut Builder, table: &str) -> Result<Name, ModelError> {
        let side = self.config.side as i64;
        let part = |graph: &mut Builder, name: &str, rows: i64, columns: i64| {
            let found = graph.look_up(name, self.source.get(name)?, &self.ids)?;
            let shape = graph.integers(&format!("{rows} by {columns}"), &[4], &[0, 0, rows, columns]);
            Ok::<_, ModelError>(graph.node("Reshape", &[&found, &shape], Vec::new()))
        };
        let Some(rank) = self.config.rank else { return part(graph, &format!("{table}.weight"), side, side) };
        let left = part(graph, &format!("{table}.left.weight"), side, rank as i64)?;
        let right = part(graph, &format!("{table}.right.weight"), rank as i64, side)?;
        let diagonal = part(graph, &format!("{table}.diagonal.weight"), side, 1)?;
        let product = graph.node("MatMul", &[&left, &right], Vec::new());
        let Some(identity) = &self.identity else { return Ok(product) };
        let diagonal = graph.node("Mul", &[&diagonal, identity], Vec::new());
        Ok(graph.node("Add", &[&product, &diagonal], Vec::new()))
    }

    /// What the head reads of a pair of texts.
    fn pair(&self, graph: &mut Builder, mask: &str) -> Result<Name, ModelError> {
        let segments = graph.tokens("token_type_ids");
        let [none, one] = [("zero", 0), ("one", 1)].map(|(name, value)| graph.integers(name, &[], &[value]));
        let is_second = graph.node("Greater", &[&segments, &none], Vec::new());
        let is_second = cast(graph, &is_second, element::I64);
        let is_first = graph.node("Sub", &[&one, &is_second], Vec::new());
        // The special tokens before the first text stand before the second one, too.
        let counted = graph.node("CumSum", &[mask, &one], Vec::new());
        let leading = graph.integers("tokens before a text", &[], &[self.config.leading as i64]);
        let is_behind = graph.node("Greater", &[&counted, &leading], Vec::new());
        let is_behind = cast(graph, &is_behind, element::I64);
        let is_leading = graph.node("Sub", &[&one, &is_behind], Vec::new());
        let is_second = graph.node("Max", &[&is_second, &is_leading], Vec::new());
        let mut both = Vec::new();
        for side in [is_first, is_second] {
            let own = graph.node("Mul", &[mask, &side], Vec::new());
            both.push(self.read(graph, &own, Wanted::Texts)?);
        }
        let [u, v] = [&both[0], &both[1]];
        if self.config.pair_features == PairFeatures::Difference {
            let difference = graph.node("Sub", &[u, v], Vec::new());
            let difference = graph.node("Abs", &[&difference], Vec::new());
            return Ok(graph.node("Concat", &[u, v, &difference], vec![integer("axis", 1)]));
        }
        let axis = graph.integers("token axis", &[1], &[1]);
        let product = |graph: &mut Builder, one: &str, other: &str| {
            let product = graph.node("Mul", &[one, other], Vec::new());
            graph.node("ReduceSum", &[&product, &axis], vec![integer("keepdims", 1)])
        };
        let dot = product(graph, u, v);
        let lengths = [u, v].map(|own| {
            let squares = product(graph, own, own);
            let length = graph.node("Sqrt", &[&squares], Vec::new());
            let least = graph.number("1e-8", 1e-8);
            graph.node("Max", &[&length, &least], Vec::new())
        });
        let lengths = graph.node("Mul", &[&lengths[0], &lengths[1]], Vec::new());
        Ok(graph.node("Div", &[&dot, &lengths], Vec::new()))
    }

    /// The logits of what the head reads.
    fn classify(&self, graph: &mut Builder, read: &str) -> Result<Name, ModelError> {
        let (source, config, names) = (&self.source, self.config, &self.names);
        match (config.head, config.classifier) {
            (Head::Sequence, _) if config.pair_features == PairFeatures::Cosine => Ok(read.to_owned()),
            (Head::MaskedLanguage, _) => source.linear(graph, read, names.vocabulary),
            (_, ClassifierKind::Linear) => source.linear(graph, read, names.linear),
            (_, ClassifierKind::Mlp) => {
                let [first, second, norm, last] = names.mlp;
                let inner = source.linear(graph, read, first)?;
                let inner = graph.node("Relu", &[&inner], Vec::new());
                let inner = source.linear(graph, &inner, second)?;
                let inner = source.norm(graph, &inner, norm, names.epsilon)?;
                source.linear(graph, &inner, last)
            }
        }
    }
}

/// Parts side by side along their last axis.
fn concatenate(graph: &mut Builder, parts: &[Name]) -> Name {
    match parts {
        [only] => only.clone(),
        parts => {
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            graph.node("Concat", &parts, vec![integer("axis", -1)])
        }
    }
}

/// States of tokens, `[batch, sequence, width]`, those of each text in the reverse order, padding behind them.
fn reversed(graph: &mut Builder, mask: &str, states: &str) -> Name {
    let axis = graph.integers("token axis", &[1], &[1]);
    let count = graph.node("ReduceSum", &[mask, &axis], vec![integer("keepdims", 1)]);
    let one = graph.integers("one", &[], &[1]);
    let last = graph.node("Sub", &[&count, &one], Vec::new());
    let positions = counted_positions(graph, mask);
    let places = graph.node("Sub", &[&last, &positions], Vec::new());
    let zero = graph.integers("zero", &[], &[0]);
    let places = graph.node("Max", &[&places, &zero], Vec::new());
    let axis = graph.integers("last axis", &[1], &[2]);
    let places = graph.node("Unsqueeze", &[&places, &axis], Vec::new());
    graph.node("GatherND", &[states, &places], vec![integer("batch_dims", 1)])
}
