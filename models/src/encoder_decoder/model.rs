//! The network.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Module, Tensor};
use alambic_tensor::ops::{Activation, LinearWeight};
use alambic_tensor::parameters::Weights;

use super::decoder::Decoder;
use super::positions::{Past, PositionEmbeddings};
use super::structure::Structure;
use crate::architecture::{Architecture, Batch};
use crate::generation::Translator;
use crate::integers::check_rows;
use crate::layers::{Encoder, LayerSizes, Norm, Pass, RelativeBuckets, Sequences, WeightSource};
use crate::outline::tap;
use crate::{LAST_STATE, ModelError, TapSelection, Tokens, Trace};

/// Embeddings and final norm of a stack.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    words: Tensor,
    positions: PositionEmbeddings,
    /// Table of the biases of scores, `[buckets, heads]`.
    pub(super) relative: Option<(Tensor, RelativeBuckets)>,
    embedding_norm: Option<Norm>,
    last_norm: Option<Norm>,
}

impl Ends {
    /// Those of the encoder (0) or the decoder (1), of whose norms these are the names.
    fn load(
        source: WeightSource<'_>,
        weights: &Weights,
        structure: &Structure,
        (stack, norms): (usize, [&Option<String>; 2]),
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        let table = structure.word_tables[stack];
        let norm = |name: &Option<String>| {
            name.as_ref().map(|name| Norm::load_sized(source, name, sizes)).transpose()
        };
        let [embedding_norm, last_norm] = norms;
        let positions = &structure.positions;
        let limits = (structure.max_length.unwrap_or(0), structure.width);
        let relative = positions.relative(stack).map(|(name, buckets)| {
            Ok::<_, ModelError>((source.tensor(name, &[buckets.count, sizes.heads])?, buckets))
        });
        Ok(Self {
            words: source.tensor(table.name, &[table.rows, structure.width])?,
            positions: PositionEmbeddings::new(positions, positions.table(weights, stack, limits)?),
            relative: relative.transpose()?,
            embedding_norm: norm(embedding_norm)?,
            last_norm: norm(last_norm)?,
        })
    }

    /// Biases of scores of a sequence with itself; none where no distances count.
    fn biases(&self, length: usize) -> Result<Option<Tensor>, ModelError> {
        self.relative.as_ref().map(|(table, buckets)| buckets.biases(table, length)).transpose()
    }

    pub(super) fn normed_embeddings(&self, embedded: Tensor) -> Result<Tensor, ModelError> {
        Ok(match &self.embedding_norm {
            Some(norm) => norm.forward(&embedded)?,
            None => embedded,
        })
    }

    pub(super) fn normed_states(&self, hidden: Tensor) -> Result<Tensor, ModelError> {
        Ok(match &self.last_norm {
            Some(norm) => norm.forward(&hidden)?,
            None => hidden,
        })
    }
}

/// An encoder-decoder transformer over given weights.
#[derive(Debug, Clone)]
pub struct EncoderDecoder {
    pub(super) structure: Structure,
    source: Ends,
    pub(super) target: Ends,
    output: LinearWeight,
    /// `final_logits_bias`, a buffer of the published checkpoints that is not trained.
    logits_bias: Option<Tensor>,
    encoder: Encoder,
    pub(super) decoder: Decoder,
}

impl EncoderDecoder {
    /// Builds the model over weights with transformers' names. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the structure says.
    pub fn new(structure: Structure, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        let [encoder, decoder] = &structure.sizes()?;
        let logits_bias = match structure.logits_bias.and_then(|name| weights.get(name)) {
            None => None,
            Some(bias) => {
                let bias = bias.to_dtype(DType::F32)?.flatten_all()?;
                let zero = bias.to_vec1::<f32>()?.iter().all(|&value| value == 0.0);
                (!zero).then_some(bias)
            }
        };
        let [.., output] = structure.word_tables;
        let own = &structure.encoder;
        let source_norms = (0, [&own.embedding_norm, &own.last_norm]);
        let own = &structure.decoder;
        let target_norms = (1, [&own.embedding_norm, &own.last_norm]);
        Ok(Self {
            source: Ends::load(source, weights, &structure, source_norms, encoder)?,
            target: Ends::load(source, weights, &structure, target_norms, decoder)?,
            output: LinearWeight::new(source.tensor(output.name, &[output.rows, structure.width])?),
            logits_bias,
            encoder: Encoder::load(source, &structure.encoder.layers, encoder, "encoder")?,
            decoder: Decoder::load(source, &structure, decoder)?,
            structure,
        })
    }

    /// The structure.
    #[must_use]
    pub fn structure(&self) -> &Structure {
        &self.structure
    }

    /// Embeddings of tokens behind others, before a norm.
    pub(super) fn embed(&self, ends: &Ends, tokens: &Tokens, past: Past<'_>) -> Result<Tensor, ModelError> {
        if let Some(limit) = self.structure.max_length.filter(|limit| past.length + tokens.length > *limit) {
            return Err(ModelError::Input(format!(
                "a sequence of {} tokens is longer than the {limit} positions of the model",
                past.length + tokens.length
            )));
        }
        check_rows("input_ids", &tokens.ids, ends.words.dim(0)?, "words")?;
        ends.positions.embed(&ends.words, tokens, self.structure.embedding_scale, past)
    }

