//! The regions of the images that a corpus has, as they come out of files.

use std::collections::HashMap;
use std::mem;

use alambic_files::text::{elided, quoted};
use unicode_normalization::UnicodeNormalization;

use super::RegionFault;
use super::labels::ById;
use super::raw::Raw;
use super::recorded::{Origin, Recorded};
use crate::error::{DataError, Fault, Place, Problems};
use crate::pictures::Picture;
use crate::source::Extent;

/// How many images are named before the rest is only counted.
const NAMED: usize = 5;

/// Extensions of images, without which ids are compared.
const IMAGES: [&str; 5] = [".jpg", ".jpeg", ".png", ".webp", ".gif"];

/// What an image is known by in files of regions: its file's name without folders, extension, a prefix such as
/// `COCO_val2014_` and, if it is a number, leading zeros. Canonically equal names are one.
fn key(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let cut = |extension: &&str| {
        let at = name.len().checked_sub(extension.len())?;
        name.get(at..)?.eq_ignore_ascii_case(extension).then(|| &name[..at])
    };
    let name = IMAGES.iter().find_map(cut).unwrap_or(name);
    let is_coco = name.get(..5).is_some_and(|prefix| prefix.eq_ignore_ascii_case("COCO_"));
    let name = if is_coco { name.rsplit('_').next().unwrap_or(name) } else { name };
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        match name.trim_start_matches('0') {
            "" => name.get(..1).unwrap_or(name).to_owned(),
            number => number.to_owned(),
        }
    } else {
        name.nfc().collect()
    }
}

/// The images whose regions are wanted.
#[derive(Debug)]
pub(super) struct Wanted {
    extent: Extent,
    images: HashMap<String, usize>,
}

impl Wanted {
    /// # Errors
    /// Where ids cannot tell two images apart.
    pub(super) fn new(pictures: &[Picture], extent: Extent) -> Result<Self, RegionFault> {
        let mut images = HashMap::with_capacity(pictures.len());
        for (index, picture) in pictures.iter().enumerate() {
            let id = key(&picture.name);
            if let Some(first) = images.insert(id.clone(), index) {
                let [first, second] = [&pictures[first], picture].map(|own| elided(&own.name));
                return Err(RegionFault::SameId { id: quoted(&id), first, second });
            }
        }
        Ok(Self { extent, images })
    }

    /// What the image that a file calls by an id is known by; nothing where it is not wanted. Of heads of files any is.
    pub(super) fn key(&self, id: &str) -> Option<String> {
        let key = key(id);
        (self.extent == Extent::Head || self.images.contains_key(&key)).then_some(key)
    }

    /// Whether so many are all: the images of the corpus, or the first of a file.
    pub(super) fn is_done(&self, read: usize) -> bool {
        match self.extent {
            Extent::Whole => read >= self.images.len(),
            Extent::Head => read > 0,
        }
    }

    /// The fault that some images have no regions or no tags, if that is so.
    pub(super) fn missing(
        &self,
        what: &'static str,
        pictures: &[Picture],
        has: impl Fn(&str) -> bool,
    ) -> Result<(), RegionFault> {
        let names: Vec<&String> =
            pictures.iter().map(|picture| &picture.name).filter(|name| !has(&key(name))).collect();
        if names.is_empty() || self.extent == Extent::Head {
            return Ok(());
        }
        let first = names.iter().take(NAMED).map(|name| elided(name)).collect();
        Err(RegionFault::Missing { what, count: names.len(), first })
    }
}

/// Collector of the regions of a corpus's images.
#[derive(Debug)]
pub(super) struct RegionCollector<'a> {
    wanted: &'a Wanted,
    labels: ById,
    most: usize,
    /// By the key of the image.
    pub(super) found: HashMap<String, Recorded>,
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
    pub(super) fn new(wanted: &'a Wanted, labels: ById, most: usize, room: usize) -> Self {
        Self {
            wanted,
            labels,
            most,
            found: HashMap::new(),
            digests: HashMap::new(),
            room,
            width: None,
            dropped: 0,
            read: 0,
            problems: Problems::default(),
        }
    }

    /// Whether the image of an id is to be read.
    pub(super) fn wants(&self, id: &str) -> bool {
        self.wanted.key(id).is_some()
    }

    /// Whether nothing more of a file is to be read.
    pub(super) fn is_done(&self) -> bool {
        match self.wanted.extent {
            Extent::Whole => self.wanted.is_done(self.found.len()),
            Extent::Head => self.wanted.is_done(self.read),
        }
    }

    /// Keeps the regions of an image, their features as far as there is room for them. Of heads of files nothing is kept but
    /// the width of the features.
    pub(super) fn take(&mut self, id: &str, read: Result<Raw, Fault>, origin: Origin) -> Result<(), Fault> {
        self.read += 1;
        let raw = read?;
        let found = raw.width()?;
        let (expected, first) = self.width.get_or_insert_with(|| (found, id.to_owned()));
        if *expected != found {
            return Err(RegionFault::Width { found, expected: *expected, first: quoted(first) }.into());
        }
        let Some(key) = self.wanted.key(id).filter(|_| self.wanted.extent == Extent::Whole) else {
            return Ok(());
        };
        if self.found.contains_key(&key) {
            return Err(RegionFault::Repeated(quoted(id)).into());
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
        let found = raw.found(labels, self.most)?;
        self.dropped += regions - found.bounds.len();
        self.digests.insert(key.clone(), found.digest());
        let bytes = std::mem::size_of_val(found.features.as_slice());
        let recorded = if bytes <= self.room {
            self.room -= bytes;
            Recorded::held(found)
        } else {
            Recorded::filed(found, origin)
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

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn an_image_is_known_by_its_name() {
        for (name, expected) in [
            ("images/COCO_val2014_000000262148.jpg", "262148"),
            ("COCO_test2015_000000262148", "262148"),
            ("262148", "262148"),
            ("000000262148.JPEG", "262148"),
            ("C:\\images\\n161313.png", "n161313"),
            ("dev-850-0-img0", "dev-850-0-img0"),
            ("scene 7", "scene 7"),
            ("000", "0"),
            ("", ""),
            ("é.png", "é"),
            ("e\u{301}.webp", "é"),
            ("v1.5", "v1.5"),
        ] {
            assert_eq!(key(name), expected, "{name}");
        }
    }
}
