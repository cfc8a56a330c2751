//! The network.

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{D, Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;

use super::config::{SEGMENTS, UnimoConfig, UnimoImages};
use super::units::{ImageUnits, PLACE};
use crate::architecture::Image;
use crate::head::HeadSpec;
use crate::initialise::deviation;
use crate::layers::{Linear, Norm, Pass, Sequences, WeightSource, first};
use crate::outline::{OBJECT_LOGITS, PREDICTED_FEATURES, PREDICTION_LOGITS, SIMILARITY, TARGET_LOGITS};
use crate::published::complete;
use crate::regions::side_by_side;
use crate::text_encoder::{TextEncoder, TextInput};
use crate::{ModelError, TapSelection, Tokens, Trace};

/// The logarithm of 1 / 0.07, where the scale of similarities begins.
const INITIAL_SCALE: f32 = 2.659_26;

/// Added to a squared length before its root, since what a rectifier gives may be all zeros.
const TINY: f64 = 1e-12;

/// Taps of texts and images that are encoded alone.
const TEXT: &str = "text.embedding";
const IMAGE: &str = "image.embedding";

/// The tap of answers, of all texts with all images, or of what is written.
const LOGITS: &str = "logits";

/// A selection that runs all layers and records nothing.
const STATES: &str = "states";

/// Texts, images, or both, each text with its image.
#[derive(Debug, Clone)]
pub struct UnimoInput {
    /// The texts.
    pub text: Option<TextInput>,
    /// The regions or patches of the images.
    pub image: Option<ImageUnits>,
    /// What is written behind them, from its first token on.
    pub target: Option<Tokens>,
}

/// Layers that predict the features of regions, and the classes of the objects in them.
#[derive(Debug, Clone)]
struct RegionPrediction {
    dense: Linear,
    norm: Norm,
    last: Linear,
    objects: Option<Linear>,
}

/// A UNIMO model over given weights.
#[derive(Debug, Clone)]
pub struct Unimo {
    config: UnimoConfig,
    encoder: TextEncoder,
    features: Linear,
    places: Linear,
    image_norm: Norm,
    /// Over the first tokens of texts and of images; none of a model that writes.
    poolers: Option<[Linear; 2]>,
    predicted: Option<RegionPrediction>,
    classifier: Option<Linear>,
    /// The logarithm of the factor on similarities; none where answers are predicted.
    scale: Option<Tensor>,
}

/// The last states of a sequence with what stands in it.
struct Encoded {
    hidden: Tensor,
    /// Tokens of the image, that of the whole image first; 0 without an image.
    image: usize,
}

impl Unimo {
    /// Builds the model over weights named as [`UnimoConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &UnimoConfig, weights: &Weights) -> Result<Self, ModelError> {
        let (source, width, epsilon) = (WeightSource::new(weights), config.text.width, config.text.epsilon);
        let features = config.images.features();
        let poolers = || {
            let [text, image] = UnimoConfig::POOLERS.map(|name| Linear::load(source, name, width, width));
            Ok::<_, ModelError>([text?, image?])
        };
        let predicted = || {
            let [dense, norm, last] = UnimoConfig::PREDICTED;
            let objects = || Linear::load(source, UnimoConfig::OBJECTS, width, config.objects);
            Ok::<_, ModelError>(RegionPrediction {
                dense: Linear::load(source, dense, width, width)?,
                norm: Norm::load(source, norm, width, epsilon)?,
                last: Linear::load(source, last, width, features)?,
                objects: (config.objects > 0).then(objects).transpose()?,
            })
        };
        let answers = config.labels.len();
        let classifier = || Linear::load(source, UnimoConfig::CLASSIFIER, width, answers);
        Ok(Self {
            encoder: TextEncoder::under(&config.text, &UnimoConfig::names(), weights)?,
            features: Linear::load(source, UnimoConfig::FEATURES, features, width)?,
            places: Linear::load_matrix(source, UnimoConfig::PLACES, PLACE, width)?,
            image_norm: Norm::load(source, UnimoConfig::IMAGE_NORM, width, epsilon)?,
            poolers: (!config.writes).then(poolers).transpose()?,
            predicted: config.is_pretrained().then(predicted).transpose()?,
            classifier: (answers > 0).then(classifier).transpose()?,
            scale: config.is_paired().then(|| source.tensor(UnimoConfig::SCALE, &[])).transpose()?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &UnimoConfig, streams: &Streams) -> Result<Weights, ModelError> {
        Self::complete(config, &Weights::new(), streams)
    }

    /// Given weights as far as they go and have the right shape, under any of the names that files have for them, and initial ones for
    /// the rest.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn complete(config: &UnimoConfig, given: &Weights, streams: &Streams) -> Result<Weights, ModelError> {
        let (shapes, deviation) = (config.shapes(), deviation(config.text.width));
        let mut weights = complete(&shapes, given, UnimoConfig::spellings, deviation, *streams)?;
        if shapes.contains_key(UnimoConfig::SCALE) && !given.contains_key(UnimoConfig::SCALE) {
            weights.insert(UnimoConfig::SCALE.into(), Tensor::new(INITIAL_SCALE, device::current())?);
        }
        Ok(weights)
    }

    /// The same model for a task, and weights for it: the given ones, with new heads where they are of others.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn with_head(
        config: &UnimoConfig,
        given: &Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(UnimoConfig, Weights), ModelError> {
        let other = config.clone().with_head(head);
        let weights = Self::complete(&other, &config.without_other_head(given, &other.labels), streams)?;
        Ok((other, weights))
    }

    /// The weights of [`UnimoConfig::text_encoder`], as far as they are given.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn text_encoder_weights(config: &UnimoConfig, given: &Weights) -> Result<Weights, ModelError> {
        let encoder = config.text_encoder();
        let segments = encoder.names().table("token_type");
        let mut weights = Weights::new();
        for name in encoder.shapes().keys() {
            let own = UnimoConfig::name_of_text_encoder(name);
            let Some(tensor) = given.get(&own) else { continue };
            let tensor = if *name == segments {
                Tensor::cat(&vec![tensor.narrow(0, 0, 1)?; SEGMENTS], 0)?
            } else {
                tensor.clone()
            };
            weights.insert(name.clone(), tensor);
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &UnimoConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. Texts and images are encoded alone only where a tap of that is wanted, and
    /// together only where another is.
    ///
    /// # Errors
    /// When text or image do not fit the model or each other, or what a wanted tap needs is not there.
    pub fn trace(
        &self,
        input: &UnimoInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        if self.config.writes {
            self.record_written(input, pass, &mut trace)?;
            return Ok(trace);
        }
        let is_pair = input.text.is_some() && input.image.is_some();
        let is_alone = |tap: &str| {
            [TEXT, IMAGE, TARGET_LOGITS].contains(&tap) || tap == "logits" && self.classifier.is_none()
        };
        let reads_together =
            trace.wanted().names().is_none_or(|names| names.iter().any(|tap| !is_alone(tap)));
        let writes_alone =
            trace.wanted().names().is_some_and(|names| names.iter().all(|tap| tap == TARGET_LOGITS));
        if (!is_pair || reads_together) && !writes_alone {
            let encoded = self.encode(input, pass, &mut trace)?;
            self.record_heads(input, &encoded, pass, &mut trace)?;
        }
        if is_pair && self.classifier.is_none() {
            self.record_alone(input, pass, &mut trace)?;
        }
        if let Some(target) = input.target.as_ref().filter(|_| self.config.is_pretrained())
            && trace.wants(TARGET_LOGITS)
        {
            let mut states = Trace::new(TapSelection::named([STATES]));
            trace.record(TARGET_LOGITS, &self.target_logits(input, target, pass, &mut states)?);
        }
        Ok(trace)
    }

    /// Records what a model that writes gives: the states of source and target, and the logits of the target's next tokens, or without a
    /// target the states of the source.
    fn record_written(
        &self,
        input: &UnimoInput,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        let wants_logits = trace.wanted().names().is_some_and(|names| names.contains(LOGITS));
        match &input.target {
            Some(target) => {
                let logits = self.target_logits(input, target, pass, trace)?;
                trace.record(LOGITS, &logits);
            }
            None if wants_logits => {
                return Err(ModelError::Input(format!("`{LOGITS}` needs `decoder_input_ids`")));
            }
            None => {
                self.encode(input, pass, trace)?;
            }
        }
        Ok(())
    }

    /// Tokens of the text of each row, behind which the positions of a target go on.
    pub(super) fn text_lengths(input: &UnimoInput, batch: usize) -> Vec<u32> {
        match &input.text {
            Some(text) => text
                .tokens
                .mask
                .chunks(text.tokens.length.max(1))
                .map(|row| row.iter().map(|&kept| u32::from(kept)).sum())
                .collect(),
            None => vec![0u32; batch],
        }
    }

    /// Normed embeddings of tokens that are written, at their positions.
    pub(super) fn embed_written(&self, tokens: &Tokens, positions: Vec<u32>) -> Result<Tensor, ModelError> {
        let embedded = self.encoder.embed_at(&TextInput::new(tokens.clone()), &Arc::new(positions))?;
        Ok(self.encoder.embedding_norm().forward(&embedded)?)
    }

    /// The vocabulary's logits of states.
    pub(super) fn word_logits(&self, hidden: &Tensor) -> Result<Tensor, ModelError> {
        let missing =
            || ModelError::Input("a model without a head over the vocabulary writes nothing".into());
        self.encoder.word_logits(hidden)?.ok_or_else(missing)
    }

    /// The transformer.
    pub(super) fn encoder(&self) -> &TextEncoder {
        &self.encoder
    }

    /// The regions or patches of images.
    pub(super) fn units(&self, image: &Image) -> Result<ImageUnits, ModelError> {
        match (self.config.images, image) {
            (UnimoImages::Patches { patch_size, .. }, image) => {
                ImageUnits::of_patches(&image.patches(patch_size, -1)?)
            }
            (UnimoImages::Regions { .. }, Image::Regions(image)) => ImageUnits::of_regions(&image.regions),
            (UnimoImages::Regions { .. }, _) => {
                Err(ModelError::Input("a model that reads regions of images was given images".into()))
            }
        }
    }

    /// Logits of the vocabulary at each token of a target, `[batch, length, vocabulary]`. It stands behind an image, a text or both, sees
    /// these and of itself what is not later, and they do not see it. Its positions go on from those of its text.
    fn target_logits(
        &self,
        input: &UnimoInput,
        target: &Tokens,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let (embedded, mask, _) = self.embed(input)?;
        let (batch, source) = (embedded.dim(0)?, embedded.dim(1)?);
        if target.batch != batch {
            let found = target.batch;
            return Err(ModelError::Input(format!("there are {found} targets and {batch} texts or images")));
        }
        let firsts = Self::text_lengths(input, batch);
        let last = firsts.iter().max().map_or(0, |first| *first as usize) + target.length;
        if last > self.config.text.max_length() {
            return Err(ModelError::Input(format!(
                "a text and a target of {last} tokens together are longer than the {} positions of the model",
                self.config.text.max_length()
            )));
        }
        let positions = firsts.iter().flat_map(|first| *first..*first + target.length as u32).collect();
        let whole = Tensor::cat(&[&embedded, &self.embed_written(target, positions)?], 1)?;
        let mask = side_by_side(&mask, &target.mask, batch);
        let hidden = self.encoder.encode_two_parts(&whole, (&mask, source), pass, trace)?;
        trace.record_mask("", &mask);
        self.word_logits(&hidden.narrow(1, source, target.length)?.contiguous()?)
    }

    /// The last states of an image, a text, or an image with a text behind it.
    fn encode(&self, input: &UnimoInput, pass: Pass<'_>, trace: &mut Trace) -> Result<Encoded, ModelError> {
        let (embedded, mask, image) = self.embed(input)?;
        Ok(Encoded { hidden: self.encoder.encode(&embedded, &mask, pass, trace)?, image })
    }

    /// The normed embeddings of an image, a text, or an image with a text behind it, their mask, and the tokens of the image.
    pub(super) fn embed(&self, input: &UnimoInput) -> Result<(Tensor, Arc<Vec<u8>>, usize), ModelError> {
        let image = input.image.as_ref().map(|image| self.embed_image(image)).transpose()?;
        let text = input.text.as_ref().map(|text| self.embed_text(text)).transpose()?;
        Ok(match (image, text, &input.text) {
            (Some((image, own)), Some(text), Some(given)) => {
                let batch = image.dim(0)?;
                if batch != given.tokens.batch {
                    let texts = given.tokens.batch;
                    return Err(ModelError::Input(format!("there are {texts} texts and {batch} images")));
                }
                let mask = side_by_side(&own, &given.tokens.mask, batch);
                (Tensor::cat(&[&image, &text], 1)?, mask, image.dim(1)?)
            }
            (Some((image, mask)), ..) => (image.clone(), mask, image.dim(1)?),
            (None, Some(text), Some(given)) => (text, Arc::clone(&given.tokens.mask), 0),
            _ => return Err(crate::architecture::missing("text and no image")),
        })
    }

    /// The normed embeddings of images, `[batch, 1 + units, width]`, that of the whole image first, and their mask.
    fn embed_image(&self, image: &ImageUnits) -> Result<(Tensor, Arc<Vec<u8>>), ModelError> {
        let found = image.features.dim(D::Minus1)?;
        if found != self.config.images.features() {
            return Err(ModelError::Input(format!(
                "regions or patches have {found} features; the model reads {}",
                self.config.images.features()
            )));
        }
        let whole = image.with_whole()?;
        let features = self.features.forward(&whole.features.contiguous()?, Activation::Identity)?;
        let places = self.places.forward(&whole.places.contiguous()?, Activation::Identity)?;
        Ok((self.image_norm.forward(&(features + places)?)?, whole.mask))
    }

    fn embed_text(&self, text: &TextInput) -> Result<Tensor, ModelError> {
        // Without segments all tokens are of the first.
        let text = TextInput { segments: None, ..text.clone() };
        Ok(self.encoder.embedding_norm().forward(&self.encoder.embed(&text)?)?)
    }

    /// What stands for a text, of the states of a sequence in which it stands behind an image.
    fn pool_text(&self, encoded: &Encoded) -> Result<Tensor, ModelError> {
        let states = encoded.hidden.narrow(1, encoded.image, 1)?.squeeze(1)?.contiguous()?;
        self.pooler(0)?.forward(&states, Activation::Relu)
    }

    /// What stands for an image.
    fn pool_image(&self, encoded: &Encoded) -> Result<Tensor, ModelError> {
        self.pooler(1)?.forward(&first(&encoded.hidden)?, Activation::Relu)
    }

    /// The layer over the first tokens of texts, or of images.
    fn pooler(&self, index: usize) -> Result<&Linear, ModelError> {
        let missing = || ModelError::Input("a model that writes compares no texts and images".into());
        self.poolers.as_ref().map(|poolers| &poolers[index]).ok_or_else(missing)
    }

    /// Factor on similarities.
    fn factor(&self) -> Result<Option<Tensor>, ModelError> {
        Ok(self.scale.as_ref().map(Tensor::exp).transpose()?)
    }

    /// What is predicted of a sequence.
    fn record_heads(
        &self,
        input: &UnimoInput,
        encoded: &Encoded,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<(), ModelError> {
        let text = input.text.as_ref().map(|_| self.pool_text(encoded)).transpose()?;
        let image = input.image.as_ref().map(|_| self.pool_image(encoded)).transpose()?;
        let pooled = match (&text, &image) {
            (Some(text), Some(image)) => {
                let cosine = (unit_length(text)? * unit_length(image)?)?.sum(D::Minus1)?;
                if let Some(factor) = self.factor()? {
                    trace.record(SIMILARITY, &cosine.broadcast_mul(&factor)?);
                }
                (text * image)?
            }
            (Some(alone), None) => {
                self.record_embedding(TEXT, alone, trace)?;
                alone.clone()
            }
            (None, Some(alone)) => {
                self.record_embedding(IMAGE, alone, trace)?;
                alone.clone()
            }
            (None, None) => return Ok(()),
        };
        trace.record("pooled", &pooled);
        if let Some(classifier) = &self.classifier
            && trace.wants("logits")
        {
            let dropped = pass.dropout(&pooled, self.config.text.head_dropout)?;
            trace.record("logits", &classifier.forward(&dropped, Activation::Identity)?);
        }
        if let Some(text) = &input.text
            && self.config.is_pretrained()
            && trace.wants(PREDICTION_LOGITS)
        {
            let own = encoded.hidden.narrow(1, encoded.image, text.tokens.length)?.contiguous()?;
            let sequences = Sequences::padded(&text.tokens.mask, text.tokens.batch);
            let mut words = Trace::new(TapSelection::named(["logits"]));
            self.encoder.head((&own, &sequences), text, pass, &mut words)?;
            if let Some(logits) = words.get("logits") {
                trace.record(PREDICTION_LOGITS, logits);
            }
        }
        if let Some(predicted) = &self.predicted
            && encoded.image > 0
            && (trace.wants(PREDICTED_FEATURES) || trace.wants(OBJECT_LOGITS))
        {
            let units = encoded.hidden.narrow(1, 1, encoded.image - 1)?.contiguous()?;
            let dense = predicted.norm.forward(&predicted.dense.forward(&units, Activation::Gelu)?)?;
            trace.record(PREDICTED_FEATURES, &predicted.last.forward(&dense, Activation::Identity)?);
            if let Some(objects) = &predicted.objects {
                trace.record(OBJECT_LOGITS, &objects.forward(&dense, Activation::Identity)?);
            }
        }
        Ok(())
    }

    /// Embeddings of texts and of images, each encoded alone, and the similarities of all with all.
    fn record_alone(&self, input: &UnimoInput, pass: Pass<'_>, trace: &mut Trace) -> Result<(), ModelError> {
        let similarities = trace.wants("logits");
        let states = || Trace::new(TapSelection::named([STATES]));
        let (mut text, mut image) = (None, None);
        if similarities || trace.wants(TEXT) {
            let alone = UnimoInput { image: None, ..input.clone() };
            text = Some(unit_length(&self.pool_text(&self.encode(&alone, pass, &mut states())?)?)?);
        }
        if similarities || trace.wants(IMAGE) {
            let alone = UnimoInput { text: None, ..input.clone() };
            image = Some(unit_length(&self.pool_image(&self.encode(&alone, pass, &mut states())?)?)?);
        }
        for (tap, embedding) in [(TEXT, &text), (IMAGE, &image)] {
            if let Some(embedding) = embedding {
                trace.record(tap, embedding);
            }
        }
        if let (true, Some(text), Some(image), Some(factor)) = (similarities, text, image, self.factor()?) {
            trace.record("logits", &image.matmul(&text.t()?)?.broadcast_mul(&factor)?);
        }
        Ok(())
    }

    fn record_embedding(&self, tap: &str, pooled: &Tensor, trace: &mut Trace) -> Result<(), ModelError> {
        if trace.wants(tap) && self.classifier.is_none() {
            trace.record(tap, &unit_length(pooled)?);
        }
        Ok(())
    }
}

/// Rows of length one, and zeros of rows of zeros.
fn unit_length(rows: &Tensor) -> Result<Tensor, ModelError> {
    let length = (rows.sqr()?.sum_keepdim(D::Minus1)? + TINY)?.sqrt()?;
    Ok(rows.broadcast_div(&length)?)
}
