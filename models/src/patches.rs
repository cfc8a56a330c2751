//! Images, cut into the patches that vision transformers read.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;

use crate::ModelError;

/// Images of one batch, padded on the right and below to one size.
#[derive(Debug, Clone)]
pub struct Images {
    /// `[batch, channels, height, width]`, normalised.
    pub pixels: Tensor,
    /// `[batch, height, width]`, 1 for a pixel of the image and 0 for padding; left out where there is no padding.
    pub mask: Option<Arc<Vec<u8>>>,
}

/// The most by which the longer side of an image may exceed the shorter, as a fraction of whole numbers (ViLT).
const LONGER: (usize, usize) = (1333, 800);

/// Width and height to which ViLT brings an image before it is cut: the shorter side to `size`, the longer along with it
/// but to at most 1333/800 of that, and both down to multiples of `divisor`.
#[must_use]
pub fn vilt_size((width, height): (usize, usize), size: usize, divisor: usize) -> (usize, usize) {
    let divisor = divisor.max(1);
    let (shorter, longest) = (width.min(height).max(1), (size * LONGER.0 / LONGER.1) as f64);
    let mut sides = [width, height].map(|side| side as f64 * size as f64 / shorter as f64);
    let longer = sides[0].max(sides[1]);
    if longer > longest {
        sides = sides.map(|side| side * longest / longer);
    }
    let [width, height] = sides.map(|side| ((side + 0.5) as usize / divisor * divisor).max(divisor));
    (width, height)
}

/// Mean and standard deviation of each colour, from 0 to 1 unless the factor says otherwise, that are taken away and divided
/// by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageNormalization {
    /// Mean of each colour, which is subtracted.
    pub mean: [f32; 3],
    /// Standard deviation of each colour, by which the difference is divided.
    pub std: [f32; 3],
    /// Factor on values of eight bits before that.
    pub rescale_factor: f64,
}

/// The factor that brings values of eight bits to 0 to 1.
pub(crate) const BYTE: f64 = 1.0 / 255.0;

impl ImageNormalization {
    /// ViLT's, which brings values to -1 to 1.
    pub const VILT: Self = Self { mean: [0.5; 3], std: [0.5; 3], rescale_factor: BYTE };
    /// CLIP's (Radford et al., 2021).
    pub const CLIP: Self = Self {
        mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
        std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
        rescale_factor: BYTE,
    };

    /// Every value of eight bits of each colour, as the network reads it.
    fn table(&self) -> [[f32; 256]; 3] {
        let share = |value: usize| {
            if self.rescale_factor == BYTE {
                value as f32 / 255.0
            } else {
                (value as f64 * self.rescale_factor) as f32
            }
        };
        std::array::from_fn(|colour| {
            std::array::from_fn(|value| (share(value) - self.mean[colour]) / self.std[colour])
        })
    }
}

/// Width and height of an image whose shorter side is brought to `size`, as CLIP has it.
#[must_use]
pub fn shortest_edge_size((width, height): (usize, usize), size: usize) -> (usize, usize) {
    let shorter = width.min(height).max(1);
    (width * size / shorter, height * size / shorter)
}

impl Images {
    /// Images of three colours of eight bits, `[height, width, 3]` each, padded to one size.
    ///
    /// # Errors
    /// When an image has another number of values than its sides say.
    pub fn of_rgb(
        images: &[(usize, usize, &[u8])],
        normalization: ImageNormalization,
    ) -> Result<Self, ModelError> {
        let side = |of: fn(&(usize, usize, &[u8])) -> usize| images.iter().map(of).max().unwrap_or(0);
        let (width, height, batch) = (side(|image| image.0), side(|image| image.1), images.len());
        let mut pixels = vec![0.0; batch * 3 * height * width];
        let mut mask = vec![0; batch * height * width];
        let table = normalization.table();
        for (index, (own_width, own_height, rgb)) in images.iter().enumerate() {
            if rgb.len() != own_width * own_height * 3 {
                return Err(ModelError::Input(format!(
                    "an image of {own_width} by {own_height} has {} values",
                    rgb.len()
                )));
            }
            for (place, pixel) in rgb.chunks_exact(3).enumerate() {
                let (row, column) = (place / own_width, place % own_width);
                mask[(index * height + row) * width + column] = 1;
                for (channel, &value) in pixel.iter().enumerate() {
                    pixels[((index * 3 + channel) * height + row) * width + column] =
                        table[channel][usize::from(value)];
                }
            }
        }
        let whole = mask.iter().all(|&kept| kept == 1);
        Ok(Self {
            pixels: Tensor::from_vec(pixels, (batch, 3, height, width), device::current())?,
            mask: (!whole).then(|| Arc::new(mask)),
        })
    }
}

