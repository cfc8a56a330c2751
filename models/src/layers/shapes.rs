//! Names and shapes of the tensors of blocks.

use indexmap::IndexMap;

use super::{AttentionNames, EncoderNames};

/// Name and shape of every parameter, as an architecture lists them.
#[derive(Debug, Default)]
pub(crate) struct Shapes(IndexMap<String, Vec<usize>>);

impl Shapes {
    /// A tensor by its whole name.
    pub(crate) fn tensor(&mut self, name: impl Into<String>, shape: &[usize]) {
        self.0.insert(name.into(), shape.to_vec());
    }

    /// A weight, and a bias as long as the weight's first dimension.
    pub(crate) fn biased(&mut self, name: &str, weight: &[usize]) {
        self.tensor(format!("{name}.weight"), weight);
        self.tensor(format!("{name}.bias"), &weight[..1]);
    }

    /// The projections of an attention block.
    pub(crate) fn attention(&mut self, names: &AttentionNames, width: usize) {
        for name in [&names.query, &names.key, &names.value, &names.output] {
            self.biased(name, &[width, width]);
        }
    }

    /// A layer of an encoder.
    pub(crate) fn layer(&mut self, names: &EncoderNames, width: usize, intermediate_size: usize) {
        self.attention(&names.attention, width);
        self.biased(&names.attention_norm, &[width]);
        let [first, second, norm] = &names.feed_forward;
        self.biased(first, &[intermediate_size, width]);
        self.biased(second, &[width, intermediate_size]);
        self.biased(norm, &[width]);
    }

    pub(crate) fn into_inner(self) -> IndexMap<String, Vec<usize>> {
        self.0
    }
}
