//! How models look at images: as patches of pixels, or as regions that a detector found.

mod finder;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_data::{DetectedRegions, Interpolation, Picture, Raster};
use alambic_models::architecture::Image;
use alambic_models::dual::DualConfig;
use alambic_models::{
    Config, ImageProcessorConfig, Images, ModelError, Patches, Regions, Resampling, spread,
};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::StudentError;

pub use finder::{Finder, overlap};

/// The folder of the detector in the folder of a model that reads regions.
pub(crate) const DETECTOR: &str = "detector";

/// The numbers that say where a region lies, behind its features: left, top, right and bottom edge, width and height, as
/// shares of the image's sides.
pub const PLACE: usize = 6;

/// How many times the shorter side of an image its longer side may be: the shorter one is brought to the size that a model reads,
/// and the longer one along with it.
const MOST_TIMES: usize = 200;

/// The most regions of an image for models whose configuration does not say it.
const REGIONS: usize = 36;

/// How a model looks at images.
#[derive(Debug, Clone)]
pub enum Eyes {
    /// It reads all of an image.
    Patches(PatchEyes),
    /// It reads the regions that a detector found.
    Regions(RegionEyes),
}

/// How images are brought to a size, and the side of the patches into which they are cut, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchEyes {
    processor: ImageProcessorConfig,
    patch: usize,
    /// The most patches of an image that are read; none for all.
    most: Option<usize>,
}

/// Says which of so many patches are read, in ascending order.
pub type Pick<'a> = &'a mut dyn FnMut(usize, usize) -> Vec<usize>;

/// Which regions are read, and how.
#[derive(Debug, Clone)]
pub struct RegionEyes {
    /// Finds regions where a corpus does not bring them along.
    finder: Option<Arc<Finder>>,
    /// The most regions of an image.
    most: usize,
    /// Numbers of a region that the model reads, its place included unless that stands apart.
    features: usize,
    /// Numbers of a place that stands apart; 0 where it is among the features, or not read.
    apart: usize,
    /// Whether the tags of the regions are read as a second text.
    tags: bool,
}

/// An image as a model is shown it.
#[derive(Debug, Clone, PartialEq)]
pub enum Sight {
    /// The whole of it, in the size in which the model reads it.
    Image(Raster),
    /// Regions of it.
    Regions(DetectedRegions),
}

/// Images of a batch as a network takes them: one of the two.
pub type ImageInputs = (Option<Image>, Option<Regions>);

impl Eyes {
    /// The eyes of a model. What finds regions has to be given to those that read regions, unless corpora bring them along.
    ///
    /// # Errors
    /// When the model does not look at images, or reads regions with other features than are found.
    pub fn new(config: &Config, finder: Option<Arc<Finder>>) -> Result<Self, StudentError> {
        let regions = |features, apart, most, tags| RegionEyes { finder, most, features, apart, tags };
        let eyes = match config {
            Config::Clip(config) => Self::Patches(PatchEyes {
                processor: config.image_processor(),
                patch: config.vision_config.patch_size,
                most: None,
            }),
            Config::Vilt(sizes) | Config::Dual(DualConfig { sizes, .. }) => Self::Patches(PatchEyes {
                processor: sizes.image_processor(),
                patch: sizes.patch_size,
                most: usize::try_from(sizes.max_image_length).ok(),
            }),
            Config::Oscar(config) => Self::Regions(regions(config.features, 0, config.regions, config.tags)),
            Config::Lxmert(config) if config.visual_pos_dim > PLACE => {
                return Err(StudentError::Size(format!(
                    "the model reads {} numbers of where a region lies; there are {PLACE}",
                    config.visual_pos_dim
                )));
            }
            Config::Lxmert(config) => {
                Self::Regions(regions(config.visual_feat_dim, config.visual_pos_dim, REGIONS, false))
            }
            Config::VisualBert(config) => Self::Regions(regions(config.features, 0, REGIONS, false)),
            other => {
                return Err(StudentError::Size(format!("a {} does not look at images", other.model_type())));
            }
        };
        Ok(eyes)
    }

