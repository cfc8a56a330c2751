//! Encoder-decoders as graphs, with the names of files, inputs and outputs that Optimum gives them.

use alambic_models::ModelError;
use alambic_models::encoder_decoder::{DecoderNames, LEARNED_OFFSET, Positions, Structure};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, FORWARD, LayerOptions, LayerSizes, Norms, OnnxWeights};
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use super::proto::{Extent, element};

/// Above the number of tokens of any text.
const ENDLESS: i64 = 1 << 30;

/// The way in which a decoder gets what was computed for earlier tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    /// There are none.
    None,
    /// As inputs.
    Given,
    /// As inputs, which count where `use_cache_branch` is true.
    Chosen,
}

impl Past {
    fn file(self) -> &'static str {
        match self {
            Self::None => "decoder_model",
            Self::Given => "decoder_with_past_model",
            Self::Chosen => "decoder_model_merged",
        }
    }
}

/// The graphs `encoder_model`, `decoder_model`, `decoder_with_past_model` and `decoder_model_merged`, which is the two
/// before in one, each with the largest difference that storing made to a weight.
pub(super) fn graphs(
    structure: &Structure,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, ModelError> {
    let model = EncoderDecoderGraphs { structure, weights, source: OnnxWeights(weights) };
    let encoder = model.encoder(storage)?;
    model.behind(encoder, storage)
}

pub(super) struct EncoderDecoderGraphs<'a> {
    pub(super) structure: &'a Structure,
    pub(super) weights: &'a Weights,
    pub(super) source: OnnxWeights<'a>,
}

/// Keys and values of one layer, `[batch, heads, sequence, width of a head]`.
struct KeyValue {
    key: Name,
    value: Name,
}

/// Inputs of a decoder from earlier tokens.
struct PastInputs {
    /// Of the tokens before, by layer.
    decoder: Vec<KeyValue>,
    /// Of the encoder's output, by layer.
    encoder: Vec<KeyValue>,
}

/// The tokens of a stack, 0 for the encoder and 1 for the decoder.
pub(super) struct StackInputs<'a> {
    pub(super) stack: usize,
    pub(super) ids: &'a str,
    /// Number of tokens before the first one.
    pub(super) start: &'a str,
}

