//! Text encoding: logits, embeddings and hidden states of texts.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::{Head, ProblemType, Structure, TextInput};
use alambic_models::{
    Config, EncodedText, LanguageNumbers, ModelError, Pass, TapSelection, TextHead, Tokenizer, Trace, tap,
};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::ops::masked_mean;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::batches::{in_batches, rows_of};
use crate::languages::{LanguageInput, tokenizer_in};
use crate::{InferenceError, LoadedModel};

/// Tag of a word in no span.
const OUTSIDE: &str = "O";
/// Texts in a forward pass.
const BATCH: usize = 64;

/// Text encoder with its tokenizer, over texts or pairs of texts: classes, numbers or tags by its head, embeddings by its
/// pooling.
#[derive(Debug, Clone)]
pub struct EncoderPipeline {
    config: Config,
    network: Arc<dyn Architecture>,
    /// Truncates.
    tokenizer: Tokenizer,
}

/// A text, and the second one where texts come in pairs.
pub type TextPair<'a> = (&'a str, Option<&'a str>);

/// The logits of the tokens of a text's words, each with the place of its word, counted from 0.
pub type PieceLogits = Vec<(usize, Vec<f32>)>;

impl EncoderPipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not a text encoder.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model.
    ///
    /// # Errors
    /// When the architecture is not a text encoder.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        Self::new(model.config(), Arc::clone(model.network()), model.tokenizer(), usize::MAX)
    }

    /// Pipeline over a network in memory, which truncates texts to `max_length` tokens.
    ///
    /// # Errors
    /// When the architecture is not a text encoder, or the special tokens alone are longer.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, InferenceError> {
        config.require_text_head()?;
        tokenizer.check_rows(config.vocabulary())?;
        let tokenizer = tokenizer.with_max_length(max_length.min(config.max_length()))?;
        Ok(Self { config: config.clone(), network, tokenizer })
    }

    /// Whether a text has more tokens than the pipeline reads.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn is_truncated(&self, (first, second): TextPair<'_>) -> Result<bool, InferenceError> {
        Ok(self.tokenizer.encode_text(first, second)?.truncated)
    }

    /// The same pipeline, which truncates texts to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn with_max_length(self, max_length: usize) -> Result<Self, InferenceError> {
        Self::new(&self.config, self.network, &self.tokenizer, max_length)
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Head of the encoder.
    #[must_use]
    pub fn head(&self) -> TextHead<'_> {
        self.config.text_head().unwrap_or(TextHead::NONE)
    }

    /// Numbers of a text's embedding; none where the model gives none.
    #[must_use]
    pub fn embedding_width(&self) -> Option<usize> {
        self.config.embedding_width()
    }

    /// One row of a tap for each text: `logits` or `embedding`.
    ///
    /// # Errors
    /// When the model has no such tap, or a text cannot be encoded.
    pub fn text_rows(&self, texts: &[TextPair<'_>], tap: &str) -> Result<Vec<Vec<f32>>, InferenceError> {
        self.traces(&self.encode(texts)?, &TapSelection::named([tap]), |_, trace| rows_of(trace, tap))
    }

    /// Mean hidden state of each text after the embeddings and after each layer: `[texts, width]` each.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn mean_hidden_states(&self, texts: &[TextPair<'_>]) -> Result<Vec<Tensor>, InferenceError> {
        let taps: Vec<String> = (0..=layers(&self.config)).map(|layer| tap("", "hidden", layer)).collect();
        let rows =
            self.traces(&self.encode(texts)?, &TapSelection::named(taps.iter().cloned()), |batch, trace| {
                let mut rows = vec![Vec::new(); batch.len()];
                for tap in &taps {
                    let (Some(states), Some(mask)) = (trace.get(tap), trace.mask("")) else { continue };
                    let means = masked_mean(states, mask).and_then(|means| means.to_vec2::<f32>());
                    for (row, means) in rows.iter_mut().zip(means.map_err(ModelError::from)?) {
                        row.push(means);
                    }
                }
                Ok(rows)
            })?;
        let tensor = |layer: usize| {
            let means: Vec<&[f32]> = rows.iter().map(|row| row[layer].as_slice()).collect();
            Ok(Tensor::new(means, device::current()).map_err(ModelError::from)?)
        };
        (0..taps.len()).map(tensor).collect()
    }

    /// Mean hidden state of each text after one layer, counted from 1; 0 for the embeddings.
    ///
    /// # Errors
    /// When the model has no such layer, or a text cannot be encoded.
    pub fn mean_hidden_state(
        &self,
        texts: &[TextPair<'_>],
        layer: usize,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let tap = tap("", "hidden", layer);
        self.traces(&self.encode(texts)?, &TapSelection::named([tap.as_str()]), |batch, trace| {
            let (Some(states), Some(mask)) = (trace.get(&tap), trace.mask("")) else {
                return Err(InferenceError::Unsupported(format!("the model has no tap `{tap}`")));
            };
            let means = masked_mean(states, mask).and_then(|means| means.to_vec2::<f32>());
            let means = means.map_err(ModelError::from)?;
            debug_assert_eq!(means.len(), batch.len());
            Ok(means)
        })
    }

    /// Mean hidden state of each text after one layer, counted from 1, over `length` positions, with those of padding, which
    /// shorter texts are padded to and longer ones are cut to. It is what a mean without the attention mask gives; of no use but to
    /// reproduce published values.
    ///
    /// # Errors
    /// When the model has no such layer or not so many positions, a text cannot be encoded, or the state of padding is not that of a
    /// layer: behind a last norm, or where tokens see a window alone, in which padding may see nothing (`ModernBERT`).
    pub fn mean_hidden_state_with_padding(
        &self,
        texts: &[TextPair<'_>],
        layer: usize,
        length: usize,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let max_length = self.config.max_length();
        if length > max_length {
            return Err(InferenceError::Unsupported(format!(
                "the model has {max_length} positions, and texts cannot be padded to {length} tokens"
            )));
        }
        let structure = match &self.config {
            Config::TextEncoder(own) => Some(&own.structure),
            _ => None,
        };
        let has_windows = |own: &Structure| own.rotary.as_ref().is_some_and(|own| own.local.contains(&true));
        let Some(structure) = structure.filter(|own| !own.is_pre_norm && !has_windows(own)) else {
            return Err(InferenceError::Unsupported(format!(
                "padding is counted in states of encoders without a last norm and without windows of attention, and a {} is none",
                self.config.model_type()
            )));
        };
        let is_zero = structure.masks_states;
        let tap = tap("", "hidden", layer);
        let encoded = self.encode(texts)?;
        in_batches(
            &encoded,
            |text| text.ids.len(),
            BATCH,
            |batch| {
                let texts: Vec<_> = batch.iter().map(|&index| &encoded[index]).collect();
                let input = TextInput::pad_to(&texts, self.config.padding(), length);
                let mask = Arc::clone(&input.tokens.mask);
                let wanted = TapSelection::named([tap.as_str()]).with_padding();
                let trace = self.network.forward(&Batch::of_texts(input), Pass::Evaluate, wanted)?;
                let states = trace
                    .get(&tap)
                    .ok_or_else(|| InferenceError::Unsupported(format!("the model has no tap `{tap}`")))?;
                let mask: Vec<f32> =
                    mask.iter().map(|&kept| if is_zero { f32::from(kept) } else { 1.0 }).collect();
                let mask = Tensor::from_vec(mask, (batch.len(), length, 1), states.device());
                let counted = mask.and_then(|mask| states.broadcast_mul(&mask));
                let means =
                    counted.and_then(|states| states.mean(1)).and_then(|means| means.to_vec2::<f32>());
                Ok(means.map_err(ModelError::from)?)
            },
        )
    }

    fn encode(&self, texts: &[TextPair<'_>]) -> Result<Vec<EncodedText>, InferenceError> {
        let read =
            |(first, second): &TextPair<'_>| self.check_tokens(self.tokenizer.encode_text(first, *second)?);
        texts.iter().map(read).collect()
    }

    /// An encoded text, if it has any token.
    fn check_tokens(&self, encoded: EncodedText) -> Result<EncodedText, InferenceError> {
        if encoded.ids.is_empty() && !self.config.reads_empty_texts() {
            let fault = "it encodes the text into no token and adds no special tokens";
            return Err(self.tokenizer.fault(fault).into());
        }
        Ok(encoded)
    }

    /// What `take` makes of each text, given the places of a batch of texts of similar length and the trace of its forward pass.
    fn traces<T: Serialize + DeserializeOwned>(
        &self,
        encoded: &[EncodedText],
        wanted: &TapSelection,
        mut take: impl FnMut(&[usize], &Trace) -> Result<Vec<T>, InferenceError>,
    ) -> Result<Vec<T>, InferenceError> {
        in_batches(
            encoded,
            |text| text.ids.len(),
            BATCH,
            |batch| {
                let batch_texts: Vec<_> = batch.iter().map(|&index| &encoded[index]).collect();
                let input = TextInput::pad(&batch_texts, self.config.padding());
                take(batch, &self.network.forward(&Batch::of_texts(input), Pass::Evaluate, wanted.clone())?)
            },
        )
    }

    /// A whole forward pass whose outputs are dropped, for timing.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn forward(&self, texts: &[TextPair<'_>]) -> Result<(), InferenceError> {
        let wanted = TapSelection::named(last_taps(&self.config));
        self.traces(&self.encode(texts)?, &wanted, |batch, _| Ok(vec![(); batch.len()]))?;
        Ok(())
    }

    /// Logits of each text: one row of a sequence classification head, the score of a choice of one of multiple choice, or one for each word of a token classification head, the
    /// words being separated by single spaces; the row of a word that was truncated is empty.
    ///
    /// # Errors
    /// When the model has no classification head, or a text cannot be encoded.
    pub fn logits(&self, texts: &[TextPair<'_>]) -> Result<Vec<Vec<Vec<f32>>>, InferenceError> {
        match self.head().head {
            head if head.is_of_text() => {
                Ok(self.text_rows(texts, "logits")?.into_iter().map(|row| vec![row]).collect())
            }
            Head::Tokens => self.word_logits(texts),
            _ => Err(InferenceError::Unsupported(
                "the model has no classification head, of texts or of tokens".into(),
            )),
        }
    }

    fn word_logits(&self, texts: &[TextPair<'_>]) -> Result<Vec<Vec<Vec<f32>>>, InferenceError> {
        let encoded = texts.iter().map(|(text, _)| {
            let (encoded, first) = self.tokenizer.encode_words(text)?;
            Ok::<_, InferenceError>((self.check_tokens(encoded)?, first))
        });
        let (encoded, first_tokens): (Vec<_>, Vec<_>) =
            encoded.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        self.traces(&encoded, &TapSelection::named(["logits"]), |batch, trace| {
            let Some(logits) = trace.get("logits") else { return Ok(vec![Vec::new(); batch.len()]) };
            let logits = logits.to_vec3::<f32>().map_err(ModelError::from)?;
            let words = |(&index, rows): (&usize, Vec<Vec<f32>>)| {
                let row = |place: &Option<usize>| place.and_then(|place| rows.get(place).cloned());
                first_tokens[index].iter().map(|place| row(place).unwrap_or_default()).collect()
            };
            Ok(batch.iter().zip(logits).map(words).collect())
        })
    }

    /// The word of each token of texts, counted from 0, with the logits of the token, of a token classification head; the words
    /// are separated by single spaces. Special tokens are left out, and tokens that were cut off.
    ///
    /// # Errors
    /// When the model has no such head, or a text cannot be encoded.
    pub fn piece_logits(&self, texts: &[&str]) -> Result<Vec<PieceLogits>, InferenceError> {
        if self.head().head != Head::Tokens {
            return Err(InferenceError::Unsupported("the model has no classification head of tokens".into()));
        }
        let encoded = texts.iter().map(|text| {
            let (encoded, words) = self.tokenizer.encode_pieces(text)?;
            Ok::<_, InferenceError>((self.check_tokens(encoded)?, words))
        });
        let (encoded, words): (Vec<_>, Vec<_>) = encoded.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        self.traces(&encoded, &TapSelection::named(["logits"]), |batch, trace| {
            let Some(logits) = trace.get("logits") else { return Ok(vec![Vec::new(); batch.len()]) };
            let logits = logits.to_vec3::<f32>().map_err(ModelError::from)?;
            let pieces = |(&index, rows): (&usize, Vec<Vec<f32>>)| {
                words[index].iter().zip(rows).filter_map(|(word, row)| Some(((*word)?, row))).collect()
            };
            Ok(batch.iter().zip(logits).map(pieces).collect())
        })
    }

    /// Predictions for texts: the name of each one's class, or the number, or the tags of its words separated by spaces.
    ///
    /// # Errors
    /// When the model has no classification head, or a text cannot be encoded.
    pub fn predict(&self, texts: &[TextPair<'_>]) -> Result<Vec<String>, InferenceError> {
        Ok(self.logits(texts)?.iter().map(|rows| self.prediction(rows)).collect())
    }

    /// The prediction of the rows that [`Self::logits`] has for a text.
    #[must_use]
    pub fn prediction(&self, rows: &[Vec<f32>]) -> String {
        rows.iter().map(|row| self.label(row)).collect::<Vec<_>>().join(" ")
    }

    /// The label of logits: the name of the likeliest class; of several labels, those with a positive logit; the number, or
    /// several by their names; without logits, the tag of a word in no span.
    #[must_use]
    pub fn label(&self, logits: &[f32]) -> String {
        if logits.is_empty() {
            return OUTSIDE.to_owned();
        }
        let TextHead { problem_type, labels, .. } = self.head();
        if problem_type == ProblemType::Regression {
            return match logits {
                [number] => number.to_string(),
                several => named(labels, several).collect::<Vec<_>>().join(", "),
            };
        }
        if problem_type == ProblemType::MultiLabel {
            let positive = labels.iter().zip(logits).filter(|(_, logit)| **logit > 0.0);
            return positive.map(|(label, _)| label.as_str()).collect::<Vec<_>>().join(", ");
        }
        let best = (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]).then(b.cmp(&a)));
        best.and_then(|index| labels.get(index).cloned()).unwrap_or_default()
    }
}

impl LanguageInput for EncoderPipeline {
    fn languages(&self) -> Option<LanguageNumbers> {
        self.config.outline().languages
    }

    fn in_language(&self, language: &str) -> Result<Self, InferenceError> {
        Ok(Self { tokenizer: tokenizer_in(&self.config, &self.tokenizer, language)?, ..self.clone() })
    }
}

/// The last taps of a text encoder, for which every layer runs.
fn last_taps(config: &Config) -> Vec<String> {
    let last = tap("", "hidden", layers(config));
    [last.as_str(), "pooled", "logits", "embedding"].map(str::to_owned).into()
}

/// Layers of a text encoder.
fn layers(config: &Config) -> usize {
    config.outline().streams.get("").map_or(0, |stream| stream.layers)
}

/// Numbers behind their names, with three decimals.
fn named<'n>(names: &'n [String], numbers: &'n [f32]) -> impl Iterator<Item = String> + 'n {
    names.iter().zip(numbers).map(|(name, number)| format!("{name} {number:.3}"))
}
