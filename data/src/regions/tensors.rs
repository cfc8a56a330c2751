//! Regions in a file of safetensors: `NAME.features` and `NAME.boxes` of each image.

use alambic_files::text::quoted;
use half::{bf16, f16};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::raw_regions::{Boxes, RawRegions};
use crate::error::{Fault, RegionFault};

/// What follows the name of an image in the name of its features.
pub(super) const FEATURES: &str = ".features";
/// What follows it in the name of its boxes.
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
        RegionFault::ArrayShape { array: quoted(&self.name), found, expected }
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

/// The regions of one image.
///
/// # Errors
/// Where its tensors have other shapes or types than they need.
pub(super) fn parse(
    tensors: &SafeTensors<'_>,
    id: &str,
    features: &TensorView<'_>,
) -> Result<RawRegions, Fault> {
    let (regions, features) = numbers(format!("{id}{FEATURES}"), features)?.rows()?;
    let name = format!("{id}{BOXES}");
    let boxes = tensors.tensor(&name).ok().map(|tensor| quads(numbers(name, &tensor)?));
    let boxes = boxes.transpose()?.map(|numbers| Boxes { numbers, size: None });
    Ok(RawRegions { regions, features, boxes, tags: Vec::new() })
}

fn numbers(name: String, tensor: &TensorView<'_>) -> Result<Array, RegionFault> {
    match decoded(tensor.dtype(), tensor.data()) {
        Some(numbers) => Ok(Array { name, shape: tensor.shape().to_vec(), numbers }),
        None => Err(RegionFault::ArrayType { array: quoted(&name), found: tensor.dtype().to_string() }),
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
