//! Static embeddings out of a teacher's states of single tokens, as model2vec makes them.

use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::static_embeddings::StaticConfig;
use alambic_models::text_encoder::{Head, LAST_STATE, TextInput};
use alambic_models::{ModelError, Pass, TapSelection, Tokenizer, Tokens};
use alambic_settings::{At, choices, settings};
use alambic_tensor::candle::{self, D, DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use nalgebra::{DMatrix, SymmetricEigen};

use crate::StudentError;
use crate::student_builder::{BuildContext, InitialModel, SourceModel, StudentBuilder, TaskKind};
use crate::vocabulary_transfer::VocabularyTransfer;

/// Tokens in a forward pass of the teacher.
const BATCH: usize = 1024;

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
        /// Numbers of a vector. With more than the teacher's states have, as many as these.
        #[range(1..=65_536)]
        pub width: usize = 256,
        /// Whether vectors are reduced to their principal components over the vocabulary: centred, exact, not whitened. Without,
        /// they keep the width of the teacher's states.
        pub pca: bool = true,
        /// Constant of smooth inverse frequency (Arora et al., 2017): the token of rank r, counted from 0, is weighted by
        /// a / (a + p), p = 1 / (r + 2) divided by the sum over all ranks. 0 for no weights.
        #[range(0.0..=0.999)]
        pub sif: f64 = 1e-4,
        /// Whether what is not in the vocabulary is left out of a text, as model2vec does, or read, as sentence-transformers does.
        pub drops_unknown: bool = true,
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
        let states = source.config.text_encoder()?.width;
        let width = match self.vectors {
            TokenVectors::Random => self.width,
            _ if self.pca => self.width.min(states),
            _ => states,
        };
        let left_out = if self.drops_unknown { context.tokenizer.unknown() } else { None };
        let applied = if self.pca { Some(width) } else { None };
        let sif = (self.sif > 0.0).then_some(self.sif);
        let mut config = StaticConfig::new(context.tokenizer.size(), width, self.normalise, left_out);
        config.set_published(applied, sif, self.vectors.name());
        Ok((config, source))
    }

    /// Vectors of all tokens of a vocabulary, `[tokens, width of the teacher's states]`.
    fn states(&self, source: &SourceModel, tokenizer: &Tokenizer) -> Result<Tensor, StudentError> {
        let whole = source.tokenizer.as_ref().ok_or_else(|| {
            StudentError::Incompatible(format!("`{}` has no vocabulary", self.teacher.value))
        })?;
        let ids: Vec<u32> =
            tokenizer.tokens().iter().map(|token| whole.id(token)).collect::<Result<_, ModelError>>()?;
        let network = architecture::build(&source.config, &source.weights)?;
        if self.vectors == TokenVectors::Table {
            let table = network.word_embeddings().ok_or_else(|| {
                StudentError::Incompatible(format!("`{}` has no table of words", self.teacher.value))
            })?;
            let ids = Tensor::new(ids.as_slice(), device::current()).map_err(ModelError::from)?;
            return Ok(table.detach().index_select(&ids, 0).map_err(ModelError::from)?);
        }
        let around = whole.encode("")?;
        let (begin, end) = around.split_at(around.len().div_ceil(2));
        let tap = if self.vectors == TokenVectors::Pooler { "pooled" } else { LAST_STATE };
        let mut parts = Vec::with_capacity(ids.len().div_ceil(BATCH));
        for batch in ids.chunks(BATCH) {
            let rows: Vec<Vec<u32>> = batch.iter().map(|&id| [begin, &[id], end].concat()).collect();
            parts.push(self.read(&*network, &rows, tap)?);
        }
        Ok(Tensor::cat(&parts, 0).map_err(ModelError::from)?)
    }

    /// One vector for each row of tokens.
    fn read(&self, network: &dyn Architecture, rows: &[Vec<u32>], tap: &str) -> Result<Tensor, StudentError> {
        let input = Batch::of_texts(TextInput::new(Tokens::pad(rows, 0)));
        let trace = network.forward(&input, Pass::Evaluate, TapSelection::named([tap]))?;
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
}

