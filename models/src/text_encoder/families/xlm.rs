//! XLM (Conneau and Lample, 2019): a table of languages beside those of words and positions.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierInput, Family, FamilyDeclaration};
use super::bert::{default_epsilon, tenth};
use crate::head::{Head, MaskedLanguageNames, ProblemType};
use crate::json::decimal;
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// XLM.
pub(crate) struct Xlm;

impl Xlm {
    pub(crate) const MODEL_TYPE: &'static str = "xlm";
}

/// The class of transformers with a head of question answering of two logits a token; that without `Simple` searches a beam.
pub(crate) const ANSWERING: &str = "XLMForQuestionAnsweringSimple";

/// `config.json`, with transformers' defaults.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
struct Published {
    #[serde(alias = "n_words", default = "words")]
    vocab_size: usize,
    #[serde(default = "width")]
    emb_dim: usize,
    #[serde(default = "layers")]
    n_layers: usize,
    #[serde(default = "heads")]
    n_heads: usize,
    #[serde(default = "yes")]
    gelu_activation: bool,
    #[serde(default)]
    causal: bool,
    #[serde(default = "yes")]
    is_encoder: bool,
    #[serde(default = "one")]
    n_langs: usize,
    #[serde(default = "yes")]
    use_lang_emb: bool,
    #[serde(default)]
    lang2id: IndexMap<String, u32>,
    #[serde(default = "positions")]
    max_position_embeddings: usize,
    #[serde(default = "default_epsilon")]
    layer_norm_eps: f64,
    #[serde(alias = "pad_token_id", default = "padding")]
    pad_index: u32,
    #[serde(default = "tenth")]
    dropout: f32,
    #[serde(default = "tenth")]
    attention_dropout: f32,
    #[serde(default = "tenth")]
    summary_first_dropout: f32,
    #[serde(default = "first")]
    summary_type: String,
    summary_activation: Option<String>,
    #[serde(default = "yes")]
    summary_use_proj: bool,
    #[serde(default = "yes")]
    summary_proj_to_labels: bool,
}

fn words() -> usize {
    30145
}

fn width() -> usize {
    2048
}

fn layers() -> usize {
    12
}

