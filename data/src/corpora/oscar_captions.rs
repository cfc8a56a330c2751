//! Captions as Oscar and VinVL publish them.

use std::collections::HashMap;
use std::path::Path;

use alambic_files::text::quoted;
use alambic_settings::{Location, OneOrMany, settings};
use serde::Deserialize;

use super::ReadCorpus;
use super::json::{Id, json};
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::{CaptionedImage, TEST, build_captions};
use crate::image_files::ImageFile;
use crate::regions::RegionFiles;
use crate::source::{Extent, TableSource, files};
use crate::stable_hash::join_fingerprints;

settings! {
    /// Captions of images whose regions are on record, as Oscar and VinVL publish them (Li et al., 2020; Zhang et al., 2021): a
    /// YAML with the paths of `caption`, a list in JSON of `image_id` and `caption`; of `feature`, a TSV of regions; and of
    /// `label`, a TSV of their tags. Indices (`.lineidx`) are not needed.
    pub struct OscarCaptions {
        /// The YAML files.
        pub paths: OneOrMany<Location>,
        /// Files whose images all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose images all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Greatest number of regions that are kept of an image: the first.
        #[range(1..=65_536)]
        pub max_regions: usize = 50,
        /// Most GB of features that are held in memory; others are read from their files each time.
        #[range(0.0..)]
        pub memory_gb: f64 = 2.0,
    }
}

/// A caption in the list.
#[derive(Deserialize)]
struct Row {
    image_id: Id,
    caption: String,
}

/// The paths that a YAML names.
struct Paths {
    caption: Location,
    feature: Option<Location>,
    label: Option<Location>,
}

impl ReadCorpus for OscarCaptions {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let (mut features, mut labels) = (Vec::new(), Vec::new());
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some(TEST)),
        ];
        let mut faults: Option<DataError> = None;
        for (paths, split) in lists {
            for location in files(paths)? {
                let read = read_yaml(&location).and_then(|paths| {
                    let (source, captions): (TableSource, Vec<Row>) = captions(&paths.caption)?;
                    fingerprints.push(source.fingerprint());
                    rows.extend(captions.into_iter().map(|row| CaptionedImage {
                        image: ImageFile::named(row.image_id.as_str(), None),
                        captions: vec![row.caption.trim().to_owned()],
                        objects: Vec::new(),
                        split: split.map(str::to_owned),
                        place: Place::file(&source.name),
                    }));
                    sources.push(source.name);
                    features.extend(paths.feature);
                    labels.extend(paths.label);
                    Ok(())
                });
                DataError::note(&mut faults, read);
            }
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        let mut dataset =
            build_captions(sources.join(", "), &join_fingerprints(&fingerprints), rows, extent)?;
        if !features.is_empty() {
            let regions = RegionFiles {
                features: OneOrMany(features),
                tags: OneOrMany(labels),
                object_names: None,
                attribute_names: None,
                max_regions: self.max_regions,
                memory_gb: self.memory_gb,
            };
            regions.attach(&mut dataset, extent)?;
        }
        Ok(dataset.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

/// The captions of a file.
fn captions(location: &Location) -> Result<(TableSource, Vec<Row>), DataError> {
    if Path::new(&location.to_string()).extension().is_some_and(|end| end.eq_ignore_ascii_case("pt")) {
        let fault = Fault::BrokenJson(
            "it is a file of PyTorch; save its captions as JSON, a list of objects with `image_id` and `caption`".into(),
        );
        return Err(DataError::new(Place::file(&location.to_string()), fault));
    }
    json(location)
}

/// The paths that a YAML names in lines of `key: value`, from its folder.
fn read_yaml(location: &Location) -> Result<Paths, DataError> {
    let source = TableSource::open_lines(location, Extent::Whole)?;
    let text = String::from_utf8_lossy(&source.bytes);
    let mut named: HashMap<&str, String> = HashMap::new();
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.split(" #").next().unwrap_or(line).trim();
        if let Some((key, value)) = line.split_once(':').filter(|_| !line.starts_with('#')) {
            let value = value.trim().trim_matches(['"', '\'']);
            if !value.is_empty()
                && named
                    .insert(
                        match key.trim() {
                            "caption" => "caption",
                            "feature" => "feature",
                            "label" => "label",
                            _ => continue,
                        },
                        value.to_owned(),
                    )
                    .is_some()
            {
                let fault = Fault::DuplicateKey(quoted(key.trim()));
                return Err(DataError::new(Place::file(&source.name), fault));
            }
        }
    }
    let beside = |name: &String| match location {
        Location::File(path) => Location::File(path.parent().unwrap_or(std::path::Path::new("")).join(name)),
        other => other.clone(),
    };
    let caption = named
        .get("caption")
        .map(beside)
        .ok_or_else(|| DataError::new(Place::file(&source.name), Fault::MissingKey("caption".into())))?;
    Ok(Paths { caption, feature: named.get("feature").map(beside), label: named.get("label").map(beside) })
}