/// Coordinates of vectors `[rows, inputs]` by their first `width` principal components. The largest number of a component is
/// positive. Vectors that are fewer than the components stay as they are.
fn principal_components(vectors: &Tensor, width: usize) -> candle::Result<Tensor> {
    let (rows, inputs) = vectors.dims2()?;
    if width >= rows {
        return Ok(vectors.clone());
    }
    let vectors = vectors.to_dtype(DType::F64)?;
    let centred = vectors.broadcast_sub(&vectors.mean_keepdim(0)?)?.contiguous()?;
    let covariance = (centred.t()?.contiguous()?.matmul(&centred)? / (rows.max(2) - 1) as f64)?;
    let covariance = DMatrix::from_row_slice(inputs, inputs, &covariance.flatten_all()?.to_vec1::<f64>()?);
    let own = SymmetricEigen::new(covariance);
    let mut order: Vec<usize> = (0..inputs).collect();
    order.sort_by(|&one, &other| own.eigenvalues[other].total_cmp(&own.eigenvalues[one]));
    let mut components = vec![0.0; inputs * width];
    for (place, &column) in order.iter().take(width).enumerate() {
        let component = own.eigenvectors.column(column);
        let largest = component
            .iter()
            .copied()
            .fold(0.0_f64, |largest, number| if number.abs() > largest.abs() { number } else { largest });
        for (row, number) in component.iter().enumerate() {
            components[row * width + place] = number * largest.signum();
        }
    }
    let components = Tensor::from_vec(components, (inputs, width), vectors.device())?;
    centred.matmul(&components)?.to_dtype(DType::F32)
}

/// Weight of each of so many ranks by smooth inverse frequency.
fn rank_weights(ranks: usize, constant: f64) -> Vec<f32> {
    let inverse = |rank: usize| 1.0 / (rank + 2) as f64;
    let sum: f64 = (0..ranks).map(inverse).sum();
    (0..ranks).map(|rank| (constant / (constant + inverse(rank) / sum)) as f32).collect()
}

impl StudentBuilder for StaticEmbedding {
    fn config(&self, context: &BuildContext<'_>) -> Result<alambic_models::Config, StudentError> {
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
            let reduce = || -> candle::Result<Tensor> {
                let vectors =
                    if self.pca { principal_components(&states, config.width)? } else { states.clone() };
                if self.sif <= 0.0 {
                    return Ok(vectors);
                }
                let weights = rank_weights(config.vocabulary, self.sif);
                let weights = Tensor::from_vec(weights, (config.vocabulary, 1), vectors.device())?;
                vectors.broadcast_mul(&weights)
            };
            reduce().map_err(ModelError::from)?
        };
        if table.dim(D::Minus1).map_err(ModelError::from)? != config.width {
            return Err(StudentError::Incompatible(format!(
                "a vocabulary of {} tokens has fewer principal components than {}: set a smaller `width`",
                config.vocabulary, config.width
            )));
        }
        let weights = Weights::from([(StaticConfig::TABLE.to_owned(), table)]);
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        true
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextEncoding
    }

    fn vocabulary_transfer(&self) -> VocabularyTransfer {
        VocabularyTransfer::OwnTokens { removed: self.remove.clone() }
    }

    fn source_models(&self) -> Vec<&At<String>> {
        vec![&self.teacher]
    }
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::Device;

    use super::*;

    #[test]
    fn components_are_ordered_centred_and_signed() {
        // Points along (3, 4) and, less, along (4, -3), off the origin.
        let points: Vec<[f32; 2]> = [(-5.0, 1.0), (5.0, 1.0), (-5.0, -1.0), (5.0, -1.0)]
            .map(|(along, across): (f32, f32)| [7.0 + 0.6 * along + 0.8 * across, 0.8 * along - 0.6 * across])
            .to_vec();
        let points = Tensor::from_iter(points.into_iter().flatten(), &Device::Cpu).unwrap().reshape((4, 2)).unwrap();
        let found = principal_components(&points, 2).unwrap().to_vec2::<f32>().unwrap();
        for (row, expected) in found.iter().zip([[-5.0, 1.0], [5.0, 1.0], [-5.0, -1.0], [5.0, -1.0f32]]) {
            for (number, expected) in row.iter().zip(expected) {
                assert!((number - expected).abs() < 1e-5, "{found:?}");
            }
        }
        let first = principal_components(&points, 1).unwrap().to_vec2::<f32>().unwrap();
        assert!((first[0][0] + 5.0).abs() < 1e-5);
        // Fewer points than components stay as they are.
        assert_eq!(principal_components(&points, 4).unwrap().dims(), [4, 2]);
    }

    #[test]
    fn weights_of_ranks_are_those_of_model2vec() {
        // compute_weights(4, 1e-4) of model2vec 0.10.
        let expected = [2.566_008_1e-4, 3.848_518_3e-4, 5.130_699_6e-4, 6.412_552e-4];
        for (found, expected) in rank_weights(4, 1e-4).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-10, "{found} and {expected}");
        }
    }
}
