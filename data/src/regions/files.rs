//! Files of regions, and the images that they are attached to.

use std::collections::HashMap;

use alambic_settings::{Location, OneOrMany, settings};

use super::collector::RegionCollector;
use super::labels;
use super::names::RegionNames;
use super::readers::read;
use super::wanted::WantedImages;
use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Place, RegionFault};
use crate::pictures::Picture;
use crate::questions::Question;
use crate::source::Extent;

/// Bytes of a GB.
const GB: f64 = 1e9;

settings! {
    /// Regions that a detector found in the images of a corpus, in files. The id of an image in them is the name of its file, as
    /// `COCO_val2014_000000262148.jpg`; folders, the extension, a prefix that begins with `COCO_` and leading zeros may be
    /// left out on either side: `262148` is the same image.
    ///
    /// A format is known by its extension, and one of TSV by its columns, all numbers being of 32 bits, in base64:
    /// Oscar's (id, number of regions, features), VinVL's (id, JSON with `num_boxes` and `features`, or as in its
    /// `predictions.tsv` with `objects`, each with `rect`, `class` and its own `feature`), bottom-up attention's
    /// (id, width and height of the image, number of regions, boxes, features) and LXMERT's (id, height and width of the
    /// image, ids and confidence of objects and of attributes, number of regions, boxes, features). A folder holds an npz
    /// of each image, called by its id, with `features` or `x` and `norm_bb`, `boxes` or `bbox`; `num_bbox` or `num_boxes` is
    /// checked against them, and rows of zeros beyond that number are padding. A `.safetensors` holds
    /// `NAME.features` and `NAME.boxes` of each image, NAME being its id.
    ///
    /// How likely each class of objects is, of each region, is read of an npz with `soft_labels` (as UNITER's are) or `cls_prob`.
    ///
    /// Confidences are read where a file has them: `conf` of an object, with `attributes` and `attr_scores`, or LXMERT's columns.
    ///
    /// Features are kept as they are published. Boxes are left, top, right and bottom edge; those in pixels become shares by
    /// the width and height of the image, in an npz `image_w` and `image_h`. Where a file has no boxes and features have
    /// 2,054 numbers, as those of Oscar and VinVL, the box is in the numbers 2,049 to 2,052 of these; where they have
    /// not, boxes come from `tags`.
    pub struct RegionFiles {
        /// The files of features: TSV, safetensors, or folders of npz. What is not of the corpus is passed over.
        pub features: OneOrMany<Location>,
        /// Files with the tags of the regions: Oscar's TSV of an id and JSON, either a list of objects or a table with
        /// `objects`, `image_w` and `image_h`; an object has a `class` and may have a `rect` in pixels. They hold the objects
        /// of the features' detector in the same order. Left out: regions have no tags.
        pub tags: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// A file with the names of the objects that LXMERT's TSV has by their numbers, a line each, the number 0 first; of several
        /// names with commas between the first counts. Left out: their regions have no tags.
        pub object_names: Option<Location> = None,
        /// The same of attributes. Left out: regions have no attributes.
        pub attribute_names: Option<Location> = None,
        /// Greatest number of regions that are kept of an image: the first, which are those of the highest confidence in published
        /// files.
        #[range(1..=65_536)]
        pub max_regions: usize = 50,
        /// Most GB of features that are held in memory; fifty regions of 2,054 numbers are 411 kB. Those of further images are
        /// read from their files each time that they are needed.
        #[range(0.0..)]
        pub memory_gb: f64 = 2.0,
    }
}

/// What images were given.
#[derive(Debug)]
pub(crate) struct AttachedRegions {
    /// Numbers of a region's features.
    pub(crate) width: usize,
    /// Fingerprints of the regions, in the order of the images.
    digests: Vec<blake3::Hash>,
    /// Regions that were not kept.
    dropped: usize,
}

