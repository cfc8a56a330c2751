//! Regions in archives of NumPy, one an image.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use half::f16;
use npyz::{Deserialize, NpyFile, Order};
use zip::ZipArchive;
use zip::result::ZipError;

use super::RegionFault;
use super::gathering::Gathering;
use super::raw::{Boxes, Raw};
use super::recorded::Origin;
use super::tensors::{Array, quads};
use crate::error::{DataError, Fault, Place};

/// What the array of features can be called.
const FEATURES: [&str; 2] = ["features", "x"];

/// What the array of boxes can be called.
const BOXES: [&str; 3] = ["norm_bb", "boxes", "bbox"];

/// What the width and the height of the image can be called.
const SIZES: [[&str; 2]; 2] = [["image_w", "img_w"], ["image_h", "img_h"]];

/// Reads the regions of the images that are wanted.
///
/// # Errors
/// Where the folder cannot be read, or holds no archive. What is wrong with an archive is told to the gathering.
pub(super) fn read(folder: &Path, gathering: &mut Gathering<'_>) -> Result<(), DataError> {
    let unreadable = |error: std::io::Error| {
        DataError::new(Place::file(&folder.display().to_string()), Fault::Unreadable(error.to_string()))
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        let place = Place::file(&folder.display().to_string());
        return Err(DataError::new(place, RegionFault::NoNpz.into()));
    }
    files.sort();
    for file in files {
        if gathering.is_done() {
            break;
        }
        let id = file.file_stem().unwrap_or_default().to_string_lossy();
        if gathering.wants(&id) {
            let taken = gathering.take(&id, parse(&file), Origin::Archive(file.clone()));
            gathering.note(Place::file(&file.display().to_string()), taken);
        }
    }
    Ok(())
}

/// The regions of one archive.
///
/// # Errors
/// Where it is broken, or holds no features.
pub(super) fn parse(path: &Path) -> Result<Raw, Fault> {
    let file = File::open(path).map_err(|error| Fault::Unreadable(error.to_string()))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let Some(features) = array(&mut archive, &FEATURES)? else {
        let wanted = FEATURES.map(|name| format!("`{name}`")).join(" or ");
        let names = archive.file_names().filter_map(Result::ok);
        let names: Vec<String> = names.map(|name| format!("`{}`", name.trim_end_matches(".npy"))).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(RegionFault::NoArray { wanted, found }.into());
    };
    let (regions, features) = features.rows()?;
    let boxes = match array(&mut archive, &BOXES)? {
        None => None,
        Some(boxes) => {
            let mut side = |names| {
                let numbers = array(&mut archive, names)?.map(|array| array.numbers);
                Ok::<_, Fault>(numbers.and_then(|numbers| numbers.first().copied()))
            };
            let size = side(&SIZES[0])?.zip(side(&SIZES[1])?).map(|(width, height)| [width, height]);
            Some(Boxes { numbers: quads(boxes)?, size })
        }
    };
    Ok(Raw { regions, features, boxes })
}

/// The first array of one of these names.
fn array(archive: &mut ZipArchive<BufReader<File>>, names: &[&str]) -> Result<Option<Array>, Fault> {
    for name in names {
        let mut bytes = Vec::new();
        match archive.by_name(&format!("{name}.npy")) {
            Err(ZipError::FileNotFound) => continue,
            file => file.map_err(broken)?.read_to_end(&mut bytes).map_err(broken)?,
        };
        let npy = NpyFile::new(bytes.as_slice()).map_err(broken)?;
        let read = cast::<f32>(&npy, |number| number)
            .or_else(|| cast::<f16>(&npy, f32::from))
            .or_else(|| cast::<f64>(&npy, |number| number as f32))
            .or_else(|| cast::<i64>(&npy, |number| number as f32))
            .or_else(|| cast::<i32>(&npy, |number| number as f32));
        let name = (*name).to_owned();
        let Some(read) = read else {
            return Err(RegionFault::Type { array: name, found: npy.dtype().descr() }.into());
        };
        let mut numbers = read.map_err(broken)?;
        let shape: Vec<usize> = npy.shape().iter().map(|&side| side as usize).collect();
        // A product that overflows is that of no array.
        if shape.iter().try_fold(1, |numbers: usize, &side| numbers.checked_mul(side)) != Some(numbers.len())
        {
            return Err(broken(format!("`{name}` has the shape {shape:?}")));
        }
        if let (Order::Fortran, &[rows, columns]) = (npy.order(), shape.as_slice()) {
            let row = |row| numbers.iter().skip(row).step_by(rows).take(columns).copied();
            numbers = (0..rows).flat_map(row).collect();
        }
        return Ok(Some(Array { name, shape, numbers }));
    }
    Ok(None)
}

/// The numbers of an array as they are stored; nothing where it holds another type.
fn cast<T: Deserialize>(npy: &NpyFile<&[u8]>, to: impl Fn(T) -> f32) -> Option<std::io::Result<Vec<f32>>> {
    let numbers = npy.clone().try_data::<T>().ok()?;
    Some(numbers.map(|number| number.map(&to)).collect())
}

fn broken(error: impl Display) -> Fault {
    RegionFault::NotNpz(error.to_string()).into()
}