/// Indices of at most `limit` of `count` patches, chosen without chance: those spread evenly over the
/// image, in ascending order.
#[must_use]
pub fn evenly_spaced(count: usize, limit: usize) -> Vec<usize> {
    let kept = limit.min(count);
    (0..kept).map(|index| index * count / kept).collect()
}

/// Square patches of images, those of the image first and padding behind.
///
/// Which patches there are, where an image has more than a model reads, is decided here and once: networks that are
/// given the same patches see the same parts of an image.
#[derive(Debug, Clone)]
pub struct Patches {
    /// `[batch, count, channels * patch * patch]`, channel by channel and row by row.
    pub values: Tensor,
    /// `[batch, count]`, 1 for a patch of the image and 0 for padding.
    pub mask: Arc<Vec<u8>>,
    /// `[batch, count]`, row and column of each patch.
    pub places: Arc<Vec<[u32; 2]>>,
    /// Rows and columns of patches of each image, padding left out.
    pub grids: Vec<[u32; 2]>,
}

impl Patches {
    /// Cuts images into patches of `patch` by `patch` pixels.
    ///
    /// # Errors
    /// When the sides of the images are no multiples of the patch, or the mask does not fit.
    pub fn of(images: &Images, patch: usize) -> Result<Self, ModelError> {
        let (batch, channels, height, width) = images.pixels.dims4()?;
        if patch == 0
            || height == 0
            || width == 0
            || !height.is_multiple_of(patch)
            || !width.is_multiple_of(patch)
        {
            return Err(ModelError::Input(format!(
                "images of {height} by {width} pixels do not divide into patches of {patch} by {patch}"
            )));
        }
        let (rows, columns) = (height / patch, width / patch);
        let values = images
            .pixels
            .to_dtype(DType::F32)?
            .reshape(vec![batch, channels, rows, patch, columns, patch])?
            .permute(vec![0, 2, 4, 1, 3, 5])?
            .contiguous()?
            .reshape((batch, rows * columns, channels * patch * patch))?;
        let all: Vec<[u32; 2]> =
            (0..rows * columns).map(|index| [(index / columns) as u32, (index % columns) as u32]).collect();
        let Some(mask) = &images.mask else {
            return Ok(Self {
                values,
                mask: Arc::new(vec![1; batch * rows * columns]),
                places: Arc::new(all.repeat(batch)),
                grids: vec![[rows as u32, columns as u32]; batch],
            });
        };
        if mask.len() != batch * height * width {
            return Err(ModelError::Input(format!(
                "a pixel mask of {} entries does not fit {batch} images of {height} by {width}",
                mask.len()
            )));
        }
        // A patch is as real as its first pixel, as nearest-neighbour shrinking has it.
        let kept = |image: usize, [row, column]: [u32; 2]| {
            mask[image * height * width + row as usize * patch * width + column as usize * patch] != 0
        };
        let grids = (0..batch)
            .map(|image| {
                let down = (0..rows as u32).filter(|&row| kept(image, [row, 0])).count();
                let across = (0..columns as u32).filter(|&column| kept(image, [0, column])).count();
                [down as u32, across as u32]
            })
            .collect();
        let chosen: Vec<Vec<usize>> = (0..batch)
            .map(|image| (0..all.len()).filter(|&index| kept(image, all[index])).collect())
            .collect();
        let whole = Self {
            values,
            mask: Arc::new(vec![1; batch * all.len()]),
            places: Arc::new(all.repeat(batch)),
            grids,
        };
        whole.only(&chosen)
    }

