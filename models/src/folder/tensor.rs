//! A tensor that lies in a file: its format, its shape and its place, and how its numbers are read.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use alambic_files::read;
use half::{bf16, f16};

use crate::ModelError;

/// Bytes that are turned into numbers at a time: few enough to stay in the processor's cache.
pub(super) const CHUNK: usize = 1 << 18;

/// The most dimensions of a tensor.
const RANK: usize = 16;

/// Number format of a stored tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    F64,
    F32,
    F16,
    Bf16,
    /// Any other format, by its name: integers, booleans, eight bits and fewer.
    Other(String),
}

impl Format {
    /// Of a type as safetensors has it.
    pub(super) fn of_safetensors(dtype: &str) -> Self {
        match dtype {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Bytes of a number; none for what is not read.
    pub(super) fn bytes(&self) -> Option<usize> {
        match self {
            Self::F64 => Some(8),
            Self::F32 => Some(4),
            Self::F16 | Self::Bf16 => Some(2),
            Self::Other(_) => None,
        }
    }
}

/// Place of a tensor in its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Place {
    /// Row by row from this byte on.
    Bytes(u64),
    /// In a storage of a PyTorch file.
    View(View),
}

/// A tensor that has not been read yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) format: Format,
    pub(super) shape: Vec<usize>,
    pub(super) place: Place,
}

impl Stored {
    /// Number of elements.
    pub(super) fn count(&self) -> usize {
        self.shape.iter().fold(1, |product, &side| product.saturating_mul(side))
    }
}

/// A tensor's place in a storage.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct View {
    /// The name of the storage.
    pub(super) storage: String,
    /// Number of elements of the storage.
    pub(super) count: usize,
    /// Offset of the tensor, in elements.
    pub(super) offset: usize,
    /// Stride of each dimension, in elements.
    pub(super) strides: Vec<usize>,
}

impl View {
    /// Check that the tensor lies within its storage.
    pub(super) fn check(&self, shape: &[usize]) -> Result<(), String> {
        if shape.len() != self.strides.len() || shape.len() > RANK {
            return Err(format!("it has {} dimensions and {} strides", shape.len(), self.strides.len()));
        }
        let outside = || format!("shape {shape:?} reaches beyond its storage of {} numbers", self.count);
        let numbers = shape.iter().try_fold(1usize, |product, &side| product.checked_mul(side));
        if numbers.ok_or_else(outside)? == 0 {
            return Ok(());
        }
        let sides = shape.iter().zip(&self.strides);
        let last = sides
            .map(|(&side, &stride)| (side - 1).checked_mul(stride))
            .try_fold(self.offset, |place, far| place.checked_add(far?));
        match last {
            Some(last) if last < self.count => Ok(()),
            _ => Err(outside()),
        }
    }

    /// The numbers of the tensor, row by row, out of those of its storage.
    pub(super) fn of(&self, storage: &[f32], shape: &[usize]) -> Vec<f32> {
        let count = shape.iter().product();
        let number = |place: usize| storage.get(place).copied().unwrap_or(f32::NAN);
        let (Some((&width, outer)), Some((&step, steps))) = (shape.split_last(), self.strides.split_last())
        else {
            return vec![number(self.offset)];
        };
        let mut numbers = Vec::with_capacity(count);
        let (mut index, mut place) = (vec![0; outer.len()], self.offset);
        while numbers.len() < count {
            match storage.get(place..place.saturating_add(width)) {
                Some(row) if step == 1 => numbers.extend_from_slice(row),
                _ => numbers.extend((0..width).map(|column| number(place + column * step))),
            }
            // The next row: as a counter, the last dimension first.
            for (index, (&side, &stride)) in index.iter_mut().zip(outer.iter().zip(steps)).rev() {
                *index += 1;
                place += stride;
                if *index < side {
                    break;
                }
                place -= *index * stride;
                *index = 0;
            }
        }
        numbers
    }
}

