//! The network of a text encoder.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{Activation, AttentionMask, masked_mean};
use alambic_tensor::parameters::Weights;

use super::config::TextEncoderConfig;
use super::family::ClassifierInput;
use super::names::TensorNames;
use super::pooler::Pooler;
use super::relative::{ConvolutionBranch, bucket_bias};
use crate::head::{Head, HeadSpec};
use crate::initialise::DEVIATION;
use crate::layers::{
    Branch, Encoder, LayerCache, Linear, Norm, Pass, Sequences, TextEmbeddings, TextTables, Vocabulary,
    WeightSource, activation, counted_positions,
};
use crate::text_input::TextInput;
use crate::{Initialiser, LAST_STATE, ModelError, ModelFolder, TapSelection, Tokens, Trace};

/// A head with its weights.
#[derive(Debug, Clone)]
enum ClassifierLayers {
    None,
    /// Logits of texts or tokens.
    Classes {
        input: ClassifierInput,
        dense: Option<DenseLayer>,
        last: Linear,
        drops: bool,
    },
    /// The vocabulary's logits.
    Vocabulary(Vocabulary),
}

/// Linear layer of a head before that of the logits.
#[derive(Debug, Clone)]
struct DenseLayer {
    linear: Linear,
    activation: Activation,
    norm: Option<Norm>,
    drops_input: bool,
}

/// A text encoder over given weights.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    config: TextEncoderConfig,
    embeddings: TextEmbeddings,
    embedding_norm: Norm,
    /// Brings embeddings to the width of hidden states; whether that is before their norm.
    projection: Option<(Linear, bool)>,
    /// Biases of buckets of relative positions, `[buckets, heads]`.
    relative_biases: Option<Tensor>,
    /// Convolution beside the first layer.
    convolution: Option<ConvolutionBranch>,
    encoder: Encoder,
    final_norm: Option<Norm>,
    pooler: Option<(Linear, Activation)>,
    pooling: Option<Pooler>,
    classifier: ClassifierLayers,
}

