//! The network.

use std::sync::Arc;

use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::ops::{self, Activation};
use alambic_tensor::parameters::Weights;
use alambic_tensor::{Streams, device};

use super::config::{CODE_COUNTS, CODE_SUMS, CODES, ImageTokenizerConfig, Quantizer};
use super::convolution::{Convolution, ResidualBlock, Upsampling};
use crate::layers::WeightSource;
use crate::{Images, Initialiser, ModelError, TapSelection, Trace};

/// What goes on from the encoder's outputs to the decoder.
#[derive(Debug, Clone, Copy)]
pub enum Coding<'a> {
    /// The vectors of the codes, past which gradients go straight to the encoder.
    Codes,
    /// The outputs themselves, as long as there are no codes yet.
    Outputs,
    /// The mean of all codes under the softmax of `(logits + noise) / temperature`, with noise of Gumbel's distribution: a relaxed
    /// sample (Jang et al., 2017).
    Relaxed {
        /// At 0 a sample would be one code.
        temperature: f64,
        /// A number for each logit.
        noise: &'a Tensor,
    },
}

/// A tokenizer of images over given weights.
#[derive(Debug, Clone)]
pub struct ImageTokenizer {
    config: ImageTokenizerConfig,
    halving: Vec<Convolution>,
    encoder_blocks: Vec<ResidualBlock>,
    latents: Convolution,
    codes: Tensor,
    widening: Option<Convolution>,
    decoder_blocks: Vec<ResidualBlock>,
    doubling: Vec<Upsampling>,
    colours: Convolution,
}

