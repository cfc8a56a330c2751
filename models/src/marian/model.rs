//! The whole model.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{self, Activation, AttentionMask, LinearWeight};
use alambic_tensor::parameters::Weights;

use super::MarianConfig;
use super::cache::{LayerCache, Memory};
use super::decoder::Decoder;
use crate::generation::{DecodingState, Translator};
use crate::integers::check_rows;
use crate::layers::{Encoder, Pass, Sequences, WeightSource};
use crate::{Initialiser, ModelError, TapSelection, Tokens, Trace};

/// An encoder-decoder transformer in Marian's layout over given weights.
#[derive(Debug, Clone)]
pub struct Marian {
    config: MarianConfig,
    source_words: Tensor,
    target_words: Tensor,
    output: LinearWeight,
    /// `final_logits_bias`, a buffer of the published checkpoints that is not trained.
    logits_bias: Option<Tensor>,
    encoder_positions: Tensor,
    decoder_positions: Tensor,
    encoder: Encoder,
    decoder: Decoder,
}

impl Marian {
    /// Builds the model over weights with transformers' names. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &MarianConfig, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        let encoder: Vec<_> = (0..config.encoder_layers).map(MarianConfig::encoder_layer).collect();
        let logits_bias = match weights.get(MarianConfig::LOGITS_BIAS) {
            None => None,
            Some(bias) => {
                let bias = bias.to_dtype(DType::F32)?.flatten_all()?;
                let zero = bias.to_vec1::<f32>()?.iter().all(|&value| value == 0.0);
                (!zero).then_some(bias)
            }
        };
        let table = |name: &str, rows: usize| source.tensor(name, &[rows, config.d_model]);
        let [source_words, target_words, output] = config.word_tables();
        Ok(Self {
            source_words: table(source_words, config.vocab_size)?,
            target_words: table(target_words, config.target_vocabulary())?,
            output: LinearWeight::new(table(output, config.target_vocabulary())?),
            logits_bias,
            encoder_positions: config.position_table(weights, "encoder")?,
            decoder_positions: config.position_table(weights, "decoder")?,
            encoder: Encoder::load(source, &encoder, &config.encoder_sizes()?, "encoder")?,
            decoder: Decoder::load(source, config)?,
            config: config.clone(),
        })
    }

    /// Initial weights: Glorot-uniform matrices, zero biases, and embeddings whose scaled entries have a deviation
    /// of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &MarianConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let width = config.d_model;
        let mut initialiser = Initialiser::new(streams);
        let mut weights = Weights::new();
        let rows = [config.vocab_size, config.target_vocabulary(), config.target_vocabulary()];
        for (name, rows) in config.word_tables().into_iter().zip(rows) {
            if weights.contains_key(name) {
                continue;
            }
            let mut embeddings = initialiser.normal(rows, width, (width as f64).powf(-0.5))?;
            if config.pad_token_id as usize + 1 == rows {
                // Marian keeps the padding row, its decoder's first token, at zero to begin with.
                embeddings = Tensor::cat(
                    &[
                        embeddings.narrow(0, 0, rows - 1)?,
                        Tensor::zeros((1, width), DType::F32, device::current())?,
                    ],
                    0,
                )?;
            }
            weights.insert(name.into(), embeddings);
        }
        let mut linear = |weights: &mut Weights, name: String, outputs: usize, inputs: usize| {
            weights.insert(format!("{name}.weight"), initialiser.glorot(outputs, inputs)?);
            weights.insert(format!("{name}.bias"), Tensor::zeros(outputs, DType::F32, device::current())?);
            Ok::<_, ModelError>(())
        };
        let norm = |weights: &mut Weights, name: String| {
            weights.insert(format!("{name}.weight"), Tensor::ones(width, DType::F32, device::current())?);
            weights.insert(format!("{name}.bias"), Tensor::zeros(width, DType::F32, device::current())?);
            Ok::<_, ModelError>(())
        };
        for (stack, layers, inner, attentions) in [
            ("encoder", config.encoder_layers, config.encoder_ffn_dim, &["self_attn"][..]),
            ("decoder", config.decoder_layers, config.decoder_ffn_dim, &["self_attn", "encoder_attn"][..]),
        ] {
            for layer in 0..layers {
                let prefix = format!("model.{stack}.layers.{layer}");
                for attention in attentions {
                    for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
                        linear(&mut weights, format!("{prefix}.{attention}.{part}"), width, width)?;
                    }
                    norm(&mut weights, format!("{prefix}.{attention}_layer_norm"))?;
                }
                linear(&mut weights, format!("{prefix}.fc1"), inner, width)?;
                linear(&mut weights, format!("{prefix}.fc2"), width, inner)?;
                norm(&mut weights, format!("{prefix}.final_layer_norm"))?;
            }
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &MarianConfig {
        &self.config
    }

    /// Embeddings of tokens by a table of words and one of positions, those before `first_position` left out.
    fn embed(
        &self,
        tokens: &Tokens,
        [words, table]: [&Tensor; 2],
        first_position: usize,
    ) -> Result<Tensor, ModelError> {
        let limit = self.config.max_position_embeddings;
        if first_position + tokens.length > limit {
            return Err(ModelError::Input(format!(
                "a sequence of {} tokens is longer than the {limit} positions of the model",
                first_position + tokens.length
            )));
        }
        check_rows("input_ids", &tokens.ids, words.dim(0)?, "words")?;
        let positions = table.narrow(0, first_position, tokens.length)?;
        let scale = self.config.embedding_scale();
        Ok(ops::embed(words, &tokens.ids, tokens.batch, scale, Some(&positions))?)
    }

    /// The encoder's last hidden state, `[batch, length, d_model]`.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn encode(&self, source: &Tokens, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        trace.record_mask("encoder", &source.mask);
        let sequences = Sequences::new(&source.mask, source.batch, trace.wanted())?;
        let embedded = self.embed(source, [&self.source_words, &self.encoder_positions], 0)?;
        let embedded = pass.dropout(&sequences.unpad(&embedded)?, self.config.dropout)?;
        let (layers, attention) = (self.config.encoder_layers, sequences.attention());
        sequences.pad(&self.encoder.forward(embedded, (&sequences, &attention), layers, pass, trace)?)
    }

    /// Logits `[batch, length, vocabulary]` of the token after each of `target`, whose first is the decoder's start.
    ///
    /// # Errors
    /// When the tokens do not fit the model.
    pub fn decode(
        &self,
        memory: &Tensor,
        source: &Tokens,
        target: &Tokens,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        trace.record_mask("decoder", &target.mask);
        let sequences = Sequences::together([&target.mask, &source.mask], target.batch, trace.wanted())?;
        let embedded = self.embed(target, [&self.target_words, &self.decoder_positions], 0)?;
        let hidden = self.decoder.forward(&embedded, memory, &sequences, pass, trace)?;
        let logits = sequences[0].pad(&self.logits(&hidden)?)?;
        trace.record("logits", &logits);
        Ok(logits)
    }

    fn logits(&self, hidden: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.output.linear(hidden, self.logits_bias.as_ref(), Activation::Identity)?)
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
        let beyond_encoder = match wanted.names() {
            None => true,
            Some(names) => names.iter().any(|name| !name.starts_with("encoder.")),
        };
        let mut trace = Trace::new(wanted);
        let memory = self.encode(source, pass, &mut trace)?;
        if let Some(target) = target.filter(|_| beyond_encoder) {
            self.decode(&memory, source, target, pass, &mut trace)?;
        }
        Ok(trace)
    }
}

