//! Retrieval of images by texts, and of texts by images.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelError, Pass, TapSelection, Tokenizer, Trace};
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;

use crate::batches::{rows_in_batches, rows_of};
use crate::images::image_processor::ImageProcessor;
use crate::images::processed_image::ProcessedImage;
use crate::{InferenceError, LoadedModel};

/// Texts or images in a forward pass.
const BATCH: usize = 32;

/// Added to squared lengths, so that a state of zeros stays one.
const TINY: f64 = 1e-24;

/// Dual encoder with its tokenizer and image processor, which embeds texts and images in one space.
pub struct RetrievalPipeline {
    network: Arc<dyn Architecture>,
    /// Truncates.
    tokenizer: Tokenizer,
    image_processor: ImageProcessor,
    padding: u32,
    /// Tokens of a text for which there are positions.
    max_length: usize,
    /// Layers whose states of patches can be read.
    patch_layers: usize,
    /// States before those of patches: that of a class token, where there is one.
    class_tokens: usize,
}

impl RetrievalPipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not embed texts and images in one space.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model.
    ///
    /// # Errors
    /// When the architecture does not embed texts and images in one space.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        Self::new(model.config(), Arc::clone(model.network()), model.tokenizer())
    }

    /// Pipeline over a network in memory.
    ///
    /// # Errors
    /// When the architecture does not embed texts and images in one space, or the special tokens alone are longer than its
    /// texts.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
    ) -> Result<Self, InferenceError> {
        if !config.outline().pairs {
            return Err(InferenceError::Unsupported(format!(
                "a {} does not embed texts and images in one space, as CLIP does",
                config.model_type()
            )));
        }
        let max_length = config.max_length();
        tokenizer.check_rows(config.vocabulary())?;
        let tokenizer = tokenizer.with_max_length(max_length)?;
        let image_processor = ImageProcessor::new(config, None)?;
        let outline = config.outline();
        let images = outline.streams.get("image").filter(|stream| stream.hidden);
        Ok(Self {
            network,
            tokenizer,
            image_processor,
            padding: config.padding(),
            max_length,
            patch_layers: images.map_or(0, |stream| stream.layers),
            class_tokens: usize::from(matches!(config, Config::Clip(_))),
        })
    }

    /// Whether a text has more tokens than the pipeline reads.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn is_truncated(&self, text: &str) -> Result<bool, InferenceError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The same pipeline, which truncates texts to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn with_max_length(self, max_length: usize) -> Result<Self, InferenceError> {
        let tokenizer = self.tokenizer.with_max_length(max_length.min(self.max_length))?;
        Ok(Self { tokenizer, ..self })
    }

    /// Image processor.
    #[must_use]
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// Embeddings of texts, `[texts, width]`, of length one.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn embed_texts<S: AsRef<str>>(&self, texts: &[S]) -> Result<Tensor, InferenceError> {
        self.embed(texts, "text.embedding", |texts| {
            let encoded = texts.iter().map(|text| self.tokenizer.encode_text(text.as_ref(), None));
            let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
            let text = TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.padding);
            Ok(Batch { text: Some(text), ..Batch::default() })
        })
    }

    /// Embeddings of images, `[images, width]`, of length one.
    ///
    /// # Errors
    /// When an image was processed for another model.
    pub fn embed_images(&self, images: &[&ProcessedImage]) -> Result<Tensor, InferenceError> {
        self.embed(images, "image.embedding", |images| {
            let (image, regions) = self.image_processor.batch(images, None)?;
            Ok(Batch { image, regions, ..Batch::default() })
        })
    }

    /// Vectors of images as they are projected, before they are brought to length one: those of [`Self::embed_images`] where the
    /// architecture gives no others.
    ///
    /// # Errors
    /// When an image was processed for another model.
    pub fn project_images(&self, images: &[&ProcessedImage]) -> Result<Vec<Vec<f32>>, InferenceError> {
        rows_in_batches(images, BATCH, |some| {
            let (image, regions) = self.image_processor.batch(some, None)?;
            let projected = image.as_ref().map(|image| self.network.project_images(image)).transpose()?;
            if let Some(projected) = projected.flatten() {
                return Ok(projected.to_vec2().map_err(ModelError::from)?);
            }
            let batch = Batch { image, regions, ..Batch::default() };
            let wanted = TapSelection::named(["image.embedding"]);
            rows_of(&self.network.forward(&batch, Pass::Evaluate, wanted)?, "image.embedding")
        })
    }

    /// How far images are from others of the same size by what the layers make of their patches: for each pair the mean over layers
    /// and patches of the squared distance between both states, each brought to length one; from 0 to 4. It is the distance of Zhang
    /// et al. (2018) without learnt weights, of this network's states.
    ///
    /// None where the architecture gives no states of patches.
    ///
    /// # Errors
    /// When an image was processed for another model.
    pub fn patch_state_distances(
        &self,
        pairs: &[[&ProcessedImage; 2]],
    ) -> Result<Option<Vec<f64>>, InferenceError> {
        if self.patch_layers == 0 {
            return Ok(None);
        }
        let taps: Vec<String> =
            (1..=self.patch_layers).map(|layer| format!("image.hidden.{layer}")).collect();
        let states = |images: Vec<&ProcessedImage>| -> Result<Trace, InferenceError> {
            let (image, regions) = self.image_processor.batch(&images, None)?;
            let batch = Batch { image, regions, ..Batch::default() };
            Ok(self.network.forward(&batch, Pass::Evaluate, TapSelection::named(&taps))?)
        };
        let rows = rows_in_batches(pairs, BATCH, |some| {
            let (one, other) = (
                states(some.iter().map(|own| own[0]).collect())?,
                states(some.iter().map(|own| own[1]).collect())?,
            );
            let mut sums = vec![0.0; some.len()];
            for tap in &taps {
                let missing = || InferenceError::Unsupported(format!("the model has no tap `{tap}`"));
                let both = [one.get(tap).ok_or_else(missing)?, other.get(tap).ok_or_else(missing)?];
                let distances = distances(both, self.class_tokens).map_err(ModelError::from)?;
                sums.iter_mut().zip(distances).for_each(|(sum, own)| *sum += own / taps.len() as f32);
            }
            Ok(sums.into_iter().map(|sum| vec![sum]).collect())
        })?;
        Ok(Some(rows.concat().into_iter().map(f64::from).collect()))
    }

    fn embed<T>(
        &self,
        all: &[T],
        tap: &str,
        batch: impl Fn(&[T]) -> Result<Batch, InferenceError>,
    ) -> Result<Tensor, InferenceError> {
        let rows = rows_in_batches(all, BATCH, |some| {
            let trace = self.network.forward(&batch(some)?, Pass::Evaluate, TapSelection::named([tap]))?;
            rows_of(&trace, tap)
        })?;
        Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
    }
}

