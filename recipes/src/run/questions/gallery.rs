//! Images in the size in which a model reads them.

use alambic_data::{Picture, Raster};
use alambic_students::Eyes;
use indexmap::IndexMap;

use crate::run::RunError;

/// Images, each loaded once.
pub(super) struct Gallery {
    eyes: Eyes,
    images: IndexMap<String, Raster>,
}

impl Gallery {
    /// An empty one, for a model with these eyes.
    pub(super) fn new(eyes: Eyes) -> Self {
        Self { eyes, images: IndexMap::new() }
    }

    /// The eyes that it is for.
    pub(super) fn eyes(&self) -> Eyes {
        self.eyes
    }

    /// Takes an image, and gives its place.
    pub(super) fn hang(&mut self, picture: &Picture) -> Result<usize, RunError> {
        if let Some(place) = self.images.get_index_of(&picture.name) {
            return Ok(place);
        }
        let image = self.eyes.prepare(&picture.load()?);
        Ok(self.images.insert_full(picture.name.clone(), image).0)
    }

    /// The image of a place that [`Self::hang`] gave.
    pub(super) fn image(&self, place: usize) -> &Raster {
        &self.images[place]
    }
}