impl RegionFiles {
    /// Gives each image of a corpus its regions, of images side by side each of them its own, and says how many numbers the features of
    /// one region have. They go into
    /// the fingerprint of the corpus, and regions that are not kept are counted among what was dropped.
    ///
    /// Of heads, only the first image of each file is read, whichever it is, and no image is given anything.
    ///
    /// # Errors
    /// All faults of the files, each with its line or image; images of the corpus of which they say nothing; images that
    /// have the same id. The corpus is then as it was.
    pub fn attach(&self, corpus: &mut Dataset<Question>, extent: Extent) -> Result<usize, DataError> {
        let mut parts: Vec<Picture> =
            corpus.details.images.iter().flat_map(|image| image.parts().iter().cloned()).collect();
        let attached = self.attach_to(&mut parts, extent)?;
        let mut parts = parts.into_iter();
        for image in &mut corpus.details.images {
            image.set_parts(&mut parts);
        }
        Ok(self.record(corpus, &attached, extent))
    }

    /// The same of rows whose ids an index has, by their numbers from 0; rows that it has not are passed over.
    ///
    /// # Errors
    /// As for [`Self::attach`]; and where a row has another id than the index, or an image of the corpus no row.
    pub(crate) fn attach_rows(
        &self,
        corpus: &mut Dataset<Question>,
        index: &HashMap<usize, String>,
        extent: Extent,
    ) -> Result<usize, DataError> {
        let attached = self.attach_indexed(&mut corpus.details.images, Some(index), extent)?;
        Ok(self.record(corpus, &attached, extent))
    }

    /// Puts what was attached into the fingerprint and the statistics of a corpus.
    fn record(&self, corpus: &mut Dataset<Question>, attached: &AttachedRegions, extent: Extent) -> usize {
        if extent == Extent::Whole {
            // Of what is kept, for the files are too long to be hashed.
            let mut hasher = blake3::Hasher::new();
            hasher.update(corpus.fingerprint.as_bytes());
            for digest in &attached.digests {
                hasher.update(digest.as_bytes());
            }
            corpus.fingerprint = hasher.finalize().to_hex().to_string();
            if attached.dropped > 0 {
                let reason = format!("regions beyond the first {} of an image", self.max_regions);
                *corpus.statistics.dropped.entry(reason).or_default() += attached.dropped;
            }
        }
        attached.width
    }

    /// Gives images their regions; see [`Self::attach`].
    ///
    /// # Errors
    /// As there. The images are then as they were.
    pub(crate) fn attach_to(
        &self,
        images: &mut [Picture],
        extent: Extent,
    ) -> Result<AttachedRegions, DataError> {
        self.attach_indexed(images, None, extent)
    }

    fn attach_indexed(
        &self,
        images: &mut [Picture],
        index: Option<&HashMap<usize, String>>,
        extent: Extent,
    ) -> Result<AttachedRegions, DataError> {
        let first = |locations: &[Location]| {
            Place::file(&locations.first().map(ToString::to_string).unwrap_or_default())
        };
        let at = |place: Place| move |fault: RegionFault| DataError::new(place, fault.into());
        let wanted = WantedImages::new(images, extent).map_err(at(first(&self.features)))?;

        let mut labels = HashMap::new();
        let mut faults: Option<DataError> = None;
        for location in self.tags.iter() {
            DataError::note(&mut faults, labels::read(location, &wanted, &mut labels));
        }
        faults.map_or(Ok(()), Err)?;
        if !self.tags.is_empty() {
            let has = |key: &str| labels.contains_key(key);
            wanted.missing("tags", images, has).map_err(at(first(&self.tags)))?;
        }

        let names = RegionNames::read(self.object_names.as_ref(), self.attribute_names.as_ref())?;
        let room = (self.memory_gb * GB) as usize;
        let mut collector = RegionCollector::new(&wanted, (labels, &names), self.max_regions, room);
        collector.index = index;
        let mut faults: Option<DataError> = None;
        for location in self.features.iter() {
            DataError::note(&mut faults, read(location, &mut collector));
            DataError::note(&mut faults, collector.end_file());
        }
        faults.map_or(Ok(()), Err)?;
        let RegionCollector { mut found, width, dropped, mut digests, .. } = collector;
        let has = |key: &str| found.contains_key(key);
        wanted.missing("regions", images, has).map_err(at(first(&self.features)))?;
        let Some((width, _)) = width else {
            return Err(DataError::new(first(&self.features), Fault::Empty));
        };
        let mut kept = Vec::new();
        if extent == Extent::Whole {
            for picture in images {
                let Some(key) = wanted.key(&picture.name) else { continue };
                picture.regions = found.remove(&key);
                kept.extend(digests.remove(&key));
            }
        }
        Ok(AttachedRegions { width, digests: kept, dropped })
    }
}