impl EncoderDecoderGraphs<'_> {
    /// An encoder, and the decoders behind it.
    pub(super) fn behind(
        &self,
        encoder: Finished,
        storage: Storage,
    ) -> Result<Vec<(&'static str, Finished)>, ModelError> {
        let mut graphs = vec![("encoder_model", encoder)];
        for past in [Past::None, Past::Given, Past::Chosen] {
            graphs.push((past.file(), self.decoder(past, storage)?));
        }
        Ok(graphs)
    }

    pub(super) fn sizes(&self, heads: usize) -> LayerSizes<'_> {
        let own = self.structure;
        LayerSizes {
            width: own.width,
            heads,
            activation: &own.activation,
            epsilon: own.epsilon,
            norms: if own.is_norm_first { Norms::Before } else { Norms::After },
            kinds: 1,
            options: LayerOptions {
                head_width: own.head_width,
                is_unscaled: own.is_unscaled,
                has_root_norms: own.has_root_norms,
            },
        }
    }

    /// The sum of word and position embeddings, normed where that is so.
    pub(super) fn embed(
        &self,
        graph: &mut Builder,
        inputs: &StackInputs<'_>,
        sizes: &LayerSizes<'_>,
    ) -> Result<Name, ModelError> {
        let own = self.structure;
        let words = own.word_tables[inputs.stack].name;
        let mut embedded = graph.look_up(words, self.source.get(words)?, inputs.ids)?;
        let scale = own.embedding_scale;
        if scale != 1.0 {
            let scale = graph.number("scale of embeddings", scale);
            embedded = graph.node("Mul", &[&embedded, &scale], Vec::new());
        }
        let limits = (own.max_length.unwrap_or(0), own.width);
        if let Some(table) = own.positions.table(self.weights, inputs.stack, limits)? {
            let rows = self.position_rows(graph, inputs);
            let name = if inputs.stack == 0 { "encoder positions" } else { "decoder positions" };
            let table = graph.table(name, &table)?;
            let positions = graph.node("Gather", &[&table, &rows], Vec::new());
            embedded = graph.node("Add", &[&embedded, &positions], Vec::new());
        }
        let norms = [&own.encoder.embedding_norm, &own.decoder.embedding_norm];
        match norms[inputs.stack] {
            Some(norm) => self.source.norm_of(graph, &embedded, norm, sizes),
            None => Ok(embedded),
        }
    }

    /// The rows of tokens in the table of positions, `[sequence]` or `[batch, sequence]`.
    fn position_rows(&self, graph: &mut Builder, inputs: &StackInputs<'_>) -> Name {
        let Positions::Counted { padding } = self.structure.positions else {
            let counted = blocks::counted_positions(graph, inputs.ids);
            let counted = graph.node("Add", &[&counted, inputs.start], Vec::new());
            let Positions::Learned(_) = self.structure.positions else { return counted };
            let offset = graph.integers("first place", &[], &[LEARNED_OFFSET as i64]);
            return graph.node("Add", &[&counted, &offset], Vec::new());
        };
        let padding = graph.integers("padding", &[], &[padding.into()]);
        let is_padding = graph.node("Equal", &[inputs.ids, &padding], Vec::new());
        let is_token = graph.node("Not", &[&is_padding], Vec::new());
        let is_token = blocks::cast(graph, &is_token, element::I64);
        let axis = graph.integers("one", &[], &[1]);
        let counted = graph.node("CumSum", &[&is_token, &axis], Vec::new());
        let counted = graph.node("Add", &[&counted, inputs.start], Vec::new());
        let counted = graph.node("Mul", &[&counted, &is_token], Vec::new());
        graph.node("Add", &[&counted, &padding], Vec::new())
    }

    /// A bias of scores with that of relative positions, where distances count.
    fn with_distances(
        &self,
        graph: &mut Builder,
        inputs: &StackInputs<'_>,
        bias: Name,
    ) -> Result<Name, ModelError> {
        Ok(match self.distances(graph, inputs)? {
            Some(biases) => graph.node("Add", &[&bias, &biases], Vec::new()),
            None => bias,
        })
    }

    /// Biases of scores by relative positions, `[heads, queries, keys]`; none where no distances count.
    pub(super) fn distances(
        &self,
        graph: &mut Builder,
        inputs: &StackInputs<'_>,
    ) -> Result<Option<Name>, ModelError> {
        let Some((name, buckets)) = self.structure.positions.relative(inputs.stack) else { return Ok(None) };
        // Beyond this distance there is one bucket for each direction.
        let last = buckets.max_distance;
        let table = self.source.get(name)?;
        let heads = table.dim(1)?;
        let values = table.detach().flatten_all()?.to_vec1::<f32>()?;
        let row = |bucket: u32| &values[bucket as usize * heads..(bucket as usize + 1) * heads];
        let keys_before = (0..=last).map(|key| row(buckets.bucket(last, key)));
        let keys_behind = (1..=last).map(|key| row(buckets.bucket(0, key)));
        let by_distance: Vec<f32> = keys_before.chain(keys_behind).flatten().copied().collect();
        let by_distance = Tensor::from_vec(by_distance, (2 * last + 1, heads), &Device::Cpu)?;
        let by_distance = graph.vector(&format!("{name} by distance"), &by_distance)?;
        let shape = graph.node("Shape", &[inputs.ids], Vec::new());
        let (zero, one) = (graph.integers("zero", &[], &[0]), graph.integers("one", &[], &[1]));
        let length = graph.node("Gather", &[&shape, &one], Vec::new());
        let end = graph.node("Add", &[inputs.start, &length], Vec::new());
        let queries = graph.node("Range", &[inputs.start, &end, &one], Vec::new());
        let axis = graph.integers("axis of what is seen", &[1], &[1]);
        let queries = graph.node("Unsqueeze", &[&queries, &axis], Vec::new());
        let keys = graph.node("Range", &[&zero, &end, &one], Vec::new());
        let distances = graph.node("Sub", &[&keys, &queries], Vec::new());
        let [first, last] = [-(last as i64), last as i64]
            .map(|distance| graph.integers(&format!("distance {distance}"), &[], &[distance]));
        let distances = graph.node("Max", &[&distances, &first], Vec::new());
        let distances = graph.node("Min", &[&distances, &last], Vec::new());
        let rows = graph.node("Add", &[&distances, &last], Vec::new());
        let biases = graph.node("Gather", &[&by_distance, &rows], Vec::new());
        Ok(Some(graph.node("Transpose", &[&biases], vec![integers("perm", &[2, 0, 1])])))
    }

    /// States behind the last norm of a stack.
    fn last_states(
        &self,
        graph: &mut Builder,
        norm: Option<&String>,
        hidden: Name,
        sizes: &LayerSizes<'_>,
    ) -> Result<Name, ModelError> {
        match norm {
            Some(norm) => self.source.norm_of(graph, &hidden, norm, sizes),
            None => Ok(hidden),
        }
    }

    /// Inputs: `input_ids`, `attention_mask`. Output: `last_hidden_state`.
    fn encoder(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("encoder", storage);
        let own = &self.structure.encoder;
        let sizes = self.sizes(own.heads);
        let ids = graph.tokens("input_ids");
        let mask = graph.tokens("attention_mask");
        let zero = graph.integers("zero", &[], &[0]);
        let inputs = StackInputs { stack: 0, ids: &ids, start: &zero };
        let embedded = self.embed(&mut graph, &inputs, &sizes)?;
        let bias = blocks::mask_bias(&mut graph, &mask);
        let bias = self.with_distances(&mut graph, &inputs, bias)?;
        let hidden = self.encode(&mut graph, embedded, &bias)?;
        let shape = ["batch".into(), "sequence".into(), self.structure.width.into()];
        graph.output(&hidden, "last_hidden_state", &shape);
        Ok(graph.finish())
    }

    /// The encoder's last states over embedded tokens, `bias` added to their scores.
    pub(super) fn encode(&self, graph: &mut Builder, embedded: Name, bias: &str) -> Result<Name, ModelError> {
        let own = &self.structure.encoder;
        let (sizes, mut hidden) = (self.sizes(own.heads), embedded);
        for names in &own.layers {
            hidden = blocks::layer(graph, &self.source, names, &sizes, &hidden, Some(bias))?;
        }
        self.last_states(graph, own.last_norm.as_ref(), hidden, &sizes)
    }

    /// Inputs: `encoder_attention_mask`, `input_ids`; without a past, or with one that is chosen,
    /// `encoder_hidden_states`; with a past `past_key_values.LAYER.decoder.key` and the like; with one that is chosen
    /// `use_cache_branch`. Outputs: `logits` and `present.LAYER.decoder.key` and the like; those of the encoder where they
    /// were computed.
    fn decoder(&self, past: Past, storage: Storage) -> Result<Finished, ModelError> {
        let own = &self.structure.decoder;
        let sizes = self.sizes(own.heads);
        let mut graph = Builder::new(past.file(), storage);
        let source_length = || Extent::from("encoder_sequence");
        let mask = graph.whole_numbers("encoder_attention_mask", &["batch".into(), source_length()]);
        let ids = graph.whole_numbers("input_ids", &["batch".into(), "decoder_sequence".into()]);
        let memory = (past != Past::Given).then(|| {
            graph.numbers(
                "encoder_hidden_states",
                &["batch".into(), source_length(), self.structure.width.into()],
            )
        });
        let mut given = (past != Past::None).then(|| self.past_inputs(&mut graph, past, &sizes));
        let switch = (past == Past::Chosen).then(|| graph.switch("use_cache_branch"));
        if let (Some(switch), Some(given)) = (&switch, &mut given) {
            only_where(&mut graph, switch, given);
        }
        let zero = graph.integers("zero", &[], &[0]);
        let start = match given.as_ref().and_then(|given| given.decoder.first()) {
            Some(first) => {
                let shape = graph.node("Shape", &[&first.key], Vec::new());
                let axis = graph.integers("axis of the past", &[], &[2]);
                graph.node("Gather", &[&shape, &axis], Vec::new())
            }
            None => zero,
        };
        let inputs = StackInputs { stack: 1, ids: &ids, start: &start };
        let mut hidden = self.embed(&mut graph, &inputs, &sizes)?;
        let causal = blocks::causal_bias(&mut graph, &ids, &start);
        let causal = self.with_distances(&mut graph, &inputs, causal)?;
        let bias = blocks::mask_bias(&mut graph, &mask);
        let cross = match (&given, &memory, &switch) {
            (Some(given), Some(memory), Some(switch)) => {
                self.chosen(&mut graph, &sizes, memory, switch, given)?
            }
            (None, Some(memory), _) => self.project_memory(&mut graph, &sizes, memory)?,
            (given, ..) => given.iter().flat_map(|given| &given.encoder).map(KeyValue::copy).collect(),
        };
        let mut present = Vec::new();
        for ((index, cross), names) in cross.iter().enumerate().zip(&own.layers) {
            let [query, key, value] = [&names.attention.query, &names.attention.key, &names.attention.value];
            let mut own = None;
            hidden = blocks::sublayer(
                &mut graph,
                &self.source,
                names.attention_norm.as_str(),
                &sizes,
                &hidden,
                |graph, x| {
                    let query = blocks::heads(graph, &self.source, query, &sizes, x, FORWARD)?;
                    let mut now = KeyValue {
                        key: blocks::heads(graph, &self.source, key, &sizes, x, FORWARD)?,
                        value: blocks::heads(graph, &self.source, value, &sizes, x, FORWARD)?,
                    };
                    if let Some(before) = given.as_ref().and_then(|given| given.decoder.get(index)) {
                        now = before.followed_by(graph, &now);
                    }
                    let attended =
                        self.attend(graph, &sizes, &names.attention.output, &query, &now, &causal)?;
                    own = Some(now);
                    Ok(attended)
                },
            )?;
            hidden = blocks::sublayer(
                &mut graph,
                &self.source,
                names.cross_norm.as_str(),
                &sizes,
                &hidden,
                |graph, x| {
                    let query = blocks::heads(graph, &self.source, &names.cross.query, &sizes, x, FORWARD)?;
                    self.attend(graph, &sizes, &names.cross.output, &query, cross, &bias)
                },
            )?;
            let ([inner, outer, norm], gate) = (&names.feed_forward, names.gate.as_deref());
            hidden =
                blocks::sublayer(&mut graph, &self.source, norm.as_str(), &sizes, &hidden, |graph, x| {
                    blocks::feed_forward_gated(graph, &self.source, [inner, outer], gate, &sizes, x)
                })?;
            present.extend(own);
        }
        let hidden = self.last_states(&mut graph, own.last_norm.as_ref(), hidden, &sizes)?;
        let logits = self.logits(&mut graph, &hidden)?;
        let [.., output] = self.structure.word_tables;
        let shape = ["batch".into(), "decoder_sequence".into(), output.rows.into()];
        graph.output(&logits, "logits", &shape);
        for (index, own) in present.iter().enumerate() {
            own.output(&mut graph, &sizes, index, "decoder", "past_and_decoder_sequence");
            if past != Past::Given {
                let length =
                    if past == Past::Chosen { "present_encoder_sequence" } else { "encoder_sequence" };
                cross[index].output(&mut graph, &sizes, index, "encoder", length);
            }
        }
        Ok(graph.finish())
    }

    fn past_inputs(&self, graph: &mut Builder, past: Past, sizes: &LayerSizes<'_>) -> PastInputs {
        let mut inputs = PastInputs { decoder: Vec::new(), encoder: Vec::new() };
        // Where no past is chosen what is given in its place has any length.
        let source_length = if past == Past::Chosen { "past_encoder_sequence" } else { "encoder_sequence" };
        for index in 0..self.structure.decoder.layers.len() {
            for (part, length) in [("decoder", "past_decoder_sequence"), ("encoder", source_length)] {
                let [key, value] = ["key", "value"].map(|kind| {
                    let name = format!("past_key_values.{index}.{part}.{kind}");
                    graph.numbers(&name, &sizes.heads_apart(length))
                });
                let list = if part == "decoder" { &mut inputs.decoder } else { &mut inputs.encoder };
                list.push(KeyValue { key, value });
            }
        }
        inputs
    }

    /// Keys and values of the encoder's output for every layer.
    fn project_memory(
        &self,
        graph: &mut Builder,
        sizes: &LayerSizes<'_>,
        memory: &str,
    ) -> Result<Vec<KeyValue>, ModelError> {
        let project = |names: &DecoderNames| {
            let names = &names.cross;
            Ok(KeyValue {
                key: blocks::heads(graph, &self.source, &names.key, sizes, memory, FORWARD)?,
                value: blocks::heads(graph, &self.source, &names.value, sizes, memory, FORWARD)?,
            })
        };
        self.structure.decoder.layers.iter().map(project).collect()
    }

    /// Keys and values of the encoder's output: those that are given where the switch is on, and else computed.
    fn chosen(
        &self,
        graph: &mut Builder,
        sizes: &LayerSizes<'_>,
        memory: &str,
        switch: &str,
        given: &PastInputs,
    ) -> Result<Vec<KeyValue>, ModelError> {
        let flat = |all: &[KeyValue]| -> Vec<Name> {
            all.iter().flat_map(|own| [own.key.clone(), own.value.clone()]).collect()
        };
        let all = graph.choose(switch, &mut |_| Ok(flat(&given.encoder)), &mut |graph| {
            Ok(flat(&self.project_memory(graph, sizes, memory)?))
        })?;
        let pair = |pair: &[Name]| match pair {
            [key, value] => Some(KeyValue { key: key.clone(), value: value.clone() }),
            _ => None,
        };
        Ok(all.chunks(2).filter_map(pair).collect())
    }

    fn attend(
        &self,
        graph: &mut Builder,
        sizes: &LayerSizes<'_>,
        output: &str,
        query: &str,
        of: &KeyValue,
        bias: &str,
    ) -> Result<Name, ModelError> {
        let turned = graph.node("Transpose", &[&of.key], vec![integers("perm", &[0, 1, 3, 2])]);
        blocks::attend(graph, &self.source, output, sizes, [query, &turned, &of.value], Some(bias))
    }

    fn logits(&self, graph: &mut Builder, hidden: &str) -> Result<Name, ModelError> {
        let [_, target, output] = self.structure.word_tables;
        let scale = self.structure.output_scale;
        let scaled = if scale == 1.0 {
            hidden.to_owned()
        } else {
            let scale = graph.number("scale of outputs", scale);
            graph.node("Mul", &[hidden, &scale], Vec::new())
        };
        let matrix = self.source.get(output.name)?;
        let logits = if output == target {
            graph.product_with_table(&scaled, output.name, matrix)?
        } else {
            graph.product(&scaled, output.name, matrix)?
        };
        let Some((name, bias)) =
            self.structure.logits_bias.and_then(|name| Some((name, self.weights.get(name)?)))
        else {
            return Ok(logits);
        };
        let bias = graph.vector(name, &bias.flatten_all()?)?;
        Ok(graph.node("Add", &[&logits, &bias], Vec::new()))
    }
}