/// The state of one decoding: caches, memory, and the position of the next token.
struct Decoding<'a> {
    model: &'a Marian,
    caches: Vec<LayerCache>,
    memory: Memory,
    position: usize,
}

impl Translator for Marian {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let mut untapped = Trace::new(TapSelection::nothing());
        let encoded = self.encode(source, Pass::Evaluate, &mut untapped)?;
        let memory = Memory {
            key_values: self.decoder.project_memory(&encoded)?,
            mask: AttentionMask::keys(source.mask.clone()),
            sources: (0..source.batch).collect(),
        };
        let capacity = capacity.min(self.config.max_position_embeddings);
        let cache = LayerCache::new(source.batch, capacity, self.config.d_model);
        Ok(Box::new(Decoding {
            model: self,
            caches: vec![cache; self.config.decoder_layers],
            memory,
            position: 0,
        }))
    }

    fn start_token(&self) -> u32 {
        self.config.decoder_start_token_id
    }

    fn end_token(&self) -> u32 {
        self.config.eos_token_id
    }

    fn max_length(&self) -> usize {
        self.config.max_position_embeddings
    }
}

impl DecodingState for Decoding<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        let tokens = Tokens::pad(&tokens.iter().map(|&token| [token]).collect::<Vec<_>>(), 0);
        let tables = [&self.model.target_words, &self.model.decoder_positions];
        let embedded = self.model.embed(&tokens, tables, self.position)?;
        let hidden = self.model.decoder.step(&embedded, &mut self.caches, &self.memory)?;
        self.position += 1;
        Ok(self.model.logits(&hidden)?.flatten_all()?.to_vec1()?)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        for cache in &mut self.caches {
            cache.select(rows);
        }
        self.memory.select(rows)
    }
}
