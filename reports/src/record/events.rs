use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One step of an optimiser.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "event", rename = "step", rename_all = "kebab-case")]
pub struct StepEvent {
    /// The stage of the recipe.
    pub stage: String,
    /// The seed of this training.
    #[serde(default)]
    pub seed: u64,
    /// The step within the stage, counted from 1.
    pub step: u64,
    /// How many passes over the data lie behind, as a fraction.
    pub epoch: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The weighted sum of all terms; NaN is written as null.
    #[serde(deserialize_with = "number_or_nan")]
    pub loss: f64,
    /// Each term by its name, before its weight.
    #[serde(default, with = "numbers_or_null")]
    pub terms: IndexMap<String, f64>,
    /// The share of each term in the gradient, at steps at which it was measured: the norm of the term's own gradient
    /// over the sum of these norms.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub shares: IndexMap<String, f64>,
    /// The norm of all gradients before clipping.
    pub gradient_norm: Option<f64>,
    /// Training speed.
    pub examples_per_second: Option<f64>,
}

/// One evaluation during or after a stage.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "event", rename = "evaluation", rename_all = "kebab-case")]
pub struct EvaluationEvent {
    /// The stage of the recipe.
    pub stage: String,
    /// The seed of this training.
    #[serde(default)]
    pub seed: u64,
    /// The step after which it was made.
    pub step: u64,
    /// How many passes over the data lay behind.
    pub epoch: f64,
    /// What was evaluated on, for instance `validation`.
    pub split: String,
    /// Over how many examples.
    pub examples: u64,
    /// Each metric by its name.
    #[serde(default, with = "numbers_or_null")]
    pub metrics: IndexMap<String, f64>,
}

/// Something a reader of the run should know: a warning, a resumption.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "event", rename = "note", rename_all = "kebab-case")]
pub struct NoteEvent {
    /// `warning` or `information`.
    pub level: String,
    /// The stage it belongs to, if any.
    pub stage: Option<String>,
    /// The text.
    pub text: String,
}

/// JSON has no NaN: a loss that diverged is null in the log and must still be readable.
fn number_or_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// For `#[serde(with)]` on named numbers of which some may be NaN or infinite: these are null in JSON, NaN when
/// read again.
pub(crate) mod numbers_or_null {
    use super::{Deserialize, Deserializer, IndexMap, Serializer, Value};

    pub(crate) fn serialize<S: Serializer>(
        values: &IndexMap<String, f64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(values.iter().map(|(name, value)| (name, Value::from(*value))))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<IndexMap<String, f64>, D::Error> {
        let values = IndexMap::<String, Option<f64>>::deserialize(deserializer)?;
        Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_written_in_kebab_case_and_survives_a_diverged_loss() {
        let event = StepEvent {
            stage: "teacher".into(),
            seed: 1,
            step: 3,
            epoch: 0.5,
            learning_rate: 1e-3,
            loss: f64::NAN,
            terms: [("cross-entropy".to_string(), f64::INFINITY)].into(),
            shares: IndexMap::new(),
            gradient_norm: Some(1.5),
            examples_per_second: None,
        };
        let line = serde_json::to_string(&event).unwrap();
        assert_eq!(
            line,
            r#"{"event":"step","stage":"teacher","seed":1,"step":3,"epoch":0.5,"learning-rate":0.001,"loss":null,"terms":{"cross-entropy":null},"gradient-norm":1.5,"examples-per-second":null}"#
        );
        let back: StepEvent = serde_json::from_str(&line).unwrap();
        assert!(back.loss.is_nan() && back.terms["cross-entropy"].is_nan());
        assert_eq!(back.gradient_norm, Some(1.5));
    }
}
