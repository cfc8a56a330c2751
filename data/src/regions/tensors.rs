//! Regions in a file of safetensors: `NAME.features` and `NAME.boxes` of each image.

use std::sync::Arc;

use alambic_files::text::{elided, quoted};
use alambic_settings::Location;
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::RegionFault;
use super::collector::RegionCollector;
use super::open;
use super::raw::{Boxes, Raw};
use super::recorded::Origin;
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
        let found = quoted(&format!("{:?}", self.shape));
        RegionFault::Shape { array: quoted(&self.name), found, expected }
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
/// Where the file cannot be read, or is no safetensors. What is wrong with a tensor is told to the collector.
pub(super) fn read(location: &Location, collector: &mut RegionCollector<'_>) -> Result<(), DataError> {
    let (name, path) = local(location)?;
    let fail = |fault| DataError::new(Place::file(&name), fault);
    let unreadable = |error: std::io::Error| fail(Fault::Unreadable(error.to_string()));
    let file = open(&path).map_err(fail)?;
    // SAFETY: the file is only read, and nothing of this program writes to it.
    let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
    let tensors = SafeTensors::deserialize(&map)
        .map_err(|error| fail(RegionFault::NotSafetensors(elided(&error.to_string())).into()))?;
    let path = Arc::new(path);
    let origin = |tensor: &TensorView<'_>| Origin::Tensor {
        path: Arc::clone(&path),
        start: (tensor.data().as_ptr() as usize - map.as_ptr() as usize) as u64,
        length: tensor.data().len(),
        dtype: tensor.dtype(),
    };
    let mut ids: Vec<&str> =
        tensors.names().into_iter().filter_map(|tensor| tensor.strip_suffix(FEATURES)).collect();
    if ids.is_empty() {
        let found =
            tensors.names().first().map_or("none".to_owned(), |tensor| format!("`{}`", quoted(tensor)));
        return Err(fail(RegionFault::NoArray { wanted: format!("`NAME{FEATURES}`"), found }.into()));
    }
    ids.sort_unstable();
    for id in ids {
        if collector.is_done() {
            break;
        }
        if collector.wants(id) {
            let taken = match tensors.tensor(&format!("{id}{FEATURES}")) {
                Ok(features) => collector.take(id, parse(&tensors, id, &features), origin(&features)),
                Err(error) => Err(RegionFault::NotSafetensors(elided(&error.to_string())).into()),
            };
            collector.note(Place::file(&format!("{name}/{}", quoted(id))), taken);
        }
    }
    Ok(())
}

fn parse(tensors: &SafeTensors<'_>, id: &str, features: &TensorView<'_>) -> Result<Raw, Fault> {
    let (regions, features) = numbers(format!("{id}{FEATURES}"), features)?.rows()?;
    let name = format!("{id}{BOXES}");
    let boxes = tensors.tensor(&name).ok().map(|tensor| quads(numbers(name, &tensor)?));
    let boxes = boxes.transpose()?.map(|numbers| Boxes { numbers, size: None });
    Ok(Raw { regions, features, boxes, tags: Vec::new() })
}

fn numbers(name: String, tensor: &TensorView<'_>) -> Result<Array, RegionFault> {
    match decoded(tensor.dtype(), tensor.data()) {
        Some(numbers) => Ok(Array { name, shape: tensor.shape().to_vec(), numbers }),
        None => Err(RegionFault::Type { array: quoted(&name), found: tensor.dtype().to_string() }),
    }
}

/// The numbers of a tensor; none of another type than floating-point numbers.
pub(super) fn decoded(dtype: Dtype, data: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        Dtype::F16 => data.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).into()).collect(),
        Dtype::BF16 => data.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).into()).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32).collect(),
        _ => return None,
    })
}
