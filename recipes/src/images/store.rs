//! Images prepared for a model.

use std::borrow::Cow;

use alambic_data::{Picture, Raster};
use alambic_inference::{ImageProcessor, ProcessedImage};
use indexmap::IndexMap;
use rayon::prelude::*;

use super::views::Views;
use crate::error::RunError;

/// Most bytes of prepared images that are held in memory.
const MAX_BYTES: usize = 2 << 30;

/// Images, each prepared once and held as long as there is room, and else each time it is looked at.
pub(crate) struct ImageStore<'p> {
    image_processor: ImageProcessor,
    /// By their addresses: images of several corpora may have one name.
    images: IndexMap<usize, StoredImage<'p>>,
    /// Bytes that may still be held.
    room: usize,
}

struct StoredImage<'p> {
    picture: &'p Picture,
    /// None where there was no room.
    held: Option<HeldImage>,
    second_text: Option<String>,
}

/// What is held of an image.
enum HeldImage {
    /// As the model reads it.
    Processed(ProcessedImage),
    /// The pixels of one of which views are drawn.
    Raster(Raster),
}

impl HeldImage {
    fn bytes(&self) -> usize {
        match self {
            Self::Processed(processed) => processed.bytes(),
            Self::Raster(raster) => raster.rgb.len(),
        }
    }
}

impl<'p> ImageStore<'p> {
    /// Empty store, for a model with this image processor.
    pub(crate) fn new(image_processor: ImageProcessor) -> Self {
        Self { image_processor, images: IndexMap::new(), room: MAX_BYTES }
    }

    /// Image processor of the model.
    pub(crate) fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// Takes an image, and gives its place.
    pub(crate) fn add(&mut self, picture: &'p Picture) -> Result<usize, RunError> {
        let address = std::ptr::from_ref(picture).addr();
        if let Some(place) = self.images.get_index_of(&address) {
            return Ok(place);
        }
        let mut stored = StoredImage { picture, held: None, second_text: None };
        if self.room > 0 || self.image_processor.has_tags() {
            let held = if picture.augmentation.is_some() && !self.image_processor.has_tags() {
                HeldImage::Raster(picture.load()?)
            } else {
                let processed = self.image_processor.process(picture)?;
                stored.second_text = self.image_processor.second_text(&processed);
                HeldImage::Processed(processed)
            };
            if self.room > 0 {
                self.room = self.room.saturating_sub(held.bytes());
                stored.held = Some(held);
            }
        }
        Ok(self.images.insert_full(address, stored).0)
    }

