//! Encoder-decoders in Marian's layout as graphs, with the names of files, inputs and outputs that Optimum gives them.

use alambic_models::ModelError;
use alambic_models::marian::MarianConfig;
use alambic_tensor::parameters::Weights;

use super::blocks::{self, FORWARD, LayerSizes, Norms, OnnxWeights};
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
    config: &MarianConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, ModelError> {
    let model = MarianGraphs { config, weights, source: OnnxWeights(weights) };
    let mut graphs = vec![("encoder_model", model.encoder(storage)?)];
    for past in [Past::None, Past::Given, Past::Chosen] {
        graphs.push((past.file(), model.decoder(past, storage)?));
    }
    Ok(graphs)
}

struct MarianGraphs<'a> {
    config: &'a MarianConfig,
    weights: &'a Weights,
    source: OnnxWeights<'a>,
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

impl MarianGraphs<'_> {
    fn sizes(&self, heads: usize) -> LayerSizes<'_> {
        LayerSizes {
            width: self.config.d_model,
            heads,
            activation: &self.config.activation_function,
            epsilon: MarianConfig::EPSILON,
            norms: Norms::After,
            kinds: 1,
        }
    }

    /// The sum of word and position embeddings of tokens whose first one stands at `start`.
    fn embed(&self, graph: &mut Builder, ids: &str, start: &str, stack: &str) -> Result<Name, ModelError> {
        let [source, target, _] = self.config.word_tables();
        let words = if stack == "encoder" { source } else { target };
        let mut embedded = graph.look_up(words, self.source.get(words)?, ids)?;
        let scale = self.config.embedding_scale();
        if scale != 1.0 {
            let scale = graph.number("scale of embeddings", scale);
            embedded = graph.node("Mul", &[&embedded, &scale], Vec::new());
        }
        let positions = blocks::counted_positions(graph, ids);
        let positions = graph.node("Add", &[&positions, start], Vec::new());
        let table = self.config.position_table(self.weights, stack)?;
        let table = graph.table(&format!("{stack} positions"), &table)?;
        let positions = graph.node("Gather", &[&table, &positions], Vec::new());
        Ok(graph.node("Add", &[&embedded, &positions], Vec::new()))
    }

    /// Inputs: `input_ids`, `attention_mask`. Output: `last_hidden_state`.
    fn encoder(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("marian encoder", storage);
        let ids = graph.tokens("input_ids");
        let mask = graph.tokens("attention_mask");
        let zero = graph.integers("zero", &[], &[0]);
        let mut hidden = self.embed(&mut graph, &ids, &zero, "encoder")?;
        let bias = blocks::mask_bias(&mut graph, &mask);
        let sizes = self.sizes(self.config.encoder_attention_heads);
        for index in 0..self.config.encoder_layers {
            let names = MarianConfig::encoder_layer(index);
            hidden = blocks::layer(&mut graph, &self.source, &names, &sizes, &hidden, Some(&bias))?;
        }
        let shape = ["batch".into(), "sequence".into(), self.config.d_model.into()];
        graph.output(&hidden, "last_hidden_state", &shape);
        Ok(graph.finish())
    }

    /// Inputs: `encoder_attention_mask`, `input_ids`; without a past, or with one that is chosen,
    /// `encoder_hidden_states`; with a past `past_key_values.LAYER.decoder.key` and the like; with one that is chosen
    /// `use_cache_branch`. Outputs: `logits` and `present.LAYER.decoder.key` and the like; those of the encoder where they
    /// were computed.
    fn decoder(&self, past: Past, storage: Storage) -> Result<Finished, ModelError> {
        let config = self.config;
        let sizes = self.sizes(config.decoder_attention_heads);
        let mut graph = Builder::new(&format!("marian {}", past.file()), storage);
        let source_length = || Extent::from("encoder_sequence");
        let mask = graph.whole_numbers("encoder_attention_mask", &["batch".into(), source_length()]);
        let ids = graph.whole_numbers("input_ids", &["batch".into(), "decoder_sequence".into()]);
        let memory = (past != Past::Given).then(|| {
            graph.numbers("encoder_hidden_states", &["batch".into(), source_length(), config.d_model.into()])
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
        let mut hidden = self.embed(&mut graph, &ids, &start, "decoder")?;
        let causal = blocks::causal_bias(&mut graph, &ids, &start);
        let bias = blocks::mask_bias(&mut graph, &mask);
        let cross = match (&given, &memory, &switch) {
            (Some(given), Some(memory), Some(switch)) => {
                self.chosen(&mut graph, &sizes, memory, switch, given)?
            }
            (None, Some(memory), _) => self.project_memory(&mut graph, &sizes, memory)?,
            (given, ..) => given.iter().flat_map(|given| &given.encoder).map(KeyValue::copy).collect(),
        };
        let mut present = Vec::new();
        for (index, cross) in cross.iter().enumerate() {
            let names = MarianConfig::decoder_layer(index);
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
            let [inner, outer, norm] = &names.feed_forward;
            hidden =
                blocks::sublayer(&mut graph, &self.source, norm.as_str(), &sizes, &hidden, |graph, x| {
                    blocks::feed_forward(graph, &self.source, [inner, outer], &sizes, x)
                })?;
            present.extend(own);
        }
        let logits = self.logits(&mut graph, &hidden)?;
        let shape = ["batch".into(), "decoder_sequence".into(), config.target_vocabulary().into()];
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
        for index in 0..self.config.decoder_layers {
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
        let project = |index: usize| {
            let names = MarianConfig::decoder_layer(index).cross;
            Ok(KeyValue {
                key: blocks::heads(graph, &self.source, &names.key, sizes, memory, FORWARD)?,
                value: blocks::heads(graph, &self.source, &names.value, sizes, memory, FORWARD)?,
            })
        };
        (0..self.config.decoder_layers).map(project).collect()
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
        let [.., words] = self.config.word_tables();
        let logits = graph.product_with_table(hidden, words, self.source.get(words)?)?;
        let Some(bias) = self.weights.get(MarianConfig::LOGITS_BIAS) else { return Ok(logits) };
        let bias = graph.vector(MarianConfig::LOGITS_BIAS, &bias.flatten_all()?)?;
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
