//! Embeddings of images and texts by the encoder of a model that writes.

use std::path::Path;
use std::sync::Arc;

use alambic_inference::{ImageProcessor, LoadedModel, ProcessedImage};
use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, Pass, TapSelection, Tokenizer, Tokens, embedding_tap};
use alambic_tensor::candle::{DType, Tensor};

use crate::error::RunError;
use crate::evaluation::embedding::normalized;
use crate::images::store::ImageStore;

/// Images or texts that are read together.
const BATCH: usize = 64;

/// The stream whose embedding stands for an image or a text.
pub(super) const STREAM: &str = "encoder";

/// The encoder of a model that reads images and texts.
pub(super) struct ContrastEncoder {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Arc<Tokenizer>,
}

impl ContrastEncoder {
    /// The encoder of a network.
    pub(super) fn new(config: Config, network: Arc<dyn Architecture>, tokenizer: Arc<Tokenizer>) -> Self {
        Self { config, network, tokenizer }
    }

    /// The encoder of a finished model, and what prepares the images that it reads.
    pub(super) fn load(folder: &Path) -> Result<(Self, ImageProcessor), RunError> {
        let model = LoadedModel::load(folder)?;
        let image_processor = ImageProcessor::load(model.config(), folder)?;
        let tokenizer = Arc::new(model.tokenizer().clone());
        Ok((Self::new(model.config().clone(), model.network().clone(), tokenizer), image_processor))
    }

    /// Embeddings of texts, each of length one, `[texts, width]`; longer ones are cut.
    pub(super) fn embed_texts(&self, texts: &[&str], max_length: usize) -> Result<Tensor, RunError> {
        let tokenizer = self.tokenizer.with_max_length(max_length.min(self.config.max_length()))?;
        let mut rows = Vec::with_capacity(texts.len());
        for texts in texts.chunks(BATCH) {
            let encoded = texts.iter().map(|text| Ok(tokenizer.encode_text(text, None)?.ids));
            let encoded = encoded.collect::<Result<Vec<_>, RunError>>()?;
            rows.extend(self.embed(&encoded, None)?);
        }
        normalized(rows, None)
    }

    /// Embeddings of images of a store, each of length one, `[images, width]`.
    pub(super) fn embed_images(&self, store: &ImageStore<'_>, places: &[usize]) -> Result<Tensor, RunError> {
        let prompt = self.tokenizer.encode_text("", None)?.ids;
        let mut rows = Vec::with_capacity(places.len());
        for places in places.chunks(BATCH) {
            let processed = store.processed_images(places, None)?;
            let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
            rows.extend(
                self.embed(&vec![prompt.clone(); places.len()], Some((store, processed.as_slice())))?,
            );
        }
        normalized(rows, None)
    }

    fn embed(
        &self,
        texts: &[Vec<u32>],
        images: Option<(&ImageStore<'_>, &[&ProcessedImage])>,
    ) -> Result<Vec<Vec<f32>>, RunError> {
        let image = match images {
            Some((store, processed)) => store.image_processor().batch(processed, None)?.0,
            None => None,
        };
        let text = Some(TextInput::new(Tokens::pad(texts, self.config.padding())));
        let batch = Batch { text, image, ..Batch::default() };
        let tap = embedding_tap(STREAM);
        let trace = self.network.forward(&batch, Pass::Evaluate, TapSelection::named([tap.as_str()]))?;
        let missing = || RunError::Recipe(format!("the model has no tap `{tap}`"));
        let rows = trace.get(&tap).ok_or_else(missing)?.to_dtype(DType::F32)?;
        Ok(rows.to_vec2()?)
    }
}
