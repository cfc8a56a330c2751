//! Names and shapes of the tensors of blocks.

use indexmap::IndexMap;

use super::{AttentionNames, Biases, EncoderNames};

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

    /// A weight, and a bias if there is one.
    pub(crate) fn affine(&mut self, name: &str, weight: &[usize], has_bias: bool) {
        if has_bias {
            self.biased(name, weight);
        } else {
            self.tensor(format!("{name}.weight"), weight);
        }
    }

    /// The projections of an attention block.
    pub(crate) fn attention(&mut self, names: &AttentionNames, width: usize) {
        self.attention_with(names, [width, width], true);
    }

    /// The same of heads that are `inner` numbers wide together.
    pub(crate) fn attention_with(
        &mut self,
        names: &AttentionNames,
        [width, inner]: [usize; 2],
        has_biases: bool,
    ) {
        self.together(&[&names.query, &names.key, &names.value], [inner, width], has_biases);
        self.affine(&names.output, &[width, inner], has_biases);
    }

    /// Linear layers of equal shape; one whose outputs follow on each other where all have one name.
    fn together(&mut self, names: &[&str], [outputs, inputs]: [usize; 2], has_bias: bool) {
        if names.iter().all(|name| *name == names[0]) {
            self.affine(names[0], &[names.len() * outputs, inputs], has_bias);
        } else {
            for name in names {
                self.affine(name, &[outputs, inputs], has_bias);
            }
        }
    }

    /// A layer of an encoder.
    pub(crate) fn layer(&mut self, names: &EncoderNames, width: usize, intermediate_size: usize) {
        self.layer_with(names, width, intermediate_size, Biases::ALL);
    }

    /// A layer with these biases.
    pub(crate) fn layer_with(
        &mut self,
        names: &EncoderNames,
        width: usize,
        intermediate_size: usize,
        biases: Biases,
    ) {
        self.attention_with(&names.attention, [width, width], biases.linear);
        if let Some(norm) = &names.attention_norm {
            self.affine(norm, &[width], biases.norm);
        }
        self.feed_forward(&names.feed_forward, names.gate.as_deref(), [width, intermediate_size], biases);
    }

    /// Linear layers and norm of a feed-forward sublayer, and the linear layer of its gate, if there is one.
    pub(crate) fn feed_forward(
        &mut self,
        [first, second, norm]: &[String; 3],
        gate: Option<&str>,
        [width, intermediate_size]: [usize; 2],
        biases: Biases,
    ) {
        let inner: Vec<&str> = std::iter::once(first.as_str()).chain(gate).collect();
        self.together(&inner, [intermediate_size, width], biases.linear);
        self.affine(second, &[width, intermediate_size], biases.linear);
        self.affine(norm, &[width], biases.norm);
    }

    pub(crate) fn into_inner(self) -> IndexMap<String, Vec<usize>> {
        self.0
    }
}
