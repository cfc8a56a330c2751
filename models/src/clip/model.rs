//! The network.

use alambic_tensor::Streams;
use alambic_tensor::candle::{D, Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{Activation, AttentionMask};
use alambic_tensor::parameters::Weights;

use super::{ClipConfig, ImageTower};
use crate::initialise::deviation;
use crate::layers::{
    Encoder, Linear, Norm, Pass, Sequences, TextEmbeddings, TextTables, WeightSource, counted_positions,
};
use crate::{Initialiser, ModelError, Patches, TapSelection, Tokens, Trace};

/// Input of CLIP: texts, images, or both, in any number, each compared with each.
#[derive(Debug, Clone)]
pub struct ClipInput {
    /// The tokens of each text.
    pub tokens: Option<Tokens>,
    /// The patches of each image.
    pub patches: Option<Patches>,
}

/// A CLIP model over given weights.
#[derive(Debug, Clone)]
pub struct Clip {
    config: ClipConfig,
    words: TextEmbeddings,
    text: Encoder,
    text_norm: Norm,
    text_projection: Linear,
    image: ImageTower,
    image_projection: Linear,
    /// The logarithm of the factor on similarities.
    scale: Tensor,
}

/// Taps of tokens and of patches in the space of the embeddings.
const TEXT_TOKENS: &str = "text.tokens";
const IMAGE_PATCHES: &str = "image.patches";

/// The logarithm of 1 / 0.07, where training begins (Radford et al., 2021, section 2.5).
const INITIAL_SCALE: f32 = 2.6592;

impl Clip {
    /// Builds the model over weights named as [`ClipConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &ClipConfig, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        let (text, vision) = (&config.text_config, &config.vision_config);
        let (width, wide) = (text.hidden_size, vision.hidden_size);
        let text_embedding = |name: &str| format!("text_model.embeddings.{name}_embedding.weight");
        let tables = TextTables {
            words: (text_embedding("token"), text.vocab_size),
            positions: Some((text_embedding("position"), text.max_position_embeddings)),
            segments: None,
            languages: None,
        };
        let tower = text.tower();
        let layers: Vec<_> = (0..tower.layers).map(|index| tower.layer(index)).collect();
        Ok(Self {
            words: TextEmbeddings::load(source, &tables, width)?,
            text: Encoder::load(source, &layers, &tower.sizes()?, "text")?,
            text_norm: Norm::load(source, "text_model.final_layer_norm", width, text.layer_norm_eps)?,
            text_projection: Linear::load_matrix(source, "text_projection", width, config.projection_dim)?,
            image: ImageTower::load(source, vision)?,
            image_projection: Linear::load_matrix(source, "visual_projection", wide, config.projection_dim)?,
            scale: source.tensor("logit_scale", &[])?,
            config: config.clone(),
        })
    }

    /// Initial weights: tables and matrices normal, zero biases, norms of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &ClipConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let (width, mut initialiser) = (config.vision_config.hidden_size, Initialiser::new(streams));
        let mut weights = initialiser.fill(&shapes, shapes.keys(), deviation(width))?;
        weights.insert("logit_scale".into(), Tensor::new(INITIAL_SCALE, device::current())?);
        let (name, class) = config.vision_config.initial_class(&mut initialiser)?;
        weights.insert(name, class);
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ClipConfig {
        &self.config
    }

    /// One forward pass that reads the wanted taps. A tower of which nothing is wanted does not run.
    ///
    /// # Errors
    /// When text or image do not fit the model, or what a wanted tap needs is not there.
    pub fn trace(
        &self,
        input: &ClipInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let text = match &input.tokens {
            Some(tokens) if is_wanted(&trace, "text") => Some(self.read_texts(tokens, pass, &mut trace)?),
            _ => None,
        };
        let image = match &input.patches {
            Some(patches) if is_wanted(&trace, "image") => Some(self.read_images(patches, pass, &mut trace)?),
            _ => None,
        };
        if let (true, Some(text), Some(image)) = (trace.wants("logits"), text, image) {
            let similarities = image.matmul(&text.t()?)?;
            trace.record("logits", &similarities.broadcast_mul(&self.scale.exp()?)?);
        }
        Ok(trace)
    }

    /// Embeddings of texts, `[batch, projection]`, of length one.
    fn read_texts(&self, tokens: &Tokens, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        trace.record_mask("text", &tokens.mask);
        let positions = counted_positions(tokens, self.config.text_config.max_position_embeddings)?;
        let last = self.last_tokens(tokens);
        // What stands for a text may be padding.
        let sequences = if last.iter().all(|&place| tokens.mask[place as usize] != 0) {
            Sequences::new(&tokens.mask, tokens.batch, trace.wanted())?
        } else {
            Sequences::padded(&tokens.mask, tokens.batch)
        };
        let embedded = self.words.sum(tokens, &sequences, &positions, [None, None])?;
        let mask = AttentionMask { causal: true, ..sequences.attention() };
        let depth = self.config.text_config.num_hidden_layers;
        let hidden = self.text.forward(embedded, (&sequences, &mask), depth, pass, trace)?;
        if trace.wants(TEXT_TOKENS) {
            let tokens =
                self.text_projection.forward(&self.text_norm.forward(&hidden)?, Activation::Identity)?;
            sequences.record(TEXT_TOKENS, &tokens, trace)?;
        }
        let last = Tensor::new(last.as_slice(), device::current())?;
        let last = sequences.pad(&hidden)?.flatten_to(1)?.index_select(&last, 0)?;
        let projected =
            self.text_projection.forward(&self.text_norm.forward(&last)?, Activation::Identity)?;
        let embedding = unit_length(&projected)?;
        trace.record("text.embedding", &embedding);
        Ok(embedding)
    }

    /// The token of each text whose state stands for it, as an index into `[batch * length]`: the first end of a text.
    fn last_tokens(&self, tokens: &Tokens) -> Vec<u32> {
        let end = self.config.text_config.eos_token_id;
        let row = |(row, ids): (usize, &[u32])| {
            let place = if end == 2 {
                let highest = ids.iter().max();
                ids.iter().position(|id| Some(id) == highest)
            } else {
                ids.iter().position(|&id| id == end)
            };
            (row * tokens.length + place.unwrap_or(0)) as u32
        };
        tokens.ids.chunks(tokens.length.max(1)).enumerate().map(row).collect()
    }

    /// Embeddings of images, `[batch, projection]`, of length one.
    fn read_images(
        &self,
        patches: &Patches,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let embedding = unit_length(&self.project(patches, pass, trace)?)?;
        trace.record("image.embedding", &embedding);
        Ok(embedding)
    }

    /// The same before they are brought to length one.
    pub(super) fn project(
        &self,
        patches: &Patches,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let states = self.image.forward(patches, pass, trace)?;
        if trace.wants(IMAGE_PATCHES) {
            trace.record(IMAGE_PATCHES, &self.image.projected_patches(&states, &self.image_projection)?);
        }
        let pooled = self.image.class_state(&states)?;
        self.image_projection.forward(&pooled, Activation::Identity)
    }
}

/// Whether anything is wanted of a tower.
fn is_wanted(trace: &Trace, tower: &str) -> bool {
    match trace.wanted().names() {
        None => true,
        Some(names) => names
            .iter()
            .any(|name| name == "logits" || name.split_once('.').is_some_and(|(own, _)| own == tower)),
    }
}

fn unit_length(rows: &Tensor) -> Result<Tensor, ModelError> {
    Ok(rows.broadcast_div(&rows.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?)?)
}
