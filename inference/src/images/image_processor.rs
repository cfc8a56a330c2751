//! Image processing as a model's configuration asks for it: patches of pixels, or regions that a detector finds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_data::{Picture, Raster};
use alambic_models::architecture::Image;
use alambic_models::{Config, ImageInput, ModelError, Regions, TaggedRegions, Tokenizer, Tokens};

use super::load::{check_aspect_ratio, load_image};
use super::object_detector::ObjectDetector;
use super::patch_processor::{PatchProcessor, PatchSampler};
use super::processed_image::ProcessedImage;
use super::region_processor::{POSITION_FEATURES, RegionProcessor};
use crate::InferenceError;

/// Folder of the detector within the folder of a model that reads regions.
pub const DETECTOR_FOLDER: &str = "detector";

/// Image processor of a model.
#[derive(Debug, Clone)]
pub enum ImageProcessor {
    /// Patches of the whole image.
    Patches(PatchProcessor),
    /// Regions of the image.
    Regions(RegionProcessor),
}

/// Images of a batch as a network takes them: one of the two.
pub type ImageInputs = (Option<Image>, Option<Regions>);

impl ImageProcessor {
    /// Image processor of a configuration. One that reads regions needs a detector for images that come without.
    ///
    /// # Errors
    /// When the model has no image input, or reads more position features than there are.
    pub fn new(config: &Config, detector: Option<Arc<ObjectDetector>>) -> Result<Self, InferenceError> {
        // A detector has an image input, too, and nothing beside it.
        let input = config.image_input().filter(|_| config.reads_texts());
        let processor = match input {
            Some(ImageInput::Patches(input)) => {
                let processor = PatchProcessor::new(input);
                Self::Patches(match config {
                    Config::ErnieVilg(own) => processor.with_exact_side(own.image_tokenizer.image_size),
                    _ => processor,
                })
            }
            Some(ImageInput::Regions(input)) if input.box_numbers > POSITION_FEATURES => {
                return Err(InferenceError::Unsupported(format!(
                    "the model reads {} position features of a region; there are {POSITION_FEATURES}",
                    input.box_numbers
                )));
            }
            Some(ImageInput::Regions(input)) => Self::Regions(RegionProcessor::new(input, detector)),
            None => {
                return Err(InferenceError::Unsupported(format!(
                    "a {} does not read images with texts",
                    config.model_type()
                )));
            }
        };
        Ok(processor)
    }

    /// Image processor of a model in a folder, with the detector that lies in it.
    ///
    /// # Errors
    /// When the model has no image input, or its detector is broken.
    pub fn load(config: &Config, folder: &Path) -> Result<Self, InferenceError> {
        Self::with_detector(config, detector_folder(folder).as_deref())
    }

    /// Image processor of a configuration, with the detector of a folder.
    ///
    /// # Errors
    /// When the model has no image input, or the detector is broken.
    pub fn with_detector(config: &Config, detector: Option<&Path>) -> Result<Self, InferenceError> {
        Self::new(config, detector.map(ObjectDetector::load).transpose()?.map(Arc::new))
    }