impl KeyValue {
    fn copy(&self) -> Self {
        Self { key: self.key.clone(), value: self.value.clone() }
    }

    fn followed_by(&self, graph: &mut Builder, next: &Self) -> Self {
        let mut join = |one: &str, other: &str| graph.node("Concat", &[one, other], vec![integer("axis", 2)]);
        Self { key: join(&self.key, &next.key), value: join(&self.value, &next.value) }
    }

    fn output(&self, graph: &mut Builder, sizes: &LayerSizes<'_>, index: usize, part: &str, length: &str) {
        for (kind, name) in [("key", &self.key), ("value", &self.value)] {
            graph.output(name, &format!("present.{index}.{part}.{kind}"), &sizes.heads_apart(length));
        }
    }
}

impl LayerSizes<'_> {
    /// The dimensions of keys or values whose heads are apart.
    fn heads_apart(&self, length: &str) -> [Extent; 4] {
        ["batch".into(), self.heads.into(), length.into(), self.head_width().into()]
    }
}

/// Takes the tokens before away where the switch is off, whatever is given in their place.
fn only_where(graph: &mut Builder, switch: &str, given: &mut PastInputs) {
    let on = blocks::cast(graph, switch, element::I64);
    let endless = graph.integers("endless", &[1], &[ENDLESS]);
    let end = graph.node("Mul", &[&on, &endless], Vec::new());
    let start = graph.integers("start of the past", &[1], &[0]);
    let axis = graph.integers("axes of the past", &[1], &[2]);
    for own in &mut given.decoder {
        for name in [&mut own.key, &mut own.value] {
            *name = graph.node("Slice", &[name, &start, &end, &axis], Vec::new());
        }
    }
}
