//! Attention by relative and rotary positions, and within a window, as parts of a graph.

use alambic_models::ModelError;
use alambic_models::text_encoder::{
    AttentionNames, Disentangled, RelativePositions, TensorNames, TextEncoderConfig, bucket,
};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::ops::{Activation, Rotation, layer_norm, linear, pack_affine};

use super::blocks::{self, FORWARD, LayerSizes, MASKED, OnnxWeights, cast};
use super::builder::{Builder, Name, integer, integers};
use super::proto::element;

/// Inputs of attention that all layers share.
pub(super) struct Positions {
    /// Biases of scores by padding, and by relative positions where one table serves all layers.
    bias: Name,
    /// The same for layers that see a window.
    local_bias: Option<Name>,
    /// Cosines and sines of the rotation, of layers that see all and of those that see a window.
    rotations: Option<[[Name; 2]; 2]>,
    /// Rows of the tables of relative embeddings for queries and keys, `[length, length]`.
    rows: Option<Name>,
}

impl Positions {
    /// Positions of a text of these tokens, whose scores have the bias `padding`.
    pub(super) fn new(
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        names: &TensorNames,
        config: &TextEncoderConfig,
        (ids, padding): (&str, Name),
    ) -> Result<Self, ModelError> {
        let mut positions = Self { bias: padding, local_bias: None, rotations: None, rows: None };
        if let Some(rotary) = &config.structure.rotary {
            let counted = blocks::counted_positions(graph, ids);
            let head_width = config.width / config.heads.max(1);
            let bases = [rotary.base, rotary.local_base];
            let [all, local] = bases.map(|base| turns(graph, &counted, base, head_width));
            positions.rotations = Some([all?, local?]);
            if rotary.local.contains(&true) {
                let window = window_bias(graph, &counted, rotary.window);
                positions.local_bias = Some(graph.node("Add", &[&positions.bias, &window], Vec::new()));
            }
        }
        match &config.structure.relative {
            None => {}
            Some(RelativePositions::Buckets(_)) => {
                let buckets = by_distance(graph, ids, config.positions, bucket);
                let table = format!("{}.weight", names.relative()[0]);
                let table = graph.vector(&table, source.get(&table)?)?;
                let biases = graph.node("Gather", &[&table, &buckets], Vec::new());
                // `[length, length, heads]` as `[heads, length, length]`, which is one example for all.
                let biases = graph.node("Transpose", &[&biases], vec![integers("perm", &[2, 0, 1])]);
                positions.bias = graph.node("Add", &[&positions.bias, &biases], Vec::new());
            }
            Some(RelativePositions::Disentangled(own)) => {
                positions.rows =
                    Some(by_distance(graph, ids, config.positions, |query, key| own.buckets.row(query, key)));
            }
        }
        Ok(positions)
    }

    /// Self-attention of a layer, counted from 0.
    pub(super) fn attention(
        &self,
        graph: &mut Builder,
        source: &OnnxWeights<'_>,
        config: &TextEncoderConfig,
        (names, index): (&AttentionNames, usize),
        sizes: &LayerSizes<'_>,
        x: &str,
    ) -> Result<Name, ModelError> {
        let parts = [&names.query, &names.key, &names.value];
        let mut projected = Vec::with_capacity(3);
        for (part, name) in parts.into_iter().enumerate() {
            let rows = if names.query == names.key {
                source.linear_part(graph, x, name, (part, 3))?
            } else {
                source.linear(graph, x, name)?
            };
            projected.push(blocks::split_heads(graph, &rows, sizes, FORWARD));
        }
        let is_local = config.structure.rotary.as_ref().is_some_and(|rotary| rotary.is_local(index));
        let mut bias = self.local_bias.as_ref().filter(|_| is_local).unwrap_or(&self.bias).clone();
        if let Some(rotations) = &self.rotations {
            let turns = &rotations[usize::from(is_local)];
            for part in &mut projected[..2] {
                *part = rotated(graph, part, turns, sizes.head_width());
            }
        }
        if let (Some(own), Some(rows)) = (config.structure.disentangled(), &self.rows) {
            let scores = disentangled(
                graph,
                source,
                config,
                own,
                index,
                [&projected[0], &projected[1]],
                (sizes, rows),
            )?;
            bias = graph.node("Add", &[&bias, &scores], Vec::new());
        }
        let key = graph.node("Transpose", &[&projected[1]], vec![integers("perm", &[0, 1, 3, 2])]);
        blocks::attend(graph, source, &names.output, sizes, [&projected[0], &key, &projected[2]], Some(&bias))
    }
}

