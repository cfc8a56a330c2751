//! Images prepared for a model.

use std::borrow::Cow;

use alambic_data::Picture;
use alambic_students::{Eyes, Sight};
use indexmap::IndexMap;
use rayon::prelude::*;

use crate::error::RunError;

/// Most bytes of prepared images that are held in memory.
const MAX_BYTES: usize = 2 << 30;

/// Images, each prepared once and held as long as there is room, and else each time it is looked at.
pub(crate) struct ImageStore<'p> {
    eyes: Eyes,
    /// By their addresses: images of several corpora may have one name.
    images: IndexMap<usize, StoredImage<'p>>,
    /// Bytes that may still be held.
    room: usize,
}

struct StoredImage<'p> {
    picture: &'p Picture,
    /// None where there was no room.
    sight: Option<Sight>,
    second_text: Option<String>,
}

impl<'p> ImageStore<'p> {
    /// An empty one, for a model with these eyes.
    pub(crate) fn new(eyes: Eyes) -> Self {
        Self { eyes, images: IndexMap::new(), room: MAX_BYTES }
    }

    /// The eyes that it is for.
    pub(crate) fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// Takes an image, and gives its place.
    pub(crate) fn add(&mut self, picture: &'p Picture) -> Result<usize, RunError> {
        let address = std::ptr::from_ref(picture).addr();
        if let Some(place) = self.images.get_index_of(&address) {
            return Ok(place);
        }
        let mut stored = StoredImage { picture, sight: None, second_text: None };
        if self.room > 0 || self.eyes.read_tags() {
            let sight = self.eyes.prepare(picture)?;
            stored.second_text = self.eyes.second_text(&sight);
            if self.room > 0 {
                self.room = self.room.saturating_sub(sight.bytes());
                stored.sight = Some(sight);
            }
        }
        Ok(self.images.insert_full(address, stored).0)
    }

    /// The images of places that [`Self::add`] gave.
    pub(crate) fn sights(&self, places: &[usize]) -> Result<Vec<Cow<'_, Sight>>, RunError> {
        let sight = |&place: &usize| {
            let StoredImage { picture, sight, .. } = &self.images[place];
            Ok(match sight {
                Some(sight) => Cow::Borrowed(sight),
                None => Cow::Owned(self.eyes.prepare(picture)?),
            })
        };
        if places.iter().all(|&place| self.images[place].sight.is_some()) {
            return places.iter().map(sight).collect();
        }
        places.par_iter().map(sight).collect()
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

    fn eyes() -> Eyes {
        let config = ClipConfig {
            projection_dim: 4,
            text_config: ClipTextConfig::default(),
            vision_config: ClipVisionConfig { image_size: 8, patch_size: 4, ..ClipVisionConfig::default() },
            images: None,
        };
        Eyes::new(&Config::Clip(config), None).unwrap()
    }

    #[test]
    fn images_of_two_corpora_that_have_one_name_are_two() {
        let picture = |shade: u8| Picture {
            name: "made-up-scenes 1 0".into(),
            pixels: Pixels::Held(raster(shade)),
            objects: Vec::new(),
            regions: None,
            captions: Vec::new(),
            splits: Vec::new(),
        };
        let pictures = [picture(10), picture(20)];
        let mut store = ImageStore::new(eyes());
        let places: Vec<usize> = pictures.iter().map(|picture| store.add(picture).unwrap()).collect();
        assert_eq!(places, [0, 1]);
        let sights = store.sights(&places).unwrap();
        assert_ne!(sights[0], sights[1]);
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
        let eyes = eyes();
        let whole = |room: usize| {
            let mut store = ImageStore { room, ..ImageStore::new(eyes.clone()) };
            let places: Vec<usize> = pictures.iter().map(|picture| store.add(picture).unwrap()).collect();
            assert_eq!(store.add(&pictures[1]).unwrap(), places[1]);
            let sights: Vec<Sight> =
                store.sights(&places).unwrap().into_iter().map(Cow::into_owned).collect();
            (store.images.values().filter(|stored| stored.sight.is_some()).count(), sights)
        };
        let ((all, whole_sights), (some, sights)) = (whole(usize::MAX), whole(200));
        assert_eq!((all, some), (3, 2));
        assert_eq!(whole_sights, sights);
    }
}