fn heads() -> usize {
    16
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

fn positions() -> usize {
    512
}

fn padding() -> u32 {
    2
}

fn first() -> String {
    "first".into()
}

/// Width of the feed-forward sublayers to that of hidden states.
const INNER: usize = 4;

impl FamilyDeclaration for Xlm {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "XLM"
    }

    fn tokenizer_class(&self) -> &'static str {
        "XLMTokenizer"
    }

    /// That of choices is a summary and a projection of other names, which are not read.
    fn has_head(&self, head: Head) -> bool {
        head != Head::MultipleChoice
    }

    fn prefix(&self) -> &'static str {
        "transformer."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        // Two names of one number are no fault where both are there.
        let mut json = folder.json().clone();
        for (own, older) in [("vocab_size", "n_words"), ("pad_index", "pad_token_id")] {
            if !json[own].is_null()
                && let Some(keys) = json.as_object_mut()
            {
                keys.remove(older);
            }
        }
        if let Some(keys) = json.as_object_mut() {
            keys.retain(|_, value| !value.is_null());
        }
        let published: Published = folder.typed(&json)?;
        let refused = |fault: &str| Err(ModelError::content(&folder.path().join("config.json"), fault));
        if published.causal || !published.is_encoder {
            return refused(
                "causal is true, or is_encoder false: each token sees only those before it, as in a decoder; encoders are supported",
            );
        }
        let is_plain = published.summary_type == "first"
            && published.summary_activation.is_none()
            && published.summary_use_proj
            && published.summary_proj_to_labels;
        if head == Head::Sequence && !is_plain {
            return refused(
                "summary_type, summary_use_proj, summary_activation, summary_proj_to_labels: logits of texts are supported as one \
                 linear layer over the first token",
            );
        }
        if let Some((code, number)) =
            published.lang2id.iter().find(|(_, number)| **number as usize >= published.n_langs)
        {
            return refused(&format!(
                "lang2id: `{}` has the number {number}, and n_langs is {}",
                quoted(code),
                published.n_langs
            ));
        }
        // transformers makes no table of one language.
        let has_languages = published.n_langs > 1 && published.use_lang_emb;
        Ok(TextEncoderConfig {
            family: Family::Xlm,
            head,
            pooler: false,
            untied: false,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary: published.vocab_size,
            width: published.emb_dim,
            layers: published.n_layers,
            heads: published.n_heads,
            intermediate_size: published.emb_dim.saturating_mul(INNER),
            activation: if published.gelu_activation { "gelu" } else { "relu" }.to_owned(),
            positions: published.max_position_embeddings,
            segments: 0,
            epsilon: published.layer_norm_eps,
            padding: published.pad_index,
            dropout: published.dropout,
            attention_dropout: published.attention_dropout,
            head_dropout: if head == Head::Sequence {
                published.summary_first_dropout
            } else {
                published.dropout
            },
            structure: Structure {
                masks_embeddings: true,
                masks_states: true,
                languages: if has_languages { published.n_langs } else { 0 },
                language_numbers: if has_languages { published.lang2id } else { IndexMap::new() },
                ..Structure::default()
            },
            pooling: None,
        })
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut own = json!({
            "emb_dim": config.width,
            "n_layers": config.layers,
            "n_heads": config.heads,
            "gelu_activation": config.activation == "gelu",
            "causal": false,
            "asm": false,
            "is_encoder": true,
            "n_langs": config.structure.languages.max(1),
            "use_lang_emb": config.structure.languages > 0,
            // The table is among the weights, computed or learned.
            "sinusoidal_embeddings": false,
            "layer_norm_eps": config.epsilon,
            "pad_index": config.padding,
            "dropout": decimal(config.dropout),
            "attention_dropout": decimal(config.attention_dropout),
            "summary_type": "first",
            "summary_use_proj": true,
            "summary_activation": null,
            "summary_proj_to_labels": true,
            "summary_first_dropout": decimal(config.head_dropout),
        });
        let codes = &config.structure.language_numbers;
        if !codes.is_empty() {
            let by_number: IndexMap<String, &String> =
                codes.iter().map(|(code, number)| (number.to_string(), code)).collect();
            own["lang2id"] = json!(codes);
            own["id2lang"] = json!(by_number);
        }
        own
    }

    fn table(&self, kind: &str) -> String {
        match kind {
            "word" => "embeddings.weight".to_owned(),
            other => format!("{other}_embeddings.weight"),
        }
    }

    fn embedding_norm(&self) -> &'static str {
        "layer_norm_emb"
    }

    fn layers_key(&self) -> &'static str {
        "n_layers"
    }

    fn stack(&self) -> &'static str {
        "attentions."
    }

    /// The number stands behind the kind of the part, `attentions.0.q_lin` and `layer_norm1.0`.
    fn layer_part(&self, index: usize, part: &str) -> String {
        match part.split_once('.') {
            Some((kind, rest)) => format!("{kind}.{index}.{rest}"),
            None => format!("{part}.{index}"),
        }
    }

    fn part_of_layer(&self, name: &str) -> Option<(usize, String)> {
        let (kind, rest) = name.split_once('.')?;
        if !["attentions", "layer_norm1", "ffns", "layer_norm2"].contains(&kind) {
            return None;
        }
        let (index, rest) = rest.split_once('.')?;
        Some((index.parse().ok()?, format!("{kind}.{rest}")))
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attentions.q_lin"),
                key: part("attentions.k_lin"),
                value: part("attentions.v_lin"),
                output: part("attentions.out_lin"),
            },
            attention_norm: Some(part("layer_norm1")),
            feed_forward: [part("ffns.lin1"), part("ffns.lin2"), part("layer_norm2")],
            gate: None,
        }
    }

    fn architecture(&self, head: Head) -> String {
        match head {
            Head::Span => ANSWERING.to_owned(),
            other => format!("{}{}", self.class(), other.class()),
        }
    }

    fn classifier(&self, head: Head, _: bool) -> Classifier {
        match head {
            Head::Sequence => Classifier::of(ClassifierInput::First, "sequence_summary.summary"),
            Head::Span => {
                Classifier { drops: false, ..Classifier::of(ClassifierInput::Tokens, "qa_outputs") }
            }
            _ => Classifier::of(ClassifierInput::Tokens, "classifier"),
        }
    }

    /// Of this program: that of transformers is one layer, which is left out as it is read.
    fn masked_language(&self, _: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["pred_layer.dense", "pred_layer.layer_norm"],
            bias: "pred_layer.proj.bias",
            output: "pred_layer.proj.weight",
        }
    }
}
