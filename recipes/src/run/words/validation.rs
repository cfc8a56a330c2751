//! The measure by which checkpoints are chosen.

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Generation, Tokenizer};
use alambic_reports::metrics::{Metric, Prediction, ScoredPair};
use alambic_students::Predictor;
use alambic_tensor::parameters::Weights;

use super::samples::Sample;
use crate::run::RunError;

/// Samples of the validation part, and how they are written.
pub(crate) struct Validation<'a> {
    pub(crate) samples: Vec<Sample>,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) config: &'a MarianConfig,
    /// What outputs are measured by.
    pub(crate) metric: &'static Metric,
}

/// Words written together.
const BATCH: usize = 128;

impl Validation<'_> {
    /// The metric of greedy outputs against the targets.
    pub(crate) fn value(&self, weights: &Weights) -> Result<f64, RunError> {
        let model = Marian::new(self.config, weights)?;
        let mut predictor = Predictor::new(model, self.tokenizer.clone());
        let longest = self
            .samples
            .iter()
            .filter_map(|sample| sample.targets.first())
            .map(|target| target.chars().count());
        // A model that has not learnt to stop yet would write to the end of its positions each time.
        let longest = (longest.max().unwrap_or(0) + 8).min(self.config.max_position_embeddings);
        predictor.generation = Generation::greedy(longest);
        let mut order: Vec<&Sample> = self.samples.iter().collect();
        order.sort_by_key(|sample| sample.source.chars().count());
        let (mut hypotheses, mut references) = (Vec::new(), Vec::new());
        for batch in order.chunks(BATCH) {
            let inputs: Vec<(&str, &str)> = batch
                .iter()
                .map(|sample| (sample.source.as_str(), sample.direction.target.as_str()))
                .collect();
            hypotheses.extend(predictor.predict(&inputs)?.into_iter().map(|(text, _)| text));
            references.extend(batch.iter().filter_map(|sample| sample.targets.first().cloned()));
        }
        let hypotheses: Vec<Prediction> = hypotheses.into_iter().map(Prediction::Text).collect();
        let references: Vec<Prediction> = references.into_iter().map(Prediction::Text).collect();
        let pairs: Vec<ScoredPair<'_>> = hypotheses
            .iter()
            .zip(&references)
            .map(|(hypothesis, reference)| ScoredPair::new(hypothesis, reference))
            .collect();
        let scores = self.metric.score(&pairs, 0);
        scores.value().ok_or_else(|| RunError::Recipe("there is nothing to validate on".into()))
    }
}
