//! Names, shapes and initial values of the parameters.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::ReadingOrder;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::config::{ClassifierKind, MatrixConfig, PairFeatures};
use crate::head::{Head, HeadSpec};
use crate::initialise::DEVIATION;
use crate::layers::Shapes;
use crate::{Initialiser, ModelError};

/// The table of vectors.
pub(super) const VECTORS: &str = "embeddings.vectors.weight";

/// The linear layer of the vocabulary's logits.
pub(super) const VOCABULARY: &str = "lm_head";

/// The layers of the classification head of several, numbered as in PyTorch's `Sequential` of linear, `ReLU`, linear, dropout, norm,
/// linear.
pub(super) const MLP: [&str; 4] = ["classifier.0", "classifier.2", "classifier.4", "classifier.5"];

/// The classification head of one layer.
pub(super) const LINEAR: &str = "classifier";

/// Added to the variance in the layer norm of a head.
pub(super) const EPSILON: f64 = 1e-5;

/// Parts of a table of matrices of low rank.
pub(super) const LEFT: &str = "left.weight";
pub(super) const RIGHT: &str = "right.weight";
pub(super) const DIAGONAL: &str = "diagonal.weight";

/// Names of the tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixNames {
    /// The table of vectors; none where tokens have none.
    pub vectors: Option<&'static str>,
    /// Reading orders, each with what the names of its table of matrices begin with; none where tokens have none. A table is `.weight`,
    /// or of low rank `.left.weight`, `.right.weight` and `.diagonal.weight`.
    pub matrices: Vec<(ReadingOrder, Option<&'static str>)>,
    /// The linear layer of the vocabulary's logits.
    pub vocabulary: &'static str,
    /// The classification head of one layer.
    pub linear: &'static str,
    /// The layers of the one of several: linear, linear, norm, linear.
    pub mlp: [&'static str; 4],
    /// Added to the variance in its norm.
    pub epsilon: f64,
}

impl MatrixConfig {
    /// Names of the tensors.
    #[must_use]
    pub fn names(&self) -> MatrixNames {
        let matrices =
            self.directions.orders().iter().map(|&(order, name)| (order, (self.side > 0).then_some(name)));
        MatrixNames {
            vectors: (self.vector > 0).then_some(VECTORS),
            matrices: matrices.collect(),
            vocabulary: VOCABULARY,
            linear: LINEAR,
            mlp: MLP,
            epsilon: EPSILON,
        }
    }

    /// Names and shapes of the tables.
    fn tables(&self) -> IndexMap<String, Vec<usize>> {
        let mut shapes = Shapes::default();
        let (rows, side) = (self.vocabulary, self.side);
        if self.vector > 0 {
            shapes.tensor(VECTORS, &[rows, self.vector]);
        }
        for (_, name) in self.directions.orders().iter().filter(|_| side > 0) {
            match self.rank {
                None => shapes.tensor(format!("{name}.weight"), &[rows, side * side]),
                Some(rank) => {
                    shapes.tensor(format!("{name}.{LEFT}"), &[rows, side * rank]);
                    shapes.tensor(format!("{name}.{RIGHT}"), &[rows, rank * side]);
                    shapes.tensor(format!("{name}.{DIAGONAL}"), &[rows, side]);
                }
            }
        }
        shapes.into_inner()
    }

    /// Names of the tables, of which a training step changes the rows that it looks up.
    pub(super) fn table_names(&self) -> Vec<String> {
        self.tables().into_keys().collect()
    }

    pub(super) fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let mut shapes = Shapes::default();
        let (width, classes) = (self.classifier_width(), self.classes());
        match (self.head, self.classifier) {
            (Head::None, _) => {}
            (Head::Sequence, _) if self.pair_features == PairFeatures::Cosine => {}
            (Head::MaskedLanguage, _) => shapes.biased(VOCABULARY, &[classes, width]),
            (_, ClassifierKind::Linear) => shapes.biased(LINEAR, &[classes, width]),
            (_, ClassifierKind::Mlp) => {
                let [first, second, norm, last] = MLP;
                shapes.biased(first, &[width, width]);
                shapes.biased(second, &[width, width]);
                shapes.biased(norm, &[width]);
                shapes.biased(last, &[classes, width]);
            }
        }
        let mut all = self.tables();
        all.extend(shapes.into_inner());
        all
    }

    /// Initial weights: matrices of the identity and normal noise, vectors of the same noise, heads as in BERT.
    pub(super) fn initialise(&self, names: &[String], streams: Streams) -> Result<Weights, ModelError> {
        let (shapes, mut initialiser) = (self.shapes(), Initialiser::new(&streams));
        let tables = self.tables();
        let mut weights = Weights::new();
        for name in names {
            let Some(&[rows, width]) = tables.get(name).map(Vec::as_slice) else {
                weights.extend(initialiser.fill(&shapes, [name], DEVIATION)?);
                continue;
            };
            let is_factor = name.ends_with(LEFT) || name.ends_with(RIGHT);
            let deviation = match self.rank {
                // A sum of so many products of two normal numbers has the deviation of the noise.
                Some(rank) if is_factor => (self.noise.powi(2) / rank as f64).powf(0.25),
                _ => self.noise,
            };
            let noise = initialiser.normal(rows, width, deviation)?;
            let table = if name == VECTORS || is_factor {
                noise
            } else if name.ends_with(DIAGONAL) {
                (noise + 1.0)?
            } else {
                let identity = Tensor::eye(self.side, DType::F32, device::current())?.reshape((1, width))?;
                noise.broadcast_add(&identity)?
            };
            weights.insert(name.clone(), table);
        }
        Ok(weights)
    }

    /// The same encoder for a task, and weights for it: the given ones, with a new head where they are of another.
    pub(super) fn with_new_head(
        &self,
        given: &Weights,
        head: &HeadSpec,
        streams: Streams,
    ) -> Result<(Self, Weights), ModelError> {
        let config = self.clone().with_head(head);
        config.check()?;
        let labels = head.head == Head::MaskedLanguage || self.labels == config.labels;
        let is_same =
            self.head == config.head && labels && self.classifier_width() == config.classifier_width();
        let tables = config.tables();
        let (shapes, mut missing) = (config.shapes(), Vec::new());
        let mut weights = Weights::new();
        for (name, expected) in &shapes {
            match given.get(name).filter(|_| is_same || tables.contains_key(name)) {
                Some(tensor) if tensor.dims() == expected => {
                    weights.insert(name.clone(), tensor.clone());
                }
                Some(tensor) => {
                    return Err(ModelError::Shape {
                        name: name.clone(),
                        found: tensor.dims().to_vec(),
                        expected: expected.clone(),
                    });
                }
                None => missing.push(name.clone()),
            }
        }
        weights.extend(config.initialise(&missing, streams)?);
        weights.sort_by_cached_key(|name, _| shapes.get_index_of(name));
        Ok((config, weights))
    }
}
