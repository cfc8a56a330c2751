//! A transformer that writes images for texts and texts for images as graphs.

use std::sync::Arc;

use alambic_models::ModelError;
use alambic_models::ernie_vilg::{ErnieVilgConfig, ReconstructorStates, tokenizer_weights};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::ops::{ImageAttention, ImagePattern};
use alambic_tensor::parameters::Weights;

use super::blocks::{self, FORWARD, LayerOptions, LayerSizes, MASKED, Norms, OnnxWeights};
use super::builder::{Builder, Finished, Name, Storage, integer, integers};
use super::image_tokenizer;
use super::proto::Extent;
use crate::StudentError;

/// A logit that stands for no chance.
const IMPOSSIBLE: f32 = -1e9;

/// The graphs: `encoder` and `decoder` of the image tokenizer; `text_prefix`, which reads texts, and `image_step`, which writes tokens of
/// images behind them; `image_prefix`, which reads tokens of images, and `text_step`, which writes texts behind them; and `reconstructor`,
/// where there is one, which makes images of texts and whole images in tokens.
pub(super) fn graphs(
    config: &ErnieVilgConfig,
    weights: &Weights,
    storage: Storage,
) -> Result<Vec<(&'static str, Finished)>, StudentError> {
    let tokenizer = tokenizer_weights(weights);
    let mut graphs = image_tokenizer::graphs(&config.image_tokenizer, &tokenizer, storage)?;
    let own = Graphs { config, weights, source: OnnxWeights(weights) };
    graphs.push(("text_prefix", own.prefix(Kind::Text, storage)?));
    graphs.push(("image_step", own.step(Kind::Image, storage)?));
    graphs.push(("image_prefix", own.prefix(Kind::Image, storage)?));
    graphs.push(("text_step", own.step(Kind::Text, storage)?));
    if config.reconstructor.is_some() {
        graphs.push(("reconstructor", own.reconstructor(storage)?));
    }
    Ok(graphs)
}

/// What a graph reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Image,
}

struct Graphs<'a> {
    config: &'a ErnieVilgConfig,
    weights: &'a Weights,
    source: OnnxWeights<'a>,
}

/// Keys and values of a layer, `[batch, heads, sequence, width of a head]`.
type KeyValue = [Name; 2];

/// Makes the bias of a pattern.
type MakeBias<'a> = dyn Fn(&mut Builder, Option<ImagePattern>) -> Result<Name, ModelError> + 'a;

/// Biases of the scores by what tokens of an image see of it.
#[derive(Default)]
struct Biases(Vec<(Option<ImagePattern>, Name)>);

impl Biases {
    fn of(&self, pattern: Option<ImagePattern>) -> Option<&str> {
        self.0.iter().find(|(own, _)| *own == pattern).map(|(_, bias)| bias.as_str())
    }
}

