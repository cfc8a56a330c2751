//! Static embeddings out of a teacher's states of single tokens, as model2vec makes them.

use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::static_embeddings::StaticConfig;
use alambic_models::text_encoder::{Head, TextInput};
use alambic_models::{Config, LAST_STATE, ModelError, Pass, TapSelection, Tokenizer, Tokens, UnifiedScript};
use alambic_settings::{At, Either, choices, settings};
use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use alambic_tensor::precision::{self, MatmulPrecision};
use alambic_tensor::principal_components::PrincipalComponents;

use crate::StudentError;
use crate::script::ScriptUnification;
use crate::student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind};
use crate::vocabulary_transfer::VocabularyTransfer;

/// Tokens in a forward pass of the teacher.
const BATCH: usize = 1024;

/// What begins a word in a vocabulary of SentencePiece.
const WORD_BEGINS: char = '\u{2581}';

/// Deviation of random vectors.
const DEVIATION: f64 = 0.02;

choices! {
    /// Where the vector of a token comes from.
    pub enum TokenVectors {
        /// The mean of the teacher's last states of the token between the tokens that stand around a text.
        States = "states",
        /// The first of these states.
        First = "first",
        /// The last of them.
        Last = "last",
        /// What the teacher's pooler makes of them.
        Pooler = "pooler",
        /// The teacher's table of words, which no layer has read.
        Table = "table",
        /// Nothing: vectors are random.
        Random = "random",
    }
}

choices! {
    /// Where the frequencies of tokens come from, by which their vectors are weighted.
    pub enum Frequencies {
        /// Zipf's law, by which that of the token of rank r, counted from 0, is 1 / (r + 2) divided by the sum over all ranks.
        /// The vocabulary has to be in the order of frequencies, as those of BERT are.
        Zipf = "zipf",
        /// The share of the token in the training texts.
        Counted = "counted",
    }
}

choices! {
    /// What is done with what is not in the vocabulary.
    pub enum UnknownTokens {
        /// It is left out of a text, as model2vec does. Its vector is zero, so that sentence-transformers, which reads it, gives the
        /// same vectors of length one.
        Drop = "drop",
        /// It is read as a token of its own, as sentence-transformers does.
        Keep = "keep",
    }
}

choices! {
    /// All numbers of a vector.
    pub enum WholeWidth {
        /// Vectors keep the width of the teacher's states, without principal components.
        All = "all",
    }
}

settings! {
    /// Static embeddings: a vector for each token of a teacher's vocabulary, and their mean for a text (model2vec; Tulkens and van
    /// Dongen, 2024). They begin as the teacher's states of each token alone, reduced by principal components over the vocabulary
    /// and weighted by the frequency that Zipf's law gives a token's place in it, and may then learn the teacher's embeddings of
    /// texts. Empty texts give zeros.
    pub struct StaticEmbedding {
        /// The teacher whose vocabulary and states are taken: a text encoder.
        pub teacher: At<String>,
        /// Where the vector of a token comes from.
        pub vectors: TokenVectors = TokenVectors::States,
        /// Regular expression of tokens that are left out of the vocabulary, matched at their beginning; the order of the others
        /// stays. Empty: none.
        pub remove: String = r"\[unused\d+\]".to_owned(),
        /// Number of the commonest words of the training texts that become tokens of their own, behind the others.
        #[range(0..=1_000_000)]
        pub words: usize = 0,
        /// Numbers of a vector: principal components over the vocabulary, which are centred, exact and not whitened. With more than
        /// the teacher's states have, as many as these. `"all"`: no principal components, and the width of the states.
        pub width: Either<usize, WholeWidth> = Either::First(256),
        /// Constant of smooth inverse frequency (Arora et al., 2017): a token of frequency p is weighted by a / (a + p). 0 for no
        /// weights.
        #[range(0.0..=0.999)]
        pub sif: f64 = 1e-4,
        /// Where these frequencies come from.
        pub frequencies: Frequencies = Frequencies::Zipf,
        /// What is done with what is not in the vocabulary.
        pub unknown: UnknownTokens = UnknownTokens::Drop,
        /// Script in which texts are written before they are tokenized, in training, in the student's folder and its exports. A teacher of
        /// its own vocabulary goes on reading the original texts, so that losses compare vectors and logits of texts, and no tokens.
        /// Left out: they stay as they are.
        pub unify_script: Option<ScriptUnification>,
        /// Whether embeddings of texts are brought to length one.
        pub normalise: bool = true,
    }
}

