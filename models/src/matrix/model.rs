//! The network: products of matrices and sums of vectors, and a head over them.

use std::sync::Arc;

use alambic_tensor::candle::{D, DType, Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{self, Activation, RaggedLayout, ReadingOrder};
use alambic_tensor::parameters::Weights;

use super::config::{ClassifierKind, MatrixConfig, PairFeatures, StateOrder};
use super::parameters::{DIAGONAL, EPSILON, LEFT, LINEAR, MLP, RIGHT, VECTORS, VOCABULARY};
use crate::head::Head;
use crate::integers::check_rows;
use crate::layers::{Linear, Norm, Pass, WeightSource};
use crate::text_input::TextInput;
use crate::{ModelError, TapSelection, Tokens, Trace};

/// Least length of a vector in a cosine, as PyTorch has it.
const LEAST_LENGTH: f64 = 1e-8;

/// Matrices of the tokens of the vocabulary in one direction.
#[derive(Debug, Clone)]
enum MatrixTable {
    /// `[vocabulary, side * side]`.
    Whole(Tensor),
    /// Factors `[vocabulary, side * rank]` and `[vocabulary, rank * side]`, and diagonals `[vocabulary, side]`.
    LowRank([Tensor; 3]),
}

/// A head with its weights.
#[derive(Debug, Clone)]
enum Classifier {
    None,
    Linear(Linear),
    Mlp {
        first: Linear,
        second: Linear,
        norm: Norm,
        last: Linear,
    },
    /// The cosine of the two texts of a pair.
    Cosine,
}

/// Matrix embeddings over given weights.
#[derive(Debug, Clone)]
pub struct MatrixEmbeddings {
    config: MatrixConfig,
    vectors: Option<Tensor>,
    matrices: Vec<(ReadingOrder, MatrixTable)>,
    classifier: Classifier,
}

/// Matrices and vectors of the tokens of texts, which lie end to end, and the layout of these.
struct Embedded {
    layout: Arc<RaggedLayout>,
    /// `[tokens, vector]`.
    vectors: Option<Tensor>,
    /// `[tokens, side * side]` in each direction.
    matrices: Vec<Tensor>,
}

impl MatrixEmbeddings {
    /// Builds the model over its weights. Tracked ones make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &MatrixConfig, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        let (rows, side) = (config.vocabulary, config.side);
        let vectors =
            (config.vector > 0).then(|| source.tensor(VECTORS, &[rows, config.vector])).transpose()?;
        let table = |&(order, name): &(ReadingOrder, &str)| {
            let part = |part: &str, width: usize| source.tensor(&format!("{name}.{part}"), &[rows, width]);
            let table = match config.rank {
                None => MatrixTable::Whole(part("weight", side * side)?),
                Some(rank) => MatrixTable::LowRank([
                    part(LEFT, side * rank)?,
                    part(RIGHT, rank * side)?,
                    part(DIAGONAL, side)?,
                ]),
            };
            Ok((order, table))
        };
        let orders = config.directions.orders().iter().filter(|_| side > 0);
        let matrices = orders.map(table).collect::<Result<_, ModelError>>()?;
        Ok(Self { vectors, matrices, classifier: Classifier::load(source, config)?, config: config.clone() })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &MatrixConfig {
        &self.config
    }

    /// The vector of each token of the vocabulary, `[vocabulary, vector]`; none where tokens have matrices alone.
    #[must_use]
    pub fn word_embeddings(&self) -> Option<&Tensor> {
        self.vectors.as_ref()
    }

    /// One forward pass that reads the wanted taps. With `v_i` and `F_i`, `B_i` the vector and the matrices of token i of n, row by row:
    ///
    /// - `hidden.0` `[batch, length, width]`: `[v_i; F_i; v_i; B_i]`.
    /// - `hidden.1`, the same shape: `[v_1 + … + v_i; F_1 … F_i; v_n + … + v_i; B_n … B_i]`; in the published order, the backward
    ///   half of token n + 1 − i stands there.
    /// - `pooled` `[batch, width]`, and `embedding` without a head: `[v_1 + … + v_n; F_1 … F_n; B_n … B_1]`; of a text without tokens
    ///   zeros and identities.
    /// - `logits`.
    ///
    /// A direction that is not read is left out. Pairs are one text in all taps but `logits`, for which each text is read by itself.
    ///
    /// # Errors
    /// When a token is not in the vocabulary.
    pub fn trace(
        &self,
        input: &TextInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let tokens = &input.tokens;
        check_rows("input_ids", &tokens.ids, self.config.vocabulary, "words")?;
        trace.record_mask("", &tokens.mask);
        let wants_logits = trace.wants("logits") && self.config.head != Head::None;
        let reads_pair = wants_logits && self.config.splits_pairs();
        let reads_states = wants_logits && self.config.head.is_per_token();
        let wants_pooled = trace.wants("pooled") || trace.wants("embedding");
        let is_read = ["hidden.0", "hidden.1"].iter().any(|tap| trace.wants(tap));
        let mut pooled = None;
        let mut states = None;
        if is_read || wants_pooled || wants_logits && !reads_pair {
            let embedded = self.embed(tokens, pass)?;
            let layout = &embedded.layout;
            if trace.wants("hidden.0") {
                trace.record("hidden.0", &layout.pad(&embedded.tokens(&self.config)?)?);
            }
            if trace.wants("hidden.1") || reads_states {
                let own = self.states(&embedded)?;
                if trace.wants("hidden.1") {
                    trace.record("hidden.1", &layout.pad(&own)?);
                }
                states = Some((own, layout.clone()));
            }
            if wants_pooled || wants_logits && !reads_states && !reads_pair {
                let own = self.pool(&embedded)?;
                trace.record("pooled", &own);
                if self.config.head == Head::None {
                    trace.record("embedding", &own);
                }
                pooled = Some(own);
            }
        }
        if wants_logits {
            let classify = |read: &Tensor| self.classifier.forward(read, pass, self.config.dropout);
            let logits = match (states, pooled) {
                _ if reads_pair => {
                    classify(&self.join(&self.pool(&self.embed(&self.texts_apart(input), pass)?)?)?)?
                }
                (Some((states, layout)), _) if reads_states => match &input.selected {
                    None if layout.tokens() == 0 => {
                        let shape = (layout.batch(), layout.length(), self.config.outline().classes);
                        Tensor::zeros(shape, DType::F32, device::current())?
                    }
                    None => layout.pad(&classify(&states)?)?,
                    Some(selected) => {
                        let rows = Tensor::new(selected.as_slice(), device::current())?;
                        classify(&layout.pad(&states)?.flatten_to(1)?.index_select(&rows, 0)?)?
                    }
                },
                (_, Some(pooled)) => classify(&pooled)?,
                _ => return Ok(trace),
            };
            trace.record("logits", &logits);
        }
        Ok(trace)
    }

    /// The tokens of texts without their padding, looked up.
    fn embed(&self, tokens: &Tokens, pass: Pass<'_>) -> Result<Embedded, ModelError> {
        let layout = Arc::new(RaggedLayout::of_mask(&tokens.mask, tokens.batch)?);
        let ids = Arc::new(layout.select(&tokens.ids));
        let look_up = |table: &Tensor| -> Result<Tensor, ModelError> {
            if ids.is_empty() {
                return Ok(Tensor::zeros((0, table.dim(1)?), DType::F32, table.device())?);
            }
            Ok(ops::embed(table, &ids, 1, 1.0, None)?.squeeze(0)?)
        };
        let dropped =
            |rows: Tensor| pass.dropout(&rows, if ids.is_empty() { 0.0 } else { self.config.dropout });
        let vectors = self.vectors.as_ref().map(|table| dropped(look_up(table)?)).transpose()?;
        let matrices = self.matrices.iter().map(|(_, table)| match table {
            MatrixTable::Whole(table) => dropped(look_up(table)?),
            MatrixTable::LowRank(_) if ids.is_empty() => {
                Ok(Tensor::zeros((0, self.config.side.pow(2)), DType::F32, device::current())?)
            }
            MatrixTable::LowRank([left, right, diagonal]) => {
                let parts = [look_up(left)?, look_up(right)?, look_up(diagonal)?];
                dropped(ops::low_rank_matrices(&parts[0], &parts[1], &parts[2])?)
            }
        });
        let matrices = matrices.collect::<Result<_, _>>()?;
        Ok(Embedded { layout, vectors, matrices })
    }

    /// States `[tokens, width]` of the tokens, as they lie.
    fn states(&self, embedded: &Embedded) -> Result<Tensor, ModelError> {
        let layout = &embedded.layout;
        let orders = self.config.directions.orders().iter().enumerate();
        let mut parts = Vec::new();
        for (index, &(order, _)) in orders {
            let sums = embedded.vectors.as_ref().map(|own| ops::prefix_sums(own, layout, order));
            let products = embedded.matrices.get(index).map(|own| ops::prefix_products(own, layout, order));
            for own in sums.into_iter().chain(products) {
                let own = own?;
                let turns = order == ReadingOrder::Backward && self.config.order == StateOrder::Published;
                parts.push(if turns { layout.reverse(&own)? } else { own });
            }
        }
        Ok(Tensor::cat(&parts, D::Minus1)?)
    }

    /// The embedding of each text, `[batch, width]`.
    fn pool(&self, embedded: &Embedded) -> Result<Tensor, ModelError> {
        let layout = &embedded.layout;
        let mut parts = Vec::new();
        if let Some(vectors) = &embedded.vectors {
            parts.push(ops::sequence_sums(vectors, layout)?);
        }
        for ((order, _), own) in self.matrices.iter().zip(&embedded.matrices) {
            parts.push(ops::matrix_product(own, layout, *order)?);
        }
        Ok(Tensor::cat(&parts, D::Minus1)?)
    }

    /// The first texts of pairs, and behind them the second ones, each with the special tokens that stand around a text: those
    /// before a text are taken from the first one. The segment of a token says to which text it belongs.
    fn texts_apart(&self, input: &TextInput) -> Tokens {
        let tokens = &input.tokens;
        let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
        for row in 0..tokens.batch {
            let places = row * tokens.length..(row + 1) * tokens.length;
            let real = places.filter(|&place| tokens.mask[place] != 0);
            let (mut first, mut second) = (Vec::new(), Vec::new());
            for (number, place) in real.enumerate() {
                let is_second = input.segments.as_ref().is_some_and(|segments| segments[place] != 0);
                if !is_second {
                    first.push(tokens.ids[place]);
                }
                if is_second || number < self.config.leading {
                    second.push(tokens.ids[place]);
                }
            }
            firsts.push(first);
            seconds.push(second);
        }
        firsts.append(&mut seconds);
        Tokens::pad(&firsts, self.config.padding)
    }

    /// What the head reads of the embeddings u of first texts and, behind them, v of second ones: `[u; v; |u - v|]`, or their cosine.
    fn join(&self, both: &Tensor) -> Result<Tensor, ModelError> {
        let batch = both.dim(0)? / 2;
        let (u, v) = (both.narrow(0, 0, batch)?.contiguous()?, both.narrow(0, batch, batch)?.contiguous()?);
        if self.config.pair_features == PairFeatures::Difference {
            return Ok(Tensor::cat(&[&u, &v, &(&u - &v)?.abs()?], 1)?);
        }
        let length = |own: &Tensor| own.sqr()?.sum_keepdim(1)?.sqrt()?.maximum(LEAST_LENGTH);
        Ok(((&u * &v)?.sum_keepdim(1)? / (length(&u)? * length(&v)?)?)?)
    }
}

impl Embedded {
    /// Vector and matrix of each token in each direction, `[tokens, width]`.
    fn tokens(&self, config: &MatrixConfig) -> Result<Tensor, ModelError> {
        let directions = 0..config.directions.orders().len();
        let parts: Vec<&Tensor> =
            directions.flat_map(|index| self.vectors.iter().chain(self.matrices.get(index))).collect();
        Ok(Tensor::cat(&parts, D::Minus1)?)
    }
}

impl Classifier {
    fn load(source: WeightSource<'_>, config: &MatrixConfig) -> Result<Self, ModelError> {
        let (width, classes) = (config.classifier_width(), config.classes());
        Ok(match (config.head, config.classifier) {
            (Head::None, _) => Self::None,
            (Head::Sequence, _) if config.pair_features == PairFeatures::Cosine => Self::Cosine,
            (Head::MaskedLanguage, _) => Self::Linear(Linear::load(source, VOCABULARY, width, classes)?),
            (_, ClassifierKind::Linear) => Self::Linear(Linear::load(source, LINEAR, width, classes)?),
            (_, ClassifierKind::Mlp) => {
                let [first, second, norm, last] = MLP;
                Self::Mlp {
                    first: Linear::load(source, first, width, width)?,
                    second: Linear::load(source, second, width, width)?,
                    norm: Norm::load(source, norm, width, EPSILON)?,
                    last: Linear::load(source, last, width, classes)?,
                }
            }
        })
    }

    /// The logits of what the head reads, `[.., width]`.
    fn forward(&self, read: &Tensor, pass: Pass<'_>, dropout: f32) -> Result<Tensor, ModelError> {
        match self {
            Self::None | Self::Cosine => Ok(read.clone()),
            Self::Linear(last) => last.forward(read, Activation::Identity),
            Self::Mlp { first, second, norm, last } => {
                let inner = second.forward(&first.forward(read, Activation::Relu)?, Activation::Identity)?;
                last.forward(&norm.forward(&pass.dropout(&inner, dropout)?)?, Activation::Identity)
            }
        }
    }
}
