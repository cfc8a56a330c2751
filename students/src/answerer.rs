//! Running a student that answers questions about images.

use std::path::Path;
use std::sync::Arc;

use alambic_data::Raster;
use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::bert::TextInput;
use alambic_models::{
    Config, EncodedText, ModelError, ModelFolder, Pass, Patches, Tokenizer, Trace, Wanted, tap,
};
use alambic_tensor::candle::{self, Device, Tensor};
use alambic_tensor::ops;

use crate::StudentError;
use crate::sight::Eyes;

/// Questions that are answered together.
const BATCH: usize = 32;

/// A model that answers questions about images.
pub struct Answerer {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Tokenizer,
    eyes: Eyes,
}

/// The tap of an image's vector.
const VECTOR: &str = "image.embedding";

/// The logits of a trace, a row a question.
fn logits(trace: &Trace) -> Result<Vec<Vec<f32>>, StudentError> {
    let logits = trace
        .get("logits")
        .ok_or_else(|| StudentError::Size("the model has no head that answers questions".into()))?;
    Ok(logits.to_vec2::<f32>().map_err(ModelError::from)?)
}

/// How much of the attention each patch of an image gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// `[rows, columns]`, shares of all attention.
    pub weights: Vec<f32>,
    /// Rows and columns of patches.
    pub grid: (usize, usize),
}

/// The mean over heads and queries of the attention that `queries` `[1, tokens, width]` pay to `keys` `[1, 1 + patches,
/// width]`, without the first key.
fn attention(queries: &Tensor, keys: &Tensor, heads: usize) -> Result<Vec<f32>, candle::Error> {
    let cut = |tensor: &Tensor| {
        let (_, length, width) = tensor.dims3()?;
        tensor.reshape((length, heads, width / heads))?.transpose(0, 1)?.contiguous()
    };
    let (queries, keys) = (cut(queries)?, cut(keys)?);
    let scale = 1.0 / (queries.dim(2)? as f64).sqrt();
    let scores = (queries.matmul(&keys.transpose(1, 2)?)? * scale)?;
    let shares = ops::softmax(&scores, None)?.mean(0)?.mean(0)?;
    shares.narrow(0, 1, shares.dim(0)? - 1)?.to_vec1()
}

/// A question and the image that it is about, in the size in which the model reads it.
pub type Sighted<'a> = (&'a str, &'a Raster);