impl TextEncoder {
    /// Builds the model over weights named as [`TextEncoderConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &TextEncoderConfig, weights: &Weights) -> Result<Self, ModelError> {
        Self::under(config, &config.names(), weights)
    }

    /// The same over weights of other names.
    pub(crate) fn under(
        config: &TextEncoderConfig,
        names: &TensorNames,
        weights: &Weights,
    ) -> Result<Self, ModelError> {
        let (source, width, structure) = (WeightSource::new(weights), config.width, &config.structure);
        let embedded = config.embedding_width();
        let table = |kind: &str, rows: usize| (rows > 0).then(|| (names.table(kind), rows));
        let tables = TextTables {
            words: (names.table("word"), config.vocabulary),
            positions: table("position", config.position_rows()),
            segments: table("token_type", config.segments),
            languages: table("lang", structure.languages),
        };
        let (projection, has_bias, is_before_norm) = names.embedding_projection();
        let project = |own: usize| Linear::load_with(source, &projection, own, width, has_bias);
        let norm = |name: &str, width: usize| {
            Norm::load_with(source, name, width, config.epsilon, structure.norm_biases)
        };
        let layers = config.attention_schemes(source, names)?.into_iter().enumerate();
        let layers = layers.map(|(index, scheme)| (config.layer_names_under(names, index), scheme)).collect();
        let (pooler, pooler_activation) = names.pooler();
        let pooler = config.pooler.then(|| {
            let linear = Linear::load(source, &pooler, width, width)?;
            Ok::<_, ModelError>((linear, activation(pooler_activation)?))
        });
        Ok(Self {
            embeddings: TextEmbeddings::load(source, &tables, embedded)?,
            embedding_norm: norm(&names.embedding_norm(), if is_before_norm { width } else { embedded })?,
            projection: structure
                .embedding_width
                .map(|own| Ok::<_, ModelError>((project(own)?, is_before_norm)))
                .transpose()?,
            relative_biases: config.relative_biases(source, names)?,
            convolution: ConvolutionBranch::load(source, names, config)?,
            encoder: Encoder::load_each(source, layers, &config.sizes()?, "")?,
            final_norm: structure.is_pre_norm.then(|| norm(&names.final_norm(), width)).transpose()?,
            pooler: pooler.transpose()?,
            pooling: config
                .pooling
                .as_ref()
                .map(|pooling| Pooler::load(source, pooling, width))
                .transpose()?,
            classifier: ClassifierLayers::load(source, names, config)?,
            config: config.clone(),
        })
    }

    /// The model of a folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config = TextEncoderConfig::open(folder)?;
        Self::new(&config, &config.weights(folder)?)
    }

    /// Initial weights as BERT has them: normal with a deviation of 0.02, zero biases, norms of one; the padding
    /// token's embedding is zero.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &TextEncoderConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let names: Vec<String> = config.shapes().into_keys().collect();
        Self::initialise(config, &names, *streams)
    }

    /// Given weights as far as they go, under the names of the configuration and in its order, and initial ones for
    /// the rest.
    fn complete(
        config: &TextEncoderConfig,
        given: &Weights,
        streams: Streams,
    ) -> Result<Weights, ModelError> {
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
        config: &TextEncoderConfig,
        given: &Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(TextEncoderConfig, Weights), ModelError> {
        // The labels that a configuration names besides a head over the vocabulary say nothing.
        let labels = head.head == Head::MaskedLanguage || config.labels == head.labels;
        let same = config.head == head.head && labels;
        let kept = given.iter().filter(|(name, _)| same || !config.is_of_head(name));
        let kept = kept.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let config = config.clone().with_head(head);
        let weights = Self::complete(&config, &kept, *streams)?;
        Ok((config, weights))
    }

    fn initialise(
        config: &TextEncoderConfig,
        names: &[String],
        streams: Streams,
    ) -> Result<Weights, ModelError> {
        let mut weights = Initialiser::new(&streams).fill(&config.shapes(), names, DEVIATION)?;
        if let Some(words) = weights.get_mut(&config.names().table("word")) {
            *words = without_row(words, config.padding as usize)?;
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &TextEncoderConfig {
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
        let sequences = self.sequences(tokens, trace.wanted())?;
        let (positions, kinds) =
            (self.positions(tokens)?, [input.segments.as_ref(), input.languages.as_ref()]);
        let embedded = self.embeddings.sum(tokens, &sequences, &positions, kinds)?;
        trace.record_mask("", &tokens.mask);
        let embedded = self.norm_embeddings(&embedded, &sequences)?;
        let hidden = self.layers(&embedded, (&sequences, sequences.attention()), pass, &mut trace)?;
        if trace.wants_last_state() {
            trace.record(LAST_STATE, &sequences.pad(&hidden)?);
        }
        if trace.wants("embedding")
            && let Some(pooling) = &self.pooling
        {
            trace.record("embedding", &pooling.forward(&sequences.pad(&hidden)?, tokens)?);
        }
        self.head((&hidden, &sequences), input, pass, &mut trace)?;
        Ok(trace)
    }

    /// Sequences of a batch: without their padding where nothing keeps layers from that.
    fn sequences(&self, tokens: &Tokens, wanted: &TapSelection) -> Result<Sequences, ModelError> {
        let rows = tokens.mask.chunks(tokens.length.max(1));
        // In a window tokens count by their places, which a gap would change.
        let has_gap = |row: &[u8]| row.windows(2).any(|pair| pair[0] < pair[1]);
        let is_local = self.config.structure.rotary.as_ref().is_some_and(|own| own.local.contains(&true));
        if self.config.structure.needs_padding() || is_local && rows.into_iter().any(has_gap) {
            return Ok(Sequences::padded(&tokens.mask, tokens.batch));
        }
        Sequences::new(&tokens.mask, tokens.batch, wanted)
    }

    /// Embeddings as the first layer reads them, but for dropout.
    fn norm_embeddings(&self, embedded: &Tensor, sequences: &Sequences) -> Result<Tensor, ModelError> {
        let project = |x: &Tensor, before: bool| match &self.projection {
            Some((linear, is_before)) if *is_before == before => linear.forward(x, Activation::Identity),
            _ => Ok(x.clone()),
        };
        let normed = self.embedding_norm.forward(&project(embedded, true)?)?;
        let normed =
            if self.config.structure.masks_embeddings { sequences.without_padding(&normed)? } else { normed };
        project(&normed, false)
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
        let seen = sequences.attention();
        sequences.pad(&self.layers(&sequences.unpad(embedded)?, (&sequences, seen), pass, trace)?)
    }

    /// The same of sequences of two parts: the first `source` places of each see each other alone, and those behind see these and what
    /// is not after themselves.
    pub(crate) fn encode_two_parts(
        &self,
        embedded: &Tensor,
        (mask, source): (&Arc<Vec<u8>>, usize),
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let batch = embedded.dim(0)?;
        let sequences = Sequences::padded(mask, batch);
        let prefix = Some(Arc::new(vec![source as u32; batch]));
        let seen = AttentionMask { prefix, ..sequences.attention() };
        self.layers(embedded, (&sequences, seen), pass, trace)
    }

    /// Keys and values of sequences of normed embeddings, which see each other under a mask, in a cache of each layer.
    pub(crate) fn fill(
        &self,
        embedded: Tensor,
        mask: &AttentionMask,
        counts: &[u32],
        caches: &mut [LayerCache],
    ) -> Result<(), ModelError> {
        self.encoder.fill(embedded, mask, counts, caches)?;
        Ok(())
    }

    /// The last states of the next token of each row, `[rows, 1, width]`, which joins the caches and sees these keys in each layer.
    pub(crate) fn step(
        &self,
        embedded: Tensor,
        caches: &mut [LayerCache],
        keys: &[Vec<u32>],
    ) -> Result<Tensor, ModelError> {
        self.encoder.step(embedded, caches, &vec![keys.to_vec(); caches.len()])
    }

    /// The vocabulary's logits of states, `[.., vocabulary]`; none without a head over it.
    pub(crate) fn word_logits(&self, hidden: &Tensor) -> Result<Option<Tensor>, ModelError> {
        match &self.classifier {
            ClassifierLayers::Vocabulary(vocabulary) => {
                Ok(Some(vocabulary.forward(hidden, &self.embeddings.words)?))
            }
            _ => Ok(None),
        }
    }

    /// The last hidden state that the wanted taps need, as the normed embeddings lie.
    fn layers(
        &self,
        embedded: &Tensor,
        (sequences, mut mask): (&Sequences, AttentionMask),
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let embedded = pass.dropout(embedded, self.config.dropout)?;
        let depth = self.encoder.depth(trace.wanted());
        if let Some(biases) = &self.relative_biases {
            mask.bias = Some(bucket_bias(biases, embedded.dim(1)?)?);
        }
        let branch = self
            .convolution
            .as_ref()
            .map(|own| move |input: &Tensor, output: &Tensor| own.forward(input, output, sequences, pass));
        let branch: Option<&Branch<'_>> = branch.as_ref().map(|branch| branch as _);
        let hidden =
            self.encoder.forward_with_branch(embedded, (sequences, &mask), depth, branch, pass, trace)?;
        Ok(match &self.final_norm {
            Some(norm) => norm.forward(&hidden)?,
            None => hidden,
        })
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
        let reads_pooled = self.classifier.input() == Some(ClassifierInput::Pooled);
        let needed = trace.wants("pooled") || logits && reads_pooled;
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
        self.pooler.as_ref().map(|(pooler, activation)| pooler.forward(first, *activation)).transpose()
    }

    /// The sum of word, position and segment embeddings, before their norm.
    pub(crate) fn embed(&self, input: &TextInput) -> Result<Tensor, ModelError> {
        self.embed_at(input, &self.positions(&input.tokens)?)
    }

    /// The same of tokens at these positions, `[batch, length]`.
    pub(crate) fn embed_at(
        &self,
        input: &TextInput,
        positions: &Arc<Vec<u32>>,
    ) -> Result<Tensor, ModelError> {
        let sequences = Sequences::padded(&input.tokens.mask, input.tokens.batch);
        let kinds = [input.segments.as_ref(), input.languages.as_ref()];
        self.embeddings.sum(&input.tokens, &sequences, positions, kinds)
    }

    /// The norm of embeddings.
    pub(crate) fn embedding_norm(&self) -> &Norm {
        &self.embedding_norm
    }

    /// The position of each token.
    fn positions(&self, tokens: &Tokens) -> Result<Arc<Vec<u32>>, ModelError> {
        let counted = counted_positions(tokens, self.config.max_length())?;
        if !self.config.structure.counts_from_padding {
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
        let (input_kind, dense, last, drops) = match &self.classifier {
            ClassifierLayers::None => return Ok(None),
            ClassifierLayers::Classes { input, dense, last, drops } => (*input, dense, last, *drops),
            ClassifierLayers::Vocabulary(vocabulary) => {
                let words = &self.embeddings.words;
                return Ok(Some(match &input.selected {
                    None => sequences.pad(&vocabulary.forward(hidden, words)?)?,
                    Some(selected) => {
                        let rows = Tensor::new(selected.as_slice(), device::current())?;
                        let hidden = sequences.pad(hidden)?.flatten_to(1)?.index_select(&rows, 0)?;
                        vocabulary.forward(&hidden, words)?
                    }
                }));
            }
        };
        let mut state = match (input_kind, pooled) {
            (ClassifierInput::Pooled, None) => return Ok(None),
            (ClassifierInput::Pooled, Some(pooled)) => pooled.clone(),
            (ClassifierInput::First, _) => sequences.first(hidden)?,
            (ClassifierInput::Mean, _) => masked_mean(&sequences.pad(hidden)?, &input.tokens.mask)?,
            (ClassifierInput::Tokens, _) => hidden.clone(),
        };
        if let Some(dense) = dense {
            let given = if dense.drops_input { dropped(&state)? } else { state };
            state = dense.linear.forward(&given, dense.activation)?;
            if let Some(norm) = &dense.norm {
                state = norm.forward(&state)?;
            }
        }
        let state = if drops { dropped(&state)? } else { state };
        let logits = last.forward(&state, Activation::Identity)?;
        Ok(Some(if input_kind == ClassifierInput::Tokens { sequences.pad(&logits)? } else { logits }))
    }
}

impl ClassifierLayers {
    fn load(
        source: WeightSource<'_>,
        names: &TensorNames,
        config: &TextEncoderConfig,
    ) -> Result<Self, ModelError> {
        let (width, structure) = (config.width, &config.structure);
        Ok(match config.head {
            Head::None => Self::None,
            Head::MaskedLanguage => Self::Vocabulary(Vocabulary::load(
                source,
                &names.masked_language(config.untied),
                config.untied,
                [width, config.embedding_width(), config.vocabulary],
                (structure.head_biases, structure.norm_biases),
                (activation(config.masked_language_activation())?, config.epsilon),
            )?),
            head => {
                let own = names.classifier(head, structure.classifies_mean);
                let dense = own.dense.map(|own| -> Result<_, ModelError> {
                    let norm =
                        |name| Norm::load_with(source, name, width, config.epsilon, structure.norm_biases);
                    Ok(DenseLayer {
                        linear: Linear::load_with(source, own.name, width, width, structure.head_biases)?,
                        activation: activation(own.activation)?,
                        norm: own.norm.map(norm).transpose()?,
                        drops_input: own.drops_input,
                    })
                });
                Self::Classes {
                    input: own.input,
                    dense: dense.transpose()?,
                    last: Linear::load(source, own.last, width, config.labels.len())?,
                    drops: own.drops,
                }
            }
        })
    }

    /// State that it reads; none of the vocabulary's logits.
    fn input(&self) -> Option<ClassifierInput> {
        match self {
            Self::Classes { input, .. } => Some(*input),
            _ => None,
        }
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
