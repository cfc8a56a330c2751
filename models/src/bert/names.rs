//! What transformers calls the tensors of BERT's family, and what else published files call them.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::{BertConfig, Family, Head};
use crate::layers::{AttentionNames, EncoderNames};
use crate::{ModelError, ModelFolder};

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

    /// Linear layer and norm before the vocabulary's logits, and the whole name of the bias of these.
    #[must_use]
    pub fn masked_language(&self) -> [&'static str; 3] {
        match self.family {
            Family::Bert => [
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                "cls.predictions.bias",
            ],
            Family::Roberta | Family::XlmRoberta => ["lm_head.dense", "lm_head.layer_norm", "lm_head.bias"],
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
        let names = Names::of(self);
        let mut shapes = IndexMap::new();
        let width = self.width;
        for (kind, rows) in
            [("word", self.vocabulary), ("position", self.positions), ("token_type", self.segments)]
        {
            if rows > 0 {
                shapes.insert(names.table(kind), vec![rows, width]);
            }
        }
        let mut part = |name: &str, weight: Vec<usize>| {
            let outputs = weight[0];
            shapes.insert(format!("{name}.weight"), weight);
            shapes.insert(format!("{name}.bias"), vec![outputs]);
        };
        part(&names.embedding_norm(), vec![width]);
        for index in 0..self.layers {
            let EncoderNames { attention, attention_norm, feed_forward: [inner, outer, norm] } =
                names.layer(index);
            for name in [attention.query, attention.key, attention.value, attention.output] {
                part(&name, vec![width, width]);
            }
            part(&attention_norm, vec![width]);
            part(&inner, vec![self.inner, width]);
            part(&outer, vec![width, self.inner]);
            part(&norm, vec![width]);
        }
        if self.pooler {
            part(&names.pooler(), vec![width, width]);
        }
        match self.head {
            Head::None => {}
            Head::Sequence | Head::Tokens => {
                let (before, last) = names.classifier(self.head);
                if let Some(before) = before {
                    part(before, vec![width, width]);
                }
                part(last, vec![self.labels.len(), width]);
            }
            Head::MaskedLanguage => {
                let [dense, norm, bias] = names.masked_language();
                part(dense, vec![width, width]);
                part(norm, vec![width]);
                shapes.insert(bias.to_owned(), vec![self.vocabulary]);
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
    pub fn adopt(&self, published: &Weights) -> (Weights, Vec<String>) {
        let mut weights = Weights::new();
        let mut missing = Vec::new();
        for name in self.shapes().into_keys() {
            let stored = self.stored_name(&name, |other| published.contains_key(other));
            match stored.and_then(|stored| published.get(&stored)) {
                Some(tensor) => {
                    weights.insert(name, tensor.clone());
                }
                None => missing.push(name),
            }
        }
        (weights, missing)
    }

    /// The name by which a file calls a tensor of [`Self::shapes`], given what names there are in it.
    pub(crate) fn stored_name(&self, name: &str, is_there: impl Fn(&str) -> bool) -> Option<String> {
        self.published_names(name).into_iter().find(|other| is_there(other))
    }

    /// The weights of a folder under the names of [`Self::shapes`].
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        let (weights, missing) = self.adopt(&folder.weights()?);
        match missing.into_iter().next() {
            Some(name) => Err(ModelError::MissingTensor(name)),
            None => Ok(weights),
        }
    }

    /// Whether a tensor belongs to the head.
    #[must_use]
    pub fn is_of_head(&self, name: &str) -> bool {
        self.head != Head::None && !name.starts_with(base(self.family))
    }

    /// What a published file may call a tensor, the likeliest first.
    fn published_names(&self, name: &str) -> Vec<String> {
        let base = base(self.family);
        let bare = name.strip_prefix(base).unwrap_or(name);
        let mut names = vec![name.to_owned(), bare.to_owned(), format!("{base}{bare}")];
        if name == Names::of(self).masked_language()[2] {
            names.extend(["cls.predictions.decoder.bias", "lm_head.decoder.bias"].map(str::to_owned));
        }
        let old = |name: &String| {
            let (norm, part) = name.rsplit_once('.')?;
            let part = if part == "weight" { "gamma" } else { "beta" };
            norm.ends_with("LayerNorm").then(|| format!("{norm}.{part}"))
        };
        let older: Vec<String> = names.iter().filter_map(old).collect();
        names.extend(older);
        let wrapped: Vec<String> = names
            .iter()
            .flat_map(|name| ["model.", "module."].map(|wrapper| format!("{wrapper}{name}")))
            .collect();
        names.extend(wrapped);
        names
    }
}
