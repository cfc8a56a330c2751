//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::ops::{self, Activation, AttentionMask};
use alambic_tensor::parameters::Weights;

use super::names::Names;
use super::{BertConfig, Head, Task};
use crate::layers::{Encoder, Linear, Norm, Pass, Source, activation};
use crate::{EncodedText, Initialiser, ModelError, ModelFolder, Tokens, Trace, Wanted};

/// Texts, or pairs of texts, as BERT's family reads them.
#[derive(Debug, Clone)]
pub struct TextInput {
    /// The tokens of each text.
    pub tokens: Tokens,
    /// `[batch, length]`, the segment of each token; all 0 if left out.
    pub segments: Option<Arc<Vec<u32>>>,
    /// For masked language modelling: the tokens whose logits are wanted, as indices into `[batch * length]`. Left
    /// out, those of all tokens.
    pub selected: Option<Arc<Vec<u32>>>,
}

impl TextInput {
    /// Encoded texts padded to the longest, all of whose tokens are wanted.
    #[must_use]
    pub fn pad(texts: &[&EncodedText], padding: u32) -> Self {
        let rows = |part: fn(&EncodedText) -> &Vec<u32>| -> Vec<&Vec<u32>> {
            texts.iter().map(|text| part(text)).collect()
        };
        let segments = Tokens::pad(&rows(|text| &text.segments), 0).ids;
        Self { segments: Some(segments), ..Self::new(Tokens::pad(&rows(|text| &text.ids), padding)) }
    }

    /// Texts of one segment, all of whose tokens are wanted.
    #[must_use]
    pub fn new(tokens: Tokens) -> Self {
        Self { tokens, segments: None, selected: None }
    }
}

/// The tables of embeddings.
#[derive(Debug, Clone)]
struct Embeddings {
    words: Tensor,
    positions: Tensor,
    segments: Option<Tensor>,
    norm: Norm,
}

/// A head with its weights.
#[derive(Debug, Clone)]
enum Classifier {
    None,
    /// Over the pooled first token.
    Pooled(Linear),
    /// Over the first token, through a layer of its own.
    First {
        dense: Linear,
        activation: Activation,
        last: Linear,
    },
    /// Over every token.
    Tokens(Linear),
    /// The vocabulary's logits; their weights are the embeddings.
    Vocabulary {
        dense: Linear,
        norm: Norm,
        bias: Tensor,
    },
}

/// A text encoder of BERT's family over given weights.
#[derive(Debug, Clone)]
pub struct Bert {
    config: BertConfig,
    embeddings: Embeddings,
    encoder: Encoder,
    pooler: Option<Linear>,
    classifier: Classifier,
}

