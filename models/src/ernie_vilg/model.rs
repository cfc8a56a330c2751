//! The network.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};
use alambic_tensor::parameters::Weights;
use alambic_tensor::{Streams, device};

use super::config::{ErnieVilgConfig, ReconstructorStates};
use super::rows::{Indices, Kind, Place, Rows, kind_of};
use crate::architecture::{Image, missing};
use crate::image_tokenizer::{ImageTokenizer, ImageTokenizerConfig};
use crate::initialise::deviation;
use crate::layers::{Encoder, Linear, Norm, Pass, Sequences, WeightSource};
use crate::{Initialiser, ModelError, TapSelection, Tokens, Trace};

/// A logit that stands for no chance, and whose differences are finite.
const IMPOSSIBLE: f32 = -1e9;

/// The decoder of images over states.
#[derive(Debug, Clone)]
struct StateDecoder {
    mapping: [Linear; 2],
    /// An image tokenizer whose decoder is the reconstructor's.
    images: ImageTokenizer,
}

/// An ERNIE-ViLG over given weights.
#[derive(Debug, Clone)]
pub struct ErnieVilg {
    config: ErnieVilgConfig,
    words: Tensor,
    positions: Tensor,
    rows: Tensor,
    columns: Tensor,
    segments: Tensor,
    pub(super) encoder: Encoder,
    norm: Norm,
    bias: Tensor,
    tokenizer: ImageTokenizer,
    reconstructor: Option<StateDecoder>,
}

/// The weights of a model's image tokenizer, under its own names.
#[must_use]
pub fn tokenizer_weights(weights: &Weights) -> Weights {
    part(weights, ErnieVilgConfig::IMAGE_TOKENIZER).collect()
}

/// The weights whose names begin so, by the rest of their names.
fn part<'w>(weights: &'w Weights, prefix: &'w str) -> impl Iterator<Item = (String, Tensor)> + 'w {
    weights
        .iter()
        .filter_map(move |(name, tensor)| Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone())))
}

