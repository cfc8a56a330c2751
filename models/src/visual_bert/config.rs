//! The configuration file of a VisualBERT model.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::extend_object;
use crate::published::{older, with_and_without};
use crate::text_encoder::{Family, Head, TensorNames, TextEncoderConfig};
use crate::{ModelError, ModelFolder, Outline, labels};

/// Prefix of the names of the encoder's tensors.
const BASE: &str = "visual_bert.";

/// A VisualBERT model.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualBertConfig {
    /// The encoder, without a head.
    pub bert: TextEncoderConfig,
    /// Numbers of a region's features.
    pub features: usize,
    /// The answers, in the order of the logits; none without a head.
    pub labels: Vec<String>,
}

impl VisualBertConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or the head is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let file = folder.path().join("config.json");
        let refuse = |message: String| ModelError::content(&file, message);
        let json = folder.json();
        let bert = TextEncoderConfig { pooler: true, ..TextEncoderConfig::of_layout(folder, Head::None)? };
        let features = json["visual_embedding_dim"]
            .as_u64()
            .ok_or_else(|| refuse("`visual_embedding_dim` is missing or no whole number".into()))?;
        let labels = match json["architectures"][0].as_str() {
            None | Some("VisualBertModel" | "VisualBertForPreTraining") => Vec::new(),
            Some("VisualBertForQuestionAnswering") => labels::of(json).map_err(refuse)?,
            Some(name) => {
                return Err(refuse(format!(
                    "architecture `{}` is not known: known are VisualBertModel, VisualBertForPreTraining \
                     (whose heads are left out), VisualBertForQuestionAnswering",
                    quoted(name)
                )));
            }
        };
        if json["bypass_transformer"] == true {
            return Err(refuse("bypass_transformer is true, which is not supported".into()));
        }
        let config = Self { bert, features: features as usize, labels };
        folder.check(&config.summary())?;
        Ok(config)
    }

    pub(crate) fn spellings(name: &str) -> Vec<String> {
        older(with_and_without(BASE, name))
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = self.bert.summary();
        summary.sizes.push(("visual_embedding_dim", self.features));
        summary
    }

    pub(super) fn names(&self) -> TensorNames {
        TensorNames::under(self.prefix(), Family::Bert)
    }

    fn prefix(&self) -> &'static str {
        if self.labels.is_empty() { "" } else { BASE }
    }

    /// The name of a tensor of the embeddings.
    pub(super) fn embedding(&self, name: &str) -> String {
        format!("{}embeddings.{name}", self.prefix())
    }

    /// Name and shape of every parameter, in the order in which they are initialised: those of BERT first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let width = self.bert.width;
        let mut shapes = self.bert.shapes_under(&self.names());
        shapes.biased(&self.embedding("visual_projection"), &[width, self.features]);
        for (kind, rows) in [("token_type", self.bert.segments), ("position", self.bert.positions)] {
            shapes.tensor(self.embedding(&format!("visual_{kind}_embeddings.weight")), &[rows, width]);
        }
        if !self.labels.is_empty() {
            shapes.biased("cls", &[self.labels.len(), width]);
        }
        shapes.into_inner()
    }

    /// The sequence without a name, and its parts `text` and `image`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        Outline {
            classes: self.labels.len(),
            labels: self.labels.clone(),
            ..crate::joint::outline(&self.bert)
        }
    }

    /// JSON of `config.json`, for transformers to load.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let class = if self.labels.is_empty() { "VisualBertModel" } else { "VisualBertForQuestionAnswering" };
        let mut json = self.bert.to_json();
        extend_object(
            &mut json,
            json!({
                "model_type": "visual_bert",
                "architectures": [class],
                "visual_embedding_dim": self.features,
                "bypass_transformer": false,
                "special_visual_initialize": true,
            }),
        );
        if !self.labels.is_empty() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        json
    }
}