impl Bert {
    /// Builds the model over weights named as [`BertConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &BertConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, names, width) = (Source::new(weights), Names::of(config), config.width);
        let linear = |name: &str, outputs: usize| Linear::load(source, name, width, outputs);
        let norm = |name: &str| Norm::load(source, name, width, config.epsilon);
        let table = |kind: &str, rows: usize| source.tensor(&names.table(kind), &[rows, width]);
        let layers: Vec<_> = (0..config.layers).map(|index| names.layer(index)).collect();
        let classifier = match config.head {
            Head::None => Classifier::None,
            Head::MaskedLanguage => {
                let [dense, norm_name, bias] = names.masked_language();
                Classifier::Vocabulary {
                    dense: linear(dense, width)?,
                    norm: norm(norm_name)?,
                    bias: source.tensor(bias, &[config.vocabulary])?,
                }
            }
            Head::Sequence | Head::Tokens => {
                let (before, last) = names.classifier(config.head);
                let last = linear(last, config.labels.len())?;
                match (before, config.head) {
                    (Some(before), _) => Classifier::First {
                        dense: linear(before, width)?,
                        activation: if config.family.classifies_with_tanh() {
                            Activation::Tanh
                        } else {
                            Activation::Relu
                        },
                        last,
                    },
                    (None, Head::Sequence) => Classifier::Pooled(last),
                    (None, _) => Classifier::Tokens(last),
                }
            }
        };
        Ok(Self {
            embeddings: Embeddings {
                words: table("word", config.vocabulary)?,
                positions: table("position", config.positions)?,
                segments: (config.segments > 0).then(|| table("token_type", config.segments)).transpose()?,
                norm: norm(&names.embedding_norm())?,
            },
            encoder: Encoder::load(source, &layers, &config.sizes()?, "")?,
            pooler: config.pooler.then(|| linear(&names.pooler(), width)).transpose()?,
            classifier,
            config: config.clone(),
        })
    }

    /// The model of a folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config = BertConfig::open(folder)?;
        Self::new(&config, &config.weights(folder)?)
    }

    /// Initial weights as BERT has them: normal with a deviation of 0.02, zero biases, norms of one; the padding
    /// token's embedding is zero.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &BertConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let names: Vec<String> = config.shapes().into_keys().collect();
        Self::initialise(config, &names, *streams)
    }

    /// Given weights as far as they go, under the names of the configuration and in its order, and initial ones for
    /// the rest.
    fn complete(config: &BertConfig, given: &Weights, streams: Streams) -> Result<Weights, ModelError> {
        let (mut weights, missing) = config.adopt(given);
        weights.extend(Self::initialise(config, &missing, streams)?);
        let take = |(name, expected): (String, Vec<usize>)| {
            let tensor = weights.get(&name).ok_or_else(|| ModelError::MissingTensor(name.clone()))?;
            if tensor.dims() == expected {
                Ok((name, tensor.clone()))
            } else {
                Err(ModelError::Shape { name, found: tensor.dims().to_vec(), expected })
            }
        };
        config.shapes().into_iter().map(take).collect()
    }

    /// The same encoder for a task, and weights for it: the given ones, with a new head where they are of another task.
    ///
    /// # Errors
    /// When a given tensor has another shape than the configuration says.
    pub fn for_task(
        config: &BertConfig,
        given: &Weights,
        task: &Task,
        streams: &Streams,
    ) -> Result<(BertConfig, Weights), ModelError> {
        // The labels that a configuration names besides a head over the vocabulary say nothing.
        let labels = task.head == Head::MaskedLanguage || config.labels == task.labels;
        let same = config.head == task.head && labels;
        let kept = given.iter().filter(|(name, _)| same || !config.is_of_head(name));
        let kept = kept.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let config = config.clone().for_task(task);
        let weights = Self::complete(&config, &kept, *streams)?;
        Ok((config, weights))
    }

    fn initialise(config: &BertConfig, names: &[String], streams: Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let words = Names::of(config).table("word");
        let mut initialiser = Initialiser::new(&streams);
        let mut weights = Weights::new();
        for name in names {
            let shape = shapes.get(name).ok_or_else(|| ModelError::MissingTensor(name.clone()))?;
            let tensor = match shape[..] {
                [rows, width] => {
                    let drawn = initialiser.normal(rows, width, DEVIATION)?;
                    if *name == words { without_row(&drawn, config.padding as usize)? } else { drawn }
                }
                _ if is_bias(name) => Tensor::zeros(shape[0], DType::F32, &Device::Cpu)?,
                _ => Tensor::ones(shape[0], DType::F32, &Device::Cpu)?,
            };
            weights.insert(name.clone(), tensor);
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// The embedding of each token of the vocabulary, before any layer: `[vocabulary, width]`.
    #[must_use]
    pub fn word_embeddings(&self) -> &Tensor {
        &self.embeddings.words
    }

    /// One forward pass that reads the wanted taps: `hidden.i`, `queries.i`, `keys.i`, `values.i`, `scores.i`,
    /// `attention.i`, `pooled`, `logits` and `embedding`. Layers above the highest wanted one do not run.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn trace(&self, input: &TextInput, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let depth = self.depth(&wanted);
        let mut trace = Trace::new(wanted);
        let tokens = &input.tokens;
        trace.record_mask("", &tokens.mask);
        let embedded = pass.dropout(&self.embed(input)?, self.config.dropout)?;
        let mask = AttentionMask::keys(tokens.mask.clone());
        let hidden = self.encoder.forward(embedded, &mask, depth, pass, &mut trace)?;
        if trace.wants("embedding")
            && let Some(pooling) = &self.config.pooling
        {
            trace.record("embedding", &pooling.apply(&hidden, tokens)?);
        }
        let logits = trace.wants("logits");
        let pooled = match &self.pooler {
            Some(pooler) if trace.wants("pooled") || logits => {
                let pooled = pooler.forward(&first(&hidden)?, Activation::Tanh)?;
                trace.record("pooled", &pooled);
                Some(pooled)
            }
            _ => None,
        };
        if logits && let Some(logits) = self.classify(&hidden, pooled.as_ref(), input, pass)? {
            trace.record("logits", &logits);
        }
        Ok(trace)
    }

    /// The layers that the wanted taps need.
    fn depth(&self, wanted: &Wanted) -> usize {
        let Wanted::Named(names) = wanted else { return self.config.layers };
        let needed = |name: &String| match name.split_once('.') {
            Some(("hidden", layer)) => layer.parse().unwrap_or(0),
            Some((_, layer)) => layer.parse::<usize>().map_or(0, |layer| layer + 1),
            None => self.config.layers,
        };
        names.iter().map(needed).max().unwrap_or(0)
    }

    /// The sum of word, position and segment embeddings, normed.
    fn embed(&self, input: &TextInput) -> Result<Tensor, ModelError> {
        let tokens = &input.tokens;
        let longest = self.config.longest();
        if tokens.length > longest {
            return Err(ModelError::Input(format!(
                "a text of {} tokens is longer than the {longest} positions of the model",
                tokens.length
            )));
        }
        let tables = &self.embeddings;
        let look_up = |table: &Tensor, ids: &Arc<Vec<u32>>| ops::embed(table, ids, tokens.batch, 1.0, None);
        let mut sum =
            (look_up(&tables.words, &tokens.ids)? + look_up(&tables.positions, &self.positions(tokens))?)?;
        if let Some(table) = &tables.segments {
            let zeros = || Arc::new(vec![0; tokens.ids.len()]);
            sum = (sum + look_up(table, &input.segments.clone().unwrap_or_else(zeros))?)?;
        }
        tables.norm.forward(&sum)
    }

    /// The position of each token.
    fn positions(&self, tokens: &Tokens) -> Arc<Vec<u32>> {
        let length = tokens.length.max(1);
        if !self.config.family.counts_from_padding() {
            return Arc::new((0..tokens.ids.len()).map(|index| (index % length) as u32).collect());
        }
        let padding = self.config.padding;
        let row = |ids: &[u32]| {
            let mut position = padding;
            let next = |&id: &u32| {
                if id == padding {
                    return padding;
                }
                position += 1;
                position
            };
            ids.iter().map(next).collect::<Vec<_>>()
        };
        Arc::new(tokens.ids.chunks(length).flat_map(row).collect())
    }

    fn classify(
        &self,
        hidden: &Tensor,
        pooled: Option<&Tensor>,
        input: &TextInput,
        pass: Pass<'_>,
    ) -> Result<Option<Tensor>, ModelError> {
        let dropped = |tensor: &Tensor| pass.dropout(tensor, self.config.head_dropout);
        let last = |layer: &Linear, tensor: &Tensor| layer.forward(&dropped(tensor)?, Activation::Identity);
        Ok(match (&self.classifier, pooled) {
            (Classifier::None, _) | (Classifier::Pooled(_), None) => None,
            (Classifier::Pooled(classifier), Some(pooled)) => Some(last(classifier, pooled)?),
            (Classifier::First { dense, activation, last: classifier }, _) => {
                let first = first(hidden)?;
                // RoBERTa's head has a dropout before its first layer, too; DistilBERT's has not.
                let first = if *activation == Activation::Tanh { dropped(&first)? } else { first };
                Some(last(classifier, &dense.forward(&first, *activation)?)?)
            }
            (Classifier::Tokens(classifier), _) => Some(last(classifier, hidden)?),
            (Classifier::Vocabulary { dense, norm, bias }, _) => {
                let hidden = match &input.selected {
                    None => hidden.clone(),
                    Some(selected) => {
                        let rows = Tensor::new(selected.as_slice(), &Device::Cpu)?;
                        hidden.flatten_to(1)?.index_select(&rows, 0)?
                    }
                };
                let activation =
                    activation(Names::of(&self.config).masked_language_activation(&self.config))?;
                let transformed = norm.forward(&dense.forward(&hidden, activation)?)?;
                Some(ops::linear(&transformed, &self.embeddings.words, Some(bias), Activation::Identity)?)
            }
        })
    }
}

/// Whether a parameter is the bias of a layer.
fn is_bias(name: &str) -> bool {
    name.rsplit('.').next() == Some("bias")
}

/// The deviation of initial weights, `initializer_range` in BERT's configuration.
const DEVIATION: f64 = 0.02;

/// The first token's state of each text, `[batch, width]`.
fn first(hidden: &Tensor) -> Result<Tensor, ModelError> {
    Ok(hidden.narrow(1, 0, 1)?.squeeze(1)?.contiguous()?)
}

/// A table with one row set to zero.
fn without_row(table: &Tensor, row: usize) -> Result<Tensor, ModelError> {
    let (rows, width) = table.dims2()?;
    if row >= rows {
        return Ok(table.clone());
    }
    let kept: Vec<f32> = (0..rows).map(|index| if index == row { 0.0 } else { 1.0 }).collect();
    let kept = Tensor::from_vec(kept, (rows, 1), &Device::Cpu)?.broadcast_as((rows, width))?;
    Ok((table * kept)?)
}
