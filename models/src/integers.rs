//! Integers in tensors that come from files, checked for what they stand for: ids, masks, rows of tables.

use alambic_files::text::quoted;
use alambic_tensor::candle::{DType, Tensor};

use crate::ModelError;

/// Integers of a tensor, row by row.
///
/// # Errors
/// When one has a fraction or is none.
fn whole_numbers(name: &str, tensor: &Tensor) -> Result<Vec<i64>, ModelError> {
    let tensor = tensor.detach().flatten_all()?;
    if !tensor.dtype().is_float() {
        return Ok(tensor.to_dtype(DType::I64)?.to_vec1()?);
    }
    let numbers: Vec<f64> = tensor.to_dtype(DType::F64)?.to_vec1()?;
    match numbers.iter().find(|number| number.fract() != 0.0) {
        // NaN and infinity have no fraction of 0.
        Some(number) => Err(fault(name, &number.to_string(), "a whole number is needed")),
        None => Ok(numbers.into_iter().map(|number| number as i64).collect()),
    }
}

/// Ids or places, row by row: integers from 0 on.
///
/// # Errors
/// When a number is none of these.
pub(crate) fn ids(name: &str, tensor: &Tensor) -> Result<Vec<u32>, ModelError> {
    let id = |number: i64| {
        u32::try_from(number).map_err(|_| fault(name, &number.to_string(), "ids are from 0 to 4294967295"))
    };
    whole_numbers(name, tensor)?.into_iter().map(id).collect()
}

/// A mask, row by row: 1 for what counts, and 0 for what does not.
///
/// # Errors
/// When a number is another.
pub(crate) fn mask(name: &str, tensor: &Tensor) -> Result<Vec<u8>, ModelError> {
    let flag = |number: i64| match number {
        0 => Ok(0),
        1 => Ok(1),
        other => Err(fault(name, &other.to_string(), "a mask is of 0 and 1")),
    };
    whole_numbers(name, tensor)?.into_iter().map(flag).collect()
}

/// Check that ids are rows of a table of `rows` rows; `of` says what they are.
///
/// # Errors
/// When one is not.
pub(crate) fn check_rows(name: &str, ids: &[u32], rows: usize, of: &str) -> Result<(), ModelError> {
    match ids.iter().find(|id| **id as usize >= rows) {
        Some(id) => Err(fault(name, &id.to_string(), &format!("the model has {rows} {of}, counted from 0"))),
        None => Ok(()),
    }
}

fn fault(name: &str, number: &str, needed: &str) -> ModelError {
    ModelError::Input(format!("`{}` holds {number}; {needed}", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    fn tensor<T: alambic_tensor::candle::WithDType>(values: &[T]) -> Tensor {
        Tensor::new(values, &Device::Cpu).unwrap()
    }

    #[test]
    fn ids_that_are_none_are_refused() {
        assert_eq!(ids("input_ids", &tensor(&[0i64, 7, 4_294_967_295])).unwrap(), [0, 7, u32::MAX]);
        assert_eq!(ids("input_ids", &tensor(&[2.0f32, 0.0])).unwrap(), [2, 0]);
        for numbers in [
            tensor(&[1i64 << 40]),
            tensor(&[-1i64]),
            tensor(&[0.5f32]),
            tensor(&[f64::NAN]),
            tensor(&[f32::INFINITY]),
        ] {
            assert!(ids("input_ids", &numbers).unwrap_err().to_string().contains("`input_ids`"));
        }
    }

    #[test]
    fn masks_of_other_numbers_are_refused() {
        assert_eq!(mask("attention_mask", &tensor(&[1i64, 0])).unwrap(), [1, 0]);
        for numbers in [tensor(&[256i64]), tensor(&[2i64]), tensor(&[-1i64]), tensor(&[0.5f32])] {
            assert!(mask("attention_mask", &numbers).is_err());
        }
    }
}
