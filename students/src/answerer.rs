//! Running a student that answers questions about images.

use std::path::Path;
use std::sync::Arc;

use alambic_data::WeightedBox;
use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::bert::TextInput;
use alambic_models::{
    Config, EncodedText, ModelError, ModelFolder, Pass, TapSelection, Tokenizer, Trace, tap,
};
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops;

use crate::StudentError;
use crate::eyes::{Eyes, Sight};

/// Questions that are answered together.
const BATCH: usize = 32;

/// A model that answers questions about images.
pub struct Answerer {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Tokenizer,
    eyes: Eyes,
    /// The answers in the order of their ids.
    names: Vec<String>,
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

/// Images whose vectors are rows of stored ones.
fn stored(vectors: &Tensor, rows: &[usize]) -> Result<Image, StudentError> {
    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    let rows = Tensor::new(rows, device::current()).map_err(ModelError::from)?;
    Ok(Image::Embedding(vectors.index_select(&rows, 0).map_err(ModelError::from)?))
}

/// A question and the image that it is about, as the model is shown it.
pub type Sighted<'a> = (&'a str, &'a Sight);

impl Answerer {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not look at images.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let network = architecture::build(&config, &config.weights(&folder)?)?;
        let eyes = Eyes::open(&config, path)?;
        Self::new(&config, network.into(), eyes, &folder.tokenizer()?, usize::MAX)
    }

    /// A model in memory that reads at most `longest` tokens of a question.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        eyes: Eyes,
        tokenizer: &Tokenizer,
        longest: usize,
    ) -> Result<Self, StudentError> {
        tokenizer.check_rows(config.vocabulary())?;
        let tokenizer = tokenizer.with_max_length(longest.min(config.max_length()))?;
        let names = config.outline().labels;
        Ok(Self { config: config.clone(), network, tokenizer, eyes, names })
    }

    /// Whether a question has more tokens than are read.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn cuts(&self, text: &str) -> Result<bool, StudentError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The same model, which reads at most `longest` tokens of a question.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn cut_at(self, longest: usize) -> Result<Self, StudentError> {
        let tokenizer = self.tokenizer.with_max_length(longest.min(self.config.max_length()))?;
        Ok(Self { tokenizer, ..self })
    }

    /// The same model with these names of its answers, if it has none of its own, as published LXMERT models have not.
    #[must_use]
    pub fn naming(self, names: &[String]) -> Self {
        if self.names.is_empty() { Self { names: names.to_vec(), ..self } } else { self }
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How it looks at images.
    #[must_use]
    pub fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// The wanted taps over some questions.
    ///
    /// # Errors
    /// When a question cannot be read or an image does not fit the model.
    pub fn trace(&self, questions: &[Sighted<'_>], wanted: TapSelection) -> Result<Trace, StudentError> {
        let tags: Vec<Option<String>> =
            questions.iter().map(|(_, sight)| self.eyes.second_text(sight)).collect();
        let texts = questions.iter().zip(&tags).map(|((text, _), tags)| (*text, tags.as_deref()));
        let text = Some(self.read(texts)?);
        let sights: Vec<&Sight> = questions.iter().map(|(_, sight)| *sight).collect();
        let (image, regions) = self.eyes.batch(&sights, None)?;
        let batch = Batch { text, image, regions, ..Batch::default() };
        Ok(self.network.forward(&batch, Pass::Evaluate, wanted)?)
    }

    /// How much attention the tokens of a question pay to each part of the image in the last layer, a mean over tokens and
    /// heads, with the edges of the part as [`Eyes::parts`] has them; what stands before the image's parts is left out. None
    /// where the two have no layer in which one could look at the other.
    ///
    /// # Errors
    /// When a question cannot be read or an image does not fit the model.
    pub fn attention(
        &self,
        (question, sight): Sighted<'_>,
    ) -> Result<Option<Vec<WeightedBox>>, StudentError> {
        let outline = self.config.outline();
        let (Some(text), Some(image)) = (outline.streams.get("text"), outline.streams.get("image")) else {
            return Ok(None);
        };
        if text.attention.0 != image.attention.0 || text.attention.0 == 0 {
            return Ok(None);
        }
        let last = text.attention.0 - 1;
        let taps = [tap("text", "queries", last), tap("image", "keys", last)];
        let trace = self.trace(&[(question, sight)], TapSelection::named(taps.iter().cloned()))?;
        let [Some(queries), Some(keys)] = taps.map(|tap| trace.get(&tap).cloned()) else { return Ok(None) };
        let weights = attention(&queries, &keys, text.heads).map_err(ModelError::from)?;
        let parts = self.eyes.parts(sight);
        let before = weights.len().saturating_sub(parts.len());
        Ok(Some(weights.into_iter().skip(before).zip(parts).collect()))
    }

    /// What a dual encoder's tower makes of images, `[images, width]`, to be stored and used for any question; none for a
    /// model that looks at question and image together.
    ///
    /// # Errors
    /// When an image does not fit the model.
    pub fn vectors(&self, images: &[&Sight]) -> Result<Option<Tensor>, StudentError> {
        let Config::Dual(_) = &self.config else { return Ok(None) };
        let mut all = Vec::new();
        for images in images.chunks(BATCH) {
            let (image, _) = self.eyes.batch(images, None)?;
            let batch = Batch { image, ..Batch::default() };
            let trace = self.network.forward(&batch, Pass::Evaluate, TapSelection::named([VECTOR]))?;
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
            let text = Some(self.read(questions.iter().map(|text| (*text, None)))?);
            let batch = Batch { text, image: Some(stored(vectors, rows)?), ..Batch::default() };
            all.extend(logits(&self.network.forward(
                &batch,
                Pass::Evaluate,
                TapSelection::named(["logits"]),
            )?)?);
        }
        Ok(all)
    }

    /// The logits of the answers to one question about each of several images, given as rows of what [`Self::vectors`]
    /// gave. The question is read once.
    ///
    /// # Errors
    /// When the model has no answers, or the question cannot be read.
    pub fn logits_of_images(
        &self,
        question: &str,
        rows: &[usize],
        vectors: &Tensor,
    ) -> Result<Vec<Vec<f32>>, StudentError> {
        let text = Some(self.read(std::iter::once((question, None)))?);
        let batch = Batch { text, image: Some(stored(vectors, rows)?), ..Batch::default() };
        logits(&self.network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"]))?)
    }

    fn read<'t>(
        &self,
        texts: impl Iterator<Item = (&'t str, Option<&'t str>)>,
    ) -> Result<TextInput, StudentError> {
        let encoded = texts.map(|(first, second)| self.tokenizer.encode_text(first, second));
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
            all.extend(logits(&self.trace(batch, TapSelection::named(["logits"]))?)?);
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
        best.and_then(|index| self.names.get(index).cloned()).unwrap_or_default()
    }
}
