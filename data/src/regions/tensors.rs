//! Regions in a file of safetensors: `NAME.features` and `NAME.boxes` of each image.

use alambic_files::text::quoted;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::raw_regions::{Boxes, RawRegions};
use crate::arrays::{Array, decoded};
use crate::error::{Fault, RegionFault};

/// What follows the name of an image in the name of its features.
pub(super) const FEATURES: &str = ".features";
/// What follows it in the name of its boxes.
const BOXES: &str = ".boxes";

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
    Ok(RawRegions { regions, features, boxes, tags: Vec::new(), classes: None })
}

fn numbers(name: String, tensor: &TensorView<'_>) -> Result<Array, RegionFault> {
    match decoded(tensor.dtype(), tensor.data()) {
        Some(numbers) => Ok(Array { name, shape: tensor.shape().to_vec(), numbers }),
        None => Err(RegionFault::ArrayType { array: quoted(&name), found: tensor.dtype().to_string() }),
    }
}