impl StaticEmbedding {
    fn plan(&self, context: &BuildContext<'_>) -> Result<(StaticConfig, SourceModel), StudentError> {
        let source = context.require(&self.teacher)?;
        if context.head.head != Head::None {
            return Err(StudentError::Incompatible(
                "static embeddings have no head: they give vectors of texts, and no classes".into(),
            ));
        }
        let states = match &source.config {
            Config::TextEncoder(own) if self.vectors == TokenVectors::Table => own.embedding_width(),
            own => own.state_width(),
        };
        let (width, components) = match self.width {
            Either::First(0) => return Err(StudentError::Incompatible("`width` is 0".into())),
            Either::First(width) if self.vectors == TokenVectors::Random => (width, None),
            Either::First(width) => (width.min(states), Some(width.min(states))),
            Either::Second(WholeWidth::All) => (states, None),
        };
        if let Some(components) = components.filter(|own| *own >= context.tokenizer.size()) {
            return Err(StudentError::Incompatible(format!(
                "`width` is {components}, and a vocabulary of {} tokens has fewer principal components",
                context.tokenizer.size()
            )));
        }
        let left_out = match self.unknown {
            UnknownTokens::Drop => context.tokenizer.unknown(),
            UnknownTokens::Keep => None,
        };
        let sif = (self.sif > 0.0).then_some(self.sif);
        let mut config = StaticConfig::new(context.tokenizer.size(), width, self.normalise, left_out);
        config.set_published(components, sif, self.vectors.name());
        Ok((config, source))
    }

    /// Vectors of all tokens of a vocabulary, `[tokens, width of the teacher's states]`.
    fn states(&self, source: &SourceModel, tokenizer: &Tokenizer) -> Result<Tensor, StudentError> {
        let whole = source.tokenizer.as_ref().ok_or_else(|| {
            StudentError::Incompatible(format!("`{}` has no vocabulary", self.teacher.value))
        })?;
        // What stands around a text: that which is the same with a text and without one.
        let (nothing, text) = (whole.encode("")?, whole.encode("a")?);
        let before = nothing.iter().zip(&text).take_while(|(one, other)| one == other).count();
        let (begin, end) = nothing.split_at(before);
        let network = architecture::build(&source.config, &source.weights)?;
        let table = network.word_embeddings().filter(|_| self.vectors == TokenVectors::Table);
        if self.vectors == TokenVectors::Table && table.is_none() {
            let message = format!("`{}` has no table of words", self.teacher.value);
            return Err(StudentError::Incompatible(message));
        }
        let row = |token: &String| -> Result<Vec<u32>, ModelError> {
            let read = if let Ok(id) = whole.id(token) {
                vec![id]
            } else {
                // A word that is a token of the student's alone.
                let read = whole.encode(token.trim_start_matches(WORD_BEGINS))?;
                read[begin.len()..read.len() - end.len()].to_vec()
            };
            Ok(if table.is_some() { read } else { [begin, read.as_slice(), end].concat() })
        };
        let rows: Vec<Vec<u32>> = tokenizer.tokens().iter().map(row).collect::<Result<_, _>>()?;
        // Rows of one length are read together, without padding.
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&place| rows[place].len());
        let mut parts = Vec::new();
        for group in order.chunk_by(|&one, &other| rows[one].len() == rows[other].len()) {
            for batch in group.chunks(BATCH) {
                let batch: Vec<Vec<u32>> = batch.iter().map(|&place| rows[place].clone()).collect();
                parts.push(match table {
                    Some(table) => mean_rows(table, &batch).map_err(ModelError::from)?,
                    None => self.read(&*network, &batch)?,
                });
            }
        }
        let mut places = vec![0_u32; order.len()];
        for (place, &token) in order.iter().enumerate() {
            places[token] = place as u32;
        }
        let in_order = || -> candle::Result<Tensor> {
            Tensor::cat(&parts, 0)?.index_select(&Tensor::new(places, device::current())?, 0)
        };
        Ok(in_order().map_err(ModelError::from)?)
    }

    /// One vector for each row of as many tokens.
    fn read(&self, network: &dyn Architecture, rows: &[Vec<u32>]) -> Result<Tensor, StudentError> {
        let tap = if self.vectors == TokenVectors::Pooler { "pooled" } else { LAST_STATE };
        let input = Batch::of_texts(TextInput::new(Tokens::pad(rows, 0)));
        // Sixteen significant bits are enough for a beginning, and tiles give them in a fraction of the time.
        let trace = precision::with(MatmulPrecision::Bf16x3, || {
            network.forward(&input, Pass::Evaluate, TapSelection::named([tap]))
        })?;
        let states = trace.get(tap).ok_or_else(|| {
            StudentError::Incompatible(format!("`{}` has no tap `{tap}`", self.teacher.value))
        })?;
        let vectors = || -> candle::Result<Tensor> {
            match self.vectors {
                TokenVectors::Pooler => Ok(states.clone()),
                TokenVectors::First => states.narrow(1, 0, 1)?.squeeze(1)?.contiguous(),
                TokenVectors::Last => states.narrow(1, states.dim(1)? - 1, 1)?.squeeze(1)?.contiguous(),
                _ => states.mean(1),
            }
        };
        Ok(vectors().map_err(ModelError::from)?.detach())
    }

    /// Weight of each token of a vocabulary; none where all weigh the same.
    fn weights(&self, context: &BuildContext<'_>) -> Result<Option<Vec<f32>>, StudentError> {
        if self.sif <= 0.0 {
            return Ok(None);
        }
        let size = context.tokenizer.size();
        let mut frequencies: Vec<f64> = match self.frequencies {
            Frequencies::Zipf => (0..size).map(|rank| 1.0 / (rank + 2) as f64).collect(),
            Frequencies::Counted => vec![0.0; size],
        };
        if self.frequencies == Frequencies::Counted {
            for text in context.texts {
                for id in context.tokenizer.encode(text)? {
                    frequencies[id as usize] += 1.0;
                }
            }
        }
        Ok(Some(inverse_frequencies(&frequencies, self.sif)))
    }
}

