//! Regions in archives of NumPy, one an image.

use std::fmt::Display;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use alambic_files::text::{elided, quoted};
use half::f16;
use npyz::{Deserialize, NpyFile, Order};
use zip::ZipArchive;
use zip::result::ZipError;

use super::feature_place::open;
use super::raw_regions::{Boxes, RawRegions};
use super::tensors::{Array, quads};
use crate::error::{Fault, RegionFault};

/// What the array of features can be called.
const FEATURES: [&str; 2] = ["features", "x"];

/// What the array of boxes can be called.
const BOXES: [&str; 3] = ["norm_bb", "boxes", "bbox"];

/// What the width and the height of the image can be called.
const SIZES: [[&str; 2]; 2] = [["image_w", "img_w"], ["image_h", "img_h"]];

/// What the number of regions can be called.
const COUNTS: [&str; 2] = ["num_bbox", "num_boxes"];

/// MiB that an array may have when it is unpacked: those of one image are far smaller.
const LARGEST: u64 = 64;

/// How many arrays are named before the rest is left out.
const NAMED: usize = 10;

/// Most bytes of the head of an array, and most brackets within each other there: a plain array has two.
const HEAD: usize = 4096;
const DEPTH: usize = 8;

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
    Ok(RawRegions { regions, features, boxes, tags: Vec::new() })
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
        let mut bytes = Vec::new();
        match archive.by_name(&format!("{name}.npy")) {
            Err(ZipError::FileNotFound) => continue,
            file => {
                file.map_err(broken)?.take((LARGEST << 20) + 1).read_to_end(&mut bytes).map_err(broken)?
            }
        };
        if bytes.len() as u64 > LARGEST << 20 {
            return Err(RegionFault::LargeArray { array: (*name).to_owned(), mebibytes: LARGEST }.into());
        }
        check_head(&bytes)?;
        let npy = NpyFile::new(bytes.as_slice()).map_err(broken)?;
        let read = cast::<f32>(&npy, |number| number)
            .or_else(|| cast::<f16>(&npy, f32::from))
            .or_else(|| cast::<f64>(&npy, |number| number as f32))
            .or_else(|| cast::<i64>(&npy, |number| number as f32))
            .or_else(|| cast::<i32>(&npy, |number| number as f32))
            .or_else(|| cast::<i16>(&npy, f32::from))
            .or_else(|| cast::<u64>(&npy, |number| number as f32))
            .or_else(|| cast::<u32>(&npy, |number| number as f32))
            .or_else(|| cast::<u16>(&npy, f32::from))
            .or_else(|| cast::<u8>(&npy, f32::from));
        let name = (*name).to_owned();
        let Some(read) = read else {
            return Err(RegionFault::ArrayType { array: name, found: quoted(&npy.dtype().descr()) }.into());
        };
        let mut numbers = read.map_err(broken)?;
        let shape: Vec<usize> = npy.shape().iter().map(|&side| side as usize).collect();
        // A product that overflows is that of no array.
        if shape.iter().try_fold(1, |numbers: usize, &side| numbers.checked_mul(side)) != Some(numbers.len())
        {
            return Err(broken(format!("`{name}` has the shape {shape:?}")));
        }
        // Of nothing there may be any number of rows.
        if let (Order::Fortran, &[rows, columns], false) = (npy.order(), shape.as_slice(), numbers.is_empty())
        {
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

/// Refuses a head that is far longer, or nested far deeper, than that of an array of numbers, before it is parsed.
fn check_head(bytes: &[u8]) -> Result<(), Fault> {
    // Behind the signature and the version, in two bytes or in four.
    let length = match bytes.get(6) {
        Some(1) => bytes.get(8..10).map(|two| usize::from(two[0]) | usize::from(two[1]) << 8),
        _ => bytes
            .get(8..12)
            .and_then(|four| four.try_into().ok())
            .map(|four| u32::from_le_bytes(four) as usize),
    };
    let length = length.unwrap_or_default();
    let head = bytes.get(..bytes.len().min(length.saturating_add(12))).unwrap_or_default();
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in head {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if length > HEAD || deepest > DEPTH {
        return Err(broken("the head of an array is too long, or nested too deeply"));
    }
    Ok(())
}

fn broken(error: impl Display) -> Fault {
    RegionFault::NotNpz(elided(&error.to_string())).into()
}
