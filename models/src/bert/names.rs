//! What transformers calls the tensors of BERT's family, and what else published files call them.

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::{BertConfig, Family, Head};
use crate::layers::{AttentionNames, EncoderNames, Shapes};
use crate::{ModelError, ModelFolder, published};

/// What the tensors of a model are called, `.weight` and `.bias` left out.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// `bert.` and the like; empty for a model without a head.
    prefix: &'static str,
    family: Family,
}

impl Names {
    /// The names in a model of this configuration.
    #[must_use]
    pub fn of(config: &BertConfig) -> Self {
        let prefix = match (config.head, config.family) {
            (Head::None, _) => "",
            (_, family) => base(family),
        };
        Self { prefix, family: config.family }
    }

    /// The names of an encoder that stands in another model, under this prefix.
    pub(crate) fn under(prefix: &'static str, family: Family) -> Self {
        Self { prefix, family }
    }

    fn base(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A table of embeddings, `.weight` with it: `word`, `position` or `token_type`.
    #[must_use]
    pub fn table(&self, kind: &str) -> String {
        self.base(&format!("embeddings.{kind}_embeddings.weight"))
    }

    /// The norm of the embeddings.
    #[must_use]
    pub fn embedding_norm(&self) -> String {
        self.base("embeddings.LayerNorm")
    }

    /// The linear layer of the pooler.
    #[must_use]
    pub fn pooler(&self) -> String {
        self.base("pooler.dense")
    }

    /// The tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        if self.family == Family::DistilBert {
            let part = |part: &str| self.base(&format!("transformer.layer.{index}.{part}"));
            return EncoderNames {
                attention: AttentionNames {
                    query: part("attention.q_lin"),
                    key: part("attention.k_lin"),
                    value: part("attention.v_lin"),
                    output: part("attention.out_lin"),
                },
                attention_norm: part("sa_layer_norm"),
                feed_forward: [part("ffn.lin1"), part("ffn.lin2"), part("output_layer_norm")],
            };
        }
        let part = |part: &str| self.base(&format!("encoder.layer.{index}.{part}"));
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.self.query"),
                key: part("attention.self.key"),
                value: part("attention.self.value"),
                output: part("attention.output.dense"),
            },
            attention_norm: part("attention.output.LayerNorm"),
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
        }
    }

    /// The linear layer of a classification head that gives the logits, and the one before it where the head has a
    /// layer of its own.
    #[must_use]
    pub fn classifier(&self, head: Head) -> (Option<&'static str>, &'static str) {
        match (head, self.family) {
            (Head::Sequence, Family::Roberta | Family::XlmRoberta) => {
                (Some("classifier.dense"), "classifier.out_proj")
            }
            (Head::Sequence, Family::DistilBert) => (Some("pre_classifier"), "classifier"),
            _ => (None, "classifier"),
        }
    }

    /// The activation of the layer before the vocabulary's logits, as transformers names it.
    #[must_use]
    pub fn masked_language_activation<'c>(&self, config: &'c BertConfig) -> &'c str {
        if self.family.counts_from_padding() { "gelu" } else { &config.activation }
    }

    /// The whole name of the matrix of the vocabulary's logits, where it is not the table of words.
    #[must_use]
    pub fn output(&self) -> &'static str {
        match self.family {
            Family::Bert => "cls.predictions.decoder.weight",
            Family::Roberta | Family::XlmRoberta => "lm_head.decoder.weight",
            Family::DistilBert => "vocab_projector.weight",
        }
    }

    /// Linear layer and norm before the vocabulary's logits, and the whole name of the bias of these, which stands beside the
    /// matrix of the logits where that is not the table of words.
    #[must_use]
    pub fn masked_language(&self, untied: bool) -> [&'static str; 3] {
        match self.family {
            Family::Bert => [
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                if untied { "cls.predictions.decoder.bias" } else { "cls.predictions.bias" },
            ],
            Family::Roberta | Family::XlmRoberta => [
                "lm_head.dense",
                "lm_head.layer_norm",
                if untied { "lm_head.decoder.bias" } else { "lm_head.bias" },
            ],
            Family::DistilBert => ["vocab_transform", "vocab_layer_norm", "vocab_projector.bias"],
        }
    }
}

/// What the names of the encoder's tensors begin with under a head.
fn base(family: Family) -> &'static str {
    match family {
        Family::Bert => "bert.",
        Family::Roberta | Family::XlmRoberta => "roberta.",
        Family::DistilBert => "distilbert.",
    }
}

/// The weights of an encoder with these layers alone, counted from 0, in this order; one may come several times.
#[must_use]
pub fn select_layers(weights: &Weights, layers: &[usize]) -> Weights {
    let mut selected = Weights::new();
    for (name, tensor) in weights {
        let Some((front, index, rest)) = layer_of(name) else {
            selected.insert(name.clone(), tensor.clone());
            continue;
        };
        for (place, _) in layers.iter().enumerate().filter(|(_, layer)| **layer == index) {
            selected.insert(format!("{front}layer.{place}.{rest}"), tensor.clone());
        }
    }
    selected
}

/// The number of the layer that a tensor belongs to, with what stands before and after it in the name.
fn layer_of(name: &str) -> Option<(&str, usize, &str)> {
    let (front, rest) = name.split_once("layer.")?;
    let (index, rest) = rest.split_once('.')?;
    let stacked = front.ends_with("encoder.") || front.ends_with("transformer.");
    Some((front, index.parse().ok().filter(|_| stacked)?, rest))
}

impl BertConfig {
    /// Name and shape of every parameter, in the order in which they are initialised: those of the encoder first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes_under(&Names::of(self)).into_inner()
    }

    /// The same under other names, to which more can be added.
    pub(crate) fn shapes_under(&self, names: &Names) -> Shapes {
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
            shapes.layer(&names.layer(index), width, self.inner);
        }
        if self.pooler {
            shapes.biased(&names.pooler(), &[width, width]);
        }
        if let Some(pooling) = &self.pooling {
            pooling.shapes(&mut shapes, width);
        }
        match self.head {
            Head::None => {}
            Head::Sequence | Head::Tokens => {
                let (before, last) = names.classifier(self.head);
                if let Some(before) = before {
                    shapes.biased(before, &[width, width]);
                }
                shapes.biased(last, &[self.labels.len(), width]);
            }
            Head::MaskedLanguage => {
                let [dense, norm, bias] = names.masked_language(self.untied);
                shapes.biased(dense, &[width, width]);
                shapes.biased(norm, &[width]);
                shapes.tensor(bias, &[self.vocabulary]);
                if self.untied {
                    shapes.tensor(names.output(), &[self.vocabulary, width]);
                }
            }
        }
        shapes
    }

    /// How many parameters there are.
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
        let bias = Names::of(self).masked_language(self.untied)[2];
        // Of a matrix that is told to be the head's own, transformers takes a bias that is not there for zeros, whatever stands
        // under the name that it has beside the table of words.
        let is_told = self.untied && folder.json()["tie_word_embeddings"] == false;
        if is_told && folder.stored()?.find(&published::with_and_without(base(self.family), bias)).is_none() {
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

    /// What a published file may call a tensor, the likeliest first.
    pub(crate) fn spellings(&self, name: &str) -> Vec<String> {
        let mut names = published::with_and_without(base(self.family), name);
        let head = Names::of(self);
        if name == head.masked_language(self.untied)[2] {
            // Where both are there and differ, transformers takes the one beside the matrix.
            names = [true, false].map(|untied| head.masked_language(untied)[2].to_owned()).to_vec();
        }
        published::older(names)
    }
}
