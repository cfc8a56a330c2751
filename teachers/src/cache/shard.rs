//! One file of a cache: a run of texts with the taps that were read from them.
//!
//! It is a safetensors file. `lengths` holds the tokens of each text. A tap's numbers lie one text after another,
//! without padding, under its name; beside them `TAP.scales` where the format has scales, or `TAP.classes` and
//! `TAP.rest` where only the highest logits are kept. The metadata hold the errors of the formats.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use alambic_files::write;
use alambic_models::{TapShape, Trace};
use indexmap::IndexMap;
use memmap2::Mmap;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::number_format::QuantizationError;
use super::tap_format::{TapEncoder, TapFormat};
use crate::TeacherError;

/// Key of the errors in the metadata.
const ERRORS: &str = "quantization-errors";
/// The tensor that holds the tokens of each text.
const LENGTHS: &str = "lengths";

/// Writer of a shard.
pub(super) struct Writer {
    lengths: Vec<u32>,
    encoders: IndexMap<String, TapEncoder>,
}

impl Writer {
    pub(super) fn new(taps: &IndexMap<String, TapFormat>) -> Self {
        let encoders = taps.iter().map(|(tap, format)| (tap.clone(), TapEncoder::new(*format))).collect();
        Self { lengths: Vec::new(), encoders }
    }

    /// Takes the wanted taps of one text of a batch: the `row`th of a trace whose texts are padded to `padded` tokens.
    ///
    /// # Errors
    /// When the trace lacks a tap, or it has another shape than the teacher's outline says.
    pub(super) fn push(&mut self, trace: &Values, row: usize, length: usize) -> Result<(), TeacherError> {
        self.lengths.push(length as u32);
        for (tap, encoder) in &mut self.encoders {
            encoder.push(&trace.row(tap, encoder.format().form, row, length)?, length);
        }
        Ok(())
    }

    /// Writes the file in one move; it is synced when it is listed.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(self, path: &Path) -> Result<(), TeacherError> {
        let lengths: Vec<u8> = self.lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        let mut tensors = vec![(LENGTHS.to_owned(), Dtype::U32, lengths)];
        let mut errors: IndexMap<String, QuantizationError> = IndexMap::new();
        for (tap, encoder) in self.encoders {
            let (parts, error) = encoder.finish();
            errors.insert(tap.clone(), error);
            tensors
                .extend(parts.into_iter().map(|(part, kind, bytes)| (format!("{tap}{part}"), kind, bytes)));
        }
        let views = tensors.iter().map(|(name, kind, bytes)| {
            let count = bytes.len() * 8 / kind.bitsize();
            Ok((name.as_str(), TensorView::new(*kind, vec![count], bytes)?))
        });
        let broken = |error: &dyn std::fmt::Display| broken(path, error);
        let views: Vec<(&str, TensorView<'_>)> =
            views.collect::<Result<_, safetensors::SafeTensorError>>().map_err(|error| broken(&error))?;
        let errors = serde_json::to_string(&errors).map_err(|error| broken(&error))?;
        let metadata = Some([(ERRORS.to_owned(), errors)].into_iter().collect());
        let partial = write::partial(path);
        safetensors::serialize_to_file(views, metadata, &partial).map_err(|error| match error {
            safetensors::SafeTensorError::IoError(error) => TeacherError::file(&partial)(error),
            other => broken(&other),
        })?;
        std::fs::rename(&partial, path).map_err(TeacherError::file(path))
    }
}

/// The taps of a batch, as numbers.
pub(super) struct Values {
    taps: IndexMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Values {
    /// # Errors
    /// When the trace lacks a tap.
    pub(super) fn of(trace: &Trace, taps: &IndexMap<String, TapFormat>) -> Result<Self, TeacherError> {
        let values = taps.keys().map(|tap| {
            let tensor = trace.get(tap).ok_or_else(|| TeacherError::MissingTap(tap.clone()))?;
            let values = tensor
                .flatten_all()
                .and_then(|flat| flat.to_vec1())
                .map_err(alambic_models::ModelError::from)?;
            Ok((tap.clone(), (tensor.dims().to_vec(), values)))
        });
        Ok(Self { taps: values.collect::<Result<_, TeacherError>>()? })
    }

    /// The numbers of one text without its padding.
    fn row(&self, tap: &str, form: TapShape, row: usize, length: usize) -> Result<Vec<f32>, TeacherError> {
        let missing = || TeacherError::MissingTap(tap.to_owned());
        let (shape, values) = self.taps.get(tap).ok_or_else(missing)?;
        match (form, shape.as_slice()) {
            (TapShape::Text { width }, &[_, found]) if found == width => {
                Ok(values[row * width..(row + 1) * width].to_vec())
            }
            (TapShape::Tokens { width }, &[_, padded, found]) if found == width => {
                let begin = row * padded * width;
                Ok(values[begin..begin + length * width].to_vec())
            }
            (TapShape::Pairs { heads }, &[_, found, padded, _]) if found == heads => {
                let mut kept = Vec::with_capacity(form.numbers(length));
                for head in 0..heads {
                    for query in 0..length {
                        let begin = ((row * heads + head) * padded + query) * padded;
                        kept.extend_from_slice(&values[begin..begin + length]);
                    }
                }
                Ok(kept)
            }
            _ => Err(missing()),
        }
    }
}

/// A finished shard, mapped into memory.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    map: Mmap,
    /// Where each tensor's bytes are.
    places: IndexMap<String, Range<usize>>,
    pub(super) lengths: Vec<u32>,
    pub(super) errors: IndexMap<String, QuantizationError>,
    /// For each tap, the numbers and the vectors before each text.
    before: IndexMap<String, Vec<(usize, usize)>>,
}

