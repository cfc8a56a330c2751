//! Tokens of images, and images of tokens.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Raster;
use alambic_models::image_tokenizer::{ImageTokenizer, ImageTokenizerConfig};
use alambic_models::{Config, ImageNormalization, Images, ModelError, ModelFolder};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;

use crate::InferenceError;
use crate::batches::in_batches;

/// Images in a forward pass.
const BATCH: usize = 32;

/// A tokenizer of images.
#[derive(Debug, Clone)]
pub struct ImageTokenizerPipeline {
    network: ImageTokenizer,
}

impl ImageTokenizerPipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture makes no tokens of images.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let Config::ImageTokenizer(own) = &config else {
            return Err(InferenceError::Unsupported(format!(
                "{}: an image tokenizer is needed, and this is a {}",
                path.display(),
                config.model_type()
            )));
        };
        Self::new(own, &config.weights(&folder)?)
    }

    /// Pipeline over weights in memory.
    ///
    /// # Errors
    /// When they do not fit the configuration.
    pub fn new(config: &ImageTokenizerConfig, weights: &Weights) -> Result<Self, InferenceError> {
        let network = ImageTokenizer::new(config, weights)?;
        Ok(Self { network })
    }

    /// Configuration of the network.
    #[must_use]
    pub fn config(&self) -> &ImageTokenizerConfig {
        self.network.config()
    }

    /// Pixels of images as the network reads them.
    ///
    /// # Errors
    /// When an image is of another size than the network reads.
    pub fn pixels(config: &ImageTokenizerConfig, images: &[&Raster]) -> Result<Images, InferenceError> {
        let side = config.image_size;
        if let Some(image) = images.iter().find(|image| (image.width, image.height) != (side, side)) {
            return Err(ModelError::Input(format!(
                "an image of {} by {} pixels does not fit an image tokenizer that reads {side} by {side}",
                image.width, image.height
            ))
            .into());
        }
        let rgb: Vec<(usize, usize, &[u8])> =
            images.iter().map(|image| (image.width, image.height, image.rgb.as_slice())).collect();
        Ok(Images::of_rgb(&rgb, ImageNormalization::VILT)?)
    }

    /// The tokens of each image, row by row.
    ///
    /// # Errors
    /// When an image is of another size.
    pub fn encode(&self, images: &[&Raster]) -> Result<Vec<Vec<u32>>, InferenceError> {
        encode(&self.network, images)
    }

    /// The image of each row of tokens.
    ///
    /// # Errors
    /// When there are not as many as an image has, or one is no code.
    pub fn decode(&self, tokens: &[&[u32]]) -> Result<Vec<Raster>, InferenceError> {
        decode(&self.network, tokens)
    }
}

/// The image that a network makes of each row of tokens.
pub(crate) fn decode(network: &ImageTokenizer, tokens: &[&[u32]]) -> Result<Vec<Raster>, InferenceError> {
    let side = network.config().image_size;
    let made = in_batches(
        tokens,
        |_| 0,
        BATCH,
        |batch| {
            let mut vectors = Vec::with_capacity(batch.len());
            for &index in batch {
                vectors.push(network.look_up(tokens[index], 1)?);
            }
            let vectors = Tensor::cat(&vectors, 0).map_err(ModelError::from)?;
            colours(&network.decode(&vectors)?, side)
        },
    )?;
    Ok(made.into_iter().map(|rgb| raster(side, rgb)).collect())
}

/// The tokens of each image by a network, row by row.
pub(crate) fn encode(network: &ImageTokenizer, images: &[&Raster]) -> Result<Vec<Vec<u32>>, InferenceError> {
    let config = network.config();
    in_batches(
        images,
        |_| 0,
        BATCH,
        |batch| {
            let images: Vec<&Raster> = batch.iter().map(|&index| images[index]).collect();
            let pixels = ImageTokenizerPipeline::pixels(config, &images)?;
            let tokens = network.tokens(&network.latents(&pixels)?)?;
            Ok(tokens.chunks(config.places().max(1)).map(<[u32]>::to_vec).collect())
        },
    )
}

