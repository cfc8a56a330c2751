//! The codes of a codebook over the steps of a training.

use std::f64::consts::PI;

use alambic_models::image_tokenizer::{CodeUsage, Codebook, ImageTokenizerConfig};
use alambic_tensor::Streams;

use crate::error::RunError;

/// Steps behind which the codes begin as outputs of the encoder, and between two looks for codes that nothing takes.
const EVERY: usize = 20;

/// The temperature of relaxed samples at the end of its fall.
const LOWEST: f64 = 1.0 / 16.0;
/// The share of the steps over which it falls.
const FALL: f64 = 0.6;

/// The least share of a codebook's codes that a finished model uses.
const MIN_SHARE: f64 = 0.02;

/// The temperature of relaxed samples at a progress from 0 to 1: from 1 to 1/16 over 60 % of the steps, by a cosine.
pub(super) fn temperature(progress: f64) -> f64 {
    let fallen = (progress / FALL).clamp(0.0, 1.0);
    LOWEST + (1.0 - LOWEST) * 0.5 * (1.0 + (PI * fallen).cos())
}

/// Takes the outputs of a step, counted from 1, into a codebook, and gives the number of codes that were begun anew; none at steps at
/// which nobody looks for such.
pub(super) fn advance(
    codebook: &mut Codebook,
    outputs: &[f32],
    tokens: &[u32],
    step: usize,
    streams: Streams,
) -> Option<usize> {
    let is_due = step.is_multiple_of(EVERY);
    if !codebook.has_begun() {
        if is_due {
            codebook.begin(outputs, &mut streams.codes(step as u64));
        }
        return None;
    }
    codebook.update(outputs, tokens);
    is_due.then(|| codebook.restart(outputs, &mut streams.codes(step as u64)))
}

/// Fails where next to no code of a finished model is in use: what is decoded of such tokens says little of an image.
pub(super) fn check_usage(
    usage: &CodeUsage,
    config: &ImageTokenizerConfig,
    images: usize,
) -> Result<(), RunError> {
    if usage.share() >= MIN_SHARE {
        return Ok(());
    }
    Err(RunError::Recipe(format!(
        "the codebook has collapsed: {images} images take {} of its {} codes, less than {:.0} %; train for more steps, give the model fewer \
         `codes`, or change the weight of `commitment` or the learning rate",
        usage.used(),
        config.num_tokens,
        100.0 * MIN_SHARE
    )))
}

#[cfg(test)]
mod tests {
    use alambic_models::image_tokenizer::{CodebookLearning, ImageTokenizer, Quantizer};

    use super::*;

    fn config(codes: usize) -> ImageTokenizerConfig {
        ImageTokenizerConfig {
            image_size: 4,
            num_channels: 3,
            hidden_size: 4,
            num_layers: 1,
            num_resnet_blocks: 0,
            num_tokens: codes,
            codebook_dim: 1,
            quantizer: Quantizer::Vq,
            codebook_learning: CodebookLearning::Averages,
            vocab_size: 0,
        }
    }

    #[test]
    fn temperature_falls_by_a_cosine_and_stays() {
        assert!((temperature(0.0) - 1.0).abs() < 1e-12);
        assert!((temperature(0.3) - f64::midpoint(1.0, LOWEST)).abs() < 1e-12);
        assert!((temperature(0.6) - LOWEST).abs() < 1e-12 && (temperature(1.0) - LOWEST).abs() < 1e-12);
    }

    #[test]
    fn codes_begin_after_twenty_steps_and_unused_ones_begin_anew() {
        let config = config(2);
        let weights = ImageTokenizer::initial_weights(&config, &Streams::new(1)).unwrap();
        let mut codebook = Codebook::of(&config, &weights).unwrap().unwrap();
        let streams = Streams::new(5);
        for step in 1..20 {
            assert_eq!(advance(&mut codebook, &[1.0, 1.0], &[0, 0], step, streams), None);
            assert!(!codebook.has_begun());
        }
        assert_eq!(advance(&mut codebook, &[3.0, 3.0], &[0, 0], 20, streams), None);
        assert!(codebook.has_begun());
        let codes = |codebook: &Codebook| -> Vec<f32> {
            codebook.weights().unwrap()["codebook.weight"].flatten_all().unwrap().to_vec1().unwrap()
        };
        assert_eq!(codes(&codebook), [3.0, 3.0]);
        // Code 1 is never taken. Its count falls by a hundredth a step, below 0.3 % of the mean after 579 of them.
        let mut restarted = Vec::new();
        for step in 21..=700 {
            if let Some(count) =
                advance(&mut codebook, &[5.0, 5.0], &[0, 0], step, streams).filter(|&own| own > 0)
            {
                restarted.push((step, count));
            }
        }
        assert_eq!(restarted, [(600, 1)]);
        let found = codes(&codebook);
        assert!((found[0] - 5.0).abs() < 0.02 && (found[1] - 5.0).abs() < 0.02, "{found:?}");
    }

    #[test]
    fn codebook_of_which_next_to_nothing_is_used_is_refused() {
        let config = config(256);
        let used = |count: u32| CodeUsage::of(256, (0..count).chain([0, 0]));
        assert!(check_usage(&used(6), &config, 3).is_ok());
        let error = check_usage(&used(5), &config, 3).unwrap_err().to_string();
        assert!(error.contains("3 images take 5 of its 256 codes"), "{error}");
    }
}
