//! Regions in archives of NumPy, one an image.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use alambic_files::text::quoted;
use zip::ZipArchive;

use super::feature_place::open;
use super::raw_regions::{Boxes, RawRegions};
use super::tensors::quads;
use crate::arrays::{self, Array, broken};
use crate::error::{Fault, RegionFault};

/// What the array of features can be called.
const FEATURES: [&str; 2] = ["features", "x"];

/// What the array of boxes can be called.
const BOXES: [&str; 3] = ["norm_bb", "boxes", "bbox"];

/// What the array of the probabilities of classes can be called: UNITER's, and that of bottom-up attention.
const CLASSES: [&str; 2] = ["soft_labels", "cls_prob"];

/// What the width and the height of the image can be called.
const SIZES: [[&str; 2]; 2] = [["image_w", "img_w"], ["image_h", "img_h"]];

/// What the number of regions can be called.
const COUNTS: [&str; 2] = ["num_bbox", "num_boxes"];

/// MiB that an array may have when it is unpacked: those of one image are far smaller.
const LARGEST: u64 = 64;

/// How many arrays are named before the rest is left out.
const NAMED: usize = 10;

/// The regions of one archive.
///
/// # Errors
/// Where it is broken, or holds no features.
pub(super) fn parse(path: &Path) -> Result<RawRegions, Fault> {
    let mut archive = ZipArchive::new(BufReader::new(open(path)?)).map_err(broken)?;
    let Some(features) = array(&mut archive, &FEATURES)? else {
        let wanted = FEATURES.map(|name| format!("`{name}`")).join(" or ");
        let names = archive.file_names().filter_map(Result::ok);
        let names = names.map(|name| format!("`{}`", quoted(name.trim_end_matches(".npy"))));
        let names: Vec<String> = names.take(NAMED).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(RegionFault::NoArray { wanted, found }.into());
    };
    let (rows, mut features) = features.rows()?;
    let regions = count(&mut archive, rows, &features)?;
    features.truncate(features.len() / rows.max(1) * regions);
    let boxes = match array(&mut archive, &BOXES)? {
        None => None,
        Some(boxes) => {
            let mut side = |names| {
                let numbers = array(&mut archive, names)?.map(|array| array.numbers);
                Ok::<_, Fault>(numbers.and_then(|numbers| numbers.first().copied()))
            };
            let size = side(&SIZES[0])?.zip(side(&SIZES[1])?).map(|(width, height)| [width, height]);
            let mut numbers = quads(boxes)?;
            if numbers.len() == rows * 4 {
                numbers.truncate(regions * 4);
            }
            Some(Boxes { numbers, size })
        }
    };
    let class_probabilities = class_probabilities(&mut archive, rows, regions)?;
    Ok(RawRegions { regions, features, boxes, class_probabilities, ..RawRegions::default() })
}

/// How likely each class is that of the object of a region, of so many regions among so many rows; nothing where the archive does not
/// say it.
fn class_probabilities(
    archive: &mut ZipArchive<BufReader<File>>,
    rows: usize,
    regions: usize,
) -> Result<Vec<f32>, Fault> {
    let Some((column, found)) = CLASSES.iter().find_map(|column| {
        arrays::of_archive(archive, column, LARGEST).transpose().map(|found| (*column, found))
    }) else {
        return Ok(Vec::new());
    };
    let (found, mut numbers) = found?.rows()?;
    if found != rows {
        return Err(RegionFault::LabelCount { column, found, regions: rows }.into());
    }
    let classes = numbers.len() / rows.max(1);
    numbers.truncate(classes * regions);
    match numbers.iter().position(|number| !(0.0..=1.0).contains(number)) {
        Some(index) => {
            let (region, found) = (index / classes.max(1) + 1, numbers[index].to_string());
            Err(RegionFault::Confidence { region, found }.into())
        }
        None => Ok(numbers),
    }
}

/// How many of so many rows of features are regions: all, or as many as an array says, where those beyond are zero.
fn count(archive: &mut ZipArchive<BufReader<File>>, rows: usize, features: &[f32]) -> Result<usize, Fault> {
    let Some(Array { name, numbers, .. }) = array(archive, &COUNTS)? else { return Ok(rows) };
    let counted = match numbers[..] {
        [count] if count.fract() == 0.0 && count >= 0.0 && count <= rows as f32 => Some(count as usize),
        _ => None,
    };
    let is_padding =
        |count: &usize| features[features.len() / rows.max(1) * count..].iter().all(|&number| number == 0.0);
    counted.filter(is_padding).ok_or_else(|| {
        let found = match numbers[..] {
            [one] => one.to_string(),
            _ => format!("{} numbers", numbers.len()),
        };
        RegionFault::RegionCount { array: name, found, rows }.into()
    })
}

/// The first array of one of these names.
fn array(archive: &mut ZipArchive<BufReader<File>>, names: &[&str]) -> Result<Option<Array>, Fault> {
    for name in names {
        if let Some(array) = arrays::of_archive(archive, name, LARGEST)? {
            return Ok(Some(array));
        }
    }
    Ok(None)
}