impl ImageTokenizer {
    /// Builds the model over weights named as [`ImageTokenizerConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &ImageTokenizerConfig, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        // First, so that a codebook of another width is called by its name.
        let codes = source.tensor(CODES, &[config.num_tokens, config.codebook_dim])?;
        let (width, layers, blocks) = (config.hidden_size, config.num_layers, config.num_resnet_blocks);
        let halving = (0..layers).map(|layer| {
            let inputs = if layer == 0 { config.num_channels } else { width };
            Convolution::load_halving(source, &format!("encoder.{layer}.0"), [inputs, width])
        });
        let encoder_blocks = (0..blocks)
            .map(|index| ResidualBlock::load(source, &format!("encoder.{}", layers + index), width));
        let latents = format!("encoder.{}", layers + blocks);
        let start = config.decoder_start();
        let decoder_blocks = (0..blocks)
            .map(|index| ResidualBlock::load(source, &format!("decoder.{}", start + index), width));
        let doubling = (0..layers).map(|layer| {
            let inputs = if layer == 0 { config.upsampled_width() } else { width };
            Upsampling::load(source, &format!("decoder.{}.0", start + blocks + layer), [inputs, width])
        });
        let widening = (blocks > 0)
            .then(|| Convolution::load(source, "decoder.0", [config.codebook_dim, 1, width]))
            .transpose()?;
        let colours = format!("decoder.{}", start + blocks + layers);
        Ok(Self {
            halving: halving.collect::<Result<_, _>>()?,
            encoder_blocks: encoder_blocks.collect::<Result<_, _>>()?,
            latents: Convolution::load(source, &latents, [width, 1, config.latent_width()])?,
            codes,
            widening,
            decoder_blocks: decoder_blocks.collect::<Result<_, _>>()?,
            doubling: doubling.collect::<Result<_, _>>()?,
            colours: Convolution::load(source, &colours, [width, 1, config.num_channels])?,
            config: config.clone(),
        })
    }

    /// Initial weights: matrices normal with the deviation that keeps the size of what goes through them (He et al., 2015), zero
    /// biases, codes normal with a deviation of one, counts and sums of none.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(config: &ImageTokenizerConfig, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = config.shapes();
        let mut initialiser = Initialiser::new(streams);
        let mut weights = Weights::new();
        for (name, shape) in &shapes {
            if [CODE_COUNTS, CODE_SUMS].contains(&name.as_str()) {
                let zeros = Tensor::zeros(shape.as_slice(), DType::F32, device::current())?;
                weights.insert(name.clone(), zeros);
                continue;
            }
            let inputs = match shape.as_slice() {
                _ if name == CODES => 2,
                // Of a transposed convolution: each pixel lies in four squares.
                [inputs, _, kernel, _] if name.starts_with("decoder") && *kernel > 3 => inputs * 4,
                [_, rest @ ..] => rest.iter().product::<usize>().max(1),
                [] => 1,
            };
            let deviation = (2.0 / inputs as f64).sqrt();
            weights.extend(initialiser.fill(&shapes, [name], deviation)?);
        }
        Ok(weights)
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ImageTokenizerConfig {
        &self.config
    }

    /// What the encoder gives of images, `[batch, places, width]`; logits in a discrete VAE.
    ///
    /// # Errors
    /// When the images are of another size.
    pub fn latents(&self, images: &Images) -> Result<Tensor, ModelError> {
        let (batch, channels, height, width) = images.pixels.dims4()?;
        let (side, own) = (self.config.image_size, self.config.num_channels);
        if [channels, height, width] != [own, side, side] || images.mask.is_some() {
            return Err(ModelError::Input(format!(
                "images of {width} by {height} pixels and {channels} colours do not fit this image tokenizer, which reads {side} by {side} and {own}"
            )));
        }
        let mut grid = images.pixels.permute((0, 2, 3, 1))?.contiguous()?;
        for halving in &self.halving {
            grid = halving.forward(&grid, Activation::Relu)?;
        }
        for block in &self.encoder_blocks {
            grid = block.forward(&grid)?;
        }
        let latents = self.latents.forward(&grid, Activation::Identity)?;
        Ok(latents.reshape((batch, self.config.places(), self.config.latent_width()))?)
    }

    /// The code of each place, row by row: the nearest one, or the one with the highest logit; of several the first.
    ///
    /// # Errors
    /// When the latents have another width.
    pub fn tokens(&self, latents: &Tensor) -> Result<Vec<u32>, ModelError> {
        let rows = latents.detach().reshape(((), latents.dim(D::Minus1)?))?;
        let scores = match self.config.quantizer {
            Quantizer::Dvae => rows,
            Quantizer::Vq => {
                // |x - e|² = |x|² - 2 (x·e - |e|²/2)
                let codes = self.codes.detach();
                let halves = (codes.sqr()?.sum(1)? * 0.5)?;
                rows.matmul(&codes.t()?)?.broadcast_sub(&halves)?
            }
        };
        Ok(scores.argmax(D::Minus1)?.to_vec1()?)
    }

    /// The vectors of tokens, `[batch, places, width]`.
    ///
    /// # Errors
    /// When there are not as many as so many images have, or one is no code.
    pub fn look_up(&self, tokens: &[u32], batch: usize) -> Result<Tensor, ModelError> {
        let (places, codes) = (self.config.places(), self.config.num_tokens);
        if tokens.len() != batch * places {
            return Err(ModelError::Input(format!(
                "{} tokens are not those of {batch} images, which have {places} each",
                tokens.len()
            )));
        }
        if let Some(beyond) = tokens.iter().find(|&&token| token as usize >= codes) {
            return Err(ModelError::Input(format!(
                "there is no image token {beyond}: the codebook has {codes}, from 0 to {}",
                codes.saturating_sub(1)
            )));
        }
        let rows = ops::embed(&self.codes, &Arc::new(tokens.to_vec()), batch, 1.0, None)?;
        Ok(rows.reshape((batch, places, self.config.codebook_dim))?)
    }

    /// Images `[batch, channels, side, side]` of vectors of places, `[batch, places, width]`: of codes, or of what stands for them.
    ///
    /// # Errors
    /// When the vectors have another width, or are not those of whole images.
    pub fn decode(&self, vectors: &Tensor) -> Result<Tensor, ModelError> {
        let (batch, places, width) = vectors.dims3()?;
        let (grid, own) = (self.config.grid(), self.config.codebook_dim);
        if places != self.config.places() || width != own {
            return Err(ModelError::Input(format!(
                "{places} vectors of {width} numbers do not fit the decoder of this image tokenizer, which reads {} of {own}",
                self.config.places()
            )));
        }
        let mut grid = vectors.reshape((batch, grid, grid, width))?;
        if let Some(widening) = &self.widening {
            grid = widening.forward(&grid, Activation::Identity)?;
        }
        for block in &self.decoder_blocks {
            grid = block.forward(&grid)?;
        }
        for doubling in &self.doubling {
            grid = doubling.forward(&grid)?;
        }
        let colours = self.colours.forward(&grid, Activation::Identity)?;
        Ok(colours.permute((0, 3, 1, 2))?.contiguous()?)
    }

    /// One forward pass over images that reads the wanted taps.
    ///
    /// # Errors
    /// When the images are of another size, or noise or coding do not fit the model.
    pub fn trace(
        &self,
        images: &Images,
        coding: Coding<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let latents = self.latents(images)?;
        trace.record("latents", &latents);
        let batch = latents.dim(0)?;
        let decoded = trace.wants("reconstruction");
        let is_relaxed = matches!(coding, Coding::Relaxed { .. });
        if !decoded && !trace.wants("tokens") && !trace.wants("quantized") {
            return Ok(trace);
        }
        let tokens = self.tokens(&latents)?;
        if trace.wants("tokens") {
            let numbers: Vec<f32> = tokens.iter().map(|&token| token as f32).collect();
            let numbers = Tensor::from_vec(numbers, (batch, self.config.places()), device::current())?;
            trace.record("tokens", &numbers);
        }
        let quantized = self.look_up(&tokens, batch)?;
        if !is_relaxed {
            trace.record("quantized", &quantized);
        }
        let goes_on = match (coding, self.config.quantizer) {
            (Coding::Codes, Quantizer::Vq) => (&latents + (quantized.detach() - latents.detach())?)?,
            (Coding::Codes, Quantizer::Dvae) => quantized,
            (Coding::Outputs, Quantizer::Vq) => latents,
            (Coding::Relaxed { temperature, noise }, Quantizer::Dvae) => {
                let sample = ops::softmax(&((&latents + noise)? / temperature)?, None)?;
                let codes = self.codes.t()?.contiguous()?;
                let mean = ops::linear(&sample, &codes, None, Activation::Identity)?;
                trace.record("quantized", &mean);
                mean
            }
            (Coding::Outputs, Quantizer::Dvae) | (Coding::Relaxed { .. }, Quantizer::Vq) => {
                return Err(ModelError::Configuration(
                    "codes are relaxed in a dvae, and outputs go on in a vq".into(),
                ));
            }
        };
        if decoded {
            trace.record("reconstruction", &self.decode(&goes_on)?);
        }
        Ok(trace)
    }
}