    /// The encoder's last hidden state behind its last norm, `[batch, length, width]`.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn encode(&self, source: &Tokens, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        let (embedded, biases) = (self.embed_source(source)?, self.source_biases(source.length)?);
        self.encode_embedded(&embedded, &source.mask, biases, pass, trace)
    }

    /// Embeddings of source tokens, `[batch, length, width]`, before a norm.
    pub(crate) fn embed_source(&self, source: &Tokens) -> Result<Tensor, ModelError> {
        self.embed(&self.source, source, Past::NONE)
    }

    /// Biases of the scores of a source with itself, `[1, heads, length, length]`; none where no distances count.
    pub(crate) fn source_biases(&self, length: usize) -> Result<Option<Tensor>, ModelError> {
        self.source.biases(length)
    }

    /// The same as [`Self::encode`] of embedded states, `[batch, length, width]`, with their mask and the biases of their scores.
    pub(crate) fn encode_embedded(
        &self,
        embedded: &Tensor,
        mask: &Arc<Vec<u8>>,
        biases: Option<Tensor>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        trace.record_mask("encoder", mask);
        let (dropouts, batch) = (self.structure.dropouts, embedded.dim(0)?);
        // Biases are of padded sequences.
        let sequences = match biases {
            Some(_) => Sequences::padded(mask, batch),
            None => Sequences::new(mask, batch, trace.wanted())?,
        };
        let embedded = sequences.unpad(embedded)?;
        let embedded = pass.dropout(&self.source.normed_embeddings(embedded)?, dropouts.hidden)?;
        let (layers, attention) =
            (self.structure.encoder.layers.len(), sequences.attention().with_bias(biases));
        let hidden = self.encoder.forward(embedded, (&sequences, &attention), layers, pass, trace)?;
        let states = sequences.pad(&self.last_states(&self.source, hidden, pass)?)?;
        if self.structure.taps_last_norm {
            trace.record(&tap("encoder", "hidden", layers), &states);
        }
        if trace.wants_last_state() {
            trace.record(LAST_STATE, &states);
        }
        Ok(states)
    }

    /// States behind the last norm of a stack.
    fn last_states(&self, ends: &Ends, hidden: Tensor, pass: Pass<'_>) -> Result<Tensor, ModelError> {
        pass.dropout(&ends.normed_states(hidden)?, self.structure.dropouts.last)
    }

    /// Logits `[batch, length, vocabulary]` of the token after each of `target`, whose first is the decoder's start, over a
    /// memory `[batch, length, width]` with its mask.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn decode(
        &self,
        (memory, memory_mask): (&Tensor, &Arc<Vec<u8>>),
        target: &Tokens,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        trace.record_mask("decoder", &target.mask);
        let biases = self.target.biases(target.length)?;
        let sequences = match biases {
            Some(_) => [&target.mask, memory_mask].map(|mask| Sequences::padded(mask, target.batch)),
            None => Sequences::together([&target.mask, memory_mask], target.batch, trace.wanted())?,
        };
        let embedded = sequences[0].unpad(&self.embed(&self.target, target, Past::NONE)?)?;
        let embedded =
            pass.dropout(&self.target.normed_embeddings(embedded)?, self.structure.dropouts.hidden)?;
        let hidden = self.decoder.forward(embedded, memory, &sequences, biases, pass, trace)?;
        let states = self.last_states(&self.target, hidden, pass)?;
        if self.structure.taps_last_norm {
            let last = tap("decoder", "hidden", self.structure.decoder.layers.len());
            sequences[0].record(&last, &states, trace)?;
        }
        let logits = sequences[0].pad(&self.logits(&states)?)?;
        trace.record("logits", &logits);
        Ok(logits)
    }

    /// Logits of states behind the last norm.
    pub(super) fn logits(&self, states: &Tensor) -> Result<Tensor, ModelError> {
        let scale = self.structure.output_scale;
        let scaled = if scale == 1.0 { states.clone() } else { (states * f64::from(scale))? };
        Ok(self.output.linear(&scaled, self.logits_bias.as_ref(), Activation::Identity)?)
    }

    /// One forward pass that reads the wanted taps. Without any tap of decoder, cross-attention or logits among them,
    /// the decoder does not run.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn trace(
        &self,
        source: &Tokens,
        target: Option<&Tokens>,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let beyond_encoder = wanted.names().is_none_or(|names| names.iter().any(|name| !is_of_encoder(name)));
        let mut trace = Trace::new(wanted);
        let memory = self.encode(source, pass, &mut trace)?;
        if let Some(target) = target.filter(|_| beyond_encoder) {
            self.decode((&memory, &source.mask), target, pass, &mut trace)?;
        }
        Ok(trace)
    }
}

/// Whether a tap is read without the decoder.
pub(crate) fn is_of_encoder(tap: &str) -> bool {
    tap.starts_with("encoder.") || tap == LAST_STATE
}

impl Architecture for EncoderDecoder {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        if batch.target.is_none()
            && let Some(names) = wanted.names()
            && let Some(tap) = names.iter().find(|tap| !is_of_encoder(tap))
        {
            return Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`")));
        }
        self.trace(&batch.text()?.tokens, batch.target.as_ref(), pass, wanted)
    }

    fn as_translator(&self) -> Option<&dyn Translator> {
        Some(self)
    }
}
