//! Tensors that are no weights: inputs of a model, and traces of what it made of them.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use alambic_files::read;
use alambic_files::text::quoted;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use super::header;
use super::tensor::{Format, Place, Stored, read_numbers};
use crate::{ModelError, integers};

/// The key of a file's metadata that names the command that wrote it.
pub const WRITTEN_BY: &str = "alambic";

/// The command that wrote a safetensors file; none where it is of somebody else, or no such file.
#[must_use]
pub fn written_by(path: &Path) -> Option<String> {
    header::read(path).ok()?.metadata.swap_remove(WRITTEN_BY)
}

/// The tensors of a safetensors file, ordered by name: numbers with a fraction as `f32`, whole numbers and truth values as
/// `i64`. What is called a mask is one.
///
/// # Errors
/// When the file is not what it should be, a tensor is of a type that is not read, a number is NaN or too large, or a mask is
/// of other numbers than 0 and 1.
pub fn load_recorded(path: &Path) -> Result<Weights, ModelError> {
    let mut tensors = header::read(path)?.tensors;
    tensors.sort_unstable_keys();
    tensors.into_iter().map(|(name, stored)| Ok((name.clone(), load(path, &name, &stored)?))).collect()
}

fn load(path: &Path, name: &str, stored: &Stored) -> Result<Tensor, ModelError> {
    let fault = |message: String| ModelError::content(path, format!("tensor `{}`: {message}", quoted(name)));
    let Place::Bytes(start) = stored.place else {
        return Err(fault("it lies in no safetensors file".into()));
    };
    let mut reader = read::open(path)?;
    reader.seek(SeekFrom::Start(start)).map_err(ModelError::file(path))?;
    let (count, shape) = (stored.count(), stored.shape.as_slice());
    let tensor = match &stored.format {
        Format::Other(kind) => {
            let width = width_of(kind)
                .ok_or_else(|| fault(format!("numbers of type {} are not read", quoted(kind))))?;
            let mut bytes = vec![0; count * width];
            reader.read_exact(&mut bytes).map_err(ModelError::file(path))?;
            let number = |bytes: &[u8]| whole_number(kind, bytes);
            let numbers: Option<Vec<i64>> = bytes.chunks_exact(width).map(number).collect();
            let numbers = numbers.ok_or_else(|| fault("a number is beyond 2^63".into()))?;
            Tensor::from_vec(numbers, shape, device::current())?
        }
        format => {
            let numbers = read_numbers(&mut reader, format, count).map_err(ModelError::file(path))?;
            if let Some(place) = numbers.iter().position(|number| number.is_nan()) {
                return Err(fault(format!("number {place} of {count} is NaN")));
            }
            Tensor::from_vec(numbers, shape, device::current())?
        }
    };
    if name.ends_with("mask") {
        integers::mask(name, &tensor).map_err(|error| ModelError::content(path, error))?;
    }
    Ok(tensor)
}

/// Bytes of a whole number or a truth value of a type.
fn width_of(kind: &str) -> Option<usize> {
    match kind {
        "BOOL" | "U8" | "I8" => Some(1),
        "U16" | "I16" => Some(2),
        "U32" | "I32" => Some(4),
        "U64" | "I64" => Some(8),
        _ => None,
    }
}

/// A number of a type, the lowest byte first; none beyond what `i64` holds.
fn whole_number(kind: &str, bytes: &[u8]) -> Option<i64> {
    let bits = bytes.iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    match kind {
        "I8" => Some((bits as u8 as i8).into()),
        "I16" => Some((bits as u16 as i16).into()),
        "I32" => Some((bits as u32 as i32).into()),
        "I64" => Some(bits as i64),
        _ => i64::try_from(bits).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_their_signs() {
        assert_eq!(whole_number("I8", &[0xff]), Some(-1));
        assert_eq!(whole_number("I16", &[0, 0x80]), Some(-32768));
        assert_eq!(whole_number("I32", &[0xfe, 0xff, 0xff, 0xff]), Some(-2));
        assert_eq!(whole_number("U16", &[0xff, 0xff]), Some(65535));
        assert_eq!(whole_number("U64", &[0xff; 8]), None);
        assert_eq!(whole_number("I64", &[0xff; 8]), Some(-1));
        assert_eq!(whole_number("BOOL", &[1]), Some(1));
    }
}
