//! Pairs as they are drawn in an epoch.

use alambic_data::Picture;
use rand::Rng;
use rand::seq::IndexedRandom;

use super::examples::PairExample;

/// A pair with what it is compared with.
#[derive(Debug, Clone)]
pub(super) struct DrawnPair<'c> {
    pub(super) picture: &'c Picture,
    /// The place of its image in the store.
    pub(super) image: usize,
    pub(super) caption: &'c str,
    /// Captions in other words.
    pub(super) positives: Vec<String>,
    /// Captions that are false.
    pub(super) negatives: Vec<String>,
    /// Texts that are retrieved.
    pub(super) texts: Vec<String>,
    /// Images that are retrieved, by their places in the store.
    pub(super) images: Vec<usize>,
}

impl<'c> PairExample<'c> {
    /// The pair with one of its captions. `place` gives the place of an image in the store, of those that are there.
    pub(super) fn draw(
        &self,
        random: &mut impl Rng,
        place: impl Fn(&Picture) -> Option<usize>,
    ) -> Option<DrawnPair<'c>> {
        let caption = *self.captions.choose(random)?;
        let mut drawn = DrawnPair {
            picture: self.picture,
            image: place(self.picture)?,
            caption,
            positives: Vec::new(),
            negatives: Vec::new(),
            texts: Vec::new(),
            images: Vec::new(),
        };
        if let Some(rewriter) = self.rewriter {
            drawn.positives = rewriter.positives(self.picture, caption, random);
            let negatives = rewriter.negatives(self.picture, caption, random).into_iter();
            drawn.negatives = negatives.map(|(_, text)| text).collect();
            drawn.texts = rewriter.retrieved_texts(self.images, self.picture, caption);
            let images = rewriter.retrieved_images(self.images, self.picture, caption).into_iter();
            drawn.images = images.filter_map(|image| place(&self.images[image])).collect();
        }
        Some(drawn)
    }
}
