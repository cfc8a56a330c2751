//! Images with captions as Oscar's and VinVL's retrieval is fine-tuned on them.

use std::collections::HashMap;
use std::path::Path;

use alambic_files::text::quoted;
use alambic_settings::{Location, OneOrMany, settings};
use indexmap::IndexMap;
use serde::Deserialize;

use super::ReadCorpus;
use super::json::json;
use crate::content::Content;
use crate::error::{DataError, Fault, Place, RegionFault};
use crate::image_datasets::{CaptionedImage, TEST, build_captions};
use crate::image_files::ImageFile;
use crate::regions::RegionFiles;
use crate::source::{Extent, TableSource, files};
use crate::stable_hash::join_fingerprints;

settings! {
    /// Images with captions whose regions are on record, as Oscar's and VinVL's retrieval reads them (Li et al., 2020; Zhang et al.,
    /// 2021). A folder has the regions: `features.tsv`, a row an image; `imageid2idx.json`, the number of the row of each image's id,
    /// from 0; and `predictions.tsv`, the objects of each, whose classes are tags. Captions are published as `.pt`, pickled
    /// dictionaries, which are not read: write them as JSON with `json.dump({str(key): value …})`, of ids with lists of captions, or
    /// with such lists as texts.
    pub struct OscarRetrieval {
        /// The folder of the regions.
        pub folder: Location,
        /// Files of captions: JSON.
        pub captions: OneOrMany<Location>,
        /// Captions of images that all have the split `validation`.
        pub validation_captions: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Captions of images that all have the split `test`.
        pub test_captions: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Whether the objects of `predictions.tsv` are tags of the regions.
        pub tags: bool = true,
        /// Greatest number of regions that are kept of an image: the first.
        #[range(1..=65_536)]
        pub max_regions: usize = 70,
        /// Most GB of features that are held in memory; others are read from their files each time.
        #[range(0.0..)]
        pub memory_gb: f64 = 2.0,
    }
}

/// The captions of an image: a list, or one as a text of JSON.
#[derive(Deserialize)]
#[serde(untagged)]
enum Captions {
    List(Vec<String>),
    Text(String),
}

impl ReadCorpus for OscarRetrieval {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let Location::File(folder) = &self.folder else {
            let fault = Fault::Unreadable("regions are read from a folder of this machine".into());
            return Err(DataError::new(Place::file(&self.folder.to_string()), fault));
        };
        let beside = |name: &str| Location::File(folder.join(name));
        let (index_source, index): (TableSource, IndexMap<String, usize>) =
            json(&beside("imageid2idx.json"))?;
        let (mut rows, mut sources) = (Vec::new(), Vec::new());
        let mut fingerprints = vec![index_source.fingerprint()];
        let lists = [
            (&self.captions, None),
            (&self.validation_captions, Some("validation")),
            (&self.test_captions, Some(TEST)),
        ];
        let mut faults: Option<DataError> = None;
        for (paths, split) in lists {
            for location in files(paths)? {
                let read = read_captions(&location).map(|(source, captions)| {
                    fingerprints.push(source.fingerprint());
                    rows.extend(captions.into_iter().map(|(id, captions)| CaptionedImage {
                        image: ImageFile::named(&id, None),
                        captions,
                        objects: Vec::new(),
                        split: split.map(str::to_owned),
                        place: Place::file(&source.name),
                    }));
                    sources.push(source.name);
                });
                DataError::note(&mut faults, read);
            }
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        let mut dataset =
            build_captions(sources.join(", "), &join_fingerprints(&fingerprints), rows, extent)?;
        let regions = RegionFiles {
            features: OneOrMany(vec![beside("features.tsv")]),
            tags: OneOrMany(if self.tags { vec![beside("predictions.tsv")] } else { Vec::new() }),
            object_names: None,
            attribute_names: None,
            max_regions: self.max_regions,
            memory_gb: self.memory_gb,
        };
        regions.attach_rows(&mut dataset, &row_index(&index_source, index)?, extent)?;
        Ok(dataset.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_captions.is_empty(), !self.test_captions.is_empty()]
    }
}

/// The id of each row, by its number from 0.
///
/// # Errors
/// When two images have one row.
fn row_index(
    source: &TableSource,
    rows: IndexMap<String, usize>,
) -> Result<HashMap<usize, String>, DataError> {
    let mut ids: HashMap<usize, String> = HashMap::with_capacity(rows.len());
    for (id, row) in rows {
        if let Some(first) = ids.insert(row, id.clone()) {
            let fault = RegionFault::SharedRow { row, first: quoted(&first), second: quoted(&id) };
            return Err(DataError::new(Place::file(&source.name), fault.into()));
        }
    }
    Ok(ids)
}

/// The captions of each image of a file, by its id.
fn read_captions(location: &Location) -> Result<(TableSource, IndexMap<String, Vec<String>>), DataError> {
    let name = location.to_string();
    if Path::new(&name).extension().is_some_and(|end| end.eq_ignore_ascii_case("pt")) {
        let fault = Fault::BrokenJson(
            "it is a file of PyTorch; write its dictionary as JSON: `json.dump({str(key): value for key, value in torch.load(PATH).items()}, file)`"
                .into(),
        );
        return Err(DataError::new(Place::file(&name), fault));
    }
    let (source, all): (TableSource, IndexMap<String, Captions>) = json(location)?;
    let mut captions = IndexMap::with_capacity(all.len());
    for (id, own) in all {
        let list = match own {
            Captions::List(list) => list,
            Captions::Text(text) => serde_json::from_str(&text).map_err(|error| {
                let fault = Fault::BrokenJson(format!(
                    "the captions of `{}` are no list of texts: {}",
                    quoted(&id),
                    quoted(&error.to_string())
                ));
                DataError::new(Place::file(&source.name), fault)
            })?,
        };
        captions.insert(id, list.into_iter().map(|caption: String| caption.trim().to_owned()).collect());
    }
    Ok((source, captions))
}
