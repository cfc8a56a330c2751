//! Images that a model makes of tokens, against the images that the tokens were made of.

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::prediction::{ImagePrediction, Prediction, PredictionKind};

/// The largest value of a colour.
const LARGEST: f64 = 255.0;

/// Peak signal-to-noise ratio in decibels, `10 log₁₀(255² / E)` for the mean squared error E over the colours of all pixels of all
/// images, in whole steps of 8 bits. It is that of the mean of errors, and not the mean of each image's own.
pub(super) static PSNR: Metric = Metric {
    name: "psnr",
    summary: "peak signal-to-noise ratio of images in decibels, of the mean squared error",
    undefined: "no image, or images without any difference",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Image],
    references: &[PredictionKind::Image],
    suits: always,
    is_default: always,
    contributions: |pairs, _| differences(pairs, |apart| apart * apart),
    value: Value::OfSums(|sums| {
        let error = ratio(sums)?;
        (error > 0.0).then(|| 10.0 * (LARGEST * LARGEST / error).log10())
    }),
};

/// Mean absolute difference of the colours of all pixels, as a share of the range of a colour.
pub(super) static L1: Metric = Metric {
    name: "l1",
    summary: "mean absolute difference of the colours of pixels, as a share of their range",
    undefined: "no image",
    direction: Direction::Lower,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Image],
    references: &[PredictionKind::Image],
    suits: always,
    is_default: always,
    contributions: |pairs, _| differences(pairs, |apart| apart.abs() / LARGEST),
    value: Value::OfSums(ratio),
};

/// Share of the codes of a codebook that any of the images takes.
pub(super) static CODES_USED: Metric = Metric {
    name: "codes-used",
    summary: "share of the codes of a codebook that any image takes",
    undefined: "no token",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Image],
    references: &[PredictionKind::Image],
    suits: always,
    is_default: always,
    contributions: tokens,
    value: Value::OfContributions(|all| {
        let counts = counts(all)?;
        Some(counts.iter().filter(|&&count| count > 0.0).count() as f64 / counts.len() as f64)
    }),
};

/// Perplexity of the codes that the images take, e to the entropy of their distribution: K where K codes are all taken as often.
pub(super) static CODE_PERPLEXITY: Metric = Metric {
    name: "code-perplexity",
    summary: "perplexity of the codes that images take",
    undefined: "no token",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Image],
    references: &[PredictionKind::Image],
    suits: always,
    is_default: always,
    contributions: tokens,
    value: Value::OfContributions(|all| {
        let counts = counts(all)?;
        let total: f64 = counts.iter().sum();
        let shares = counts.iter().filter(|&&count| count > 0.0).map(|count| count / total);
        Some((-shares.map(|share| share * share.ln()).sum::<f64>()).exp())
    }),
};

/// Predicted image and right one; none where either is no image.
fn images<'p>(pair: &'p ScoredPair<'_>) -> Option<(&'p ImagePrediction, &'p ImagePrediction)> {
    match (&*pair.prediction, &*pair.reference) {
        (Prediction::Image(made), Prediction::Image(right)) => Some((made, right)),
        _ => None,
    }
}

/// Of each pair of images the sum over its colours, and how many these are. One of another size than the right one is as far from it
/// as can be.
fn differences(pairs: &[ScoredPair<'_>], each: impl Fn(f64) -> f64) -> Vec<Contribution> {
    let of = |pair: &ScoredPair<'_>| {
        let Some((made, right)) = images(pair) else { return Contribution::none() };
        let (made, right) = (&made.raster, &right.raster);
        let count = right.rgb.len() as f64;
        if (made.width, made.height) != (right.width, right.height) {
            return Contribution::of_ratio(each(LARGEST) * count, count);
        }
        let apart = made.rgb.iter().zip(right.rgb.iter());
        let sum = apart.map(|(one, other)| each(f64::from(*one) - f64::from(*other))).sum();
        Contribution::of_ratio(sum, count)
    };
    pairs.iter().map(of).collect()
}

/// Of each image how often it takes each code, and behind the last code's sum a one, so that the number of codes is known.
fn tokens(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let of = |pair: &ScoredPair<'_>| {
        let Some((made, _)) = images(pair).filter(|(made, _)| made.codes > 0) else {
            return Contribution::none();
        };
        let taken = made.tokens.iter().map(|&token| (token as usize, 1.0));
        Contribution::of_sums(taken.filter(|(token, _)| *token < made.codes).chain([(made.codes, 1.0)]))
    };
    pairs.iter().map(of).collect()
}

/// How often each code is taken; none where nothing is.
fn counts(all: &[&Contribution]) -> Option<Vec<f64>> {
    let codes = all.iter().flat_map(|one| &one.0).map(|(index, _)| *index).max()?;
    let mut counts = vec![0.0; codes];
    for (index, number) in all.iter().flat_map(|one| &one.0) {
        if let Some(count) = counts.get_mut(*index) {
            *count += number;
        }
    }
    (counts.iter().sum::<f64>() > 0.0).then_some(counts)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::Raster;

    use super::super::score_all;
    use super::*;

    const NAMES: [&str; 4] = ["psnr", "l1", "codes-used", "code-perplexity"];

    fn image(rgb: &[u8], tokens: &[u32], codes: usize) -> Prediction {
        let raster = Raster { width: rgb.len() / 3, height: 1, rgb: Arc::new(rgb.to_vec()) };
        Prediction::Image(ImagePrediction { raster, tokens: tokens.to_vec(), codes })
    }

    fn values(made: &[Prediction], right: &[Prediction]) -> Vec<Option<f64>> {
        score_all(&NAMES, made, right, 1).unwrap().values().map(super::super::Scores::value).collect()
    }

    #[test]
    fn figures_of_two_images_are_those_counted_by_hand() {
        let right = [image(&[10, 20, 30], &[], 0), image(&[0, 0, 0, 255, 255, 255], &[], 0)];
        let made = [image(&[13, 16, 30], &[0, 3, 3], 8), image(&[0, 0, 0, 255, 255, 250], &[3, 5, 5], 8)];
        let found = values(&made, &right);
        // Squares 9 + 16 + 25 over nine colours; 10 log₁₀(65025 · 9 / 50) = 40.6835 dB.
        assert!((found[0].unwrap() - 40.683_5).abs() < 1e-4, "{found:?}");
        // 3 + 4 + 5 over 9 · 255.
        assert!((found[1].unwrap() - 12.0 / 2295.0).abs() < 1e-12);
        // Codes 0, 3 and 5 of eight, once, three times and twice.
        assert!((found[2].unwrap() - 3.0 / 8.0).abs() < 1e-12);
        let entropy = -[1.0f64, 3.0, 2.0].map(|count| count / 6.0 * (count / 6.0).ln()).iter().sum::<f64>();
        assert!((found[3].unwrap() - entropy.exp()).abs() < 1e-12);
    }

    #[test]
    fn equal_images_have_no_ratio_and_images_of_another_size_are_as_far_as_can_be() {
        let right = [image(&[1, 2, 3], &[], 0)];
        assert_eq!(values(&right, &right), [None, Some(0.0), None, None]);
        let large = [image(&[1, 2, 3, 1, 2, 3], &[7], 8)];
        let found = values(&large, &right);
        assert_eq!((found[0], found[1]), (Some(0.0), Some(1.0)));
        assert!((found[3].unwrap() - 1.0).abs() < 1e-12);
    }
}
