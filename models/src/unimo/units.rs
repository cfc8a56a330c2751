//! What an image is made of: regions, or patches, with their places.

use std::sync::Arc;

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;

use crate::{ModelError, Patches, Regions};

/// Numbers of a place: left, top, right and bottom edge as shares of the sides, and the share of the area.
pub(super) const PLACE: usize = 5;

/// The regions or patches of the images of one batch, padded to one number.
#[derive(Debug, Clone)]
pub struct ImageUnits {
    /// `[batch, units, features]`.
    pub features: Tensor,
    /// `[batch, units, 5]`: edges as shares of the sides, and the share of the area.
    pub places: Tensor,
    /// `[batch, units]`, 1 for a region or patch and 0 for padding.
    pub mask: Arc<Vec<u8>>,
}

impl ImageUnits {
    /// The patches of images.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn of_patches(patches: &Patches) -> Result<Self, ModelError> {
        let (batch, count, _) = patches.values.dims3()?;
        let mut places = Vec::with_capacity(batch * count * PLACE);
        for (index, [row, column]) in patches.places.iter().enumerate() {
            let [rows, columns] = patches.grids[index / count.max(1)].map(|side| side.max(1) as f32);
            let (row, column) = (*row as f32, *column as f32);
            let edges = [column / columns, row / rows, (column + 1.0) / columns, (row + 1.0) / rows];
            places.extend(edges);
            places.push(1.0 / (rows * columns));
        }
        Ok(Self {
            features: patches.values.clone(),
            places: Tensor::from_vec(places, (batch, count, PLACE), device::current())?,
            mask: Arc::clone(&patches.mask),
        })
    }

    /// The regions of images, whose boxes are given apart from the features: the four edges first.
    ///
    /// # Errors
    /// When there are no boxes, or of less than four numbers.
    pub fn of_regions(regions: &Regions) -> Result<Self, ModelError> {
        let boxes =
            regions.boxes.as_ref().filter(|boxes| boxes.dims().last() >= Some(&4)).ok_or_else(|| {
                ModelError::Input(
                    "regions need their boxes (`visual_pos`): left, top, right and bottom edge as shares of the sides"
                        .into(),
                )
            })?;
        let edge = |index: usize| boxes.narrow(D::Minus1, index, 1);
        let area = ((edge(2)? - edge(0)?)? * (edge(3)? - edge(1)?)?)?;
        let edges = boxes.narrow(D::Minus1, 0, 4)?;
        Ok(Self {
            features: regions.features.clone(),
            places: Tensor::cat(&[edges, area], 2)?,
            mask: Arc::clone(&regions.mask),
        })
    }

    /// The same behind a unit for the whole image: the mean of the others' features, at the place of all of it. Of an image without
    /// any the features are zeros.
    pub(super) fn with_whole(&self) -> Result<Self, ModelError> {
        let (batch, count, _) = self.features.dims3()?;
        let kept: Vec<f32> = self.mask.iter().map(|&kept| f32::from(kept)).collect();
        let numbers =
            kept.chunks(count.max(1)).map(|row| row.iter().sum::<f32>().max(1.0)).collect::<Vec<_>>();
        let kept = Tensor::from_vec(kept, (batch, count, 1), device::current())?;
        let numbers = Tensor::from_vec(numbers, (batch, 1, 1), device::current())?;
        let mean = self.features.broadcast_mul(&kept)?.sum_keepdim(1)?.broadcast_div(&numbers)?;
        let whole = [0.0, 0.0, 1.0, 1.0, 1.0f32].repeat(batch);
        let whole = Tensor::from_vec(whole, (batch, 1, PLACE), device::current())?;
        let mask =
            self.mask.chunks(count.max(1)).flat_map(|row| std::iter::once(1).chain(row.iter().copied()));
        Ok(Self {
            features: Tensor::cat(&[&mean, &self.features], 1)?,
            places: Tensor::cat(&[&whole, &self.places], 1)?,
            mask: Arc::new(mask.collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::Device;

    use super::*;
    use crate::Images;

    #[test]
    fn places_of_patches_are_shares_of_the_sides() {
        let pixels = Tensor::zeros((1, 3, 4, 8), alambic_tensor::candle::DType::F32, &Device::Cpu).unwrap();
        let patches = Patches::of(&Images { pixels, mask: None }, 4).unwrap();
        let units = ImageUnits::of_patches(&patches).unwrap();
        let places = units.places.to_vec3::<f32>().unwrap();
        assert_eq!(places[0], [[0.0, 0.0, 0.5, 1.0, 0.5], [0.5, 0.0, 1.0, 1.0, 0.5]]);
    }

    #[test]
    fn the_whole_image_is_the_mean_of_what_is_no_padding() {
        let features = Tensor::new(&[[[2f32, 0.0], [4.0, 2.0], [9.0, 9.0]]], &Device::Cpu).unwrap();
        let boxes =
            Tensor::new(&[[[0f32, 0.0, 0.5, 0.5], [0.5, 0.0, 1.0, 1.0], [0.0; 4]]], &Device::Cpu).unwrap();
        let regions = Regions { features, boxes: Some(boxes), mask: Arc::new(vec![1, 1, 0]) };
        let whole = ImageUnits::of_regions(&regions).unwrap().with_whole().unwrap();
        assert_eq!(whole.mask.as_slice(), [1, 1, 1, 0]);
        assert_eq!(whole.features.to_vec3::<f32>().unwrap()[0][0], [3.0, 1.0]);
        let places = whole.places.to_vec3::<f32>().unwrap();
        assert_eq!(
            places[0][..3],
            [[0.0, 0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 0.25], [0.5, 0.0, 1.0, 1.0, 0.5]]
        );
        let none = Regions { mask: Arc::new(vec![0; 3]), ..regions.clone() };
        let none = ImageUnits::of_regions(&none).unwrap().with_whole().unwrap();
        assert_eq!(none.features.to_vec3::<f32>().unwrap()[0][0], [0.0, 0.0]);
        assert!(ImageUnits::of_regions(&Regions { boxes: None, ..regions }).is_err());
    }
}
