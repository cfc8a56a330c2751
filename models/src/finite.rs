//! Checks for infinity and NaN.

use alambic_files::text::quoted;
use alambic_tensor::candle::{DType, Tensor};

use crate::ModelError;

/// Numbers that are looked at together, so that the compiler makes vectors of them.
const TOGETHER: usize = 4096;

/// The place of the first number that is infinite or NaN, counted from 0.
#[must_use]
pub fn first_not_finite(numbers: &[f32]) -> Option<usize> {
    for (part, numbers) in numbers.chunks(TOGETHER).enumerate() {
        // Without leaving early: a loop that may end anywhere is not made of vectors.
        if !numbers.iter().fold(true, |finite, number| finite & number.is_finite()) {
            return numbers
                .iter()
                .position(|number| !number.is_finite())
                .map(|place| part * TOGETHER + place);
        }
    }
    None
}

/// Check that an output, the tap of this name, has no infinity and no NaN.
///
/// # Errors
/// [`ModelError::NotFinite`] where one is infinite or NaN; when the tensor cannot be read.
pub fn check_finite(name: &str, tensor: &Tensor) -> Result<(), ModelError> {
    if !tensor.dtype().is_float() {
        return Ok(());
    }
    let numbers: Vec<f32> = tensor.detach().to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
    match first_not_finite(&numbers) {
        None => Ok(()),
        Some(_) => Err(ModelError::NotFinite(quoted(name))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alambic_tensor::candle::Device;

    #[test]
    fn the_first_number_that_is_none_is_found_wherever_it_is() {
        let mut numbers = vec![1.0f32; 3 * TOGETHER + 5];
        assert_eq!(first_not_finite(&numbers), None);
        for place in [3 * TOGETHER + 4, TOGETHER, 0] {
            for none in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                numbers[place] = none;
                assert_eq!(first_not_finite(&numbers), Some(place));
            }
        }
    }

    #[test]
    fn answers_that_are_no_numbers_are_refused_by_name() {
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        assert!(check_finite("logits", &tensor(&[1.0, -2.0])).is_ok());
        let said = check_finite("logits", &tensor(&[1.0, f32::NAN])).unwrap_err().to_string();
        assert!(said.contains("`logits`"), "{said}");
    }
}
