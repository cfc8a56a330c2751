//! The metric by which checkpoints are chosen.

use alambic_inference::GenerationPipeline;
use alambic_models::{Config, GenerationConfig, Tokenizer, architecture};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Metric, Prediction};
use alambic_tensor::parameters::Weights;

use super::samples::Sample;
use crate::error::RunError;
use crate::training::validation::defined_value;

/// Samples of the validation split, and how they are written.
pub(crate) struct Validation<'a> {
    pub(crate) samples: Vec<Sample>,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) config: &'a Config,
    /// Metric of outputs.
    pub(crate) metric: &'static Metric,
}

/// Texts written together.
const BATCH: usize = 128;

impl Validation<'_> {
    /// The metric of greedy outputs against the targets.
    pub(crate) fn value(&self, weights: &Weights) -> Result<f64, RunError> {
        let network = architecture::build(self.config, weights)?;
        let mut pipeline =
            GenerationPipeline::new(self.config.clone(), network.into(), self.tokenizer.clone())?;
        let targets = self.samples.iter().filter_map(|sample| sample.targets.first());
        let mut longest = 0;
        for target in targets {
            longest = longest.max(self.tokenizer.encode_target(target)?.len());
        }
        // With the end, as the longest has it. A model that has not learnt to stop yet would write to the end of its positions each time.
        pipeline.generation = GenerationConfig::greedy((longest + 7).min(self.config.max_length()));
        let mut order: Vec<&Sample> = self.samples.iter().collect();
        order.sort_by_key(|sample| sample.source.chars().count());
        let predictions = in_turns(order.chunks(BATCH), |batch| {
            let inputs: Vec<(&str, &str)> = batch
                .iter()
                .map(|sample| (sample.source.as_str(), sample.direction.target.as_str()))
                .collect();
            let written = pipeline.predict(&inputs)?.into_iter();
            Ok::<Vec<String>, RunError>(written.map(|(text, _)| text).collect())
        })?;
        let predictions: Vec<Prediction> = predictions.into_iter().flatten().map(Prediction::Text).collect();
        let targets = order.iter().filter_map(|sample| sample.targets.first().cloned());
        let references: Vec<Prediction> = targets.map(Prediction::Text).collect();
        defined_value(self.metric, &predictions, &references)
    }
}