/// Cosines and sines `[length, half]` of positions `[length]` for heads of this width.
fn turns(
    graph: &mut Builder,
    positions: &str,
    base: f64,
    head_width: usize,
) -> Result<[Name; 2], ModelError> {
    let frequencies = Rotation::frequencies(base, head_width);
    let frequencies = Tensor::from_vec(frequencies, (1, head_width / 2), &Device::Cpu)?;
    let frequencies = graph.vector(&format!("frequencies of {base}"), &frequencies)?;
    let axis = graph.integers("frequency axis", &[1], &[1]);
    let positions = cast(graph, positions, element::F32);
    let positions = graph.node("Unsqueeze", &[&positions, &axis], Vec::new());
    let angles = graph.node("Mul", &[&positions, &frequencies], Vec::new());
    Ok(["Cos", "Sin"].map(|function| graph.node(function, &[&angles], Vec::new())))
}

/// Heads `[batch, heads, length, width]` turned by cosines and sines `[length, width / 2]`.
fn rotated(graph: &mut Builder, x: &str, [cosines, sines]: &[Name; 2], head_width: usize) -> Name {
    let half = head_width as i64 / 2;
    let axis = graph.integers("head axis", &[1], &[3]);
    let [start, middle, end] =
        [("start of a head", 0), ("middle of a head", half), ("end of a head", 2 * half)]
            .map(|(name, place)| graph.integers(name, &[1], &[place]));
    let first = graph.node("Slice", &[x, &start, &middle, &axis], Vec::new());
    let second = graph.node("Slice", &[x, &middle, &end, &axis], Vec::new());
    let mut product = |x: &str, factors: &str| graph.node("Mul", &[x, factors], Vec::new());
    let [stays, leaves] = [product(&first, cosines), product(&second, sines)];
    let [keeps, gains] = [product(&second, cosines), product(&first, sines)];
    let first = graph.node("Sub", &[&stays, &leaves], Vec::new());
    let second = graph.node("Add", &[&keeps, &gains], Vec::new());
    graph.node("Concat", &[&first, &second], vec![integer("axis", 3)])
}

/// Differences `[length, length]` of the positions of keys and queries.
fn distances(graph: &mut Builder, positions: &str) -> Name {
    let [rows, columns] = [("query axis", 1), ("key axis", 0)].map(|(name, axis)| {
        let axis = graph.integers(name, &[1], &[axis]);
        graph.node("Unsqueeze", &[positions, &axis], Vec::new())
    });
    graph.node("Sub", &[&columns, &rows], Vec::new())
}

/// Bias `[length, length]` that leaves a query the keys within a window.
fn window_bias(graph: &mut Builder, positions: &str, window: usize) -> Name {
    let distance = distances(graph, positions);
    let distance = graph.node("Abs", &[&distance], Vec::new());
    let reach = graph.integers("reach of a window", &[], &[window as i64]);
    let is_beyond = graph.node("Greater", &[&distance, &reach], Vec::new());
    let is_beyond = cast(graph, &is_beyond, element::F32);
    let masked = graph.number("masked", MASKED);
    graph.node("Mul", &[&is_beyond, &masked], Vec::new())
}

/// What `of` gives for each query and key of a text, `[length, length]`; it depends on their distance alone.
fn by_distance(graph: &mut Builder, ids: &str, positions: usize, of: impl Fn(usize, usize) -> u32) -> Name {
    let last = positions.saturating_sub(1);
    // The key from `last` places before the query to `last` places behind it.
    let before = (0..positions).map(|key| of(last, key));
    let all: Vec<i64> = before.chain((1..positions).map(|key| of(0, key))).map(i64::from).collect();
    let all = graph.integers("by distance", &[all.len()], &all);
    let counted = blocks::counted_positions(graph, ids);
    let distance = distances(graph, &counted);
    let shift = graph.integers("largest distance", &[], &[last as i64]);
    let place = graph.node("Add", &[&distance, &shift], Vec::new());
    graph.node("Gather", &[&all, &place], Vec::new())
}

