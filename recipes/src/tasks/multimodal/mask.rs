//! Images of which some regions or patches are masked.

use std::sync::Arc;

use alambic_losses::RegionTargets;
use alambic_models::architecture::Image;
use alambic_models::{Patches, Regions};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use rand::Rng;

use super::options::ImageMaskOptions;
use crate::error::RunError;

/// Edges of a region: left, top, right and bottom, as shares of the sides.
type Edges = [f32; 4];

/// Patches or regions of images.
type ImageParts = (Option<Image>, Option<Regions>);

/// Images with some of their regions or patches masked, and what these were. `random` is the stream of each image's draws.
pub(super) fn mask_images<R: Rng>(
    options: &ImageMaskOptions,
    (image, regions): ImageParts,
    random: impl FnMut(usize) -> R,
) -> Result<(ImageParts, RegionTargets), RunError> {
    if let Some(regions) = regions {
        let edges = match &regions.boxes {
            Some(boxes) => boxes.narrow(2, 0, 4)?.flatten_all()?.to_vec1::<f32>()?,
            None => Vec::new(),
        };
        let edges: Vec<Edges> = edges.chunks_exact(4).map(|own| [own[0], own[1], own[2], own[3]]).collect();
        let (features, targets) = masked(options, &regions.features, &regions.mask, &edges, random)?;
        return Ok(((None, Some(Regions { features, ..regions })), targets));
    }
    if let Some(Image::Patches(patches)) = image {
        let (values, targets) = masked(options, &patches.values, &patches.mask, &[], random)?;
        return Ok(((Some(Image::Patches(Patches { values, ..patches })), None), targets));
    }
    Err(RunError::Recipe("the student reads neither regions nor patches".into()))
}

/// Features `[batch, units, width]` of which some rows are zeros, and what they were.
fn masked<R: Rng>(
    options: &ImageMaskOptions,
    features: &Tensor,
    real: &Arc<Vec<u8>>,
    edges: &[Edges],
    mut random: impl FnMut(usize) -> R,
) -> Result<(Tensor, RegionTargets), RunError> {
    let (batch, count, width) = features.dims3()?;
    let known: Vec<f32> = features.flatten_all()?.to_vec1()?;
    let mut masked = vec![0.0f32; batch * count];
    for row in 0..batch {
        let mut random = random(row);
        let units = row * count..(row + 1) * count;
        let chosen: Vec<usize> = units
            .clone()
            .filter(|&unit| real[unit] != 0 && random.random_bool(options.probability))
            .collect();
        for unit in units.filter(|&unit| real[unit] != 0) {
            let is_near = |&anchor: &usize| {
                anchor == unit
                    || edges.get(anchor).zip(edges.get(unit)).is_some_and(|(one, other)| {
                        f64::from(intersection_over_union(one, other)) > options.overlap
                    })
            };
            masked[unit] = f32::from(u8::from(chosen.iter().any(is_near)));
        }
    }
    let mut read = known.clone();
    for (numbers, _) in read.chunks_mut(width.max(1)).zip(&masked).filter(|(_, masked)| **masked > 0.0) {
        numbers.fill(0.0);
    }
    let targets = RegionTargets {
        features: Arc::new(known),
        masked: Arc::new(masked),
        real: Arc::new(real.iter().map(|&real| f32::from(real)).collect()),
        ..RegionTargets::default()
    };
    Ok((Tensor::from_vec(read, (batch, count, width), device::current())?, targets))
}

/// Area that two regions have in common, as a share of what they cover together.
fn intersection_over_union(one: &Edges, other: &Edges) -> f32 {
    let area = |[left, top, right, bottom]: Edges| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common =
        area([one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])]);
    let together = area(*one) + area(*other) - common;
    if together > 0.0 { common / together } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use alambic_tensor::Streams;
    use alambic_tensor::candle::Device;

    use super::*;

    #[test]
    fn regions_that_overlap_with_a_masked_one_are_masked_with_it() {
        let (count, options) = (3, ImageMaskOptions { probability: 0.3, overlap: 0.3 });
        let features =
            Tensor::ones((40, count, 2), alambic_tensor::candle::DType::F32, &Device::Cpu).unwrap();
        // The first two have 0.5 of their union in common, and the third nothing.
        let own = [[0.0f32, 0.0, 0.4, 0.4], [0.0, 0.0, 0.4, 0.2], [0.6, 0.6, 1.0, 1.0]];
        let boxes = Tensor::new(&[own], &Device::Cpu).unwrap().broadcast_as((40, count, 4)).unwrap();
        let mask = Arc::new(vec![1u8; 40 * count]);
        let regions = Regions { features, boxes: Some(boxes), mask };
        let random = |row: usize| Streams::new(3).masking_of_regions(0, row as u64);
        let masked = |options: &ImageMaskOptions| {
            let ((_, read), targets) = mask_images(options, (None, Some(regions.clone())), random).unwrap();
            let read: Vec<f32> = read.unwrap().features.flatten_all().unwrap().to_vec1().unwrap();
            for (unit, masked) in targets.masked.iter().enumerate() {
                assert_eq!(read[2 * unit..2 * unit + 2], [1.0 - masked; 2]);
            }
            assert!(targets.features.iter().all(|own| *own == 1.0));
            targets.masked
        };
        let together = masked(&options);
        assert!(together.chunks(count).all(|row| row[0] == row[1]));
        assert!(together.chunks(count).any(|row| row[0] != row[2]));
        let apart = masked(&ImageMaskOptions { overlap: 0.6, ..options });
        assert!(apart.chunks(count).any(|row| row[0] != row[1]));
    }

    #[test]
    fn overlap_is_the_share_of_what_two_cover_together() {
        let whole = [0.0, 0.0, 1.0, 1.0];
        assert_eq!(intersection_over_union(&whole, &[0.0, 0.0, 0.5, 0.5]), 0.25);
        assert_eq!(intersection_over_union(&whole, &[0.0; 4]), 0.0);
        assert_eq!(intersection_over_union(&[0.0; 4], &[0.0; 4]), 0.0);
    }
}
