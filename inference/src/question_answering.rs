//! Visual question answering: questions about images, by fusion encoders and dual encoders.

use std::path::Path;
use std::sync::Arc;

use alambic_data::WeightedBox;
use alambic_models::architecture::{Architecture, Batch, Image};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelError, Pass, TapSelection, Tokenizer, Trace, tap};
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops;

use crate::batches::{rows_in_batches, rows_of};
use crate::images::image_processor::ImageProcessor;
use crate::images::processed_image::ProcessedImage;
use crate::{InferenceError, LoadedModel};

/// Questions or images in a forward pass.
const BATCH: usize = 32;

/// Model with its tokenizer and image processor, which answers questions about images.
pub struct VisualQuestionAnsweringPipeline {
    config: Config,
    network: Arc<dyn Architecture>,
    /// Truncates.
    tokenizer: Tokenizer,
    image_processor: ImageProcessor,
    /// Answers in the order of their ids.
    labels: Vec<String>,
}

/// Tap of an image's embedding.
const EMBEDDING: &str = "image.embedding";

/// Logits of a trace, a row for each question.
fn logits(trace: &Trace) -> Result<Vec<Vec<f32>>, InferenceError> {
    let logits = trace.get("logits").ok_or_else(|| {
        InferenceError::Unsupported("the model has no classification head over answers".into())
    })?;
    Ok(logits.to_vec2::<f32>().map_err(ModelError::from)?)
}

/// The mean over heads and queries of the attention that `queries` `[1, tokens, width]` pay to `keys` `[1, parts, width]`.
fn attention(queries: &Tensor, keys: &Tensor, heads: usize) -> Result<Vec<f32>, candle::Error> {
    let cut = |tensor: &Tensor| {
        let (_, length, width) = tensor.dims3()?;
        tensor.reshape((length, heads, width / heads))?.transpose(0, 1)?.contiguous()
    };
    let (queries, keys) = (cut(queries)?, cut(keys)?);
    let scale = 1.0 / (queries.dim(2)? as f64).sqrt();
    let scores = (queries.matmul(&keys.transpose(1, 2)?)? * scale)?;
    ops::softmax(&scores, None)?.mean(0)?.mean(0)?.to_vec1()
}

/// Images whose embeddings are rows of stored ones.
fn stored_images(embeddings: &Tensor, rows: &[usize]) -> Result<Image, InferenceError> {
    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    let rows = Tensor::new(rows, device::current()).map_err(ModelError::from)?;
    Ok(Image::Embedding(embeddings.index_select(&rows, 0).map_err(ModelError::from)?))
}

/// A question, and the image that it is about.
pub type QuestionInput<'a> = (&'a str, &'a ProcessedImage);

