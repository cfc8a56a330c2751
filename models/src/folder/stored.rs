//! The weights of a folder, as they lie in its files.

use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use alambic_files::text::quoted;
use alambic_files::{digests, read};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use rayon::prelude::*;

use super::pytorch;
use super::tensor::{CHUNK, Format, Place, Stored, buffered, read_numbers};
use crate::finite::first_not_finite;
use crate::{ModelError, published};

/// The tensors of a folder, by their names without the prefixes of wrappers.
#[derive(Debug)]
pub(crate) struct StoredWeights {
    /// The files that hold them.
    pub(super) files: Vec<PathBuf>,
    /// Each with the file that it lies in, by its place among the files.
    pub(super) tensors: IndexMap<String, (usize, Stored)>,
}

impl StoredWeights {
    /// Puts others behind them, whose names begin with `before` from now on.
    pub(super) fn extend(&mut self, before: &str, others: Self) {
        let files = self.files.len();
        self.files.extend(others.files);
        let placed = others.tensors.into_iter();
        self.tensors
            .extend(placed.map(|(name, (file, stored))| (format!("{before}{name}"), (files + file, stored))));
    }

    /// The file that errors name where they are about none of the tensors.
    pub(crate) fn first_file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }

    /// Name and shape of each tensor, ordered by name.
    pub(crate) fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let shapes = self.tensors.iter().map(|(name, (_, stored))| (name.clone(), stored.shape.clone()));
        let mut shapes: IndexMap<String, Vec<usize>> = shapes.collect();
        shapes.sort_unstable_keys();
        shapes
    }

    /// The names, ordered, of the tensors whose numbers are such that they can be weights.
    pub(crate) fn numbers(&self) -> Vec<&str> {
        let of_numbers = |(_, (_, stored)): &(&String, &(usize, Stored))| stored.format.bytes().is_some();
        let mut names: Vec<&str> =
            self.tensors.iter().filter(of_numbers).map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    }

    /// The name of the first tensor there is of these spellings.
    pub(crate) fn find(&self, spellings: &[String]) -> Option<&str> {
        published::look_up(&self.tensors, spellings).map(|(name, _)| name)
    }

    /// The shape of a tensor.
    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.tensors.get(name).map(|(_, stored)| stored.shape.as_slice())
    }

    /// The error that a tensor is not what it should be, with the file that it lies in.
    pub(crate) fn fault(&self, name: &str, message: impl std::fmt::Display) -> ModelError {
        let file = self.tensors.get(name).and_then(|(file, _)| self.files.get(*file));
        let file = file.map_or_else(|| self.first_file(), PathBuf::as_path);
        ModelError::content(file, format!("tensor `{}`: {message}", quoted(name)))
    }

    /// Number of layers of the tensors whose names hold `marker` with a number behind it, as `encoder.layer.`.
    pub(crate) fn layers(&self, marker: &str) -> usize {
        let layer = |name: &String| {
            let (front, rest) = name.split_once(marker)?;
            let (number, _) = rest.split_once('.')?;
            (front.is_empty() || front.ends_with('.')).then(|| number.parse::<usize>().ok())?
        };
        self.tensors.keys().filter_map(layer).max().map_or(0, |last| last.saturating_add(1))
    }

    /// Reads tensors as `f32`: those of the second names, under the first ones.
    ///
    /// # Errors
    /// When a tensor is not there, is not of numbers with a fraction, or holds one that is infinite or NaN; when its file
    /// cannot be read.
    pub(crate) fn load(&self, names: &[(&str, &str)]) -> Result<Weights, ModelError> {
        let mut wanted: Vec<Vec<(usize, &str, &Stored)>> = vec![Vec::new(); self.files.len()];
        for (index, (own, name)) in names.iter().enumerate() {
            let missing = || ModelError::MissingTensor((*own).to_owned());
            let (file, stored) = self.tensors.get(*name).ok_or_else(missing)?;
            if let Format::Other(kind) = &stored.format {
                let kind = quoted(kind);
                return Err(self.fault(
                    name,
                    format!("its numbers are of type {kind}, and weights are read from F64, F32, F16 or BF16; was the model quantised?"),
                ));
            }
            wanted.get_mut(*file).ok_or_else(missing)?.push((index, *name, stored));
        }
        let mut tensors: Vec<Option<Tensor>> = vec![None; names.len()];
        for (file, wanted) in self.files.iter().zip(wanted).filter(|(_, wanted)| !wanted.is_empty()) {
            let stored: Vec<&Stored> = wanted.iter().map(|(_, _, stored)| *stored).collect();
            digests::check_listed(file)?;
            let numbers = read_all(file, &stored)?;
            for ((index, name, stored), values) in wanted.into_iter().zip(numbers) {
                if let Some(place) = first_not_finite(&values) {
                    return Err(self.fault(
                        name,
                        format!("number {place} of {} is infinite or NaN; the file is damaged, or training went astray", values.len()),
                    ));
                }
                if let Some(tensor) = tensors.get_mut(index) {
                    *tensor = Some(Tensor::from_vec(values, stored.shape.as_slice(), device::current())?);
                }
            }
        }
        names
            .iter()
            .zip(tensors)
            .map(|((own, _), tensor)| {
                let tensor = tensor.ok_or_else(|| ModelError::MissingTensor((*own).to_owned()))?;
                Ok(((*own).to_owned(), tensor))
            })
            .collect()
    }

    /// Whether two tensors hold the same numbers. Those that lie in one place are not read.
    ///
    /// # Errors
    /// When one is not of numbers, or cannot be read.
    pub(crate) fn are_equal(&self, one: &str, other: &str) -> Result<bool, ModelError> {
        let (Some(first), Some(second)) = (self.tensors.get(one), self.tensors.get(other)) else {
            return Ok(false);
        };
        if first == second {
            return Ok(true);
        }
        if first.1.shape != second.1.shape {
            return Ok(false);
        }
        if let (Place::Bytes(one), Place::Bytes(other), Some(width)) =
            (&first.1.place, &second.1.place, first.1.format.bytes())
            && first.1.format == second.1.format
        {
            let reader = |file: usize, start: u64| {
                let file = self.files.get(file).map_or_else(|| self.first_file(), PathBuf::as_path);
                let mut reader = buffered(file)?;
                reader.seek(SeekFrom::Start(start)).map_err(ModelError::file(file))?;
                Ok::<_, ModelError>(reader)
            };
            let length = first.1.count().saturating_mul(width);
            let (left, right) = (reader(first.0, *one)?, reader(second.0, *other)?);
            return same_bytes(left, right, length).map_err(ModelError::file(self.first_file()));
        }
        let mut both = self.load(&[(one, one), (other, other)])?.into_values();
        let mut values = || both.next().map(|tensor| tensor.flatten_all()?.to_vec1::<f32>()).transpose();
        Ok(values()? == values()?)
    }
}

