//! Models that find objects in images.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use alambic_data::{DetectedRegions, Picture, RegionLayout, RegionVocabulary};
use alambic_files::text::{quoted, visible};
use alambic_files::write;
use alambic_inference::ObjectDetector;
use serde_json::{Value, json};

use super::Arguments;
use super::lines::{Answer, in_batches};
use crate::failure::Failure;
use crate::log::warn;
use crate::output;

/// Prints the objects in images, and writes their regions to a file.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let detector = ObjectDetector::load(path)?;
    let mut file = arguments
        .regions
        .as_deref()
        .map(|file| RegionFile::new(file, arguments.layout, &detector))
        .transpose()?;
    let mut answer = |image: &Path| -> Result<(String, Value), Failure> {
        let raster = Picture::of_file(image.to_owned()).load()?;
        let size = (raster.width, raster.height);
        let found = detector.detect(&raster)?;
        if let Some(file) = &mut file {
            file.add(image, &found, size)?;
        }
        Ok((in_words(&found, size), in_json(&found, size)))
    };
    if let Some(image) = &arguments.image {
        if !arguments.inputs.is_empty() || arguments.table.is_some() {
            return Err(Failure::Usage(
                "a detector reads images alone, and takes no text beside `--image`; leave it out, or `--image`".into(),
            ));
        }
        let (text, objects) = answer(image)?;
        output::line(&if arguments.json {
            json!({ "image": image.display().to_string(), "objects": objects }).to_string()
        } else {
            text
        })?;
    } else {
        in_batches(arguments, |batch| {
            let mut answers = Vec::with_capacity(batch.len());
            for line in batch {
                let (text, objects) =
                    answer(Path::new(line.text.trim())).map_err(|failure| failure.at(line.number))?;
                let json = json!({ "image": line.text, "objects": objects });
                answers.push(Answer { text, json, is_cut: false });
            }
            Ok(answers)
        })?;
    }
    file.map_or(Ok(()), RegionFile::finish)
}

/// Edges of a region in whole pixels.
fn edges(found: &DetectedRegions, region: usize, (width, height): (usize, usize)) -> [i64; 4] {
    let [left, top, right, bottom] = found.bounds[region];
    let pixel = |share: f32, side: usize| (f64::from(share) * side as f64).round() as i64;
    [pixel(left, width), pixel(top, height), pixel(right, width), pixel(bottom, height)]
}

/// What was found, as it is printed: each object with its confidence, its likeliest attributes and its box.
fn in_words(found: &DetectedRegions, size: (usize, usize)) -> String {
    let object = |region: usize| {
        let [left, top, right, bottom] = edges(found, region, size);
        let attributes = found.attributes.get(region).into_iter().flatten();
        let attributes: Vec<String> =
            attributes.map(|(name, confidence)| format!(", {} {confidence:.2}", visible(name))).collect();
        format!(
            "{} {:.2}{} at {left} {top} {right} {bottom}",
            visible(&found.tags[region]),
            found.confidence(region),
            attributes.concat()
        )
    };
    (0..found.regions()).map(object).collect::<Vec<_>>().join("; ")
}

/// The same as a list of objects.
fn in_json(found: &DetectedRegions, size: (usize, usize)) -> Value {
    let object = |region: usize| {
        let attributes = found.attributes.get(region).into_iter().flatten();
        let attributes: Vec<Value> = attributes
            .map(|(name, confidence)| json!({ "attribute": name, "confidence": confidence }))
            .collect();
        json!({
            "class": found.tags[region],
            "confidence": found.confidence(region),
            "box": edges(found, region, size),
            "attributes": attributes,
        })
    };
    (0..found.regions()).map(object).collect()
}

/// File of regions, which is written when all images are read.
struct RegionFile {
    path: PathBuf,
    layout: RegionLayout,
    classes: Vec<String>,
    attributes: Vec<String>,
    rows: String,
    ids: HashSet<String>,
}

impl RegionFile {
    fn new(path: &Path, layout: RegionLayout, detector: &ObjectDetector) -> Result<Self, Failure> {
        let config = detector.config();
        let file = Self {
            path: path.to_owned(),
            layout,
            classes: config.tags.clone(),
            attributes: config.attributes.clone(),
            rows: String::new(),
            ids: HashSet::new(),
        };
        match file.paths().into_iter().find(|(path, _)| path.exists()) {
            Some((there, _)) => Err(Failure::Usage(format!(
                "{} is there already; name another file, or remove it",
                there.display()
            ))),
            None => Ok(file),
        }
    }

    /// All files with what goes into them: of LXMERT's layout the names of the numbers as well.
    fn paths(&self) -> Vec<(PathBuf, String)> {
        let mut paths = vec![(self.path.clone(), self.rows.clone())];
        if self.layout == RegionLayout::Lxmert {
            let lines =
                |names: &[String]| names.iter().map(|name| format!("{name}\n")).collect::<Vec<_>>().concat();
            paths.push((self.path.with_extension("objects_vocab.txt"), lines(&self.classes)));
            if !self.attributes.is_empty() {
                paths.push((self.path.with_extension("attributes_vocab.txt"), lines(&self.attributes)));
            }
        }
        paths
    }

    /// Adds the regions of an image, whose id is the name of its file without folders and extension.
    fn add(&mut self, image: &Path, found: &DetectedRegions, size: (usize, usize)) -> Result<(), Failure> {
        let id = image.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if id.contains(['\t', '\n', '\r']) {
            return Err(Failure::message(format!(
                "{}: a row of regions begins with the name of the image, which must not have a tab or the end of a line: rename it",
                quoted(&image.display().to_string())
            )));
        }
        if !self.ids.insert(id.clone()) {
            return Err(Failure::message(format!(
                "{}: another image is called {} as well, and rows of regions are told apart by that name: rename one",
                image.display(),
                quoted(&id)
            )));
        }
        if found.regions() == 0 {
            warn(&format!(
                "no object was found in {}; its row has no region, and files of regions are refused with such a row",
                image.display()
            ));
        }
        let vocabulary = RegionVocabulary { objects: &self.classes, attributes: &self.attributes };
        self.rows.push_str(&found.to_row(self.layout, &id, size, vocabulary));
        self.rows.push('\n');
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        for (path, text) in self.paths() {
            write::write(&path, text.as_bytes()).map_err(|error| Failure::message(error.to_string()))?;
        }
        Ok(())
    }
}