/// The means of the rows of a table, `[batch, width]`, of as many rows each.
fn mean_rows(table: &Tensor, rows: &[Vec<u32>]) -> candle::Result<Tensor> {
    let ids = Tensor::new(rows.concat(), table.device())?;
    let length = rows.first().map_or(1, Vec::len);
    table.detach().index_select(&ids, 0)?.reshape((rows.len(), length, ()))?.mean(1)
}

/// A table whose row of this token is zero. The token is not read here and by model2vec; sentence-transformers reads it, and its
/// vectors of length one are the same then.
fn without_row(table: &Tensor, token: u32) -> candle::Result<Tensor> {
    let rows = table.dim(0)?;
    let factors: Vec<f32> = (0..rows).map(|row| if row == token as usize { 0.0 } else { 1.0 }).collect();
    table.broadcast_mul(&Tensor::from_vec(factors, (rows, 1), table.device())?)
}

/// Weights by smooth inverse frequency: a / (a + p), p the share of a token.
fn inverse_frequencies(counts: &[f64], constant: f64) -> Vec<f32> {
    let sum: f64 = counts.iter().sum::<f64>().max(f64::MIN_POSITIVE);
    counts.iter().map(|count| (constant / (constant + count / sum)) as f32).collect()
}

impl StudentBuilder for StaticEmbedding {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.plan(context)?.0.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let (config, source) = self.plan(context)?;
        let table = if self.vectors == TokenVectors::Random {
            alambic_models::Initialiser::new(&context.streams).normal(
                config.vocabulary,
                config.width,
                DEVIATION,
            )?
        } else {
            let states = self.states(&source, context.tokenizer)?;
            let weights = self.weights(context)?;
            let reduce = || -> candle::Result<Tensor> {
                let vectors = match self.width {
                    Either::First(_) => PrincipalComponents::of(&states, config.width)?.apply(&states)?,
                    Either::Second(WholeWidth::All) => states.clone(),
                };
                let Some(weights) = weights else { return Ok(vectors) };
                let weights = Tensor::from_vec(weights, (config.vocabulary, 1), vectors.device())?;
                vectors.broadcast_mul(&weights)
            };
            reduce().map_err(ModelError::from)?
        };
        let table = match config.left_out {
            Some(token) => without_row(&table, token).map_err(ModelError::from)?,
            None => table,
        };
        let weights = Weights::from([(StaticConfig::TABLE.to_owned(), table)]);
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn unified_script(&self) -> Option<UnifiedScript> {
        self.unify_script.map(Into::into)
    }

    fn vocabulary_transfer(&self) -> VocabularyTransfer {
        VocabularyTransfer::OwnTokens { removed: self.remove.clone(), words: self.words }
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_ranks_are_those_of_model2vec() {
        // compute_weights(4, 1e-4) of model2vec 0.10.
        let expected = [2.566_008_1e-4, 3.848_518_3e-4, 5.130_7e-4, 6.412_552e-4];
        let ranks: Vec<f64> = (0..4).map(|rank| 1.0 / f64::from(rank + 2)).collect();
        for (found, expected) in inverse_frequencies(&ranks, 1e-4).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-9, "{found} and {expected}");
        }
        assert_eq!(inverse_frequencies(&[0.0, 3.0, 1.0], 0.25), [1.0, 0.25, 0.5]);
    }

    #[test]
    fn row_of_a_token_that_is_left_out_is_zero() {
        let table = Tensor::new(&[[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]], device::current()).unwrap();
        let expected = [[1.0, 2.0], [0.0, 0.0], [5.0, 6.0]];
        assert_eq!(without_row(&table, 1).unwrap().to_vec2::<f32>().unwrap(), expected);
    }
}
