//! Retrieval by the states of each layer of a model.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// How well texts are retrieved by the mean hidden state of their tokens, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerRetrieval {
    /// The metric.
    pub metric: String,
    /// The layer whose states are best on validation examples, the lowest of several; none without a value. It is never chosen by
    /// test examples.
    pub best_on_validation: Option<usize>,
    /// Over how many validation examples.
    pub validation_examples: usize,
    /// Values of each layer, from the embeddings to the last.
    pub layers: Vec<LayerScore>,
}

/// Values of one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayerScore {
    /// The layer: 0 for the embeddings, and then the layers counted from 1, as in the tap `hidden.LAYER`.
    pub layer: usize,
    /// Mean over the slices of validation examples.
    pub validation: Option<f64>,
    /// Mean over the slices of test examples: over both directions of each pair of languages.
    pub value: Option<f64>,
    /// Value of each slice of test examples.
    pub slices: IndexMap<String, Option<f64>>,
}

impl LayerRetrieval {
    /// Values of a metric of each layer by the slices of validation and test examples, the embeddings first; the layer that is best
    /// on the former is named.
    #[must_use]
    pub fn new(
        metric: &str,
        higher_is_better: bool,
        validation_examples: usize,
        layers: Vec<[IndexMap<String, Option<f64>>; 2]>,
    ) -> Self {
        let score = |(layer, [validation, test]): (usize, [IndexMap<String, Option<f64>>; 2])| LayerScore {
            layer,
            validation: mean(&validation),
            value: mean(&test),
            slices: test,
        };
        let layers: Vec<LayerScore> = layers.into_iter().enumerate().map(score).collect();
        let mut best: Option<(usize, f64)> = None;
        for own in &layers {
            let Some(value) = own.validation else { continue };
            let is_better = |other: f64| if higher_is_better { value > other } else { value < other };
            if best.is_none_or(|(_, other)| is_better(other)) {
                best = Some((own.layer, value));
            }
        }
        Self {
            metric: metric.to_owned(),
            best_on_validation: best.map(|(layer, _)| layer),
            validation_examples,
            layers,
        }
    }

    /// The values of the layer that is best on validation.
    #[must_use]
    pub fn best(&self) -> Option<&LayerScore> {
        self.layers.iter().find(|own| Some(own.layer) == self.best_on_validation)
    }
}

/// The mean of the values of slices; none where one has none.
fn mean(slices: &IndexMap<String, Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = slices.values().copied().collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slices(values: &[(&str, Option<f64>)]) -> IndexMap<String, Option<f64>> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn best_layer_is_that_of_validation_and_the_lowest_of_several() {
        let layer = |validation: [f64; 2], test: [f64; 2]| {
            [validation, test]
                .map(|[one, other]| slices(&[("en to hi", Some(one)), ("hi to en", Some(other))]))
        };
        let layers =
            vec![layer([0.1, 0.3], [0.9, 0.9]), layer([0.5, 0.7], [0.2, 0.4]), layer([0.7, 0.5], [1.0, 1.0])];
        let found = LayerRetrieval::new("recall-at-1", true, 40, layers.clone());
        assert_eq!(found.best_on_validation, Some(1));
        let best = found.best().unwrap();
        assert!((best.validation.unwrap() - 0.6).abs() < 1e-12 && (best.value.unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(LayerRetrieval::new("cer", false, 40, layers).best_on_validation, Some(0));
        let none = [slices(&[("en to hi", None)]), slices(&[("en to hi", Some(1.0))])];
        let found = LayerRetrieval::new("recall-at-1", true, 0, vec![none]);
        assert_eq!((found.best_on_validation, found.layers[0].value), (None, Some(1.0)));
        let json = serde_json::to_value(&found).unwrap();
        assert!(json["best-on-validation"].is_null() && json["layers"][0]["slices"]["en to hi"] == 1.0);
    }
}