impl VisualQuestionAnsweringPipeline {
    /// Loads a model folder, with the detector that lies in it.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture has no image input.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model, with the detector that lies in its folder.
    ///
    /// # Errors
    /// When the detector is broken, or the architecture has no image input.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        let config = model.config();
        let image_processor = ImageProcessor::load(config, model.folder())?;
        Self::new(config, Arc::clone(model.network()), image_processor, model.tokenizer(), usize::MAX)
    }

    /// Pipeline over a network in memory, which truncates questions to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, InferenceError> {
        tokenizer.check_rows(config.vocabulary())?;
        let tokenizer = tokenizer.with_max_length(max_length.min(config.max_length()))?;
        let labels = config.outline().labels;
        Ok(Self { config: config.clone(), network, tokenizer, image_processor, labels })
    }

    /// Whether a question has more tokens than the pipeline reads.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn is_truncated(&self, text: &str) -> Result<bool, InferenceError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The same pipeline, which truncates questions to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn with_max_length(self, max_length: usize) -> Result<Self, InferenceError> {
        let tokenizer = self.tokenizer.with_max_length(max_length.min(self.config.max_length()))?;
        Ok(Self { tokenizer, ..self })
    }

    /// The same pipeline with these answers where the configuration names none, as those of published LXMERT models do not.
    #[must_use]
    pub fn with_default_labels(self, labels: &[String]) -> Self {
        if self.labels.is_empty() { Self { labels: labels.to_vec(), ..self } } else { self }
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Image processor.
    #[must_use]
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// The wanted taps over questions.
    ///
    /// # Errors
    /// When a question cannot be encoded or an image does not fit the model.
    pub fn trace(
        &self,
        questions: &[QuestionInput<'_>],
        wanted: TapSelection,
    ) -> Result<Trace, InferenceError> {
        // A text about several images stands once for each of them, with its tags.
        let tags = |image: &ProcessedImage| match self.image_processor.second_texts(image) {
            Some(several) => several.into_iter().map(Some).collect(),
            None => vec![self.image_processor.second_text(image)],
        };
        let tags: Vec<Vec<Option<String>>> = questions.iter().map(|(_, image)| tags(image)).collect();
        let texts = questions
            .iter()
            .zip(&tags)
            .flat_map(|((text, _), tags)| tags.iter().map(move |tags| (*text, tags.as_deref())));
        let text = Some(self.encode(texts)?);
        let images: Vec<&ProcessedImage> = questions.iter().map(|(_, image)| *image).collect();
        let (image, regions) = self.image_processor.batch(&images, None)?;
        let batch = Batch { text, image, regions, ..Batch::default() };
        Ok(self.network.forward(&batch, Pass::Evaluate, wanted)?)
    }

    /// Attention of the tokens of a question to each part of the image in the last layer, a mean over tokens and heads, with
    /// the edges of the patch as [`ImageProcessor::patch_boxes`] has them, without what stands before the image's parts. None
    /// where text and image have no layer in common, or the text is read with each of several images.
    ///
    /// # Errors
    /// When the question cannot be encoded or the image does not fit the model.
    pub fn attention_map(
        &self,
        (question, image): QuestionInput<'_>,
    ) -> Result<Option<Vec<WeightedBox>>, InferenceError> {
        // Of several images each would have a map of its own.
        if matches!(image, ProcessedImage::Several(_)) {
            return Ok(None);
        }
        let outline = self.config.outline();
        let (Some(text), Some(parts)) = (outline.streams.get("text"), outline.streams.get("image")) else {
            return Ok(None);
        };
        if text.attention.0 != parts.attention.0 || text.attention.0 == 0 {
            return Ok(None);
        }
        let last = text.attention.0 - 1;
        let taps = [tap("text", "queries", last), tap("image", "keys", last)];
        let trace = self.trace(&[(question, image)], TapSelection::named(taps.iter().cloned()))?;
        let [Some(queries), Some(keys)] = taps.map(|tap| trace.get(&tap).cloned()) else { return Ok(None) };
        let weights = attention(&queries, &keys, text.heads).map_err(ModelError::from)?;
        let parts = self.image_processor.patch_boxes(image);
        let before = weights.len().saturating_sub(parts.len());
        Ok(Some(weights.into_iter().skip(before).zip(parts).collect()))
    }

    /// Embeddings of images by the image tower of a dual encoder, `[images, width]`, which serve any question; none of a fusion
    /// encoder.
    ///
    /// # Errors
    /// When an image does not fit the model.
    pub fn image_embeddings(&self, images: &[&ProcessedImage]) -> Result<Option<Tensor>, InferenceError> {
        if self.config.image_embedding_width().is_none() {
            return Ok(None);
        }
        let rows = rows_in_batches(images, BATCH, |images| {
            let (image, _) = self.image_processor.batch(images, None)?;
            let batch = Batch { image, ..Batch::default() };
            let trace = self.network.forward(&batch, Pass::Evaluate, TapSelection::named([EMBEDDING]))?;
            rows_of(&trace, EMBEDDING)
        })?;
        Ok(Some(Tensor::new(rows, device::current()).map_err(ModelError::from)?))
    }

    /// Logits over the answers of each question, whose image is a row of [`Self::image_embeddings`].
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be encoded.
    pub fn logits_from_embeddings(
        &self,
        questions: &[&str],
        rows: &[usize],
        embeddings: &Tensor,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let asked: Vec<(&str, usize)> = questions.iter().copied().zip(rows.iter().copied()).collect();
        rows_in_batches(&asked, BATCH, |asked| {
            let text = Some(self.encode(asked.iter().map(|(text, _)| (*text, None)))?);
            let rows: Vec<usize> = asked.iter().map(|(_, row)| *row).collect();
            let batch = Batch { text, image: Some(stored_images(embeddings, &rows)?), ..Batch::default() };
            logits(&self.network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"]))?)
        })
    }

    /// Logits over the answers to one question about each of several images, rows of [`Self::image_embeddings`]. The text tower
    /// runs once.
    ///
    /// # Errors
    /// When the model has no answers, or the question cannot be encoded.
    pub fn logits_for_images(
        &self,
        question: &str,
        rows: &[usize],
        embeddings: &Tensor,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let text = Some(self.encode(std::iter::once((question, None)))?);
        let batch = Batch { text, image: Some(stored_images(embeddings, rows)?), ..Batch::default() };
        logits(&self.network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"]))?)
    }

    fn encode<'t>(
        &self,
        texts: impl Iterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Result<TextInput, InferenceError> {
        let encoded = texts.map(|(first, second)| self.tokenizer.encode_text(first, second));
        let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
        Ok(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.config.padding()))
    }

    /// Logits over the answers of each question.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be encoded.
    pub fn logits(&self, questions: &[QuestionInput<'_>]) -> Result<Vec<Vec<f32>>, InferenceError> {
        rows_in_batches(questions, BATCH, |batch| {
            logits(&self.trace(batch, TapSelection::named(["logits"]))?)
        })
    }

    /// The answer to each question.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be encoded.
    pub fn predict(&self, questions: &[QuestionInput<'_>]) -> Result<Vec<String>, InferenceError> {
        Ok(self.logits(questions)?.iter().map(|logits| self.label(logits)).collect())
    }

    /// The likeliest answer; of equal ones the first.
    #[must_use]
    pub fn label(&self, logits: &[f32]) -> String {
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
        best.and_then(|index| self.labels.get(index).cloned()).unwrap_or_default()
    }
}