    /// The images of places that [`Self::add`] gave, those that are augmented in the views of an epoch where one is given.
    pub(crate) fn processed_images(
        &self,
        places: &[usize],
        views: Option<Views>,
    ) -> Result<Vec<Cow<'_, ProcessedImage>>, RunError> {
        let is_ready = |&place: &usize| {
            let StoredImage { picture, held, .. } = &self.images[place];
            let is_moved = views.is_some() && picture.shuffled_parts() > 1;
            matches!(held, Some(HeldImage::Processed(_))) && !is_moved
        };
        let processed = |&place: &usize| self.processed_image(&self.images[place], views);
        if places.iter().all(is_ready) {
            return places.iter().map(processed).collect();
        }
        places.par_iter().map(processed).collect()
    }

    fn processed_image<'s>(
        &self,
        StoredImage { picture, held, .. }: &'s StoredImage<'p>,
        views: Option<Views>,
    ) -> Result<Cow<'s, ProcessedImage>, RunError> {
        if let Some(order) = views.and_then(|views| views.order(picture)) {
            return self.reordered_image(picture, held.as_ref(), &order).map(Cow::Owned);
        }
        let view = views.and_then(|views| Some((views, picture.augmentation.as_ref()?)));
        let (raster, view) = match (held, view) {
            (Some(HeldImage::Processed(processed)), _) => return Ok(Cow::Borrowed(processed)),
            (None, None) => return Ok(Cow::Owned(self.image_processor.process(picture)?)),
            (Some(HeldImage::Raster(raster)), view) => (Cow::Borrowed(raster), view),
            (None, Some(view)) => (Cow::Owned(picture.load()?), Some(view)),
        };
        let seen = match view {
            Some((views, augmentation)) if views.are_seen(augmentation) => {
                let view = views.of(picture, augmentation, &raster);
                Cow::Owned(view.apply(&raster, self.image_processor.input_size(&raster)))
            }
            _ => raster,
        };
        Ok(Cow::Owned(self.image_processor.process_raster(&seen, &picture.name)?))
    }

    /// Images.
    pub(crate) fn count(&self) -> usize {
        self.images.len()
    }

    /// Whether views are drawn of any of them.
    pub(crate) fn has_views(&self) -> bool {
        self.images.values().any(|stored| stored.picture.augmentation.is_some())
    }

    /// An image whose parts are in another order.
    fn reordered_image(
        &self,
        picture: &Picture,
        held: Option<&HeldImage>,
        order: &[usize],
    ) -> Result<ProcessedImage, RunError> {
        let moved = match held {
            Some(HeldImage::Processed(processed)) => processed.reordered(picture, order),
            _ => None,
        };
        match moved {
            Some(moved) => Ok(moved),
            None => Ok(self.image_processor.process(&picture.reordered(order))?),
        }
    }

    /// The second text that the model reads with the image of a place.
    pub(crate) fn second_text(&self, place: usize) -> Option<&str> {
        self.images[place].second_text.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use alambic_data::{Pixels, Raster};
    use alambic_models::Config;
    use alambic_models::clip::{ClipConfig, ClipTextConfig, ClipVisionConfig};

    use super::*;

    fn raster(shade: u8) -> Raster {
        Raster { width: 8, height: 8, rgb: Arc::new(vec![shade; 8 * 8 * 3]) }
    }

    fn image_processor() -> ImageProcessor {
        let config = ClipConfig {
            projection_dim: 4,
            text_config: ClipTextConfig::default(),
            vision_config: ClipVisionConfig { image_size: 8, patch_size: 4, ..ClipVisionConfig::default() },
            images: None,
        };
        ImageProcessor::new(&Config::Clip(config), None).unwrap()
    }

    #[test]
    fn images_of_two_corpora_that_have_one_name_are_two() {
        let picture = |shade: u8| Picture {
            pixels: Pixels::Held(raster(shade)),
            ..Picture::without_pixels("made-up-scenes 1 0".into())
        };
        let pictures = [picture(10), picture(20)];
        let mut store = ImageStore::new(image_processor());
        let places: Vec<usize> = pictures.iter().map(|picture| store.add(picture).unwrap()).collect();
        assert_eq!(places, [0, 1]);
        let processed = store.processed_images(&places, None).unwrap();
        assert_ne!(processed[0], processed[1]);
    }

    #[test]
    fn what_there_is_no_room_for_is_prepared_again_and_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let picture = |shade: u8| {
            let path = folder.path().join(format!("{shade}.png"));
            std::fs::write(&path, raster(shade).to_png().unwrap()).unwrap();
            Picture::of_file(path)
        };
        let pictures: Vec<Picture> = [10, 20, 30].map(picture).into();
        let image_processor = image_processor();
        let whole = |room: usize| {
            let mut store = ImageStore { room, ..ImageStore::new(image_processor.clone()) };
            let places: Vec<usize> = pictures.iter().map(|picture| store.add(picture).unwrap()).collect();
            assert_eq!(store.add(&pictures[1]).unwrap(), places[1]);
            let processed: Vec<ProcessedImage> =
                store.processed_images(&places, None).unwrap().into_iter().map(Cow::into_owned).collect();
            (store.images.values().filter(|stored| stored.held.is_some()).count(), processed)
        };
        let ((all, whole_images), (some, processed)) = (whole(usize::MAX), whole(200));
        assert_eq!((all, some), (3, 2));
        assert_eq!(whole_images, processed);
    }
}
