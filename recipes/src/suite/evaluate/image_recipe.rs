//! What the recipe of a fine-tuning says of images, and of models that read them.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use alambic_data::benchmarks::{Examples, ImageSet};
use alambic_data::{Picture, Pixels, Raster};
use alambic_files::write;
use alambic_inference::detector_folder;
use alambic_models::{Config, ModelFolder};
use alambic_settings::{Location, OneOrMany};
use serde_json::{Value, json};

use crate::error::RunError;

/// The folder of images that were made up, beside the examples.
const IMAGES: &str = "images";

/// Kinds of students that go on with a model that reads images.
pub(super) fn student_kind(config: &Config) -> Option<&'static str> {
    match config {
        Config::Vilt(_) | Config::Oscar(_) | Config::VisualBert(_) | Config::Unimo(_) => Some("fusion"),
        Config::Dual(_) => Some("dual-encoder"),
        Config::Clip(_) | Config::Siglip(_) if config.outline().pairs => Some("clip"),
        _ => None,
    }
}

/// Tables of a recipe that name the model to go on with; none where none of the students does.
pub(super) fn student_tables(model: &Path) -> Result<Option<String>, RunError> {
    let config = Config::open(&ModelFolder::open(model)?)?;
    let Some(kind) = student_kind(&config) else { return Ok(None) };
    let detector = detector_folder(model).filter(|_| kind == "fusion");
    let mut tables = format!("[teacher.given.checkpoint]\nmodel = {}\n\n", quoted_path(model));
    if let Some(detector) = &detector {
        let _ = writeln!(tables, "[teacher.detector.checkpoint]\nmodel = {}\n", quoted_path(detector));
    }
    let _ = writeln!(tables, "[model.tuned.{kind}]\nteacher = \"given\"");
    if detector.is_some() {
        tables += "detector = \"detector\"\n";
    }
    Ok(Some(tables))
}

/// A path as a recipe names it, wherever it lies.
pub(super) fn quoted_path(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    Value::from(path.display().to_string()).to_string()
}

/// The rows of questions and captions that have an answer, as a recipe reads them: an object of JSON each.
pub(super) fn rows(examples: &Examples, split: &str) -> String {
    let row = |value: Value| format!("{value}\n");
    match examples {
        Examples::VisualQuestions { questions, images } => questions
            .iter()
            .filter_map(|own| {
                let image = file_name(&images.pictures[own.image], own.image, split);
                Some(row(json!({ "image": image, "question": own.text, "answer": own.answer.as_ref()? })))
            })
            .collect(),
        Examples::Captions { captions, images } => captions
            .iter()
            .map(|own| {
                let image = file_name(&images.pictures[own.image], own.image, split);
                row(json!({ "image": image, "caption": own.text }))
            })
            .collect(),
        _ => String::new(),
    }
}

/// The file of an image below the folder of images.
fn file_name(picture: &Picture, place: usize, split: &str) -> String {
    match picture.pixels {
        Pixels::File(_) | Pixels::Unknown => picture.name.clone(),
        Pixels::Held(_) | Pixels::Drawn(_) | Pixels::Cell(_) | Pixels::Joined(_) | Pixels::Boxes(_) => {
            format!("{split}-{place}.png")
        }
    }
}

/// Writes images that lie in no file, beside the examples.
pub(super) fn write_images(folder: &Path, split: &str, images: &ImageSet) -> Result<(), RunError> {
    let folder = folder.join(IMAGES);
    for (place, picture) in images.pictures.iter().enumerate() {
        if matches!(picture.pixels, Pixels::File(_) | Pixels::Unknown) {
            continue;
        }
        write::create_folder(&folder)?;
        let raster: Raster = picture.load()?;
        write::write(&folder.join(file_name(picture, place, split)), &raster.to_png()?)?;
    }
    Ok(())
}

/// Lines of a recipe's corpus that say where images are, and the table of their regions.
pub(super) fn image_lines(data: &Path, images: &ImageSet) -> (Option<String>, String) {
    let has_pixels = images.pictures.iter().any(Picture::has_pixels);
    let folder: Option<PathBuf> = match &images.folder {
        Some(folder) => Some(folder.clone()),
        None => has_pixels.then(|| data.join(IMAGES)),
    };
    let images_line = folder.map(|folder| format!("images = {}", quoted_path(&folder)));
    let Some(regions) = &images.regions else { return (images_line, String::new()) };
    let list = |locations: &OneOrMany<Location>| {
        let paths: Vec<String> = locations
            .iter()
            .map(|own| match own {
                Location::File(path) => quoted_path(path),
                other => Value::from(other.to_string()).to_string(),
            })
            .collect();
        format!("[{}]", paths.join(", "))
    };
    let mut table = format!("[data.task.regions]\nfeatures = {}\n", list(&regions.features));
    if !regions.tags.is_empty() {
        let _ = writeln!(table, "tags = {}", list(&regions.tags));
    }
    let _ = writeln!(table, "max-regions = {}", regions.max_regions);
    (images_line, table)
}
