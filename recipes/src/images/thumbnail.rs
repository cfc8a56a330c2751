//! Small images for the samples of a report.

use alambic_data::{Interpolation, Picture, Raster};
use alambic_reports::document::Image;

use crate::error::RunError;

/// Pixels of the longer side at most.
const LONGER_SIDE: usize = 96;

/// A picture in small, called by its name.
pub(crate) fn thumbnail(picture: &Picture) -> Result<Image, RunError> {
    thumbnail_of(&picture.load()?, &picture.name)
}

/// An image in small, by a name.
pub(crate) fn thumbnail_of(image: &Raster, name: &str) -> Result<Image, RunError> {
    Ok(Image { caption: name.to_owned(), png: resized(image).to_png()? })
}

/// An image as large as a thumbnail, its sides in proportion; a small one in a whole multiple, its pixels as they are.
fn resized(image: &Raster) -> Raster {
    let longer = image.width.max(image.height);
    if longer <= LONGER_SIDE {
        let times = (LONGER_SIDE / longer.max(1)).max(1);
        return image.resize_with(image.width * times, image.height * times, Interpolation::Nearest);
    }
    let side = |own: usize| (own * LONGER_SIDE).div_ceil(longer);
    image.resize(side(image.width), side(image.height))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::Raster;

    use super::resized;

    #[test]
    fn large_image_keeps_its_proportions_and_small_one_its_pixels() {
        let image = |width, height| Raster { width, height, rgb: Arc::new(vec![7; width * height * 3]) };
        let small = resized(&image(640, 480));
        assert_eq!((small.width, small.height), (96, 72));
        assert_eq!(resized(&image(32, 24)), image(96, 72));
        assert_eq!(resized(&image(60, 20)), image(60, 20));
        assert_eq!(resized(&image(1000, 1)).height, 1);
    }
}
