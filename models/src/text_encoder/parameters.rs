//! The parameters of a configuration, and what published files call them.

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::config::TextEncoderConfig;
use super::names::TensorNames;
use super::structure::RelativePositions;
use crate::head::Head;
use crate::layers::Shapes;
use crate::{ModelError, ModelFolder, published};

impl TextEncoderConfig {
    /// Name and shape of every parameter, in the order in which they are initialised: those of the encoder first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes_under(&self.names()).into_inner()
    }

    /// The same under other names, to which more can be added.
    pub(crate) fn shapes_under(&self, names: &TensorNames) -> Shapes {
        let mut shapes = Shapes::default();
        let (width, structure) = (self.width, &self.structure);
        let tables = [
            ("word", self.vocabulary),
            ("position", self.position_rows()),
            ("token_type", self.segments),
            ("lang", structure.languages),
        ];
        for (kind, rows) in tables.into_iter().filter(|(_, rows)| *rows > 0) {
            shapes.tensor(names.table(kind), &[rows, self.embedding_width()]);
        }
        let (projection, has_bias, is_before_norm) = names.embedding_projection();
        let normed = if is_before_norm { width } else { self.embedding_width() };
        shapes.affine(&names.embedding_norm(), &[normed], structure.norm_biases);
        if let Some(embedded) = structure.embedding_width {
            shapes.affine(&projection, &[width, embedded], has_bias);
        }
        self.relative_shapes(names, &mut shapes);
        for index in 0..self.layers {
            let biases = structure.biases();
            shapes.layer_with(
                &names.layer(if structure.is_shared { 0 } else { index }),
                width,
                self.intermediate_size,
                biases,
            );
            if let Some(own) = structure.disentangled().filter(|own| !own.is_shared) {
                let [to_keys, to_queries] = names.position_projections(index);
                for (_, name) in [(own.content_to_position, to_keys), (own.position_to_content, to_queries)]
                    .into_iter()
                    .filter(|(is_set, _)| *is_set)
                {
                    shapes.biased(&name, &[width, width]);
                }
            }
        }
        if structure.is_pre_norm {
            shapes.affine(&names.final_norm(), &[width], structure.norm_biases);
        }
        if self.pooler {
            shapes.biased(&names.pooler().0, &[width, width]);
        }
        if let Some(pooling) = &self.pooling {
            pooling.shapes(&mut shapes, width);
        }
        match self.head {
            Head::None => {}
            Head::MaskedLanguage => {
                let own = names.masked_language(self.untied);
                let [dense, norm] = own.transform;
                shapes.affine(dense, &[self.embedding_width(), width], structure.head_biases);
                shapes.affine(norm, &[self.embedding_width()], structure.norm_biases);
                shapes.tensor(own.bias, &[self.vocabulary]);
                if self.untied {
                    shapes.tensor(own.output, &[self.vocabulary, self.embedding_width()]);
                }
            }
            _ => {
                let own = names.classifier(self.head, structure.classifies_mean);
                if let Some(dense) = own.dense {
                    shapes.affine(dense.name, &[width, width], structure.head_biases);
                    if let Some(norm) = dense.norm {
                        shapes.affine(norm, &[width], structure.norm_biases);
                    }
                }
                shapes.biased(own.last, &[self.labels.len(), width]);
            }
        }
        shapes
    }

    /// Adds those of relative positions.
    fn relative_shapes(&self, names: &TensorNames, shapes: &mut Shapes) {
        let [biases, embeddings, norm, convolution] = names.relative();
        match &self.structure.relative {
            None => {}
            Some(RelativePositions::Buckets(buckets)) => {
                shapes.tensor(format!("{biases}.weight"), &[*buckets, self.heads]);
            }
            Some(RelativePositions::Disentangled(own)) => {
                shapes.tensor(format!("{embeddings}.weight"), &[2 * own.buckets.span(), self.width]);
                if own.is_normed {
                    shapes.biased(&norm, &[self.width]);
                }
                if let Some((kernel, _)) = own.convolution {
                    shapes.biased(&format!("{convolution}.conv"), &[self.width, self.width, kernel]);
                    shapes.biased(&format!("{convolution}.LayerNorm"), &[self.width]);
                }
            }
        }
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
        let bias = self.names().masked_language(self.untied).bias;
        // Of a matrix that is declared to be the head's own, transformers takes a bias that is not there for zeros, whatever stands
        // under the name that it has beside the table of words.
        let is_declared = self.untied && folder.json()["tie_word_embeddings"] == false;
        if is_declared && folder.stored()?.find(&published::with_and_without(self.prefix(), bias)).is_none() {
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

    /// Prefix of the names of the encoder's tensors under a head.
    pub(super) fn prefix(&self) -> &'static str {
        self.family.declaration().prefix()
    }

    /// Whether a tensor belongs to the head.
    #[must_use]
    pub fn is_of_head(&self, name: &str) -> bool {
        self.head != Head::None && !name.starts_with(self.prefix())
    }

    /// Names that a published file may have for a tensor, the likeliest first.
    pub(crate) fn spellings(&self, name: &str) -> Vec<String> {
        let declaration = self.family.declaration();
        let mut names = published::with_and_without(declaration.prefix(), name);
        let bare = name.strip_prefix(declaration.prefix()).unwrap_or(name);
        names.extend(declaration.other_prefixes().iter().map(|prefix| format!("{prefix}{bare}")));
        let head = self.names();
        if name == head.masked_language(self.untied).bias {
            // Where both are there and differ, transformers takes the one beside the matrix.
            names = [true, false].map(|untied| head.masked_language(untied).bias.to_owned()).to_vec();
        }
        published::older(names)
    }
}