    /// The eyes of a model in a folder, with the detector that lies in it.
    ///
    /// # Errors
    /// When the model does not look at images, or its detector is broken.
    pub fn open(config: &Config, folder: &Path) -> Result<Self, StudentError> {
        Self::with_detector(config, detector_of(folder).as_deref())
    }

    /// The eyes of a model, with the detector of a folder.
    ///
    /// # Errors
    /// When the model does not look at images, or the detector is broken.
    pub fn with_detector(config: &Config, detector: Option<&Path>) -> Result<Self, StudentError> {
        Self::new(config, detector.map(Finder::load).transpose()?.map(Arc::new))
    }

    /// Whether both see the same of an image, so that one batch serves both.
    #[must_use]
    pub fn see_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Patches(own), Self::Patches(other)) => own == other,
            (Self::Regions(own), Self::Regions(other)) => {
                (own.most, own.features, own.apart, own.tags)
                    == (other.most, other.features, other.apart, other.tags)
                    && own.finder.as_ref().map(|finder| finder.identity())
                        == other.finder.as_ref().map(|finder| finder.identity())
            }
            _ => false,
        }
    }

    /// Whether both can be held against each other part by part: they cut images into the same patches, or both read the regions
    /// of the data.
    #[must_use]
    pub fn cut_alike(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Patches(own), Self::Patches(other)) => own == other,
            (Self::Regions(_), Self::Regions(_)) => true,
            _ => false,
        }
    }

    /// An image as the model is shown it.
    ///
    /// # Errors
    /// When the image cannot be read, or there are no regions and nobody to find them.
    pub fn prepare(&self, picture: &Picture) -> Result<Sight, StudentError> {
        match self {
            Self::Patches(eyes) => Ok(Sight::Image(eyes.prepare(&loaded(picture)?))),
            Self::Regions(eyes) => {
                let mut found = match (&picture.regions, &eyes.finder) {
                    (Some(found), _) => found.load()?,
                    (None, Some(finder)) => finder.find(&loaded(picture)?)?,
                    (None, None) => {
                        return Err(StudentError::Size(format!(
                            "the model reads regions, of which nothing is known for {}, and no detector lies in its folder",
                            alambic_files::text::elided(&picture.name)
                        )));
                    }
                };
                found.truncate(eyes.most);
                Ok(Sight::Regions(found))
            }
        }
    }

    /// Images of a batch. Where an image has more patches than are read, `pick` says of their number, and of how many are
    /// read, which ones; without it they are spread evenly.
    ///
    /// # Errors
    /// When an image was prepared for other eyes.
    pub fn batch(&self, sights: &[&Sight], pick: Option<Pick<'_>>) -> Result<ImageInputs, StudentError> {
        match self {
            Self::Patches(eyes) => Ok((Some(Image::Patches(eyes.patches(sights, pick)?)), None)),
            Self::Regions(eyes) => Ok((None, Some(eyes.regions(sights)?))),
        }
    }

    /// What the model reads of an image as a second text: the tags of its regions, if it reads them.
    #[must_use]
    pub fn second_text(&self, sight: &Sight) -> Option<String> {
        match (self, sight) {
            (Self::Regions(eyes), Sight::Regions(found)) if eyes.tags => Some(found.tags.join(" ")),
            _ => None,
        }
    }

    /// Whether tags of regions are read as a second text.
    #[must_use]
    pub fn read_tags(&self) -> bool {
        matches!(self, Self::Regions(RegionEyes { tags: true, .. }))
    }

    /// The parts of an image in the order in which the model reads them, left, top, right and bottom edge of each as shares
    /// of the image's sides.
    #[must_use]
    pub fn parts(&self, sight: &Sight) -> Vec<[f32; 4]> {
        match (self, sight) {
            (Self::Patches(eyes), Sight::Image(raster)) => {
                let (rows, columns) = (raster.height / eyes.patch, raster.width / eyes.patch);
                let edge = |index: usize, count: usize| index as f32 / count.max(1) as f32;
                let part = |index: usize| {
                    let (row, column) = (index / columns.max(1), index % columns.max(1));
                    [edge(column, columns), edge(row, rows), edge(column + 1, columns), edge(row + 1, rows)]
                };
                let count = rows * columns;
                spread(count, eyes.most.unwrap_or(count)).into_iter().map(part).collect()
            }
            (_, Sight::Regions(found)) => found.bounds.clone(),
            _ => Vec::new(),
        }
    }
}

