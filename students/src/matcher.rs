//! Running a student that holds texts against images.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::bert::TextInput;
use alambic_models::{Config, EncodedText, ModelError, ModelFolder, Pass, TapSelection, Tokenizer};
use alambic_tensor::candle::Tensor;

use crate::StudentError;
use crate::eyes::{Eyes, Sight};

/// Texts or images that are read together.
const BATCH: usize = 32;

/// A model that brings texts and images into one space, where what belongs together is near.
pub struct Matcher {
    network: Arc<dyn Architecture>,
    tokenizer: Tokenizer,
    eyes: Eyes,
    padding: u32,
    /// The most tokens of a text for which there is room.
    longest: usize,
}

impl Matcher {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not hold texts against images.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let network = architecture::build(&config, &config.weights(&folder)?)?;
        Self::new(&config, network.into(), &folder.tokenizer()?)
    }

    /// A model in memory.
    ///
    /// # Errors
    /// When the architecture does not hold texts against images, or has no room for a text.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
    ) -> Result<Self, StudentError> {
        if !config.outline().pairs {
            return Err(StudentError::Size(format!(
                "a {} does not hold texts against images, as CLIP does",
                config.model_type()
            )));
        }
        let longest = config.max_length();
        tokenizer.check_rows(config.vocabulary())?;
        let (tokenizer, eyes) = (tokenizer.with_max_length(longest)?, Eyes::new(config, None)?);
        Ok(Self { network, tokenizer, eyes, padding: config.padding(), longest })
    }

    /// Whether a text has more tokens than are read.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn cuts(&self, text: &str) -> Result<bool, StudentError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The same model, which reads at most `longest` tokens of a text.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn cut_at(self, longest: usize) -> Result<Self, StudentError> {
        let tokenizer = self.tokenizer.with_max_length(longest.min(self.longest))?;
        Ok(Self { tokenizer, ..self })
    }

    /// How it looks at images.
    #[must_use]
    pub fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// The vectors of texts, `[texts, width]`, of length one.
    ///
    /// # Errors
    /// When a text cannot be read.
    pub fn texts<S: AsRef<str>>(&self, texts: &[S]) -> Result<Tensor, StudentError> {
        self.vectors(texts, "text.embedding", |texts| {
            let encoded = texts.iter().map(|text| self.tokenizer.encode_text(text.as_ref(), None));
            let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
            let text = TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.padding);
            Ok(Batch { text: Some(text), ..Batch::default() })
        })
    }

    /// The vectors of images, `[images, width]`, of length one.
    ///
    /// # Errors
    /// When an image was prepared for another model.
    pub fn images(&self, images: &[&Sight]) -> Result<Tensor, StudentError> {
        self.vectors(images, "image.embedding", |images| {
            let (image, _) = self.eyes.batch(images, None)?;
            Ok(Batch { image, ..Batch::default() })
        })
    }

    fn vectors<T>(
        &self,
        all: &[T],
        tap: &str,
        batch: impl Fn(&[T]) -> Result<Batch, StudentError>,
    ) -> Result<Tensor, StudentError> {
        let mut vectors = Vec::with_capacity(all.len().div_ceil(BATCH));
        for some in all.chunks(BATCH) {
            let trace = self.network.forward(&batch(some)?, Pass::Evaluate, TapSelection::named([tap]))?;
            vectors.extend(trace.get(tap).cloned());
        }
        Ok(Tensor::cat(&vectors, 0).map_err(ModelError::from)?)
    }
}

/// The places of the vectors that are nearest to each of the others, at most `most`, the nearest first and of equally near
/// ones the first: of rows `[queries, width]` among `[candidates, width]`, all of length one.
///
/// # Errors
/// When the widths differ.
pub fn nearest(queries: &Tensor, candidates: &Tensor, most: usize) -> Result<Vec<Vec<usize>>, StudentError> {
    let similarities = candidates.t().and_then(|candidates| queries.matmul(&candidates));
    let rows =
        similarities.and_then(|similarities| similarities.to_vec2::<f32>()).map_err(ModelError::from)?;
    let ranked = |row: Vec<f32>| {
        let mut places: Vec<usize> = (0..row.len()).collect();
        let nearer = |a: &usize, b: &usize| row[*b].total_cmp(&row[*a]).then(a.cmp(b));
        if most < places.len() {
            places.select_nth_unstable_by(most, nearer);
            places.truncate(most);
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
    fn the_nearest_come_first_and_of_equals_the_first() {
        let rows =
            |values: &[f32]| Tensor::from_vec(values.to_vec(), (values.len() / 2, 2), &Device::Cpu).unwrap();
        let candidates = rows(&[1.0, 0.0, 0.0, 1.0, 0.6, 0.8, 1.0, 0.0]);
        let found = nearest(&rows(&[1.0, 0.0, 0.0, 1.0]), &candidates, 3).unwrap();
        assert_eq!(found, [[0, 3, 2], [1, 2, 0]]);
        assert_eq!(nearest(&rows(&[0.0, 1.0]), &candidates, 9).unwrap(), [[1, 2, 0, 3]]);
    }
}
