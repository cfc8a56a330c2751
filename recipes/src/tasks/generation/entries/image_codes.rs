//! Images in tokens of the student's own image tokenizer.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use alambic_data::Raster;
use alambic_inference::ProcessedImage;
use alambic_losses::Targets;
use alambic_models::architecture::Image;
use alambic_models::ernie_vilg::{ErnieVilg, ErnieVilgConfig};
use alambic_models::{Config, ImageNormalization, Images, ModelError, Patches, Tokens};
use alambic_tensor::parameters::Weights;

use super::teacher_images::TeacherImage;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::tasks::generation::targets::forced_targets;

/// Images whose tokens are made together.
const BATCH: usize = 64;

/// Tokens of the images of a store, which are made once, since the image tokenizer stays as it is; of images that are augmented, of
/// each view anew.
pub(super) struct ImageCodes<'a> {
    config: &'a ErnieVilgConfig,
    held: OnceLock<Vec<Vec<u32>>>,
}

/// Images of a batch in tokens.
pub(super) struct CodedImages {
    /// The codes of each image.
    codes: Vec<Vec<u32>>,
    /// The images that they were made of.
    patches: Patches,
}

impl<'a> ImageCodes<'a> {
    /// Those of a student that reads images so; none of others.
    pub(super) fn new(config: &'a Config) -> Option<Self> {
        match config {
            Config::ErnieVilg(config) => Some(Self { config, held: OnceLock::new() }),
            _ => None,
        }
    }

    /// Tokens of an image.
    pub(super) fn count(&self) -> usize {
        self.config.image_tokens()
    }

    /// The images of some places, as a student of these weights reads them.
    pub(super) fn of(
        &self,
        store: &ImageStore<'_>,
        places: &[usize],
        views: Option<Views>,
        weights: &Weights,
    ) -> Result<CodedImages, RunError> {
        let patches = patches(store, places, views)?;
        if views.is_some() && store.has_views() {
            let codes = self.made(&patches, &ErnieVilg::new(self.config, weights)?)?;
            return Ok(CodedImages { codes, patches });
        }
        let held = if let Some(held) = self.held.get() {
            held
        } else {
            let network = ErnieVilg::new(self.config, weights)?;
            let all: Vec<usize> = (0..store.count()).collect();
            let mut codes = Vec::with_capacity(all.len());
            for some in all.chunks(BATCH) {
                codes.extend(self.made(&self::patches(store, some, None)?, &network)?);
            }
            self.held.get_or_init(|| codes)
        };
        Ok(CodedImages { codes: places.iter().map(|&place| held[place].clone()).collect(), patches })
    }

    fn made(&self, patches: &Patches, network: &ErnieVilg) -> Result<Vec<Vec<u32>>, RunError> {
        let tokens = network.image_tokens(&Image::Patches(patches.clone()))?;
        let codes = tokens.ids.iter().filter_map(|&token| self.config.code_of_token(token));
        let codes: Vec<u32> = codes.collect();
        Ok(codes.chunks(self.count().max(1)).map(<[u32]>::to_vec).collect())
    }

    /// What a decoder is forced on that draws images, and what it is to predict. The last token is read as well, since a reconstructor
    /// makes images of states that have read theirs.
    pub(super) fn forced(&self, rows: &[DrawnRow]) -> (Tokens, Targets) {
        let tokens = |row: &DrawnRow| row.codes.iter().map(|&code| self.config.token_of_code(code)).collect();
        let written: Vec<Vec<u32>> = rows.iter().map(tokens).collect();
        let written: Vec<&[u32]> = written.iter().map(Vec::as_slice).collect();
        let (start, padding) = (self.config.image_start(), self.config.pad_token_id);
        let (_, mut targets) = forced_targets(&written, |_| start, padding, |row| rows[row].is_teachers);
        // The teacher is forced on real images as on those that it drew.
        targets.teacher_mask = Arc::new(vec![1.0; targets.classes.len()]);
        targets.pixels = Arc::new(rows.iter().flat_map(|row| row.pixels.iter().copied()).collect());
        let read: Vec<Vec<u32>> = rows.iter().map(|row| self.config.image(&row.codes)).collect();
        (Tokens::pad(&read, padding), targets)
    }
}

/// An image that is drawn: its codes, and its pixels from -1 to 1.
pub(super) struct DrawnRow {
    codes: Vec<u32>,
    pixels: Vec<f32>,
    is_teachers: bool,
}

impl DrawnRow {
    /// An image that the teacher drew.
    pub(super) fn of_teacher(image: &TeacherImage) -> Result<Self, RunError> {
        let Raster { width, height, rgb } = &image.raster;
        let images = Images::of_rgb(&[(*width, *height, rgb.as_slice())], ImageNormalization::VILT)?;
        let pixels = images.pixels.flatten_all().and_then(|pixels| pixels.to_vec1());
        let pixels = pixels.map_err(ModelError::from)?;
        Ok(Self { codes: image.codes.clone(), pixels, is_teachers: true })
    }
}

impl CodedImages {
    /// The images one by one, with their pixels.
    pub(super) fn into_rows(self, codes: &ImageCodes<'_>) -> Result<Vec<DrawnRow>, RunError> {
        let tokenizer = &codes.config.image_tokenizer;
        let whole = self.patches.whole_images(tokenizer.num_channels, tokenizer.factor())?;
        let pixels = whole.pixels.flatten_from(1).and_then(|pixels| pixels.to_vec2());
        let pixels: Vec<Vec<f32>> = pixels.map_err(ModelError::from)?;
        let row = |(codes, pixels)| DrawnRow { codes, pixels, is_teachers: false };
        Ok(self.codes.into_iter().zip(pixels).map(row).collect())
    }

    /// The images as a network reads them.
    pub(super) fn image(&self) -> Image {
        Image::Codes(Arc::new(self.codes.concat()))
    }
}

/// The images of some places, cut into patches.
fn patches(store: &ImageStore<'_>, places: &[usize], views: Option<Views>) -> Result<Patches, RunError> {
    let processed: Vec<Cow<'_, ProcessedImage>> = store.processed_images(places, views)?;
    let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
    match store.image_processor().batch(&processed, None)?.0 {
        Some(Image::Patches(patches)) => Ok(patches),
        _ => Err(RunError::Recipe("an image tokenizer reads pixels, and these images have none".into())),
    }
}
