//! The families of text encoders, each in a file of its own.

use serde_json::Value;

use super::config::TextEncoderConfig;
use super::families::{
    Albert, Bert, CamemBert, DebertaV2, DistilBert, Electra, ModernBert, MpNet, NomicBert, Roberta, Xlm,
    XlmRoberta,
};
use crate::head::{Head, MaskedLanguageNames};
use crate::layers::{AttentionNames, EncoderNames};
use crate::{ModelError, ModelFolder};

/// Declares the families, each with what declares it. Adding one is a line here and a file in `families/`.
macro_rules! families {
    ($($(#[doc = $doc:literal])* $name:ident),+ $(,)?) => {
        /// Family of text encoders: architectures that differ in names, structure and heads.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Family {
            $($(#[doc = $doc])* $name),+
        }

        impl Family {
            const ALL: &[Self] = &[$(Self::$name),+];

            /// The values of `model_type` of all families.
            pub(super) const MODEL_TYPES: &'static [&'static str] = &[$($name::MODEL_TYPE),+];

            pub(super) fn declaration(self) -> &'static dyn FamilyDeclaration {
                match self {
                    $(Self::$name => &$name),+
                }
            }
        }
    };
}

families! {
    /// BERT, MiniLM, TinyBERT, IndicBERT: positions from 0, two segments (Devlin et al., 2019).
    Bert,
    /// RoBERTa: positions from the padding id on, no segments to speak of (Liu et al., 2019).
    Roberta,
    /// XLM-RoBERTa: RoBERTa with another vocabulary (Conneau et al., 2020).
    XlmRoberta,
    /// CamemBERT: RoBERTa with another vocabulary (Martin et al., 2020).
    CamemBert,
    /// DistilBERT: no segments, no pooler (Sanh et al., 2019).
    DistilBert,
    /// ELECTRA: embeddings narrower than hidden states, no pooler (Clark et al., 2020).
    Electra,
    /// ALBERT: one layer's weights for all, narrow embeddings (Lan et al., 2020).
    Albert,
    /// MPNet: relative positions beside absolute ones (Song et al., 2020).
    MpNet,
    /// DeBERTa of versions 2 and 3: attention to contents and positions apart (He et al., 2021).
    DebertaV2,
    /// ModernBERT: rotary positions, layers that see a window, norms before sublayers, gates (Warner et al., 2024).
    ModernBert,
    /// XLM: embeddings of languages, no pooler (Conneau and Lample, 2019).
    Xlm,
    /// NomicBERT: rotary positions, gates, norms after sublayers (Nussbaum et al., 2024).
    NomicBert,
}

/// State that a head of texts reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassifierInput {
    /// The pooler's output.
    Pooled,
    /// The first token's state.
    First,
    /// The mean of the tokens' states.
    Mean,
    /// The state of each token.
    Tokens,
}

/// Linear layer of a head before that which gives the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassifierDense {
    /// Name, `.weight` and `.bias` left out.
    pub name: &'static str,
    /// Activation, as transformers names it.
    pub activation: &'static str,
    /// Norm behind it.
    pub norm: Option<&'static str>,
    /// Whether its input is dropped in training.
    pub drops_input: bool,
}

/// Layers of a classification head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classifier {
    /// State that it reads.
    pub input: ClassifierInput,
    /// Linear layer before the logits; none for logits of the state itself.
    pub dense: Option<ClassifierDense>,
    /// Name of the layer of the logits, `.weight` and `.bias` left out.
    pub last: &'static str,
    /// Whether the input of the last layer is dropped in training.
    pub drops: bool,
}

impl Classifier {
    /// Logits of a state without a layer of their own.
    pub(super) const fn of(input: ClassifierInput, last: &'static str) -> Self {
        Self { input, dense: None, last, drops: true }
    }
}

/// Declaration of a family: its configuration file, its tensors' names, its heads. What is not said is as in BERT.
///
/// Names are without the prefix of the encoder, `.weight` and `.bias` left out.
pub(super) trait FamilyDeclaration: Sync {
    /// The `model_type`.
    fn model_type(&self) -> &'static str;

    /// Prefix of the names of transformers' classes.
    fn class(&self) -> &'static str;

    /// Class of transformers that makes its tokenizer.
    fn tokenizer_class(&self) -> &'static str;

    /// Prefix of the names of the encoder's tensors under a head.
    fn prefix(&self) -> &'static str;

    /// Further prefixes that published files have.
    fn other_prefixes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Sizes and structure of a folder's configuration, without labels.
    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError>;

