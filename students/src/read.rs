//! Running a student that reads.

use std::path::Path;

use alambic_models::bert::{Bert, BertConfig, Head, ProblemType, TextInput};
use alambic_models::{EncodedText, ModelError, ModelFolder, Pass, TapSelection, Tokenizer, Trace, tap};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::masked_mean;

use crate::StudentError;

/// The tag of a word in no span.
const OUTSIDE: &str = "O";
/// Texts that are read together.
const BATCH: usize = 64;

/// A model that reads texts, or pairs of texts, and says something of each.
#[derive(Debug)]
pub struct Reader {
    model: Bert,
    tokenizer: Tokenizer,
}

/// A text, and the second one where texts come in pairs.
pub type TextPair<'a> = (&'a str, Option<&'a str>);

impl Reader {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is no text encoder.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let model = Bert::open(&folder)?;
        let longest = model.config().max_length();
        Self::new(model, &folder.tokenizer()?, longest)
    }

    /// A model in memory that reads at most `longest` tokens of a text.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn new(model: Bert, tokenizer: &Tokenizer, longest: usize) -> Result<Self, StudentError> {
        tokenizer.check_rows(model.config().vocabulary)?;
        let tokenizer = tokenizer.with_max_length(longest.min(model.config().max_length()))?;
        Ok(Self { model, tokenizer })
    }

    /// Whether a text has more tokens than are read.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub fn cuts(&self, (first, second): TextPair<'_>) -> Result<bool, StudentError> {
        Ok(self.tokenizer.encode_text(first, second)?.truncated)
    }

    /// The same reader with at most `longest` tokens of a text.
    ///
    /// # Errors
    /// When there is not even room for the special tokens.
    pub fn cut_at(self, longest: usize) -> Result<Self, StudentError> {
        Self::new(self.model, &self.tokenizer, longest)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &BertConfig {
        self.model.config()
    }

    /// A tap over each text, a row each: `logits` or `embedding`.
    ///
    /// # Errors
    /// When the model has no such tap, or a text cannot be read.
    pub fn rows(&self, texts: &[TextPair<'_>], tap: &str) -> Result<Vec<Vec<f32>>, StudentError> {
        let mut rows = vec![Vec::new(); texts.len()];
        self.traces(&self.encode(texts)?, &TapSelection::named([tap]), |batch, trace| {
            let tensor = trace.get(tap).ok_or_else(|| {
                StudentError::Size(format!(
                    "the model gives no {tap}; `alambic list taps MODEL` shows what it gives"
                ))
            })?;
            for (&index, row) in batch.iter().zip(tensor.to_vec2::<f32>().map_err(ModelError::from)?) {
                rows[index] = row;
            }
            Ok(())
        })?;
        Ok(rows)
    }

    /// The mean state of each text after the embeddings and after each layer: `[texts, width]` each.
    ///
    /// # Errors
    /// When a text cannot be read.
    pub fn states(&self, texts: &[TextPair<'_>]) -> Result<Vec<Tensor>, StudentError> {
        let taps: Vec<String> = (0..=self.config().layers).map(|layer| tap("", "hidden", layer)).collect();
        let mut rows = vec![vec![Vec::new(); texts.len()]; taps.len()];
        self.traces(&self.encode(texts)?, &TapSelection::named(taps.iter().cloned()), |batch, trace| {
            for (tap, rows) in taps.iter().zip(&mut rows) {
                let (Some(states), Some(mask)) = (trace.get(tap), trace.mask("")) else { continue };
                let means = masked_mean(states, mask).and_then(|means| means.to_vec2::<f32>());
                for (&index, row) in batch.iter().zip(means.map_err(ModelError::from)?) {
                    rows[index] = row;
                }
            }
            Ok(())
        })?;
        let tensor =
            |rows: Vec<Vec<f32>>| Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?);
        rows.into_iter().map(tensor).collect()
    }

    fn encode(&self, texts: &[TextPair<'_>]) -> Result<Vec<EncodedText>, StudentError> {
        let read =
            |(first, second): &TextPair<'_>| self.with_tokens(self.tokenizer.encode_text(first, *second)?);
        texts.iter().map(read).collect()
    }

    /// A text, if it has any token.
    fn with_tokens(&self, encoded: EncodedText) -> Result<EncodedText, StudentError> {
        if encoded.ids.is_empty() {
            let fault = "it makes no token of the text and puts none around it, so there is nothing to read";
            return Err(self.tokenizer.fault(fault).into());
        }
        Ok(encoded)
    }

    /// Reads texts of similar length together, and hands the places of each batch and its trace to `take`.
    fn traces(
        &self,
        encoded: &[EncodedText],
        wanted: &TapSelection,
        mut take: impl FnMut(&[usize], &Trace) -> Result<(), StudentError>,
    ) -> Result<(), StudentError> {
        let mut order: Vec<usize> = (0..encoded.len()).collect();
        order.sort_by_key(|&index| encoded[index].ids.len());
        for batch in order.chunks(BATCH) {
            let batch_texts: Vec<_> = batch.iter().map(|&index| &encoded[index]).collect();
            let input = TextInput::pad(&batch_texts, self.config().padding);
            take(batch, &self.model.trace(&input, Pass::Evaluate, wanted.clone())?)?;
        }
        Ok(())
    }

    /// Reads texts to whatever comes last, and keeps nothing of it: for timing.
    ///
    /// # Errors
    /// When a text cannot be read.
    pub fn read(&self, texts: &[TextPair<'_>]) -> Result<(), StudentError> {
        let last = tap("", "hidden", self.config().layers);
        let wanted = TapSelection::named([last.as_str(), "pooled", "logits", "embedding"]);
        self.traces(&self.encode(texts)?, &wanted, |_, _| Ok(()))
    }

    /// The logits of each text: one row of them, or from a head that tags words one for each word, which stand with single
    /// blanks between; the row of a word that the model did not see, because it was cut off, is empty.
    ///
    /// # Errors
    /// When the model has no head for texts or words, or a text cannot be read.
    pub fn logits(&self, texts: &[TextPair<'_>]) -> Result<Vec<Vec<Vec<f32>>>, StudentError> {
        match self.config().head {
            Head::Sequence => Ok(self.rows(texts, "logits")?.into_iter().map(|row| vec![row]).collect()),
            Head::Tokens => self.word_logits(texts),
            Head::None | Head::MaskedLanguage => Err(StudentError::Size(
                "the model has no head that says something of a text or its words".into(),
            )),
        }
    }

    fn word_logits(&self, texts: &[TextPair<'_>]) -> Result<Vec<Vec<Vec<f32>>>, StudentError> {
        let encoded = texts.iter().map(|(text, _)| {
            let (encoded, first) = self.tokenizer.encode_words(text)?;
            Ok::<_, StudentError>((self.with_tokens(encoded)?, first))
        });
        let (encoded, first_tokens): (Vec<_>, Vec<_>) =
            encoded.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let mut all = vec![Vec::new(); texts.len()];
        self.traces(&encoded, &TapSelection::named(["logits"]), |batch, trace| {
            let Some(logits) = trace.get("logits") else { return Ok(()) };
            for (&index, rows) in batch.iter().zip(logits.to_vec3::<f32>().map_err(ModelError::from)?) {
                let row = |place: &Option<usize>| place.and_then(|place| rows.get(place).cloned());
                all[index] = first_tokens[index].iter().map(|place| row(place).unwrap_or_default()).collect();
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// What the model says of each text: the name of its class, or the number, or the tags of its words with single
    /// blanks between.
    ///
    /// # Errors
    /// When the model has no head for texts or words, or a text cannot be read.
    pub fn answers(&self, texts: &[TextPair<'_>]) -> Result<Vec<String>, StudentError> {
        Ok(self.logits(texts)?.iter().map(|rows| self.answer_of(rows)).collect())
    }

    /// What the rows of [`Self::logits`] of a text say.
    #[must_use]
    pub fn answer_of(&self, rows: &[Vec<f32>]) -> String {
        rows.iter().map(|row| self.answer(row)).collect::<Vec<_>>().join(" ")
    }

    /// What logits say: the name of the likeliest class, those of all labels that are likelier true than not where each may
    /// be, or the number, or several by their names; where there are none, the tag of a word in no span.
    #[must_use]
    pub fn answer(&self, logits: &[f32]) -> String {
        if logits.is_empty() {
            return OUTSIDE.to_owned();
        }
        let config = self.config();
        if config.problem_type == ProblemType::Regression {
            return match logits {
                [number] => number.to_string(),
                several => named(&config.labels, several).collect::<Vec<_>>().join(", "),
            };
        }
        if config.problem_type == ProblemType::MultiLabel {
            let held = config.labels.iter().zip(logits).filter(|(_, logit)| **logit > 0.0);
            return held.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ");
        }
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
        best.and_then(|index| self.config().labels.get(index).cloned()).unwrap_or_default()
    }
}

/// Numbers behind their names, rounded to be read.
fn named<'n>(names: &'n [String], numbers: &'n [f32]) -> impl Iterator<Item = String> + 'n {
    names.iter().zip(numbers).map(|(name, number)| format!("{name} {number:.3}"))
}