impl Shard {
    /// Opens a file. Nothing but its head is read.
    ///
    /// # Errors
    /// When it cannot be read or is not what the cache says.
    pub(super) fn open(path: &Path, taps: &IndexMap<String, TapFormat>) -> Result<Self, TeacherError> {
        let file = File::open(path).map_err(TeacherError::file(path))?;
        // SAFETY: the file was moved into its place when it was whole, and no one of this program writes to it again.
        let map = unsafe { Mmap::map(&file) }.map_err(TeacherError::file(path))?;
        let (head, metadata) = SafeTensors::read_metadata(&map).map_err(|error| broken(path, &error))?;
        let begin = head + std::mem::size_of::<u64>();
        let places: IndexMap<String, Range<usize>> = metadata
            .tensors()
            .into_iter()
            .map(|(name, info)| (name, begin + info.data_offsets.0..begin + info.data_offsets.1))
            .collect();
        let errors = metadata.metadata().as_ref().and_then(|metadata| metadata.get(ERRORS));
        let errors = errors.ok_or_else(|| broken(path, &"it has no errors of its formats"))?;
        let errors = serde_json::from_str(errors).map_err(|error| broken(path, &error))?;
        let mut shard =
            Self { path: path.to_owned(), map, places, lengths: Vec::new(), errors, before: IndexMap::new() };
        shard.lengths = shard
            .bytes(LENGTHS)?
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect();
        for (tap, format) in taps {
            let mut sums = (0, 0);
            let before = shard.lengths.iter().map(|&length| {
                let before = sums;
                sums.0 += format.form.numbers(length as usize);
                sums.1 += format.form.vectors(length as usize);
                before
            });
            let before = before.collect();
            for (part, bytes) in format.parts(sums.0, sums.1) {
                let found = shard.bytes(&format!("{tap}{part}"))?.len();
                if found != bytes {
                    return Err(broken(
                        path,
                        &format!("`{tap}{part}` has {found} bytes, and {bytes} are due"),
                    ));
                }
            }
            shard.before.insert(tap.clone(), before);
        }
        Ok(shard)
    }

    fn bytes(&self, name: &str) -> Result<&[u8], TeacherError> {
        let place = self.places.get(name).cloned();
        place
            .and_then(|place| self.map.get(place))
            .ok_or_else(|| broken(&self.path, &format!("it has no `{name}`")))
    }

    /// Reads the numbers of one tap of one text.
    ///
    /// # Errors
    /// When the shard does not hold it.
    pub(super) fn read(
        &self,
        tap: &str,
        format: TapFormat,
        row: usize,
        values: &mut Vec<f32>,
    ) -> Result<(), TeacherError> {
        let missing = || TeacherError::MissingTap(tap.to_owned());
        let &(numbers, vectors) =
            self.before.get(tap).and_then(|before| before.get(row)).ok_or_else(missing)?;
        let length = self.lengths[row] as usize;
        let from = format.parts(numbers, vectors);
        let sizes = format.parts(format.form.numbers(length), format.form.vectors(length));
        let parts = from.into_iter().zip(sizes).map(|((part, begin), (_, size))| {
            self.bytes(&format!("{tap}{part}"))?.get(begin..begin + size).ok_or_else(missing)
        });
        format.read(&parts.collect::<Result<Vec<&[u8]>, _>>()?, length, values);
        Ok(())
    }

    /// Bytes of the file.
    pub(super) fn size(&self) -> u64 {
        self.map.len() as u64
    }
}

fn broken(path: &Path, reason: &dyn std::fmt::Display) -> TeacherError {
    TeacherError::Cache {
        path: path.to_owned(),
        message: format!("{reason}; delete this file, and it is computed anew"),
    }
}
