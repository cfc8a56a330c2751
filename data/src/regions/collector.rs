//! The regions of the images that a corpus has, as they come out of files.

use std::collections::HashMap;
use std::mem;

use alambic_files::text::quoted;

use super::feature_place::FeaturePlace;
use super::image_regions::ImageRegions;
use super::labels::LabelsById;
use super::names::RegionNames;
use super::raw_regions::RawRegions;
use super::wanted::{WantedImages, is_same_image};
use crate::error::{DataError, Fault, Place, Problems, RegionFault};
use crate::source::Extent;

/// Collector of the regions of a corpus's images.
#[derive(Debug)]
pub(super) struct RegionCollector<'a> {
    wanted: &'a WantedImages,
    labels: LabelsById,
    names: &'a RegionNames,
    /// The ids of rows, by their numbers from 0; none where rows are taken by their own.
    pub(super) index: Option<&'a HashMap<usize, String>>,
    max_regions: usize,
    /// By the key of the image.
    pub(super) found: HashMap<String, ImageRegions>,
    /// Fingerprints of the same.
    pub(super) digests: HashMap<String, blake3::Hash>,
    /// Bytes of features that may still be held in memory.
    room: usize,
    /// Numbers of a region's features, and the first image that had so many.
    pub(super) width: Option<(usize, String)>,
    /// Regions beyond those that are kept.
    pub(super) dropped: usize,
    /// Images of the file that is read.
    read: usize,
    problems: Problems,
}

impl<'a> RegionCollector<'a> {
    pub(super) fn new(
        wanted: &'a WantedImages,
        (labels, names): (LabelsById, &'a RegionNames),
        max_regions: usize,
        room: usize,
    ) -> Self {
        Self {
            wanted,
            labels,
            names,
            index: None,
            max_regions,
            found: HashMap::new(),
            digests: HashMap::new(),
            room,
            width: None,
            dropped: 0,
            read: 0,
            problems: Problems::default(),
        }
    }

    /// Names of what files have by its number.
    pub(super) fn names(&self) -> &'a RegionNames {
        self.names
    }

    /// Whether the image of an id is to be read.
    pub(super) fn wants(&self, id: &str) -> bool {
        self.wanted.key(id).is_some()
    }

    /// Checks the id of a row against the index, and says whether the row is to be read.
    ///
    /// # Errors
    /// When the index has another id for it.
    pub(super) fn wants_row(&self, row: usize, id: &str) -> Result<bool, RegionFault> {
        if let Some(index) = self.index {
            match index.get(&row) {
                None => return Ok(false),
                Some(own) if is_same_image(own, id) => {}
                Some(own) => {
                    return Err(RegionFault::OtherRow { row, found: quoted(id), expected: quoted(own) });
                }
            }
        }
        Ok(self.wants(id))
    }

    /// Whether nothing more of a file is to be read.
    pub(super) fn is_done(&self) -> bool {
        match self.wanted.extent() {
            Extent::Whole => self.wanted.is_done(self.found.len()),
            Extent::Head => self.wanted.is_done(self.read),
        }
    }

    /// Keeps the regions of an image, their features as far as there is room for them. Of heads of files nothing is kept but
    /// the width of the features.
    pub(super) fn take(
        &mut self,
        id: &str,
        read: Result<RawRegions, Fault>,
        origin: FeaturePlace,
    ) -> Result<(), Fault> {
        self.read += 1;
        let raw = read?;
        let found = raw.width()?;
        let (expected, first) = self.width.get_or_insert_with(|| (found, id.to_owned()));
        if *expected != found {
            return Err(RegionFault::FeatureWidth { found, expected: *expected, first: quoted(first) }.into());
        }
        let Some(key) = self.wanted.key(id).filter(|_| self.wanted.extent() == Extent::Whole) else {
            return Ok(());
        };
        if self.found.contains_key(&key) {
            return Err(RegionFault::DuplicateImage(quoted(id)).into());
        }
        let regions = raw.regions;
        let labels = match self.labels.remove(&key) {
            Some((place, labels)) if labels.tags.len() != regions => {
                let fault = RegionFault::TagCount { tags: labels.tags.len(), regions };
                self.problems.push(place, fault.into());
                return Ok(());
            }
            labels => labels.map(|(_, labels)| labels),
        };
        let found = raw.detected(labels, self.max_regions)?;
        self.dropped += regions - found.bounds.len();
        self.digests.insert(key.clone(), found.digest());
        let bytes = [&found.features, &found.class_probabilities]
            .map(|numbers| std::mem::size_of_val(numbers.as_slice()))
            .iter()
            .sum::<usize>();
        let recorded = if bytes <= self.room {
            self.room -= bytes;
            ImageRegions::held(found)
        } else {
            ImageRegions::filed(found, origin)
        };
        self.found.insert(key, recorded);
        Ok(())
    }

    /// Notes what is wrong at a place.
    pub(super) fn note(&mut self, place: Place, taken: Result<(), Fault>) {
        if let Err(fault) = taken {
            self.problems.push(place, fault);
        }
    }

    /// Ends a file: all that is wrong with it.
    pub(super) fn end_file(&mut self) -> Result<(), DataError> {
        self.read = 0;
        mem::take(&mut self.problems).or(())
    }
}
