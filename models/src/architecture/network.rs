//! The forward pass of a model of any architecture.

use alambic_tensor::candle::Tensor;

use super::batch::{Batch, Image};
use crate::generation::Translator;
use crate::{ModelError, Pass, TapSelection, Trace};

/// A model of any architecture.
pub trait Architecture: std::fmt::Debug + Send + Sync {
    /// One forward pass that reads the wanted taps.
    ///
    /// # Errors
    /// When an input is missing or does not fit the model.
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError>;

    /// Input embeddings of the vocabulary, `[vocabulary, width]`; none where a text encoder is not all of the model.
    fn word_embeddings(&self) -> Option<&Tensor> {
        None
    }

    /// Vectors of images in the space that they share with texts, `[batch, width]`, as they are projected and before they are brought to
    /// length one; none where there is no such space.
    ///
    /// # Errors
    /// When images do not fit the model.
    fn project_images(&self, _: &Image) -> Result<Option<Tensor>, ModelError> {
        Ok(None)
    }

    /// The same model as one that writes texts of images, a row for each source that it is given; none where it reads no images, or
    /// writes no texts.
    fn translator_of_images(&self, _: &Image) -> Option<Box<dyn Translator + '_>> {
        None
    }

    /// The same model as one that writes texts of texts alone; none where the architecture has no decoder.
    fn as_translator(&self) -> Option<&dyn Translator> {
        None
    }
}