impl Sight {
    /// Bytes of memory that its pixels or features take up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Image(raster) => raster.rgb.len(),
            Self::Regions(found) => std::mem::size_of_val(found.features.as_slice()),
        }
    }

    fn image(&self) -> Result<&Raster, StudentError> {
        match self {
            Self::Image(raster) => Ok(raster),
            Self::Regions(_) => Err(misfit()),
        }
    }

    fn regions(&self) -> Result<&DetectedRegions, StudentError> {
        match self {
            Self::Regions(found) => Ok(found),
            Self::Image(_) => Err(misfit()),
        }
    }
}

impl PatchEyes {
    fn prepare(self, raster: &Raster) -> Raster {
        let (width, height) = self.processor.sides((raster.width, raster.height));
        let interpolation = match self.processor.resampling {
            Resampling::Nearest => Interpolation::Nearest,
            Resampling::Lanczos => Interpolation::Lanczos,
            Resampling::Bilinear => Interpolation::Linear,
            Resampling::Bicubic => Interpolation::Cubic,
        };
        let resized = raster.resize_with(width, height, interpolation);
        match self.processor.crop {
            None => resized,
            Some((width, height)) => resized.center_crop(width, height),
        }
    }

    fn patches(self, sights: &[&Sight], pick: Option<Pick<'_>>) -> Result<Patches, StudentError> {
        let rasters: Vec<&Raster> = sights.iter().map(|sight| sight.image()).collect::<Result<_, _>>()?;
        let images: Vec<(usize, usize, &[u8])> =
            rasters.iter().map(|raster| (raster.width, raster.height, raster.rgb.as_slice())).collect();
        let all = Patches::of(&Images::of_rgb(&images, self.processor.colours)?, self.patch)?;
        Ok(match (self.most, pick) {
            (None, _) => all,
            (Some(most), None) => all.limited(most, None)?,
            (Some(most), Some(pick)) => all.limited(most, Some(&mut |count| pick(count, most)))?,
        })
    }
}

impl RegionEyes {
    /// Numbers of a region that the model reads, its place included unless that stands apart.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// Whether it reads regions of so many features: published ones may have the place behind them already, for models that
    /// read it there or apart.
    #[must_use]
    pub fn read(&self, width: usize) -> bool {
        [width, width + PLACE, width.saturating_sub(PLACE)].contains(&self.features)
    }

    /// Regions padded to the most of an image, at least one.
    fn regions(&self, sights: &[&Sight]) -> Result<Regions, StudentError> {
        let found: Vec<&DetectedRegions> =
            sights.iter().map(|sight| sight.regions()).collect::<Result<_, _>>()?;
        let (batch, most) = (found.len(), found.iter().map(|own| own.bounds.len()).max().unwrap_or(0).max(1));
        let mut features = vec![0.0; batch * most * self.features];
        let mut places = vec![0.0; batch * most * self.apart];
        let mut mask = vec![0; batch * most];
        for (row, own) in found.iter().enumerate() {
            if !self.read(own.width) {
                return Err(StudentError::Size(format!(
                    "regions have {} features; the model reads {}",
                    own.width, self.features
                )));
            }
            for (index, &bounds) in own.bounds.iter().enumerate() {
                let region = row * most + index;
                let numbers =
                    own.features.get(index * own.width..(index + 1) * own.width).unwrap_or_default();
                let place = place(bounds);
                let own_features = &mut features[region * self.features..(region + 1) * self.features];
                for (read, number) in own_features.iter_mut().zip(numbers.iter().chain(&place)) {
                    *read = *number;
                }
                places[region * self.apart..(region + 1) * self.apart].copy_from_slice(&place[..self.apart]);
                mask[region] = 1;
            }
        }
        let tensor = |values: Vec<f32>, width: usize| {
            Tensor::from_vec(values, (batch, most, width), device::current()).map_err(ModelError::from)
        };
        Ok(Regions {
            features: tensor(features, self.features)?,
            boxes: (self.apart > 0).then(|| tensor(places, self.apart)).transpose()?,
            mask: Arc::new(mask),
        })
    }
}