/// Whether the next bytes of two readers are the same, so many of them.
fn same_bytes(mut one: impl Read, mut other: impl Read, mut length: usize) -> std::io::Result<bool> {
    let (mut left, mut right) = (vec![0; CHUNK.min(length)], vec![0; CHUNK.min(length)]);
    while length > 0 {
        let part = CHUNK.min(length);
        one.read_exact(&mut left[..part])?;
        other.read_exact(&mut right[..part])?;
        if left[..part] != right[..part] {
            return Ok(false);
        }
        length -= part;
    }
    Ok(true)
}

/// The numbers of tensors of one file.
fn read_all(file: &Path, wanted: &[&Stored]) -> Result<Vec<Vec<f32>>, ModelError> {
    if wanted.iter().any(|stored| matches!(stored.place, Place::View(_))) {
        return pytorch::read_views(file, wanted);
    }
    let numbers = wanted.par_iter().map(|stored| {
        let Place::Bytes(start) = stored.place else { return Ok(Vec::new()) };
        let mut reader = read::open(file)?;
        reader.seek(SeekFrom::Start(start)).map_err(ModelError::file(file))?;
        read_numbers(&mut reader, &stored.format, stored.count()).map_err(ModelError::file(file))
    });
    // In the order of the tensors, so that of several faults the same one is reported every time.
    numbers.collect::<Vec<Result<_, _>>>().into_iter().collect()
}
