//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::config::BertConfig;
use super::names::TensorNames;
use super::pooler::Pooler;
use crate::head::{Head, HeadSpec};
use crate::initialise::DEVIATION;
use crate::layers::{
    Encoder, Linear, Norm, Pass, Sequences, TextEmbeddings, TextTables, Vocabulary, WeightSource, activation,
    counted_positions,
};
use crate::text_input::TextInput;
use crate::{Initialiser, ModelError, ModelFolder, TapSelection, Tokens, Trace};

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
    /// The vocabulary's logits.
    Vocabulary(Vocabulary),
}

/// A text encoder of BERT's family over given weights.
#[derive(Debug, Clone)]
pub struct Bert {
    config: BertConfig,
    embeddings: TextEmbeddings,
    embedding_norm: Norm,
    encoder: Encoder,
    pooler: Option<Linear>,
    pooling: Option<Pooler>,
    classifier: Classifier,
}

impl Bert {
    /// Builds the model over weights named as [`BertConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &BertConfig, weights: &Weights) -> Result<Self, ModelError> {
        Self::under(config, &config.names(), weights)
    }

    /// The same over weights of other names.
    pub(crate) fn under(
        config: &BertConfig,
        names: &TensorNames,
        weights: &Weights,
    ) -> Result<Self, ModelError> {
        let (source, width) = (WeightSource::new(weights), config.width);
        let linear = |name: &str, outputs: usize| Linear::load(source, name, width, outputs);
        let table = |kind: &str, rows: usize| (names.table(kind), rows);
        let tables = TextTables {
            words: table("word", config.vocabulary),
            positions: table("position", config.positions),
            segments: (config.segments > 0).then(|| table("token_type", config.segments)),
        };
        let layers: Vec<_> = (0..config.layers).map(|index| names.layer(index)).collect();
        let classifier = match config.head {
            Head::None => Classifier::None,
            Head::MaskedLanguage => {
                let activation = activation(config.masked_language_activation())?;
                Classifier::Vocabulary(Vocabulary::load(
                    source,
                    names.masked_language(config.untied),
                    config.untied.then(|| names.output()),
                    (width, config.vocabulary),
                    (activation, config.epsilon),
                )?)
            }
            _ => {
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
            embeddings: TextEmbeddings::load(source, &tables, width)?,
            embedding_norm: Norm::load(source, &names.embedding_norm(), width, config.epsilon)?,
            encoder: Encoder::load(source, &layers, &config.sizes()?, "")?,
            pooler: config.pooler.then(|| linear(&names.pooler(), width)).transpose()?,
            pooling: config
                .pooling
                .as_ref()
                .map(|pooling| Pooler::load(source, pooling, width))
                .transpose()?,
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

    /// The same encoder for a task, and weights for it: the given ones, with a new head where they are of another head.
    ///
    /// # Errors
    /// When a given tensor has another shape than the configuration says.
    pub fn with_head(
        config: &BertConfig,
        given: &Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(BertConfig, Weights), ModelError> {
        // The labels that a configuration names besides a head over the vocabulary say nothing.
        let labels = head.head == Head::MaskedLanguage || config.labels == head.labels;
        let same = config.head == head.head && labels;
        let kept = given.iter().filter(|(name, _)| same || !config.is_of_head(name));
        let kept = kept.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let config = config.clone().with_head(head);
        let weights = Self::complete(&config, &kept, *streams)?;
        Ok((config, weights))
    }

    fn initialise(config: &BertConfig, names: &[String], streams: Streams) -> Result<Weights, ModelError> {
        let mut weights = Initialiser::new(&streams).fill(&config.shapes(), names, DEVIATION)?;
        if let Some(words) = weights.get_mut(&config.names().table("word")) {
            *words = without_row(words, config.padding as usize)?;
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
    pub fn trace(
        &self,
        input: &TextInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let tokens = &input.tokens;
        let sequences = Sequences::new(&tokens.mask, tokens.batch, trace.wanted())?;
        let (positions, segments) = (self.positions(tokens)?, input.segments.as_ref());
        let embedded = self.embeddings.sum(tokens, &sequences, &positions, segments)?;
        trace.record_mask("", &tokens.mask);
        let hidden = self.layers(&self.embedding_norm.forward(&embedded)?, &sequences, pass, &mut trace)?;
        if trace.wants("embedding")
            && let Some(pooling) = &self.pooling
        {
            trace.record("embedding", &pooling.forward(&sequences.pad(&hidden)?, tokens)?);
        }
        self.head((&hidden, &sequences), input, pass, &mut trace)?;
        Ok(trace)
    }

    /// The last hidden state that the wanted taps need, over normed embeddings of a text and what stands behind it, both of
    /// them `[batch, length, width]`.
    pub(crate) fn encode(
        &self,
        embedded: &Tensor,
        mask: &Arc<Vec<u8>>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        trace.record_mask("", mask);
        let sequences = Sequences::new(mask, embedded.dim(0)?, trace.wanted())?;
        sequences.pad(&self.layers(&sequences.unpad(embedded)?, &sequences, pass, trace)?)
    }

    /// The last hidden state that the wanted taps need, as the normed embeddings lie.
    fn layers(
        &self,
        embedded: &Tensor,
        sequences: &Sequences,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let embedded = pass.dropout(embedded, self.config.dropout)?;
        let depth = self.encoder.depth(trace.wanted());
        self.encoder.forward(embedded, (sequences, &sequences.attention()), depth, pass, trace)
    }

    /// Pooler and head over the last hidden state, as far as they are wanted.
    pub(crate) fn head(
        &self,
        (hidden, sequences): (&Tensor, &Sequences),
        input: &TextInput,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        let logits = trace.wants("logits");
        let needed = trace.wants("pooled") || logits && matches!(self.classifier, Classifier::Pooled(_));
        let pooled = if needed { self.pool(&sequences.first(hidden)?)? } else { None };
        if let Some(pooled) = &pooled {
            trace.record("pooled", pooled);
        }
        if logits && let Some(logits) = self.classify((hidden, sequences), pooled.as_ref(), input, pass)? {
            trace.record("logits", &logits);
        }
        Ok(())
    }

    /// The pooled first token of each text, `[batch, width]`, of its state; none without a pooler.
    pub(crate) fn pool(&self, first: &Tensor) -> Result<Option<Tensor>, ModelError> {
        self.pooler.as_ref().map(|pooler| pooler.forward(first, Activation::Tanh)).transpose()
    }

    /// The sum of word, position and segment embeddings, before their norm.
    pub(crate) fn embed(&self, input: &TextInput) -> Result<Tensor, ModelError> {
        let positions = self.positions(&input.tokens)?;
        let sequences = Sequences::padded(&input.tokens.mask, input.tokens.batch);
        self.embeddings.sum(&input.tokens, &sequences, &positions, input.segments.as_ref())
    }

    /// The norm of embeddings.
    pub(crate) fn embedding_norm(&self) -> &Norm {
        &self.embedding_norm
    }

    /// The position of each token.
    fn positions(&self, tokens: &Tokens) -> Result<Arc<Vec<u32>>, ModelError> {
        let counted = counted_positions(tokens, self.config.max_length())?;
        if !self.config.family.counts_from_padding() {
            return Ok(counted);
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
        Ok(Arc::new(tokens.ids.chunks(tokens.length.max(1)).flat_map(row).collect()))
    }

    fn classify(
        &self,
        (hidden, sequences): (&Tensor, &Sequences),
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
                let first = sequences.first(hidden)?;
                // RoBERTa's head has a dropout before its first layer, too; DistilBERT's has not.
                let first = if *activation == Activation::Tanh { dropped(&first)? } else { first };
                Some(last(classifier, &dense.forward(&first, *activation)?)?)
            }
            // BERT and RoBERTa have no dropout before the logits of spans.
            (Classifier::Tokens(classifier), _)
                if self.config.head == Head::Span
                    && self.config.family != super::family::Family::DistilBert =>
            {
                Some(sequences.pad(&classifier.forward(hidden, Activation::Identity)?)?)
            }
            (Classifier::Tokens(classifier), _) => Some(sequences.pad(&last(classifier, hidden)?)?),
            (Classifier::Vocabulary(vocabulary), _) => {
                let words = &self.embeddings.words;
                Some(match &input.selected {
                    None => sequences.pad(&vocabulary.forward(hidden, words)?)?,
                    Some(selected) => {
                        let rows = Tensor::new(selected.as_slice(), device::current())?;
                        let hidden = sequences.pad(hidden)?.flatten_to(1)?.index_select(&rows, 0)?;
                        vocabulary.forward(&hidden, words)?
                    }
                })
            }
        })
    }
}

/// A table with one row set to zero.
fn without_row(table: &Tensor, row: usize) -> Result<Tensor, ModelError> {
    let (rows, width) = table.dims2()?;
    if row >= rows {
        return Ok(table.clone());
    }
    let kept: Vec<f32> = (0..rows).map(|index| if index == row { 0.0 } else { 1.0 }).collect();
    let kept = Tensor::from_vec(kept, (rows, 1), device::current())?.broadcast_as((rows, width))?;
    Ok((table * kept)?)
}
