//! Images that a model makes of tokens, against the images that the tokens were made of. Of images that are drawn of texts, those that are
//! made of the tokens of real ones count.

use alambic_data::Raster;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::prediction::{ImagePrediction, Prediction, PredictionKind};

/// The kinds of predictions that may be images made again.
const MADE_AGAIN: &[PredictionKind] = &[PredictionKind::Image, PredictionKind::Drawing];

/// The largest value of a colour.
const LARGEST: f64 = 255.0;

/// Peak signal-to-noise ratio in decibels, `10 log₁₀(255² / E)` for the mean squared error E over the colours of all pixels of all
/// images, in whole steps of 8 bits. It is that of the mean of errors, and not the mean of each image's own.
pub(super) static PSNR: Metric = Metric {
    name: "psnr",
    summary: "peak signal-to-noise ratio of images in decibels, of the mean squared error",
    undefined: "no image that is made again, or images without any difference",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: MADE_AGAIN,
    references: MADE_AGAIN,
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
    undefined: "no image that is made again",
    direction: Direction::Lower,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: MADE_AGAIN,
    references: MADE_AGAIN,
    suits: always,
    is_default: always,
    contributions: |pairs, _| differences(pairs, |apart| apart.abs() / LARGEST),
    value: Value::OfSums(ratio),
};

/// Mean over images of their distance to the right ones by the states of a scorer, a network that was trained on other images: the mean
/// over its layers and the patches of an image of the squared distance between both states, each brought to length one (after Zhang
/// et al., 2018, without learnt weights), from 0 to 4. What looks alike is near by it where single pixels differ.
pub(super) static RECONSTRUCTION_DISTANCE: Metric = Metric {
    name: "reconstruction-distance",
    summary: "mean squared distance of a scorer's states of patches, of length one, in images and in what is made of them",
    undefined: "no image that is made again, or no scorer",
    direction: Direction::Lower,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: MADE_AGAIN,
    references: MADE_AGAIN,
    suits: always,
    is_default: |task| task.predictions == PredictionKind::Drawing,
    contributions: |pairs, _| {
        let of = |pair: &ScoredPair<'_>| match &*pair.prediction {
            Prediction::Image(made) => made.state_distance,
            Prediction::Drawing(made) if made.is_reconstruction => made.state_distance,
            _ => None,
        };
        pairs.iter().map(|pair| of(pair).map_or_else(Contribution::none, Contribution::of_mean)).collect()
    },
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

/// The pixels of an image that is made again, and those of the right one; none where either is no such image.
fn rasters<'p>(pair: &'p ScoredPair<'_>) -> Option<[&'p Raster; 2]> {
    match (&*pair.prediction, &*pair.reference) {
        (Prediction::Image(made), Prediction::Image(right)) => Some([&made.raster, &right.raster]),
        (Prediction::Drawing(made), Prediction::Drawing(right)) if made.is_reconstruction => {
            Some([&made.raster, &right.raster])
        }
        _ => None,
    }
}

/// Of each pair of images the sum over its colours, and how many these are. One of another size than the right one is as far from it
/// as can be.
fn differences(pairs: &[ScoredPair<'_>], each: impl Fn(f64) -> f64) -> Vec<Contribution> {
    let of = |pair: &ScoredPair<'_>| {
        let Some([made, right]) = rasters(pair) else { return Contribution::none() };
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

    use super::super::prediction::Drawing;
    use super::super::score_all;
    use super::*;

    const NAMES: [&str; 4] = ["psnr", "l1", "codes-used", "code-perplexity"];

    fn image(rgb: &[u8], tokens: &[u32], codes: usize) -> Prediction {
        let raster = Raster { width: rgb.len() / 3, height: 1, rgb: Arc::new(rgb.to_vec()) };
        Prediction::Image(ImagePrediction { raster, tokens: tokens.to_vec(), codes, state_distance: None })
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

    #[test]
    fn drawn_images_count_where_they_are_made_of_the_tokens_of_real_ones() {
        let drawing = |rgb: &[u8], is_reconstruction: bool, state_distance: Option<f64>| {
            let raster = Raster { width: rgb.len() / 3, height: 1, rgb: Arc::new(rgb.to_vec()) };
            Prediction::Drawing(Drawing {
                raster,
                tokens: vec![1],
                vector: Vec::new(),
                objects: None,
                is_as_told: None,
                has_relations: None,
                is_found: None,
                is_reconstruction,
                state_distance,
            })
        };
        let right = vec![drawing(&[10, 20, 30], false, None); 3];
        let made = [
            drawing(&[13, 16, 30], true, Some(0.5)),
            drawing(&[200, 200, 200], false, Some(3.0)),
            drawing(&[10, 20, 30], true, Some(0.0)),
        ];
        let names = ["l1", "reconstruction-distance", "psnr"];
        let values = |made: &[Prediction]| -> Vec<Option<f64>> {
            let scores = score_all(&names, made, &right, 1).unwrap();
            scores.values().map(super::super::Scores::value).collect()
        };
        let found = values(&made);
        assert!((found[0].unwrap() - 7.0 / (6.0 * 255.0)).abs() < 1e-12, "{found:?}");
        assert_eq!(found[1], Some(0.25));
        assert!(found[2].is_some());
        assert_eq!(values(&right), [None; 3]);
        let made = Prediction::Image(ImagePrediction {
            raster: Raster { width: 1, height: 1, rgb: Arc::new(vec![0; 3]) },
            tokens: Vec::new(),
            codes: 0,
            state_distance: Some(0.25),
        });
        let scores = score_all(&names[1..2], &[made], &[image(&[0; 3], &[], 0)], 1).unwrap();
        assert_eq!(scores[0].value(), Some(0.25));
    }
}