impl ErnieVilg {
    /// Builds the model over weights named as [`ErnieVilgConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &ErnieVilgConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width, grid) =
            (WeightSource::new(weights), config.hidden_size, config.image_tokenizer.grid());
        let mut own = tokenizer_weights(weights);
        let tokenizer = ImageTokenizer::new(&config.image_tokenizer, &own)?;
        let reconstructor = if config.reconstructor.is_some() {
            own.extend(
                part(weights, ErnieVilgConfig::RECONSTRUCTOR)
                    .map(|(name, tensor)| (ImageTokenizerConfig::decoder_name(&name), tensor)),
            );
            let [first, last] = ErnieVilgConfig::MAPPING;
            let codes = config.image_tokenizer.codebook_dim;
            Some(StateDecoder {
                mapping: [
                    Linear::load(source, first, width, width)?,
                    Linear::load(source, last, width, codes)?,
                ],
                images: ImageTokenizer::new(&config.image_tokenizer, &own)?,
            })
        } else {
            None
        };
        Ok(Self {
            words: source.tensor(ErnieVilgConfig::WORDS, &[config.tokens(), width])?,
            positions: source.tensor(ErnieVilgConfig::POSITIONS, &[config.max_position_embeddings, width])?,
            rows: source.tensor(ErnieVilgConfig::ROWS, &[grid, width])?,
            columns: source.tensor(ErnieVilgConfig::COLUMNS, &[grid, width])?,
            segments: source.tensor(ErnieVilgConfig::SEGMENTS, &[2, width])?,
            encoder: Encoder::load_each(source, config.layers(), &config.sizes()?, "")?,
            norm: Norm::load(source, ErnieVilgConfig::LAST_NORM, width, config.layer_norm_eps)?,
            bias: source.tensor(ErnieVilgConfig::OUTPUT_BIAS, &[config.tokens()])?,
            tokenizer,
            reconstructor,
            config: config.clone(),
        })
    }

    /// Initial weights: those of the transformer and of the mapping as BERT's, the image tokenizer's as they begin by themselves, and
    /// those of the reconstructor's decoder as the image tokenizer's.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &ErnieVilgConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let is_of_image = |name: &String| {
            name.starts_with(ErnieVilgConfig::IMAGE_TOKENIZER)
                || name.starts_with(ErnieVilgConfig::RECONSTRUCTOR)
        };
        let own = shapes.keys().filter(|name| !is_of_image(name));
        let mut weights = Initialiser::new(streams).fill(&shapes, own, deviation(config.hidden_size))?;
        let tokenizer = ImageTokenizer::initial_weights(&config.image_tokenizer, streams)?;
        weights.extend(config.with_tokenizer(&tokenizer));
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ErnieVilgConfig {
        &self.config
    }

    /// The image tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &ImageTokenizer {
        &self.tokenizer
    }

    /// The token with which an image begins and those of each image, as a batch of sources.
    ///
    /// # Errors
    /// When images are of another size, or codes are none of the image tokenizer's.
    pub fn image_tokens(&self, image: &Image) -> Result<Tokens, ModelError> {
        let places = self.config.image_tokens();
        let codes = match image {
            Image::Codes(codes) => codes.to_vec(),
            other => {
                let images = other.whole_pixels(&self.config.image_tokenizer)?;
                self.tokenizer.tokens(&self.tokenizer.latents(&images)?)?
            }
        };
        if !codes.len().is_multiple_of(places) {
            return Err(ModelError::Input(format!(
                "{} tokens are not those of whole images, which have {places} each",
                codes.len()
            )));
        }
        if let Some(beyond) =
            codes.iter().find(|&&code| code as usize >= self.config.image_tokenizer.num_tokens)
        {
            return Err(ModelError::Input(format!(
                "there is no image token {beyond}: the codebook has {}",
                self.config.image_tokenizer.num_tokens
            )));
        }
        let rows: Vec<Vec<u32>> = codes.chunks(places.max(1)).map(|own| self.config.image(own)).collect();
        Ok(Tokens::pad(&rows, self.config.pad_token_id))
    }

    /// Embedded tokens, `[batch, length, width]`.
    pub(super) fn embed(
        &self,
        ids: &std::sync::Arc<Vec<u32>>,
        places: &[Option<Place>],
        batch: usize,
    ) -> Result<Tensor, ModelError> {
        crate::integers::check_rows("input_ids", ids, self.config.tokens(), "words")?;
        let of = Indices::new(places, self.config.image_tokenizer.grid());
        let look_up = |table: &Tensor, ids| ops::embed(table, ids, batch, 1.0, None);
        let words = (look_up(&self.words, ids)? + look_up(&self.segments, &of.segments)?)?;
        let positions = look_up(&self.positions, &of.positions)?;
        let in_image = (look_up(&self.rows, &of.rows)? + look_up(&self.columns, &of.columns)?)?;
        let positions = positions.broadcast_mul(&Indices::factors(&of.is_text, batch)?)?;
        let in_image = in_image.broadcast_mul(&Indices::factors(&of.is_image, batch)?)?;
        Ok(((words + positions)? + in_image)?)
    }

    /// The last states of rows behind the last norm.
    fn states(&self, rows: &Rows, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        trace.record_mask("", &rows.mask);
        let embedded = self.embed(&rows.ids, &rows.places, rows.batch)?;
        let embedded = pass.dropout(&embedded, self.config.hidden_dropout_prob)?;
        let sequences = Sequences::padded(&rows.mask, rows.batch);
        let (depth, mask) = (self.config.num_hidden_layers, rows.attention(&self.config));
        let hidden = self.encoder.forward(embedded, (&sequences, &mask), depth, pass, trace)?;
        Ok(self.norm.forward(&hidden)?)
    }

    /// States of some of the target's tokens, `[batch, tokens, width]`.
    fn of_target(
        &self,
        states: &Tensor,
        rows: &Rows,
        range: std::ops::Range<usize>,
    ) -> Result<Tensor, ModelError> {
        let count = range.len();
        let places = Tensor::new(rows.target_places(range), device::current())?;
        let flat = states.contiguous()?.flatten_to(1)?.index_select(&places, 0)?;
        Ok(flat.reshape((rows.batch, count, self.config.hidden_size))?)
    }

    /// Logits of the whole vocabulary over states, `[.., width]`, of which those of the other kind than is written are as good as
    /// impossible.
    fn logits(&self, states: &Tensor, written: Kind) -> Result<Tensor, ModelError> {
        let (first, count) = match written {
            Kind::Text => (0, self.config.vocab_size),
            Kind::Image => (self.config.vocab_size, self.config.image_tokenizer.num_tokens),
        };
        let (words, bias) = (self.words.narrow(0, first, count)?, self.bias.narrow(0, first, count)?);
        let own = ops::linear(states, &words.contiguous()?, Some(&bias.contiguous()?), Activation::Identity)?;
        let last = own.dims().len() - 1;
        let mut shape = own.dims().to_vec();
        let mut beside = |columns: usize| {
            shape[last] = columns;
            Tensor::full(IMPOSSIBLE, shape.as_slice(), device::current())
        };
        let (before, behind) = (beside(first)?, beside(self.config.tokens() - first - count)?);
        let parts: Vec<&Tensor> =
            [&before, &own, &behind].into_iter().filter(|part| part.dims()[last] > 0).collect();
        Ok(Tensor::cat(&parts, last)?)
    }

    /// Logits behind the last norm of states `[rows, 1, width]` of a decoding.
    pub(super) fn step_logits(&self, hidden: &Tensor, written: Kind) -> Result<Vec<f32>, ModelError> {
        Ok(self.logits(&self.norm.forward(hidden)?, written)?.flatten_all()?.to_vec1()?)
    }

    /// Images of the last states of rows whose targets are whole images.
    fn reconstruct(&self, states: &Tensor, rows: &Rows) -> Result<Option<Tensor>, ModelError> {
        let places = self.config.image_tokens();
        let (Some(own), Some(options)) = (&self.reconstructor, self.config.reconstructor) else {
            return Ok(None);
        };
        if rows.target_length != places + 1 {
            return Ok(None);
        }
        let first = match options.states {
            ReconstructorStates::Reading => 1,
            ReconstructorStates::Predicting => 0,
        };
        let mut states = self.of_target(states, rows, first..first + places)?;
        if options.detach {
            states = states.detach();
        }
        let [inner, outer] = &own.mapping;
        let vectors = outer.forward(&inner.forward(&states, Activation::Gelu)?, Activation::Identity)?;
        Ok(Some(own.images.decode(&vectors)?))
    }

    /// One forward pass over sources and, behind them, targets that reads the wanted taps. A target that is a whole image has one token
    /// more than are predicted, since the last of them is read as well.
    ///
    /// # Errors
    /// When tokens do not fit the model, or what a wanted tap needs is not there.
    pub fn trace(
        &self,
        source: &Tokens,
        target: Option<&Tokens>,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let rows = Rows::new(&self.config, source, target)?;
        let states = self.states(&rows, pass, &mut trace)?;
        let is_named =
            |tap: &str, trace: &Trace| trace.wanted().names().is_some_and(|names| names.contains(tap));
        let Some(target) = target else {
            return match ["logits", "reconstruction"].into_iter().find(|tap| is_named(tap, &trace)) {
                Some(tap) => Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`"))),
                None => Ok(trace),
            };
        };
        let written = kind_of(&self.config, target, false)?;
        if trace.wants("logits") {
            let count = match written {
                Kind::Image => rows.target_length.min(self.config.image_tokens()),
                Kind::Text => rows.target_length,
            };
            let logits = self.logits(&self.of_target(&states, &rows, 0..count)?, written)?;
            trace.record("logits", &logits);
        }
        if trace.wants("reconstruction") {
            match self.reconstruct(&states, &rows)? {
                Some(images) => trace.record("reconstruction", &images),
                None if written == Kind::Image && is_named("reconstruction", &trace) => {
                    return Err(missing("whole image among the targets, of which one is made again"));
                }
                None => {}
            }
        }
        Ok(trace)
    }

    /// Images of codes, `[batch, colours, side, side]`, that were written for sources: by the reconstructor over the states that read
    /// them once more, or without one by the image tokenizer.
    ///
    /// # Errors
    /// When tokens do not fit the model.
    pub fn draw(&self, source: &Tokens, codes: &[u32]) -> Result<Tensor, ModelError> {
        if self.reconstructor.is_none() {
            return self.tokenizer.decode(&self.tokenizer.look_up(codes, source.batch)?);
        }
        let target = self.image_tokens(&Image::Codes(std::sync::Arc::new(codes.to_vec())))?;
        let wanted = TapSelection::named(["reconstruction"]);
        let trace = self.trace(source, Some(&target), Pass::Evaluate, wanted)?;
        trace.get("reconstruction").cloned().ok_or_else(|| missing("image"))
    }
}

impl ErnieVilgConfig {
    /// The tensors that an image tokenizer gives: its own, and those with which the reconstructor's decoder begins.
    #[must_use]
    pub fn with_tokenizer(&self, tokenizer: &Weights) -> Weights {
        let mut weights = Weights::new();
        for (name, tensor) in tokenizer {
            if let Some(own) = ImageTokenizerConfig::of_decoder(name).filter(|_| self.reconstructor.is_some())
            {
                weights.insert(format!("{}{own}", Self::RECONSTRUCTOR), tensor.clone());
            }
            weights.insert(format!("{}{name}", Self::IMAGE_TOKENIZER), tensor.clone());
        }
        weights
    }
}