    /// Whether both make the same input of an image, so that one batch serves both models.
    #[must_use]
    pub fn has_same_inputs(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Patches(own), Self::Patches(other)) => own == other,
            (Self::Regions(own), Self::Regions(other)) => own.is_equal(other),
            _ => false,
        }
    }

    /// Whether the patches of an image correspond one by one: both make the same patches, or both read the regions of the data.
    #[must_use]
    pub fn has_same_patches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Patches(own), Self::Patches(other)) => own == other,
            (Self::Regions(own), Self::Regions(other)) => own.images() == other.images(),
            _ => false,
        }
    }

    /// Image in the form in which the model reads it.
    ///
    /// # Errors
    /// When the image cannot be read, or there are neither regions nor a detector.
    pub fn process(&self, picture: &Picture) -> Result<ProcessedImage, InferenceError> {
        match self {
            Self::Patches(own) => {
                let raster = load_image(picture)?;
                own.check_size(&raster, &picture.name)?;
                Ok(ProcessedImage::Image(own.process(&raster)))
            }
            Self::Regions(own) => own.process(picture),
        }
    }

    /// Pixels in the form in which the model reads them; `name` is what errors call them.
    ///
    /// # Errors
    /// When the sides are too far from each other, or there is no detector for a model that reads regions.
    pub fn process_raster(&self, raster: &Raster, name: &str) -> Result<ProcessedImage, InferenceError> {
        check_aspect_ratio(raster, name)?;
        match self {
            Self::Patches(own) => {
                own.check_size(raster, name)?;
                Ok(ProcessedImage::Image(own.process(raster)))
            }
            Self::Regions(own) => Ok(ProcessedImage::Regions(own.detect(raster, name)?)),
        }
    }

    /// Width and height in which the model reads an image, the central crop of it where there is one; none for one that reads regions.
    #[must_use]
    pub fn input_size(&self, raster: &Raster) -> Option<(usize, usize)> {
        match self {
            Self::Patches(own) => Some(own.input_size(raster)),
            Self::Regions(_) => None,
        }
    }

    /// Images of a batch. `sampler` chooses the patches of an image that has more than are read; without it they are spread
    /// evenly.
    ///
    /// # Errors
    /// When an image was processed for another model.
    pub fn batch(
        &self,
        images: &[&ProcessedImage],
        sampler: Option<PatchSampler<'_>>,
    ) -> Result<ImageInputs, InferenceError> {
        match self {
            Self::Patches(own) => Ok((Some(Image::Patches(own.patches(images, sampler)?)), None)),
            Self::Regions(own) => Ok((None, Some(own.batch(images)?))),
        }
    }

    /// The input of a model that writes of images: patches, or regions with the tokens of their tags.
    ///
    /// # Errors
    /// When an image was processed for another model, or a tag cannot be encoded.
    pub fn input_of_writer(
        &self,
        images: &[&ProcessedImage],
        (config, tokenizer): (&Config, &Tokenizer),
    ) -> Result<Option<Image>, InferenceError> {
        let (image, regions) = self.batch(images, None)?;
        let Some(regions) = regions else { return Ok(image) };
        let Config::Oscar(config) = config else {
            let tags = Tokens::pad(&vec![Vec::<u32>::new(); images.len()], config.padding());
            return Ok(Some(Image::Regions(TaggedRegions { regions, tags })));
        };
        let (padding, most) = (config.bert.padding, config.max_tags());
        let tags = |image: &&ProcessedImage| {
            let text = self.second_text(image).filter(|text| !text.trim().is_empty() && most > 0);
            let Some(text) = text else { return Ok(Vec::new()) };
            let mut ids = tokenizer.encode(&text)?;
            // What begins a text stands before the caption.
            ids.remove(0);
            if ids.len() > most {
                ids.truncate(most);
                ids[most - 1] = config.special.end;
            }
            Ok(ids)
        };
        let tags = images.iter().map(tags).collect::<Result<Vec<Vec<u32>>, ModelError>>()?;
        Ok(Some(Image::Regions(TaggedRegions { regions, tags: Tokens::pad(&tags, padding) })))
    }

    /// Second text of an image: the tags of its regions, where the model reads them.
    #[must_use]
    pub fn second_text(&self, image: &ProcessedImage) -> Option<String> {
        match image {
            ProcessedImage::Regions(found) if self.has_tags() => Some(found.tags.join(" ")),
            _ => None,
        }
    }

    /// Second texts of several images that a text is about: the tags of the regions of each, where the model reads them; none of one
    /// image, or of a model without tags.
    #[must_use]
    pub fn second_texts(&self, image: &ProcessedImage) -> Option<Vec<String>> {
        match image {
            ProcessedImage::Several(all) if self.has_tags() => {
                Some(all.iter().map(|found| found.tags.join(" ")).collect())
            }
            _ => None,
        }
    }

    /// Whether the tags of regions are a second text of the model.
    #[must_use]
    pub fn has_tags(&self) -> bool {
        matches!(self, Self::Regions(own) if own.has_tags())
    }

    /// Boxes of the patches of an image in the order in which the model reads them: left, top, right and bottom edges as shares
    /// of the image's sides.
    #[must_use]
    pub fn patch_boxes(&self, image: &ProcessedImage) -> Vec<[f32; 4]> {
        match (self, image) {
            (Self::Patches(own), ProcessedImage::Image(raster)) => own.boxes(raster),
            _ => image.detected().iter().flat_map(|found| found.bounds.iter().copied()).collect(),
        }
    }
}

/// Detector in the folder of a model, if there is one.
#[must_use]
pub fn detector_folder(folder: &Path) -> Option<PathBuf> {
    let detector = folder.join(DETECTOR_FOLDER);
    detector.is_dir().then_some(detector)
}

#[cfg(test)]
mod tests {
    use alambic_data::{Pixels, Raster};
    use alambic_models::clip::{ClipConfig, ClipTextConfig, ClipVisionConfig};
    use alambic_models::{ImageNormalization, ImageProcessorConfig, Resampling, Resizing};

    use super::*;

    fn processor(images: Option<ImageProcessorConfig>) -> ImageProcessor {
        let config = ClipConfig {
            projection_dim: 4,
            text_config: ClipTextConfig::default(),
            vision_config: ClipVisionConfig { image_size: 4, patch_size: 2, ..ClipVisionConfig::default() },
            images,
        };
        ImageProcessor::new(&Config::Clip(config), None).unwrap()
    }

    #[test]
    fn pixels_are_resized_cropped_and_normalised_as_configured() {
        let usual = ImageProcessorConfig::clip(4);
        let own = ImageProcessorConfig {
            resizing: Resizing::ShorterSide(8),
            resampling: Resampling::Nearest,
            normalization: ImageNormalization { mean: [1.0; 3], std: [0.5; 3], rescale_factor: 1.0 },
            ..usual
        };
        let rgb: Vec<u8> = (0..8 * 8).flat_map(|pixel| [pixel; 3]).collect();
        let raster = Raster { width: 8, height: 8, rgb: Arc::new(rgb) };
        let picture = Picture { pixels: Pixels::Held(raster), ..Picture::of_file("one".into()) };
        let configured = processor(Some(own));
        let image = configured.process(&picture).unwrap();
        // The middle of what was not made smaller.
        assert_eq!(image.image().unwrap().rgb[..6], [18, 18, 18, 19, 19, 19]);
        let (Some(Image::Patches(patches)), None) = configured.batch(&[&image], None).unwrap() else {
            unreachable!("the processor makes patches")
        };
        let values = patches.values.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values[..2], [(18.0 - 1.0) / 0.5, (19.0 - 1.0) / 0.5]);
        assert!(!configured.has_same_inputs(&processor(None)));
        assert!(processor(Some(usual)).has_same_inputs(&processor(None)));
    }
}