impl Answerer {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not look at images.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let network = architecture::over(&config, &config.weights(&folder)?)?;
        Self::new(&config, network.into(), &folder.tokenizer()?, usize::MAX)
    }

    /// A model in memory that reads at most `longest` tokens of a question.
    ///
    /// # Errors
    /// When the architecture does not look at images, or there is not even room for the special tokens.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        longest: usize,
    ) -> Result<Self, StudentError> {
        let eyes = Eyes::of(config)?;
        let tokenizer = tokenizer.truncating(longest.min(config.longest()))?;
        Ok(Self { config: config.clone(), network, tokenizer, eyes })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How it looks at images.
    #[must_use]
    pub fn eyes(&self) -> Eyes {
        self.eyes
    }

    /// The wanted taps over some questions.
    ///
    /// # Errors
    /// When a question cannot be read or an image does not fit the model.
    pub fn trace(&self, questions: &[Sighted<'_>], wanted: Wanted) -> Result<Trace, StudentError> {
        let texts: Vec<&str> = questions.iter().map(|(text, _)| *text).collect();
        let images: Vec<&Raster> = questions.iter().map(|(_, image)| *image).collect();
        let batch = Batch {
            text: Some(self.read(&texts)?),
            image: Some(Image::Patches(Patches::of(&Eyes::images(&images)?, self.eyes.patch())?)),
            ..Batch::default()
        };
        Ok(self.network.read(&batch, Pass::Evaluate, wanted)?)
    }

    /// How much attention the tokens of a question pay to each patch of the image in the last layer, a mean over tokens and
    /// heads, with the rows and columns of patches; the image's first token is left out. None where the two have no layer in
    /// which one could look at the other.
    ///
    /// # Errors
    /// When a question cannot be read or an image does not fit the model.
    pub fn attention(&self, (question, image): Sighted<'_>) -> Result<Option<Looked>, StudentError> {
        let outline = self.config.outline();
        let (Some(text), Some(sight)) = (outline.streams.get("text"), outline.streams.get("image")) else {
            return Ok(None);
        };
        if text.attention.0 != sight.attention.0 || text.attention.0 == 0 {
            return Ok(None);
        }
        let last = text.attention.0 - 1;
        let taps = [tap("text", "queries", last), tap("image", "keys", last)];
        let trace = self.trace(&[(question, image)], Wanted::named(taps.iter().cloned()))?;
        let [Some(queries), Some(keys)] = taps.map(|tap| trace.get(&tap).cloned()) else { return Ok(None) };
        let weights = attention(&queries, &keys, text.heads).map_err(ModelError::from)?;
        let patch = self.eyes.patch();
        Ok(Some(Looked { weights, grid: (image.height / patch, image.width / patch) }))
    }

    /// What a dual encoder's tower makes of images, `[images, width]`, to be stored and used for any question; none for a
    /// model that looks at question and image together.
    ///
    /// # Errors
    /// When an image does not fit the model.
    pub fn vectors(&self, images: &[&Raster]) -> Result<Option<Tensor>, StudentError> {
        let Config::Dual(_) = &self.config else { return Ok(None) };
        let mut all = Vec::new();
        for images in images.chunks(BATCH) {
            let patches = Patches::of(&Eyes::images(images)?, self.eyes.patch())?;
            let batch = Batch { image: Some(Image::Patches(patches)), ..Batch::default() };
            let trace = self.network.read(&batch, Pass::Evaluate, Wanted::named([VECTOR]))?;
            all.extend(trace.get(VECTOR).cloned());
        }
        Ok(Some(Tensor::cat(&all, 0).map_err(ModelError::from)?))
    }

    /// The logits of each question's answers, the image of each being a row of what [`Self::vectors`] gave.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be read.
    pub fn logits_by_vectors(
        &self,
        questions: &[&str],
        rows: &[usize],
        vectors: &Tensor,
    ) -> Result<Vec<Vec<f32>>, StudentError> {
        let mut all = Vec::with_capacity(questions.len());
        for (questions, rows) in questions.chunks(BATCH).zip(rows.chunks(BATCH)) {
            let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
            let rows = Tensor::new(rows, &Device::Cpu).map_err(ModelError::from)?;
            let batch = Batch {
                text: Some(self.read(questions)?),
                image: Some(Image::Embedding(vectors.index_select(&rows, 0).map_err(ModelError::from)?)),
                ..Batch::default()
            };
            all.extend(logits(&self.network.read(&batch, Pass::Evaluate, Wanted::named(["logits"]))?)?);
        }
        Ok(all)
    }

    fn read(&self, questions: &[&str]) -> Result<TextInput, StudentError> {
        let encoded = questions.iter().map(|text| self.tokenizer.encode_text(text, None));
        let encoded: Vec<EncodedText> = encoded.collect::<Result<_, ModelError>>()?;
        Ok(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.config.padding()))
    }

    /// The logits of each question's answers.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be read.
    pub fn logits(&self, questions: &[Sighted<'_>]) -> Result<Vec<Vec<f32>>, StudentError> {
        let mut all = Vec::with_capacity(questions.len());
        for batch in questions.chunks(BATCH) {
            all.extend(logits(&self.trace(batch, Wanted::named(["logits"]))?)?);
        }
        Ok(all)
    }

    /// What the model answers to each question.
    ///
    /// # Errors
    /// When the model has no answers, or a question cannot be read.
    pub fn answers(&self, questions: &[Sighted<'_>]) -> Result<Vec<String>, StudentError> {
        Ok(self.logits(questions)?.iter().map(|logits| self.answer(logits)).collect())
    }

    /// The likeliest answer; of equal ones the first.
    #[must_use]
    pub fn answer(&self, logits: &[f32]) -> String {
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
        let labels = self.config.outline().labels;
        best.and_then(|index| labels.get(index).cloned()).unwrap_or_default()
    }
}
