//! Regions in a file of safetensors: `NAME.features` and `NAME.boxes` of each image.

use std::fs::File;

use alambic_settings::Location;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::RegionFault;
use super::gathering::Gathering;
use super::raw::{Boxes, Raw};
use crate::error::{DataError, Fault, Place};
use crate::source::local;

const FEATURES: &str = ".features";
const BOXES: &str = ".boxes";

/// Numbers with their shape.
#[derive(Debug)]
pub(super) struct Array {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    /// Row by row.
    pub(super) numbers: Vec<f32>,
}

impl Array {
    /// How many rows there are, and the numbers.
    ///
    /// # Errors
    /// Where it is no matrix.
    pub(super) fn rows(self) -> Result<(usize, Vec<f32>), RegionFault> {
        match self.shape[..] {
            [rows, _] => Ok((rows, self.numbers)),
            _ => Err(self.shape_fault("[regions, numbers]")),
        }
    }

    fn shape_fault(self, expected: &'static str) -> RegionFault {
        RegionFault::Shape { array: self.name, found: format!("{:?}", self.shape), expected }
    }
}

/// The first four numbers of each row of boxes; some files have width, height and area behind them.
///
/// # Errors
/// Where it is no matrix with so many columns.
pub(super) fn quads(boxes: Array) -> Result<Vec<f32>, RegionFault> {
    match boxes.shape[..] {
        [_, columns] if columns >= 4 => {
            Ok(boxes.numbers.chunks_exact(columns).flat_map(|row| &row[..4]).copied().collect())
        }
        _ => Err(boxes.shape_fault("[regions, 4]")),
    }
}

/// Reads the regions of the images that are wanted.
///
/// # Errors
/// Where the file cannot be read, or is no safetensors. What is wrong with a tensor is told to the gathering.
pub(super) fn read(location: &Location, gathering: &mut Gathering<'_>) -> Result<(), DataError> {
    let (name, path) = local(location)?;
    let fail = |fault| DataError::new(Place::file(&name), fault);
    let unreadable = |error: std::io::Error| fail(Fault::Unreadable(error.to_string()));
    let file = File::open(path).map_err(unreadable)?;
    // SAFETY: the file is only read, and nothing of this program writes to it.
    let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
    let tensors = SafeTensors::deserialize(&map)
        .map_err(|error| fail(RegionFault::NotSafetensors(error.to_string()).into()))?;
    let mut ids: Vec<&str> =
        tensors.names().into_iter().filter_map(|tensor| tensor.strip_suffix(FEATURES)).collect();
    if ids.is_empty() {
        let found = tensors.names().first().map_or("none".to_owned(), |tensor| format!("`{tensor}`"));
        return Err(fail(RegionFault::NoArray { wanted: format!("`NAME{FEATURES}`"), found }.into()));
    }
    ids.sort_unstable();
    for id in ids {
        if gathering.is_done() {
            break;
        }
        if gathering.wants(id) {
            let taken = gathering.take(id, parse(&tensors, id));
            gathering.note(Place::file(&format!("{name}/{id}")), taken);
        }
    }
    Ok(())
}

fn parse(tensors: &SafeTensors<'_>, id: &str) -> Result<Raw, Fault> {
    let array = |suffix: &str| {
        let name = format!("{id}{suffix}");
        tensors.tensor(&name).ok().map(|tensor| numbers(name, &tensor)).transpose()
    };
    let Some(features) = array(FEATURES)? else {
        return Err(RegionFault::NoRegion.into());
    };
    let (regions, features) = features.rows()?;
    let boxes = array(BOXES)?.map(quads).transpose()?.map(|numbers| Boxes { numbers, size: None });
    Ok(Raw { regions, features, boxes })
}

fn numbers(name: String, tensor: &TensorView<'_>) -> Result<Array, RegionFault> {
    let data = tensor.data();
    let numbers = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).into()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).into()).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        other => return Err(RegionFault::Type { array: name, found: other.to_string() }),
    };
    Ok(Array { name, shape: tensor.shape().to_vec(), numbers })
}
