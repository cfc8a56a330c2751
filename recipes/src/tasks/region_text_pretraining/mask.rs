//! Regions of images, some of which are masked.

use std::sync::Arc;

use alambic_data::{DetectedRegions, RegionLabel};
use alambic_losses::RegionTargets;
use alambic_models::Regions;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use rand::Rng;

use super::options::RegionMaskOptions;
use crate::error::RunError;

/// The regions of a batch with some of them masked, and what is known of all of them. `random` is the stream of each image's draws, and
/// `another` draws the features of a region of any image of the data.
pub(super) fn mask_regions<R: Rng>(
    options: &RegionMaskOptions,
    regions: Regions,
    found: &[&DetectedRegions],
    mut random: impl FnMut(usize) -> R,
    another: impl Fn(&mut R) -> Result<Vec<f32>, RunError>,
) -> Result<(Regions, RegionTargets), RunError> {
    let (batch, most, width) = regions.features.dims3()?;
    let features: Vec<f32> = regions.features.flatten_all()?.to_vec1()?;
    let mut read = features.clone();
    let mut masked = vec![0.0; batch * most];
    for (row, own) in found.iter().enumerate() {
        let mut random = random(row);
        for region in 0..own.regions().min(most) {
            if !random.random_bool(options.probability) {
                continue;
            }
            let place = row * most + region;
            masked[place] = 1.0;
            let numbers = &mut read[place * width..(place + 1) * width];
            let chance: f64 = random.random();
            if chance < options.masked {
                numbers.fill(0.0);
            } else if chance < options.masked + options.random {
                let other = another(&mut random)?;
                for (number, other) in numbers.iter_mut().zip(other) {
                    *number = other;
                }
            }
        }
    }
    let known = |of: fn(&DetectedRegions) -> Option<&[RegionLabel]>| {
        let (mut classes, mut confidence) = (vec![0; batch * most], vec![0.0; batch * most]);
        for (row, own) in found.iter().enumerate() {
            for (region, label) in of(own).unwrap_or_default().iter().take(most).enumerate() {
                if let Some(class) = label.class {
                    classes[row * most + region] = class;
                    confidence[row * most + region] = label.confidence;
                }
            }
        }
        (Arc::new(classes), Arc::new(confidence))
    };
    let (objects, object_confidence) = known(|own| Some(&own.labels.as_ref()?.objects));
    let (attributes, attribute_confidence) = known(|own| Some(&own.labels.as_ref()?.attributes));
    let targets = RegionTargets {
        objects,
        object_confidence,
        attributes,
        attribute_confidence,
        features: Arc::new(features),
        masked: Arc::new(masked),
        real: Arc::new(regions.mask.iter().map(|&real| f32::from(real)).collect()),
        ..RegionTargets::default()
    };
    let features = Tensor::from_vec(read, (batch, most, width), device::current())?;
    Ok((Regions { features, ..regions }, targets))
}

#[cfg(test)]
mod tests {
    use alambic_data::RegionLabels;
    use alambic_tensor::Streams;

    use super::*;

    fn options(probability: f64, masked: f64, random: f64) -> RegionMaskOptions {
        RegionMaskOptions { probability, masked, random }
    }

    fn found(count: usize) -> DetectedRegions {
        let label = |class| RegionLabel { class: Some(class), confidence: 0.5 };
        let unknown = RegionLabel { class: None, confidence: 0.9 };
        DetectedRegions {
            width: 2,
            features: Arc::new(vec![1.0; 2 * count]),
            bounds: vec![[0.0, 0.0, 1.0, 1.0]; count],
            tags: Vec::new(),
            labels: Some(RegionLabels {
                objects: (0..count as u32).map(label).collect(),
                attributes: vec![unknown; count],
            }),
            ..DetectedRegions::default()
        }
    }

    fn masked(options: &RegionMaskOptions, seed: u64) -> (Vec<f32>, RegionTargets) {
        let (two, one) = (found(200), found(100));
        let features =
            Tensor::ones((2, 200, 2), alambic_tensor::candle::DType::F32, device::current()).unwrap();
        let mask = [vec![1; 300], vec![0; 100]].concat();
        let regions = Regions { features, boxes: None, mask: Arc::new(mask) };
        let stream = |row: usize| Streams::new(seed).masking_of_regions(0, row as u64);
        let (regions, targets) =
            mask_regions(options, regions, &[&two, &one], stream, |_| Ok(vec![7.0, 8.0])).unwrap();
        (regions.features.flatten_all().unwrap().to_vec1().unwrap(), targets)
    }

    #[test]
    fn a_share_of_the_regions_is_masked_and_targets_are_as_they_were() {
        let (read, targets) = masked(&options(0.3, 0.8, 0.1), 3);
        let all: f32 = targets.masked.iter().sum();
        assert!((70.0..110.0).contains(&all), "{all}");
        assert!(targets.masked[300..].iter().all(|&own| own == 0.0), "padding is not masked");
        assert!(targets.features.iter().all(|&own| own == 1.0));
        let mut counts = [0, 0, 0];
        for (numbers, own) in read.chunks(2).zip(targets.masked.iter()) {
            match numbers {
                [1.0, 1.0] => counts[2] += usize::from(*own == 1.0),
                [0.0, 0.0] => counts[0] += 1,
                [7.0, 8.0] => counts[1] += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(counts[0] > 50 && counts[1] > 0 && counts[2] > 0 && counts[1] + counts[2] < 30, "{counts:?}");
        assert_eq!(masked(&options(0.3, 0.8, 0.1), 3).0, read);
        assert_ne!(masked(&options(0.3, 0.8, 0.1), 9).0, read);
    }

    #[test]
    fn classes_count_by_their_confidence_and_unknown_ones_not_at_all() {
        let (_, targets) = masked(&options(0.3, 0.8, 0.1), 3);
        assert_eq!((targets.objects[3], targets.objects[202]), (3, 2));
        assert_eq!(targets.object_confidence.iter().sum::<f32>(), 150.0);
        assert_eq!(targets.attribute_confidence.iter().sum::<f32>(), 0.0);
        assert_eq!(targets.real.iter().sum::<f32>(), 300.0);
    }
}
