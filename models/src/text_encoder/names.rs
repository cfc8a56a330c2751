//! Names of the tensors of a text encoder.

use alambic_tensor::parameters::Weights;

use super::family::{Classifier, Family};
use crate::head::{Head, MaskedLanguageNames};
use crate::layers::EncoderNames;

/// Names of a model's tensors, `.weight` and `.bias` left out.
#[derive(Debug, Clone, Copy)]
pub struct TensorNames {
    /// `bert.` and the like; empty for a model without a head.
    prefix: &'static str,
    family: Family,
}

impl TensorNames {
    /// The names in a model of a family with this head.
    pub(super) fn new(family: Family, head: Head) -> Self {
        let prefix = if head == Head::None { "" } else { family.declaration().prefix() };
        Self { prefix, family }
    }

    /// The names of an encoder that stands in another model, under this prefix.
    pub(crate) fn under(prefix: &'static str, family: Family) -> Self {
        Self { prefix, family }
    }

    fn base(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A table of embeddings, `.weight` with it: `word`, `position`, `token_type` or `lang`.
    #[must_use]
    pub fn table(&self, kind: &str) -> String {
        self.base(&self.family.declaration().table(kind))
    }

    /// The norm of the embeddings.
    #[must_use]
    pub fn embedding_norm(&self) -> String {
        self.base(self.family.declaration().embedding_norm())
    }

    /// The linear layer between embeddings and hidden states, whether it has a bias, and whether it stands before the norm.
    #[must_use]
    pub fn embedding_projection(&self) -> (String, bool, bool) {
        let (name, has_bias, is_before_norm) = self.family.declaration().embedding_projection();
        (self.base(name), has_bias, is_before_norm)
    }

    /// The linear layer of the pooler, and its activation, as transformers names it.
    #[must_use]
    pub fn pooler(&self) -> (String, &'static str) {
        let declaration = self.family.declaration();
        (declaration.pooler(self.prefix), declaration.pooler_activation())
    }

    /// The norm behind the last layer, where norms stand before sublayers.
    #[must_use]
    pub fn final_norm(&self) -> String {
        self.base(self.family.declaration().final_norm())
    }

    /// The table of biases of relative positions; and of embeddings of them, their norm, and the convolution beside the first
    /// layer.
    #[must_use]
    pub fn relative(&self) -> [String; 4] {
        self.family.declaration().relative().map(|name| self.base(name))
    }

    /// Projections of positions of a layer, counted from 0: to keys, and to queries.
    #[must_use]
    pub fn position_projections(&self, index: usize) -> [String; 2] {
        self.family.declaration().position_projections().map(|part| self.part(index, part))
    }

    /// What stands before the number of a layer.
    #[must_use]
    pub fn stack(&self) -> String {
        self.base(self.family.declaration().stack())
    }

    fn part(&self, index: usize, part: &str) -> String {
        self.base(&self.family.declaration().layer_part(index, part))
    }

    /// The tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        self.family.declaration().layer(index, &|part| self.part(index, part))
    }

    /// The layers of a classification head. `of_mean` is whether that of texts reads the mean, where its family has the choice.
    #[must_use]
    pub fn classifier(&self, head: Head, of_mean: bool) -> Classifier {
        self.family.declaration().classifier(head, of_mean)
    }

    /// The head of masked language modelling. `untied` is whether the logits have a matrix of their own.
    #[must_use]
    pub fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        self.family.declaration().masked_language(untied)
    }

    /// The weights of an encoder with these layers alone, counted from 0, in this order; one may come several times.
    #[must_use]
    pub fn select_layers(&self, weights: &Weights, layers: &[usize]) -> Weights {
        let declaration = self.family.declaration();
        let mut selected = Weights::new();
        for (name, tensor) in weights {
            let own = name.strip_prefix(self.prefix).and_then(|own| declaration.part_of_layer(own));
            let Some((index, part)) = own else {
                selected.insert(name.clone(), tensor.clone());
                continue;
            };
            for (place, _) in layers.iter().enumerate().filter(|(_, layer)| **layer == index) {
                selected.insert(self.part(place, &part), tensor.clone());
            }
        }
        selected
    }
}
