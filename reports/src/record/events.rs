use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::outcome::{Outcome, Ratios};
use crate::verdict::Verdict;

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
    /// The value at this step of each weight, temperature or other option that is scheduled, by loss and key:
    /// `logits.temperature`, and of the second of several terms of one loss `hidden[1].weight`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub schedules: IndexMap<String, f64>,
    /// Figures that a kind of task takes of a step, such as how many codes of a codebook were begun anew.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub figures: IndexMap<String, f64>,
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

/// Something a reader of the run should know.
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

/// Begin or end of a run, or of one of its stages: a training, or the evaluation behind all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum ProgressEvent {
    /// A run begins.
    RunBegin {
        /// Name of the recipe.
        recipe: String,
        /// Version of the program.
        version: String,
        /// Seed of the recipe.
        seed: u64,
    },
    /// A run is resumed: what came before was logged by an earlier process.
    RunResume {
        /// Name of the recipe.
        recipe: String,
        /// Version of the program.
        version: String,
    },
    /// A stage begins.
    StageBegin {
        /// Name of the training, or `evaluation`.
        stage: String,
        /// Seed of the training.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
        /// Steps that it takes at most.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64>,
        /// Examples that it is trained on.
        #[serde(skip_serializing_if = "Option::is_none")]
        examples: Option<u64>,
    },
    /// A training goes on from a checkpoint.
    StageResume {
        /// Name of the training.
        stage: String,
        /// Seed of the training.
        seed: u64,
        /// Step of the checkpoint.
        step: u64,
    },
    /// A stage is over.
    StageEnd {
        /// Name of the training, or `evaluation`.
        stage: String,
        /// Seed of the training.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
        /// Steps that were taken.
        #[serde(skip_serializing_if = "Option::is_none")]
        steps: Option<u64>,
        /// Wall time, of a training without the pauses between its processes.
        seconds: f64,
    },
    /// A run is over, or its process is.
    RunEnd {
        /// How it ended.
        status: RunStatus,
        /// Wall time of this process.
        seconds: f64,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The final figures, as in `metrics.json`.
        #[serde(skip_serializing_if = "Option::is_none")]
        figures: Option<Box<FinalFigures>>,
    },
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// All is done.
    Finished,
    /// It was asked to stop, and can be resumed.
    Interrupted,
    /// An error ended it.
    Failed,
}

/// Figures of a finished run: those of `metrics.json` that are no details of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct FinalFigures {
    /// Examples that the models were evaluated on.
    pub examples: usize,
    /// Each metric of each model.
    pub metrics: IndexMap<String, IndexMap<String, Option<f64>>>,
    /// How closely the student follows the teacher.
    pub fidelity: IndexMap<String, Option<f64>>,
    /// Student to teacher.
    pub ratios: Ratios,
    /// Whether the student is better than the baseline.
    pub verdict: Option<Verdict>,
}

impl FinalFigures {
    /// The figures of a result.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            examples: outcome.examples,
            metrics: outcome
                .present()
                .map(|(name, model)| (name.to_owned(), model.metrics.clone()))
                .collect(),
            fidelity: outcome.fidelity.clone(),
            ratios: outcome.ratios.clone(),
            verdict: outcome.verdict,
        }
    }
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
    fn progress_is_written_in_kebab_case_without_what_it_lacks() {
        let end =
            ProgressEvent::StageEnd { stage: "evaluation".into(), seed: None, steps: None, seconds: 1.5 };
        let line = serde_json::to_string(&end).unwrap();
        assert_eq!(line, r#"{"event":"stage-end","stage":"evaluation","seconds":1.5}"#);
        let end = ProgressEvent::RunEnd {
            status: RunStatus::Failed,
            seconds: 2.0,
            error: Some("no room".into()),
            figures: None,
        };
        let line = serde_json::to_string(&end).unwrap();
        assert_eq!(line, r#"{"event":"run-end","status":"failed","seconds":2.0,"error":"no room"}"#);
        assert_eq!(serde_json::from_str::<ProgressEvent>(&line).unwrap(), end);
    }

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
            schedules: IndexMap::new(),
            figures: IndexMap::new(),
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