/// The next numbers of a reader as `f32`.
pub(super) fn read_numbers(
    reader: &mut impl Read,
    format: &Format,
    count: usize,
) -> std::io::Result<Vec<f32>> {
    let width = format.bytes().unwrap_or(1);
    let mut numbers = Vec::with_capacity(count);
    let mut buffer = vec![0; CHUNK.min(count.saturating_mul(width))];
    while numbers.len() < count {
        let left = (count - numbers.len()).saturating_mul(width);
        let chunk = &mut buffer[..CHUNK.min(left)];
        reader.read_exact(chunk)?;
        decode(format, chunk, &mut numbers);
    }
    Ok(numbers)
}

/// Appends the numbers that bytes stand for, the lowest byte of each first.
fn decode(format: &Format, bytes: &[u8], numbers: &mut Vec<f32>) {
    /// Each number of `N` bytes.
    fn each<const N: usize>(bytes: &[u8], numbers: &mut Vec<f32>, number: impl Fn([u8; N]) -> f32) {
        numbers.extend(bytes.as_chunks::<N>().0.iter().map(|bytes| number(*bytes)));
    }
    match format {
        Format::F64 => each(bytes, numbers, |bytes| f64::from_le_bytes(bytes) as f32),
        Format::F32 => each(bytes, numbers, f32::from_le_bytes),
        Format::F16 => each(bytes, numbers, |bytes| f16::from_le_bytes(bytes).to_f32()),
        Format::Bf16 => each(bytes, numbers, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        Format::Other(_) => {}
    }
}

/// A file to be read in parts.
pub(super) fn buffered(path: &Path) -> Result<BufReader<File>, ModelError> {
    Ok(BufReader::new(read::open(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(offset: usize, strides: &[usize]) -> View {
        View { storage: "0".into(), count: 12, offset, strides: strides.to_vec() }
    }

    #[test]
    fn views_give_the_numbers_in_the_order_of_the_tensor() {
        let storage: Vec<f32> = (0..12u8).map(f32::from).collect();
        assert_eq!(view(0, &[4, 1]).of(&storage, &[3, 4]), storage);
        assert_eq!(view(4, &[4, 1]).of(&storage, &[2, 2]), [4.0, 5.0, 8.0, 9.0]);
        // The other way round, every second column, one number for all places, three dimensions, none.
        assert_eq!(view(0, &[1, 4]).of(&storage, &[4, 3])[..4], [0.0, 4.0, 8.0, 1.0]);
        assert_eq!(view(1, &[4, 2]).of(&storage, &[3, 2]), [1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        assert_eq!(view(3, &[0]).of(&storage, &[3]), [3.0; 3]);
        assert_eq!(view(0, &[6, 1, 2]).of(&storage, &[2, 2, 3])[..6], [0.0, 2.0, 4.0, 1.0, 3.0, 5.0]);
        assert_eq!(view(7, &[]).of(&storage, &[]), [7.0]);
        assert_eq!(view(0, &[4, 1]).of(&storage, &[0, 4]), [0.0; 0]);
    }

    #[test]
    fn views_beyond_their_storage_are_refused() {
        assert!(view(0, &[4, 1]).check(&[3, 4]).is_ok());
        assert!(view(12, &[4, 1]).check(&[0, 4]).is_ok());
        for (offset, strides, shape) in [
            (1, &[4, 1][..], &[3, 4][..]),
            (0, &[4, 2], &[3, 4]),
            (0, &[1], &[1, 1]),
            (usize::MAX, &[1], &[2]),
            (0, &[usize::MAX, 1], &[3, 1]),
            (0, &[0, 0], &[usize::MAX, 2]),
        ] {
            assert!(view(offset, strides).check(shape).is_err(), "{offset} {strides:?} {shape:?}");
        }
        assert!(view(0, &[0; 17]).check(&[1; 17]).is_err());
    }
}
