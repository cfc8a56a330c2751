//! Images as a model is shown them.

use alambic_data::Picture;
use alambic_students::{Eyes, Sight};
use indexmap::IndexMap;

use crate::run::RunError;

/// Images, each prepared once.
pub(crate) struct Gallery {
    eyes: Eyes,
    sights: IndexMap<String, Sight>,
}

impl Gallery {
    /// An empty one, for a model with these eyes.
    pub(crate) fn new(eyes: Eyes) -> Self {
        Self { eyes, sights: IndexMap::new() }
    }

    /// The eyes that it is for.
    pub(crate) fn eyes(&self) -> &Eyes {
        &self.eyes
    }

    /// Takes an image, and gives its place.
    pub(crate) fn hang(&mut self, picture: &Picture) -> Result<usize, RunError> {
        if let Some(place) = self.sights.get_index_of(&picture.name) {
            return Ok(place);
        }
        let sight = self.eyes.prepare(picture)?;
        Ok(self.sights.insert_full(picture.name.clone(), sight).0)
    }

    /// The image of a place that [`Self::hang`] gave.
    pub(crate) fn sight(&self, place: usize) -> &Sight {
        &self.sights[place]
    }

    /// The second text that the model reads with the image of a place.
    pub(crate) fn second_text(&self, place: usize) -> Option<String> {
        self.eyes.second_text(self.sight(place))
    }
}
