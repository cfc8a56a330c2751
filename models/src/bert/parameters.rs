//! The parameters of a configuration, and what published files call them.

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::config::BertConfig;
use super::names::{TensorNames, base};
use crate::head::Head;
use crate::layers::Shapes;
use crate::{ModelError, ModelFolder, published};

impl BertConfig {
    /// Name and shape of every parameter, in the order in which they are initialised: those of the encoder first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes_under(&self.names()).into_inner()
    }

    /// The same under other names, to which more can be added.
    pub(crate) fn shapes_under(&self, names: &TensorNames) -> Shapes {
        let mut shapes = Shapes::default();
        let width = self.width;
        for (kind, rows) in
            [("word", self.vocabulary), ("position", self.positions), ("token_type", self.segments)]
        {
            if rows > 0 {
                shapes.tensor(names.table(kind), &[rows, width]);
            }
        }
        shapes.biased(&names.embedding_norm(), &[width]);
        for index in 0..self.layers {
            shapes.layer(&names.layer(index), width, self.intermediate_size);
        }
        if self.pooler {
            shapes.biased(&names.pooler(), &[width, width]);
        }
        if let Some(pooling) = &self.pooling {
            pooling.shapes(&mut shapes, width);
        }
        match self.head {
            Head::None => {}
            Head::MaskedLanguage => {
                let [dense, norm, bias] = names.masked_language(self.untied);
                shapes.biased(dense, &[width, width]);
                shapes.biased(norm, &[width]);
                shapes.tensor(bias, &[self.vocabulary]);
                if self.untied {
                    shapes.tensor(names.output(), &[self.vocabulary, width]);
                }
            }
            _ => {
                let (before, last) = names.classifier(self.head);
                if let Some(before) = before {
                    shapes.biased(before, &[width, width]);
                }
                shapes.biased(last, &[self.labels.len(), width]);
            }
        }
        shapes
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.shapes().values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// The tensors of a published file under the names of [`Self::shapes`], in their order, and the names of those
    /// that the file does not hold. What the configuration has no place for is left out.
    ///
    /// A file may put the encoder's prefix in front or leave it out, and call a norm's weight and bias `gamma` and
    /// `beta`, as TensorFlow's checkpoints did.
    #[must_use]
    pub fn adopt(&self, weights: &Weights) -> (Weights, Vec<String>) {
        published::adopt(&self.shapes(), weights, |name| self.spellings(name))
    }

    /// The weights of a folder under the names of [`Self::shapes`].
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        let mut shapes = self.shapes();
        let bias = self.names().masked_language(self.untied)[2];
        // Of a matrix that is declared to be the head's own, transformers takes a bias that is not there for zeros, whatever stands
        // under the name that it has beside the table of words.
        let is_declared = self.untied && folder.json()["tie_word_embeddings"] == false;
        if is_declared
            && folder.stored()?.find(&published::with_and_without(base(self.family), bias)).is_none()
        {
            shapes.shift_remove(bias);
            let zeros = Tensor::zeros(self.vocabulary, DType::F32, device::current())?;
            let mut weights = published::open(folder, &shapes, |name| self.spellings(name))?;
            weights.insert(bias.to_owned(), zeros);
            let shapes = self.shapes();
            weights.sort_by_cached_key(|name, _| shapes.get_index_of(name));
            return Ok(weights);
        }
        published::open(folder, &shapes, |name| self.spellings(name))
    }

    /// Whether a tensor belongs to the head.
    #[must_use]
    pub fn is_of_head(&self, name: &str) -> bool {
        self.head != Head::None && !name.starts_with(base(self.family))
    }

    /// Names that a published file may have for a tensor, the likeliest first.
    pub(crate) fn spellings(&self, name: &str) -> Vec<String> {
        let mut names = published::with_and_without(base(self.family), name);
        let head = self.names();
        if name == head.masked_language(self.untied)[2] {
            // Where both are there and differ, transformers takes the one beside the matrix.
            names = [true, false].map(|untied| head.masked_language(untied)[2].to_owned()).to_vec();
        }
        published::older(names)
    }
}