/// The bytes of images of a side, of colours from -1 to 1, `[images, 3, side, side]`.
pub(crate) fn colours(images: &Tensor, side: usize) -> Result<Vec<Vec<u8>>, InferenceError> {
    let made: Vec<f32> = images.flatten_all().and_then(|made| made.to_vec1()).map_err(ModelError::from)?;
    Ok(made.chunks((3 * side * side).max(1)).map(interleaved).collect())
}

/// A square image of its bytes.
pub(crate) fn raster(side: usize, rgb: Vec<u8>) -> Raster {
    Raster { width: side, height: side, rgb: Arc::new(rgb) }
}

/// Colours from -1 to 1, a plane each, as bytes that stand together for each pixel.
fn interleaved(planes: &[f32]) -> Vec<u8> {
    let pixels = planes.len() / 3;
    let byte = |value: f32| ((value + 1.0) * 127.5).round().clamp(0.0, 255.0) as u8;
    (0..pixels).flat_map(|pixel| [0, 1, 2].map(|colour| byte(planes[colour * pixels + pixel]))).collect()
}

#[cfg(test)]
mod tests {
    use alambic_models::image_tokenizer::{CodebookLearning, Quantizer};
    use alambic_tensor::Streams;

    use super::*;

    fn pipeline() -> ImageTokenizerPipeline {
        let config = ImageTokenizerConfig {
            image_size: 8,
            num_channels: 3,
            hidden_size: 6,
            num_layers: 1,
            num_resnet_blocks: 1,
            num_tokens: 5,
            codebook_dim: 3,
            quantizer: Quantizer::Vq,
            codebook_learning: CodebookLearning::Averages,
            vocab_size: 0,
        };
        let weights = ImageTokenizer::initial_weights(&config, &Streams::new(2)).unwrap();
        ImageTokenizerPipeline::new(&config, &weights).unwrap()
    }

    fn image(side: usize, step: usize) -> Raster {
        let rgb = (0..side * side * 3).map(|place| (place * step % 256) as u8).collect();
        Raster { width: side, height: side, rgb: Arc::new(rgb) }
    }

    #[test]
    fn images_have_as_many_tokens_as_places_and_tokens_an_image_of_their_size() {
        let pipeline = pipeline();
        let (one, other) = (image(8, 7), image(8, 31));
        let tokens = pipeline.encode(&[&one, &other]).unwrap();
        assert_eq!(tokens.iter().map(Vec::len).collect::<Vec<_>>(), [16, 16]);
        assert!(tokens.iter().flatten().all(|&token| token < 5));
        let rows: Vec<&[u32]> = tokens.iter().map(Vec::as_slice).collect();
        let made = pipeline.decode(&rows).unwrap();
        assert_eq!((made[1].width, made[1].height, made[1].rgb.len()), (8, 8, 192));
        // One at a time they are the same.
        assert_eq!(pipeline.decode(&rows[1..]).unwrap()[0], made[1]);
        assert_eq!(pipeline.encode(&[&other]).unwrap()[0], tokens[1]);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let pipeline = pipeline();
        let error = pipeline.encode(&[&image(9, 3)]).unwrap_err().to_string();
        assert!(error.contains("9 by 9") && error.contains("8 by 8"), "{error}");
        let error = pipeline.decode(&[&[0; 15]]).unwrap_err().to_string();
        assert!(error.contains("15 tokens"), "{error}");
        let mut tokens = [0; 16];
        tokens[3] = 5;
        let error = pipeline.decode(&[&tokens]).unwrap_err().to_string();
        assert!(error.contains("no image token 5") && error.contains("from 0 to 4"), "{error}");
    }

    #[test]
    fn colours_are_rounded_and_held_within_their_range() {
        assert_eq!(interleaved(&[-1.0, 3.0, 0.0, 1.0, -7.0, 0.5]), [0, 128, 0, 255, 255, 191]);
    }
}
