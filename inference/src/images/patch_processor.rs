//! Image processing for models that read patches.

use alambic_data::{Interpolation, Raster};
use alambic_files::text::quoted;
use alambic_models::{
    ImageProcessorConfig, Images, ModelError, PatchInput, Patches, Resampling, evenly_spaced,
};

use super::processed_image::ProcessedImage;
use crate::InferenceError;

/// Resizing, cropping and normalisation of images, and the patches into which they are cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchProcessor {
    config: ImageProcessorConfig,
    /// Pixels of a patch's side.
    patch: usize,
    /// Maximum number of patches of an image; none for all.
    max_patches: Option<usize>,
    /// The side that images have to have; none where they are resized.
    exact_side: Option<usize>,
}

/// Choice of patches: given how many an image has and how many of them are read, the numbers of those read, in ascending order.
pub type PatchSampler<'a> = &'a mut dyn FnMut(usize, usize) -> Vec<usize>;

impl PatchProcessor {
    /// Processor of a model's image input.
    pub(super) fn new(input: PatchInput) -> Self {
        Self {
            config: input.processor,
            patch: input.patch_size,
            max_patches: input.max_patches,
            exact_side: None,
        }
    }

    /// The same for an image tokenizer, which reads images of one size and makes images of it.
    pub(super) fn with_exact_side(self, side: usize) -> Self {
        Self { exact_side: Some(side), ..self }
    }

    /// Refuses an image of another size than the only one that is read.
    ///
    /// # Errors
    /// When it has another size.
    pub(super) fn check_size(self, raster: &Raster, name: &str) -> Result<(), InferenceError> {
        let (width, height) = (raster.width, raster.height);
        match self.exact_side {
            Some(side) if (width, height) != (side, side) => Err(ModelError::Input(format!(
                "the image `{}` has {width} × {height} pixels, and the image tokenizer reads {side} × {side}: bring it to that size",
                quoted(name)
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// Image in the size of the model's input.
    pub(super) fn process(self, raster: &Raster) -> Raster {
        let (width, height) = self.config.sides((raster.width, raster.height));
        let interpolation = match self.config.resampling {
            Resampling::Nearest => Interpolation::Nearest,
            Resampling::Lanczos => Interpolation::Lanczos,
            Resampling::Bilinear => Interpolation::Linear,
            Resampling::Bicubic => Interpolation::Cubic,
        };
        let resized = raster.resize_with(width, height, interpolation);
        match self.config.crop {
            None => resized,
            Some((width, height)) => resized.center_crop(width, height),
        }
    }

    /// Width and height of the input for an image, the central crop of it where there is one.
    pub(super) fn input_size(self, raster: &Raster) -> (usize, usize) {
        self.config.crop.unwrap_or_else(|| self.config.sides((raster.width, raster.height)))
    }

    /// Patches of images, normalised. `sampler` chooses those that are read of an image with more than are read.
    pub(super) fn patches(
        self,
        images: &[&ProcessedImage],
        sampler: Option<PatchSampler<'_>>,
    ) -> Result<Patches, InferenceError> {
        let rasters: Vec<&Raster> = images.iter().map(|image| image.image()).collect::<Result<_, _>>()?;
        let images: Vec<(usize, usize, &[u8])> =
            rasters.iter().map(|raster| (raster.width, raster.height, raster.rgb.as_slice())).collect();
        let all = Patches::of(&Images::of_rgb(&images, self.config.normalization)?, self.patch)?;
        Ok(match (self.max_patches, sampler) {
            (None, _) => all,
            (Some(max), None) => all.limited(max, None)?,
            (Some(max), Some(sampler)) => all.limited(max, Some(&mut |count| sampler(count, max)))?,
        })
    }

    /// Boxes of the patches that are read of an image: left, top, right and bottom edges as shares of its sides.
    pub(super) fn boxes(self, raster: &Raster) -> Vec<[f32; 4]> {
        let (rows, columns) = (raster.height / self.patch, raster.width / self.patch);
        let edge = |index: usize, count: usize| index as f32 / count.max(1) as f32;
        let part = |index: usize| {
            let (row, column) = (index / columns.max(1), index % columns.max(1));
            [edge(column, columns), edge(row, rows), edge(column + 1, columns), edge(row + 1, rows)]
        };
        let count = rows * columns;
        evenly_spaced(count, self.max_patches.unwrap_or(count)).into_iter().map(part).collect()
    }
}