/// Scores of contents with relative positions, `[batch, heads, length, length]`.
fn disentangled(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &TextEncoderConfig,
    own: &Disentangled,
    index: usize,
    [query, key]: [&str; 2],
    (sizes, rows): (&LayerSizes<'_>, &str),
) -> Result<Name, ModelError> {
    let names = config.names();
    let attention = config.layer_names(index).attention;
    let [to_keys, to_queries] =
        if own.is_shared { [attention.key, attention.query] } else { names.position_projections(index) };
    let root = graph.number("root of all scores", ((sizes.head_width() * sizes.kinds) as f32).sqrt());
    let compare = |graph: &mut Builder, contents: &str, projection: &str, is_turned: bool| {
        let positions = projected_positions(source, config, own, projection)?;
        let positions = graph.vector(&format!("{projection}.of.positions"), &positions)?;
        let scores = graph.node("MatMul", &[contents, &positions], Vec::new());
        let places = if is_turned {
            graph.node("Transpose", &[rows], vec![integers("perm", &[1, 0])])
        } else {
            rows.to_owned()
        };
        // Places of each example and head are the same.
        let scores_shape = graph.node("Shape", &[&scores], vec![integer("end", 3)]);
        let length = graph.node("Shape", &[rows], vec![integer("start", 1)]);
        let shape = graph.node("Concat", &[&scores_shape, &length], vec![integer("axis", 0)]);
        let places = graph.node("Expand", &[&places, &shape], Vec::new());
        let found = graph.node("GatherElements", &[&scores, &places], vec![integer("axis", 3)]);
        let found = if is_turned {
            graph.node("Transpose", &[&found], vec![integers("perm", &[0, 1, 3, 2])])
        } else {
            found
        };
        Ok::<_, ModelError>(graph.node("Div", &[&found, &root], Vec::new()))
    };
    let of_queries = own.content_to_position.then(|| compare(graph, query, &to_keys, false)).transpose()?;
    let of_keys = own.position_to_content.then(|| compare(graph, key, &to_queries, true)).transpose()?;
    match (of_queries, of_keys) {
        (Some(queries), Some(keys)) => Ok(graph.node("Add", &[&queries, &keys], Vec::new())),
        (Some(only), None) | (None, Some(only)) => Ok(only),
        (None, None) => Err(ModelError::Configuration("pos_att_type is empty".into())),
    }
}

/// Embeddings of relative positions as a layer projects them: `[heads, width of a head, rows]`.
fn projected_positions(
    source: &OnnxWeights<'_>,
    config: &TextEncoderConfig,
    own: &Disentangled,
    projection: &str,
) -> Result<Tensor, ModelError> {
    let [_, embeddings, norm, _] = config.names().relative();
    let mut rows = source.get(&format!("{embeddings}.weight"))?.clone();
    if own.is_normed {
        let part = |part: &str| source.get(&format!("{norm}.{part}"));
        rows = layer_norm(&rows, &pack_affine(part("weight")?, part("bias")?)?, config.epsilon)?;
    }
    let part = |part: &str| source.get(&format!("{projection}.{part}"));
    let rows = linear(&rows, part("weight")?, Some(part("bias")?), Activation::Identity)?;
    let (count, width) = rows.dims2()?;
    let heads = rows.reshape((count, config.heads, width / config.heads.max(1)))?;
    Ok(heads.permute((1, 2, 0))?.contiguous()?)
}

/// The convolution beside the first layer over its input and its output, normed; zeros for padding.
pub(super) fn convolution(
    graph: &mut Builder,
    source: &OnnxWeights<'_>,
    config: &TextEncoderConfig,
    (kernel, activation): (usize, &str),
    [input, output, mask]: [&str; 3],
) -> Result<Name, ModelError> {
    let name = config.names().relative()[3].clone();
    let own = format!("{name}.conv");
    let weight = graph.vector(&format!("{own}.weight"), source.get(&format!("{own}.weight"))?)?;
    let bias = graph.vector(&format!("{own}.bias"), source.get(&format!("{own}.bias"))?)?;
    let turned = || vec![integers("perm", &[0, 2, 1])];
    let columns = graph.node("Transpose", &[input], turned());
    let side = kernel as i64 / 2;
    let attributes = vec![integers("pads", &[side, side]), integers("kernel_shape", &[kernel as i64])];
    let convolved = graph.node("Conv", &[&columns, &weight, &bias], attributes);
    let convolved = graph.node("Transpose", &[&convolved], turned());
    let convolved = graph.node("Mul", &[&convolved, mask], Vec::new());
    let activated = blocks::activate(graph, &convolved, activation)?;
    let sum = graph.node("Add", &[output, &activated], Vec::new());
    let normed = source.norm(graph, &sum, &format!("{name}.LayerNorm"), config.epsilon)?;
    Ok(graph.node("Mul", &[&normed, mask], Vec::new()))
}

/// Whether a text encoder's attention is more than products of queries with keys in separate projections.
pub(super) fn is_needed(config: &TextEncoderConfig) -> bool {
    let names = config.layer_names(0).attention;
    config.structure.rotary.is_some() || config.structure.relative.is_some() || names.query == names.key
}