impl Graphs<'_> {
    fn sizes(&self) -> LayerSizes<'_> {
        LayerSizes {
            width: self.config.hidden_size,
            heads: self.config.num_attention_heads,
            activation: &self.config.hidden_act,
            epsilon: self.config.layer_norm_eps,
            norms: Norms::Before,
            kinds: 1,
            options: LayerOptions::default(),
        }
    }

    /// Dimensions of keys and values of so many tokens.
    fn heads_apart(&self, length: &str) -> [Extent; 4] {
        let heads = self.config.num_attention_heads;
        ["batch".into(), heads.into(), length.into(), (self.config.hidden_size / heads.max(1)).into()]
    }

    /// What is added to the vectors of words: positions of texts, or rows and columns of images behind the token with which these begin;
    /// and a segment.
    fn places(&self, kind: Kind) -> Result<Tensor, ModelError> {
        let table = |name: &str| self.source.get(&format!("bert.embeddings.{name}_embeddings.weight"));
        let segments = table("token_type")?.narrow(0, usize::from(kind == Kind::Image), 1)?;
        let own = match kind {
            Kind::Text => table("position")?.clone(),
            Kind::Image => {
                let grid = self.config.image_tokenizer.grid();
                let index = |of: &dyn Fn(u32) -> u32| {
                    let places: Vec<u32> = (0..(grid * grid) as u32).map(of).collect();
                    Tensor::new(places, &Device::Cpu)
                };
                let rows = table("row")?.index_select(&index(&|place| place / grid as u32)?, 0)?;
                let columns = table("column")?.index_select(&index(&|place| place % grid as u32)?, 0)?;
                (rows + columns)?.pad_with_zeros(0, 1, 0)?
            }
        };
        Ok(own.broadcast_add(&segments)?)
    }

    /// Embedded tokens at places, `[sequence]`.
    fn embed(&self, graph: &mut Builder, ids: &str, places: &str, kind: Kind) -> Result<Name, ModelError> {
        let name = "bert.embeddings.word_embeddings.weight";
        let words = graph.look_up(name, self.source.get(name)?, ids)?;
        let table = if kind == Kind::Text { "places of texts" } else { "places of images" };
        let table = graph.table(table, &self.places(kind)?)?;
        let places = graph.node("Gather", &[&table, places], Vec::new());
        Ok(graph.node("Add", &[&words, &places], Vec::new()))
    }

    /// Biases of the scores within an image and the token before it, of a source or of a target, `[tokens, tokens]`.
    fn within(&self, pattern: Option<ImagePattern>, is_source: bool) -> Result<Tensor, ModelError> {
        let (grid, count) = (self.config.image_tokenizer.grid(), self.config.image_tokens() + 1);
        let mask = pattern.map(|pattern| ImageAttention {
            sources: Arc::new(vec![if is_source { count as u32 } else { 0 }]),
            images: Arc::new(vec![1]),
            rows: grid,
            columns: grid,
            pattern,
        });
        let bias = |place: usize| {
            let (query, key) = (place / count, place % count);
            let is_seen = match &mask {
                Some(mask) => mask.is_allowed(0, query, key),
                None => is_source || key <= query,
            };
            if is_seen { 0.0 } else { MASKED }
        };
        let values: Vec<f32> = (0..count * count).map(bias).collect();
        Ok(Tensor::from_vec(values, (count, count), &Device::Cpu)?)
    }

    /// Makes a bias of each pattern that there is.
    fn biases(&self, graph: &mut Builder, make: &MakeBias<'_>) -> Result<Biases, ModelError> {
        let mut biases = Biases::default();
        for layer in 0..self.config.num_hidden_layers {
            let pattern = self.config.pattern(layer);
            if biases.of(pattern).is_none() {
                let bias = make(graph, pattern)?;
                biases.0.push((pattern, bias));
            }
        }
        Ok(biases)
    }

    /// The last states behind the last norm, and the keys and values of all layers, those of the past before them.
    fn layers(
        &self,
        graph: &mut Builder,
        embedded: Name,
        past: Option<&[KeyValue]>,
        biases: &Biases,
    ) -> Result<(Name, Vec<KeyValue>), ModelError> {
        let (sizes, mut hidden) = (self.sizes(), embedded);
        let mut present = Vec::new();
        for index in 0..self.config.num_hidden_layers {
            let names = self.config.layer(index);
            let bias = biases.of(self.config.pattern(index));
            let mut own = None;
            hidden = blocks::layer_around(graph, &self.source, &names, &sizes, &hidden, |graph, x| {
                let attention = &names.attention;
                let query = blocks::heads(graph, &self.source, &attention.query, &sizes, x, FORWARD)?;
                let mut now = [&attention.key, &attention.value]
                    .map(String::as_str)
                    .map(|name| blocks::heads(graph, &self.source, name, &sizes, x, FORWARD));
                if let Some(past) = past.and_then(|past| past.get(index)) {
                    for (now, past) in now.iter_mut().zip(past) {
                        if let Ok(now) = now {
                            *now = graph.node("Concat", &[past, now], vec![integer("axis", 2)]);
                        }
                    }
                }
                let [key, value] = now;
                let (key, value) = (key?, value?);
                let turned = graph.node("Transpose", &[&key], vec![integers("perm", &[0, 1, 3, 2])]);
                let attended = blocks::attend(
                    graph,
                    &self.source,
                    &attention.output,
                    &sizes,
                    [&query, &turned, &value],
                    bias,
                );
                own = Some([key, value]);
                attended
            })?;
            present.extend(own);
        }
        let hidden = self.source.norm(graph, &hidden, "bert.encoder.ln", self.config.layer_norm_eps)?;
        Ok((hidden, present))
    }

    fn outputs(&self, graph: &mut Builder, present: &[KeyValue], length: &str) {
        for (index, own) in present.iter().enumerate() {
            for (kind, name) in ["key", "value"].iter().zip(own) {
                graph.output(name, &format!("present.{index}.{kind}"), &self.heads_apart(length));
            }
        }
    }

    /// Inputs of a text: `input_ids`, `attention_mask`; of an image `input_ids`, `[batch, tokens]`. Outputs: `present.LAYER.key` and
    /// `present.LAYER.value`.
    fn prefix(&self, kind: Kind, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("prefix", storage);
        let count = self.config.image_tokens() + 1;
        let (embedded, biases) = match kind {
            Kind::Text => {
                let ids = graph.tokens("input_ids");
                let mask = graph.tokens("attention_mask");
                let places = blocks::counted_positions(&mut graph, &ids);
                let embedded = self.embed(&mut graph, &ids, &places, kind)?;
                let bias = blocks::mask_bias(&mut graph, &mask);
                (embedded, self.biases(&mut graph, &|_, _| Ok(bias.clone()))?)
            }
            Kind::Image => {
                let ids = graph.whole_numbers("input_ids", &["batch".into(), count.into()]);
                let places: Vec<i64> = (0..count as i64).collect();
                let places = graph.integers("all places", &[count], &places);
                let embedded = self.embed(&mut graph, &ids, &places, kind)?;
                let bias = |graph: &mut Builder, pattern| {
                    graph.vector(
                        &format!("what is seen of an image, {pattern:?}"),
                        &self.within(pattern, true)?,
                    )
                };
                (embedded, self.biases(&mut graph, &bias)?)
            }
        };
        let (_, present) = self.layers(&mut graph, embedded, None, &biases)?;
        self.outputs(&mut graph, &present, "sequence");
        Ok(graph.finish())
    }

    /// Inputs: `input_ids`, `[batch, target_sequence]`, `past_key_values.LAYER.key` and the like, of the source and of what was written
    /// before; behind texts their `attention_mask`. Outputs: `logits` of the token after each, and `present.LAYER.key` and the like.
    fn step(&self, written: Kind, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("step", storage);
        let ids = graph.whole_numbers("input_ids", &["batch".into(), "target_sequence".into()]);
        let mask = (written == Kind::Image).then(|| graph.tokens("attention_mask"));
        let past: Vec<KeyValue> = (0..self.config.num_hidden_layers)
            .map(|index| {
                ["key", "value"].map(|kind| {
                    let name = format!("past_key_values.{index}.{kind}");
                    graph.numbers(&name, &self.heads_apart("past_sequence"))
                })
            })
            .collect();
        let before = size(&mut graph, &past[0][0], 2);
        let source = if let Some(mask) = &mask {
            size(&mut graph, mask, 1)
        } else {
            graph.integers("tokens of an image", &[], &[self.config.image_tokens() as i64 + 1])
        };
        let first = graph.node("Sub", &[&before, &source], Vec::new());
        let length = size(&mut graph, &ids, 1);
        let end = graph.node("Add", &[&first, &length], Vec::new());
        let one = graph.integers("one", &[], &[1]);
        let places = graph.node("Range", &[&first, &end, &one], Vec::new());
        let embedded = self.embed(&mut graph, &ids, &places, written)?;
        let biases = if let Some(mask) = &mask {
            let seen = Seen { mask, length: &length, places: &places, end: Some(&end) };
            self.biases(&mut graph, &|graph, pattern| self.behind_text(graph, &seen, pattern))?
        } else {
            let bias = blocks::causal_bias(&mut graph, &ids, &before);
            self.biases(&mut graph, &|_, _| Ok(bias.clone()))?
        };
        let (hidden, present) = self.layers(&mut graph, embedded, Some(&past), &biases)?;
        let logits = self.logits(&mut graph, &hidden, written)?;
        let shape = ["batch".into(), "target_sequence".into(), self.config.tokens().into()];
        graph.output(&logits, "logits", &shape);
        self.outputs(&mut graph, &present, "present_sequence");
        Ok(graph.finish())
    }

    /// Biases of the scores of an image's tokens behind a text, `[batch, 1, queries, keys]`.
    fn behind_text(
        &self,
        graph: &mut Builder,
        seen: &Seen<'_>,
        pattern: Option<ImagePattern>,
    ) -> Result<Name, ModelError> {
        let table =
            graph.vector(&format!("what is seen of an image, {pattern:?}"), &self.within(pattern, false)?)?;
        let mut own = graph.node("Gather", &[&table, seen.places], Vec::new());
        if let Some(end) = seen.end {
            let [start, axis] = [("start of an image", 0), ("axis of what is seen", 1)]
                .map(|(name, value)| graph.integers(name, &[1], &[value]));
            let row = graph.integers("in a list", &[1], &[1]);
            let end = graph.node("Reshape", &[end, &row], Vec::new());
            own = graph.node("Slice", &[&own, &start, &end, &axis], Vec::new());
        }
        let text = blocks::mask_bias(graph, seen.mask);
        let batch = size(graph, seen.mask, 0);
        let list = graph.integers("in a list", &[1], &[1]);
        let [batch, length] =
            [&batch, seen.length].map(|name| graph.node("Reshape", &[name, &list], Vec::new()));
        let one = graph.integers("one in a list", &[1], &[1]);
        let together = || vec![integer("axis", 0)];
        let queries = graph.node("Concat", &[&one, &one, &length, &one], together());
        let text = graph.node("Expand", &[&text, &queries], Vec::new());
        let axes = graph.integers("axes of texts and heads", &[2], &[0, 1]);
        let own = graph.node("Unsqueeze", &[&own, &axes], Vec::new());
        let rows = graph.node("Concat", &[&batch, &one, &one, &one], together());
        let own = graph.node("Expand", &[&own, &rows], Vec::new());
        Ok(graph.node("Concat", &[&text, &own], vec![integer("axis", 3)]))
    }

    /// Logits of the whole vocabulary, of which those of the other kind are as good as impossible.
    fn logits(&self, graph: &mut Builder, hidden: &str, written: Kind) -> Result<Name, ModelError> {
        let name = "bert.embeddings.word_embeddings.weight";
        let product = graph.product_with_table(hidden, name, self.source.get(name)?)?;
        let bias = self.source.get("cls.predictions.bias")?.detach().to_vec1::<f32>()?;
        let own = |index: usize| match written {
            Kind::Text => index < self.config.vocab_size,
            Kind::Image => self.config.code_of_token(index as u32).is_some(),
        };
        let bias: Vec<f32> = bias
            .into_iter()
            .enumerate()
            .map(|(index, bias)| if own(index) { bias } else { IMPOSSIBLE })
            .collect();
        let bias = graph.vector("bias of what is written", &Tensor::new(bias, &Device::Cpu)?)?;
        Ok(graph.node("Add", &[&product, &bias], Vec::new()))
    }

    /// Inputs: `input_ids` and `attention_mask` of texts, `image_ids`, the token with which an image begins and its tokens. Output:
    /// `reconstruction`, `[batch, 3, side, side]`, colours from -1 to 1.
    fn reconstructor(&self, storage: Storage) -> Result<Finished, ModelError> {
        let mut graph = Builder::new("reconstructor", storage);
        let count = self.config.image_tokens() + 1;
        let ids = graph.tokens("input_ids");
        let mask = graph.tokens("attention_mask");
        let image = graph.whole_numbers("image_ids", &["batch".into(), count.into()]);
        let places = blocks::counted_positions(&mut graph, &ids);
        let embedded = self.embed(&mut graph, &ids, &places, Kind::Text)?;
        let bias = blocks::mask_bias(&mut graph, &mask);
        let biases = self.biases(&mut graph, &|_, _| Ok(bias.clone()))?;
        let (_, past) = self.layers(&mut graph, embedded, None, &biases)?;
        let places: Vec<i64> = (0..count as i64).collect();
        let places = graph.integers("all places", &[count], &places);
        let embedded = self.embed(&mut graph, &image, &places, Kind::Image)?;
        let length = graph.integers("tokens of an image", &[], &[count as i64]);
        let seen = Seen { mask: &mask, length: &length, places: &places, end: None };
        let biases = self.biases(&mut graph, &|graph, pattern| self.behind_text(graph, &seen, pattern))?;
        let (hidden, _) = self.layers(&mut graph, embedded, Some(&past), &biases)?;
        let first = match self.config.reconstructor.map(|own| own.states) {
            Some(ReconstructorStates::Predicting) => 0,
            _ => 1,
        };
        let [start, end, axis] =
            [("first state", first), ("behind the last state", first + count as i64 - 1), ("token axis", 1)]
                .map(|(name, value)| graph.integers(name, &[1], &[value]));
        let states = graph.node("Slice", &[&hidden, &start, &end, &axis], Vec::new());
        let inner = self.source.linear(&mut graph, &states, "reconstructor.mapping.0")?;
        let inner = blocks::activate(&mut graph, &inner, "gelu")?;
        let vectors = self.source.linear(&mut graph, &inner, "reconstructor.mapping.2")?;
        let decoder: Weights = self
            .weights
            .iter()
            .filter_map(|(name, tensor)| {
                let own = name.strip_prefix(ErnieVilgConfig::RECONSTRUCTOR)?;
                Some((format!("decoder.{own}"), tensor.clone()))
            })
            .collect();
        let tokenizer = &self.config.image_tokenizer;
        image_tokenizer::reconstruct(&mut graph, tokenizer, &OnnxWeights(&decoder), &vectors)?;
        Ok(graph.finish())
    }
}

/// What an image's tokens behind a text see: the text's mask, how many of them there are and at which places, and the place behind the
/// last one; none where all are there.
struct Seen<'n> {
    mask: &'n str,
    length: &'n str,
    places: &'n str,
    end: Option<&'n str>,
}

/// The size of an axis, a whole number.
fn size(graph: &mut Builder, of: &str, axis: i64) -> Name {
    let shape = graph.node("Shape", &[of], Vec::new());
    let axis = graph.integers(&format!("axis {axis}"), &[], &[axis]);
    graph.node("Gather", &[&shape, &axis], Vec::new())
}