/// The pixels of an image whose sides are in a proportion that can be brought to a size.
fn loaded(picture: &Picture) -> Result<Raster, StudentError> {
    let raster = picture.load()?;
    let (shorter, longer) = (raster.width.min(raster.height), raster.width.max(raster.height));
    if longer > shorter.saturating_mul(MOST_TIMES) {
        return Err(StudentError::Size(format!(
            "the image {} has {} by {} pixels; one may be at most {MOST_TIMES} times as long as it is wide",
            alambic_files::text::elided(&picture.name),
            raster.width,
            raster.height
        )));
    }
    Ok(raster)
}

/// Where a region lies, as Oscar reads it.
fn place([left, top, right, bottom]: [f32; 4]) -> [f32; PLACE] {
    [left, top, right, bottom, right - left, bottom - top]
}

/// The detector in the folder of a model, if there is one.
#[must_use]
pub fn detector_of(folder: &Path) -> Option<PathBuf> {
    let detector = folder.join(DETECTOR);
    detector.is_dir().then_some(detector)
}

fn misfit() -> StudentError {
    StudentError::Size("an image was prepared for a model that looks at images in another way".into())
}

#[cfg(test)]
mod tests {
    use alambic_data::Pixels;
    use alambic_models::clip::{ClipConfig, TextTower, VisionTower};
    use alambic_models::{Colours, Resizing};

    use super::*;

    fn eyes(images: Option<ImageProcessorConfig>) -> Eyes {
        let config = ClipConfig {
            projection_dim: 4,
            text_config: TextTower::default(),
            vision_config: VisionTower { image_size: 4, patch_size: 2, ..VisionTower::default() },
            images,
        };
        Eyes::new(&Config::Clip(config), None).unwrap()
    }

    #[test]
    fn pictures_become_pixels_as_the_configuration_says() {
        let usual = ImageProcessorConfig::clip(4);
        let processor = ImageProcessorConfig {
            resizing: Resizing::ShorterSide(8),
            resampling: Resampling::Nearest,
            colours: Colours { mean: [1.0; 3], deviation: [0.5; 3], factor: 1.0 },
            ..usual
        };
        let rgb: Vec<u8> = (0..8 * 8).flat_map(|pixel| [pixel; 3]).collect();
        let raster = Raster { width: 8, height: 8, rgb: Arc::new(rgb) };
        let picture = Picture { pixels: Pixels::Held(raster), ..Picture::of_file("one".into()) };
        let eyes_of_file = eyes(Some(processor));
        let sight = eyes_of_file.prepare(&picture).unwrap();
        // The middle of what was not made smaller.
        assert_eq!(sight.image().unwrap().rgb[..6], [18, 18, 18, 19, 19, 19]);
        let (Some(Image::Patches(patches)), None) = eyes_of_file.batch(&[&sight], None).unwrap() else {
            unreachable!("these eyes read patches")
        };
        let values = patches.values.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values[..2], [(18.0 - 1.0) / 0.5, (19.0 - 1.0) / 0.5]);
        assert!(!eyes_of_file.see_alike(&eyes(None)));
        assert!(eyes(Some(usual)).see_alike(&eyes(None)));
    }
}