    /// Keys of sizes and structure in `config.json`.
    fn write(&self, config: &TextEncoderConfig) -> Value;

    /// Whether the family is read and written with a head, as transformers has it.
    fn has_head(&self, _: Head) -> bool {
        true
    }

    /// Whether there is a pooler under a head.
    fn has_pooler(&self, head: Head) -> bool {
        head.is_of_text() && self.classifier(head, false).input == ClassifierInput::Pooled
    }

    /// A table of embeddings, `.weight` with it: `word`, `position`, `token_type` or `lang`.
    fn table(&self, kind: &str) -> String {
        format!("embeddings.{kind}_embeddings.weight")
    }

    /// The norm of the embeddings.
    fn embedding_norm(&self) -> &'static str {
        "embeddings.LayerNorm"
    }

    /// The linear layer between embeddings and hidden states, whether it has a bias, and whether it stands before the norm.
    fn embedding_projection(&self) -> (&'static str, bool, bool) {
        ("embeddings_project", true, false)
    }

    /// The pooler's linear layer, with the prefix of the encoder where that is part of it.
    fn pooler(&self, prefix: &str) -> String {
        format!("{prefix}pooler.dense")
    }

    /// The pooler's activation.
    fn pooler_activation(&self) -> &'static str {
        "tanh"
    }

    /// The norm behind the last layer, where norms stand before sublayers.
    fn final_norm(&self) -> &'static str {
        "final_norm"
    }

    /// The table of biases of relative positions; and of embeddings of them, their norm, and the convolution beside the first
    /// layer.
    fn relative(&self) -> [&'static str; 4] {
        ["encoder.relative_attention_bias", "encoder.rel_embeddings", "encoder.LayerNorm", "encoder.conv"]
    }

    /// Projections of positions of their own in a layer: to keys, and to queries.
    fn position_projections(&self) -> [&'static str; 2] {
        ["attention.self.pos_key_proj", "attention.self.pos_query_proj"]
    }

    /// What stands before the number of a layer.
    fn stack(&self) -> &'static str {
        "encoder.layer."
    }

    /// The whole name of a part of a layer, counted from 0.
    fn layer_part(&self, index: usize, part: &str) -> String {
        format!("{}{index}.{part}", self.stack())
    }

    /// The layer, counted from 0, and the part that a name is of; none where it is of no layer. The inverse of [`Self::layer_part`].
    fn part_of_layer(&self, name: &str) -> Option<(usize, String)> {
        let (index, part) = name.strip_prefix(self.stack())?.split_once('.')?;
        Some((index.parse().ok()?, part.to_owned()))
    }

    /// The class of transformers of a model with a head.
    fn architecture(&self, head: Head) -> String {
        format!("{}{}", self.class(), head.class())
    }

    /// The key of the number of layers in `config.json`.
    fn layers_key(&self) -> &'static str {
        "num_hidden_layers"
    }

    /// The tensors of a layer, counted from 0, `part` giving their whole names.
    fn layer(&self, _index: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.self.query"),
                key: part("attention.self.key"),
                value: part("attention.self.value"),
                output: part("attention.output.dense"),
            },
            attention_norm: Some(part("attention.output.LayerNorm")),
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
            gate: None,
        }
    }

    /// The layers of a classification head. `of_mean` is whether that of texts reads the mean.
    fn classifier(&self, head: Head, _of_mean: bool) -> Classifier {
        match head {
            Head::Span => {
                Classifier { drops: false, ..Classifier::of(ClassifierInput::Tokens, "qa_outputs") }
            }
            Head::Sequence | Head::MultipleChoice => Classifier::of(ClassifierInput::Pooled, "classifier"),
            _ => Classifier::of(ClassifierInput::Tokens, "classifier"),
        }
    }

    /// The head of masked language modelling. `untied` is whether the logits have a matrix of their own.
    fn masked_language(&self, untied: bool) -> MaskedLanguageNames;

    /// The activation of that head; none for that of the layers.
    fn masked_language_activation(&self) -> Option<&'static str> {
        None
    }
}

impl Family {
    /// The family of a `model_type`.
    #[must_use]
    pub fn of(model_type: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.model_type() == model_type)
    }

    /// Whether the family is read and written with a head, as transformers has it.
    #[must_use]
    pub fn has_head(self, head: Head) -> bool {
        self.declaration().has_head(head)
    }

    /// The `model_type` of the family.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        self.declaration().model_type()
    }
}