/// Of each image of a batch the mean over its states, `[batch, states, width]`, of the squared distance to those of another, each brought
/// to length one; the first states may be left out.
fn distances(both: [&Tensor; 2], left_out: usize) -> alambic_tensor::candle::Result<Vec<f32>> {
    let [one, other] = both.map(|states| {
        let states = states.to_dtype(DType::F32)?;
        let states = states.narrow(1, left_out, states.dim(1)?.saturating_sub(left_out))?;
        states.broadcast_div(&(states.sqr()?.sum_keepdim(D::Minus1)? + TINY)?.sqrt()?)
    });
    (one? - other?)?.sqr()?.sum(D::Minus1)?.mean(1)?.to_vec1()
}

/// Nearest neighbours by cosine: for each row of `[queries, width]` the places of at most `max_results` rows of
/// `[candidates, width]`, all of length one, the nearest first and of equally near ones the first.
///
/// # Errors
/// When the widths differ.
pub fn nearest_neighbours(
    queries: &Tensor,
    candidates: &Tensor,
    max_results: usize,
) -> Result<Vec<Vec<usize>>, InferenceError> {
    let similarities = candidates.t().and_then(|candidates| queries.matmul(&candidates));
    let rows =
        similarities.and_then(|similarities| similarities.to_vec2::<f32>()).map_err(ModelError::from)?;
    let ranked = |row: Vec<f32>| {
        let mut places: Vec<usize> = (0..row.len()).collect();
        let nearer = |a: &usize, b: &usize| row[*b].total_cmp(&row[*a]).then(a.cmp(b));
        if max_results < places.len() {
            places.select_nth_unstable_by(max_results, nearer);
            places.truncate(max_results);
        }
        places.sort_unstable_by(nearer);
        places
    };
    Ok(rows.into_iter().map(ranked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    #[test]
    fn neighbours_are_sorted_by_similarity_and_then_by_place() {
        let rows =
            |values: &[f32]| Tensor::from_vec(values.to_vec(), (values.len() / 2, 2), &Device::Cpu).unwrap();
        let candidates = rows(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 1.0, 0.0]);
        let found = nearest_neighbours(&rows(&[1.0, 0.0, 0.0, 1.0]), &candidates, 3).unwrap();
        assert_eq!(found, [[0, 3, 2], [1, 2, 0]]);
        assert_eq!(nearest_neighbours(&rows(&[0.0, 1.0]), &candidates, 9).unwrap(), [[1, 2, 0, 3]]);
    }

    #[test]
    fn distance_is_the_mean_of_squares_between_states_of_length_one() {
        // A class token, and two patches of two numbers.
        let states = |values: [f32; 6]| Tensor::from_vec(values.to_vec(), (1, 3, 2), &Device::Cpu).unwrap();
        let one = states([9.0, 9.0, 2.0, 0.0, 0.0, 5.0]);
        let other = states([0.0, 1.0, 0.0, 3.0, 0.0, 0.1]);
        // At right angles 2, and in one direction 0.
        let found = distances([&one, &other], 1).unwrap();
        assert!((found[0] - 1.0).abs() < 1e-6, "{found:?}");
        let opposite = distances([&one, &one.neg().unwrap()], 0).unwrap();
        assert!((opposite[0] - 4.0).abs() < 1e-6, "{opposite:?}");
        let empty = states([0.0; 6]);
        assert_eq!(distances([&empty, &empty], 0).unwrap(), [0.0]);
    }
}
