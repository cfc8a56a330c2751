//! Cross-entropies of the tokens of images, in validation.

use std::collections::HashMap;

use alambic_losses::Targets;
use alambic_models::{ModelError, Trace};
use alambic_settings::IndexMap;

use crate::error::RunError;

/// A token of an image that is to be predicted, and its cross-entropy.
pub(super) type TokenLoss = (u32, f64);

/// That of each token of a batch by the logits of a trace; none where these were not taken.
pub(super) fn token_losses(trace: &Trace, targets: &Targets) -> Result<Vec<TokenLoss>, RunError> {
    let Some(logits) = trace.get("logits") else { return Ok(Vec::new()) };
    let rows: Vec<Vec<f32>> =
        logits.flatten_to(1).and_then(|logits| logits.to_vec2()).map_err(ModelError::from)?;
    let loss = |(row, &token): (&Vec<f32>, &u32)| {
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|logit| f64::from(logit - most).exp()).sum();
        let own = row.get(token as usize).copied().unwrap_or(f32::NEG_INFINITY);
        (token, sum.ln() - f64::from(own - most))
    };
    Ok(rows.iter().zip(targets.classes.iter()).map(loss).collect())
}

/// The mean cross-entropy of image tokens, and that of all but the commonest one: most of an image is ground, and a model that draws
/// nothing else has a low mean.
pub(super) fn figures(losses: &[TokenLoss]) -> IndexMap<String, f64> {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for (token, _) in losses {
        *counts.entry(*token).or_default() += 1;
    }
    let commonest = counts.iter().max_by_key(|(token, count)| (**count, u32::MAX - **token));
    let commonest = commonest.map(|(token, _)| *token);
    let mean = |own: Vec<f64>| (!own.is_empty()).then(|| own.iter().sum::<f64>() / own.len() as f64);
    let all = mean(losses.iter().map(|(_, loss)| *loss).collect());
    let others = losses.iter().filter(|(token, _)| Some(*token) != commonest);
    let others = mean(others.map(|(_, loss)| *loss).collect());
    let named = [("image-token-loss", all), ("image-token-loss-without-commonest", others)];
    named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_models::TapSelection;
    use alambic_tensor::candle::{Device, Tensor};

    use super::*;

    #[test]
    fn losses_are_those_of_the_softmax_and_the_commonest_token_is_left_out() {
        let mut trace = Trace::new(TapSelection::All);
        let logits = [[[0.0f32, 0.0, -1e9], [2.0f32.ln(), 0.0, -1e9], [0.0, 3.0f32.ln(), -1e9]]];
        trace.record("logits", &Tensor::new(&logits, &Device::Cpu).unwrap());
        let targets = Targets { classes: Arc::new(vec![0, 0, 1]), ..Targets::default() };
        let losses = token_losses(&trace, &targets).unwrap();
        let expected = [(0, 2.0f64.ln()), (0, 1.5f64.ln()), (1, (4.0f64 / 3.0).ln())];
        for ((token, found), (own, expected)) in losses.iter().zip(expected) {
            assert!(*token == own && (found - expected).abs() < 1e-6, "{losses:?}");
        }
        let figures = figures(&losses);
        let mean = (2.0f64.ln() + 1.5f64.ln() + (4.0f64 / 3.0).ln()) / 3.0;
        assert!((figures["image-token-loss"] - mean).abs() < 1e-6);
        assert!((figures["image-token-loss-without-commonest"] - (4.0f64 / 3.0).ln()).abs() < 1e-6);
        assert!(super::figures(&[]).is_empty());
    }
}