    /// At most `limit` patches of each image. `pick` says which of so many are read, in ascending order; without it they
    /// are spread evenly over the image, which is the same in every pass.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn limited(
        &self,
        limit: usize,
        pick: Option<&mut dyn FnMut(usize) -> Vec<usize>>,
    ) -> Result<Self, ModelError> {
        let count = self.count()?;
        let real: Vec<Vec<usize>> = self
            .mask
            .chunks(count.max(1))
            .map(|mask| (0..count).filter(|&index| mask[index] != 0).collect())
            .collect();
        if real.iter().all(|real| real.len() <= limit) {
            return Ok(self.clone());
        }
        let mut even = |patches: usize| evenly_spaced(patches, limit);
        let pick: &mut dyn FnMut(usize) -> Vec<usize> = match pick {
            Some(pick) => pick,
            None => &mut even,
        };
        let chosen: Vec<Vec<usize>> = real
            .into_iter()
            .map(|real| {
                if real.len() <= limit {
                    return real;
                }
                pick(real.len()).into_iter().filter_map(|index| real.get(index).copied()).collect()
            })
            .collect();
        self.only(&chosen)
    }

    /// Rows and columns of patches, where all images have the same and none is left out.
    ///
    /// # Errors
    /// When it is not so.
    pub fn rectangle(&self) -> Result<[usize; 2], ModelError> {
        let count = self.count()?;
        let grid = self.grids.first().map_or([0, 0], |grid| grid.map(|side| side as usize));
        let alike = self.grids.iter().all(|other| other.map(|side| side as usize) == grid);
        if alike && grid[0] * grid[1] == count {
            return Ok(grid);
        }
        Err(ModelError::Input("images of several sizes, or parts of images, are not a grid".into()))
    }

    /// The images of which these are all patches, of `patch` by `patch` pixels.
    ///
    /// # Errors
    /// When images are of several sizes, or patches are left out.
    pub fn whole_images(&self, channels: usize, patch: usize) -> Result<Images, ModelError> {
        let ([rows, columns], batch) = (self.rectangle()?, self.values.dim(0)?);
        let pixels = self
            .values
            .reshape(vec![batch, rows, columns, channels, patch, patch])?
            .permute(vec![0, 3, 1, 4, 2, 5])?
            .contiguous()?
            .reshape((batch, channels, rows * patch, columns * patch))?;
        Ok(Images { pixels, mask: None })
    }

    /// Number of patches of an image, padding included.
    ///
    /// # Errors
    /// When the values are not of three dimensions.
    pub fn count(&self) -> Result<usize, ModelError> {
        Ok(self.values.dim(1)?)
    }

    /// The chosen patches of each image, padded to the most.
    fn only(&self, chosen: &[Vec<usize>]) -> Result<Self, ModelError> {
        let (batch, before, width) = self.values.dims3()?;
        let count = chosen.iter().map(Vec::len).max().unwrap_or(0);
        let mut index = Vec::with_capacity(batch * count);
        let mut mask = Vec::with_capacity(batch * count);
        for (image, chosen) in chosen.iter().enumerate() {
            let padded = chosen.iter().copied().chain(std::iter::repeat_n(0, count - chosen.len()));
            index.extend(padded.map(|patch| (image * before + patch) as u32));
            mask.extend((0..count).map(|place| u8::from(place < chosen.len())));
        }
        let places = index.iter().map(|&patch| self.places[patch as usize]).collect();
        let rows = Tensor::new(index.as_slice(), device::current())?;
        Ok(Self {
            values: self
                .values
                .reshape((batch * before, width))?
                .index_select(&rows, 0)?
                .reshape((batch, count, width))?,
            mask: Arc::new(mask),
            places: Arc::new(places),
            grids: self.grids.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    /// Two images of 4 by 6 pixels, one of which has only its upper left 2 by 4.
    fn images() -> Images {
        let pixels = Tensor::arange(0f32, 48.0, &Device::Cpu).unwrap().reshape((2, 1, 4, 6)).unwrap();
        let mut mask = vec![1; 24];
        mask.extend((0..24).map(|pixel| u8::from(pixel / 6 < 2 && pixel % 6 < 4)));
        Images { pixels, mask: Some(Arc::new(mask)) }
    }

    #[test]
    fn sides_are_those_of_vilt() {
        // What transformers' ViltImageProcessor makes of COCO's usual sizes, and of a long one.
        assert_eq!(vilt_size((640, 480), 384, 32), (512, 384));
        assert_eq!(vilt_size((427, 640), 384, 32), (384, 576));
        assert_eq!(vilt_size((2000, 500), 384, 32), (608, 160));
        assert_eq!(vilt_size((64, 64), 64, 8), (64, 64));
        assert_eq!(vilt_size((3, 900), 64, 8), (8, 104));
    }

    #[test]
    fn shorter_sides_are_those_of_clip() {
        // What transformers' CLIPImageProcessor makes of these sizes.
        assert_eq!(shortest_edge_size((640, 480), 224), (298, 224));
        assert_eq!(shortest_edge_size((427, 640), 224), (224, 335));
        assert_eq!(shortest_edge_size((32, 32), 64), (64, 64));
    }

    #[test]
    fn images_of_several_sizes_are_padded() {
        let (one, other) = ([0u8; 12], [255u8; 6]);
        let images = Images::of_rgb(&[(2, 2, &one), (2, 1, &other)], ImageNormalization::VILT).unwrap();
        assert_eq!(images.pixels.dims(), [2, 3, 2, 2]);
        assert_eq!(images.mask.unwrap().as_slice(), [1, 1, 1, 1, 1, 1, 0, 0]);
        let values = images.pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values[..13], [&[-1.0; 12][..], &[1.0]].concat());
        assert!(Images::of_rgb(&[(2, 2, &other)], ImageNormalization::VILT).is_err());
    }

    #[test]
    fn patches_are_cut_row_by_row_and_padding_comes_last() {
        let patches = Patches::of(&images(), 2).unwrap();
        assert_eq!(patches.values.dims(), [2, 6, 4]);
        assert_eq!(patches.mask[6..], [1, 1, 0, 0, 0, 0]);
        assert_eq!(patches.grids, [[2, 3], [1, 2]]);
        let values = patches.values.to_vec3::<f32>().unwrap();
        assert_eq!(values[0][0], [0.0, 1.0, 6.0, 7.0]);
        assert_eq!(values[0][4], [14.0, 15.0, 20.0, 21.0]);
        assert_eq!(values[1][1], [26.0, 27.0, 32.0, 33.0]);
        assert_eq!(patches.places[4], [1, 1]);
    }

    #[test]
    fn whole_images_are_those_that_were_cut() {
        let pixels = Tensor::arange(0f32, 96.0, &Device::Cpu).unwrap().reshape((2, 2, 4, 6)).unwrap();
        let patches = Patches::of(&Images { pixels: pixels.clone(), mask: None }, 2).unwrap();
        let whole = patches.whole_images(2, 2).unwrap();
        assert_eq!(
            whole.pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
        assert!(patches.limited(3, None).unwrap().whole_images(2, 2).is_err());
    }

    #[test]
    fn a_limit_spreads_patches_or_takes_those_that_are_picked() {
        let patches = Patches::of(&images(), 2).unwrap();
        let even = patches.limited(3, None).unwrap();
        assert_eq!(even.places[..3], [[0, 0], [0, 2], [1, 1]]);
        assert_eq!(even.mask.as_slice(), [1, 1, 1, 1, 1, 0]);
        let picked = patches.limited(3, Some(&mut |count| vec![0, 1, count - 1])).unwrap();
        assert_eq!(picked.places[..3], [[0, 0], [0, 1], [1, 2]]);
        assert_eq!(patches.limited(6, None).unwrap().places, patches.places);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let Images { pixels, mask } = images();
        assert!(Patches::of(&Images { pixels: pixels.clone(), mask: None }, 4).is_err());
        let short = Some(Arc::new(mask.unwrap()[1..].to_vec()));
        assert!(Patches::of(&Images { pixels, mask: short }, 2).is_err());
    }
}
