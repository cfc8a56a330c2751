//! Files of PyTorch: a zip archive with a pickle that says which tensors there are, and a file for the numbers of each
//! storage.
//!
//! The pickle is read by [`machine`], which knows tensors and executes nothing. Before anything is allocated, sizes that
//! the file declares are held against what it holds.

mod machine;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use alambic_files::read;
use alambic_files::text::quoted;
use indexmap::IndexMap;
use zip::ZipArchive;

use self::machine::Machine;
use super::stored::{Place, Stored, buffered, read_numbers};
use crate::ModelError;

/// The longest pickle that is read; those of published models have some hundred bytes for each tensor.
const PICKLE: u64 = 64 << 20;

/// The most by which compressed data may grow, and the size from which on that is asked: weights hardly shrink.
const GROWTH: u64 = 100;
const SMALL: u64 = 1 << 20;

/// How many times the numbers of its storages the tensors of a file may have: layers share matrices, but not without end.
const SHARED: usize = 64;
const FEW: usize = 1 << 20;

/// The most dimensions of a tensor.
const RANK: usize = 16;

type Archive = ZipArchive<BufReader<File>>;

/// A tensor's place in a storage.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::folder) struct View {
    /// The name of the storage.
    storage: String,
    /// How many numbers it has.
    count: usize,
    /// Where the tensor begins, in numbers.
    offset: usize,
    /// How far the next number lies in each dimension, in numbers.
    strides: Vec<usize>,
}

impl View {
    /// That the tensor lies within its storage.
    fn check(&self, shape: &[usize]) -> Result<(), String> {
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
    fn of(&self, storage: &[f32], shape: &[usize]) -> Vec<f32> {
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

/// The tensors of a file.
pub(super) fn tensors(path: &Path) -> Result<IndexMap<String, Stored>, ModelError> {
    let fault = |message: String| ModelError::content(path, message);
    let (mut archive, base) = open(path)?;
    let pickle = {
        let mut entry =
            archive.by_name(&format!("{base}data.pkl")).map_err(|error| fault(error.to_string()))?;
        let length = entry.size();
        if length > PICKLE || is_bomb(length, entry.compressed_size()) {
            return Err(fault(format!(
                "its list of tensors is said to have {length} bytes, out of {} in the file",
                entry.compressed_size()
            )));
        }
        let mut bytes = Vec::new();
        (&mut entry).take(length).read_to_end(&mut bytes).map_err(ModelError::file(path))?;
        bytes
    };
    let found = Machine::new(&pickle).run().map_err(|reason| {
        fault(format!("its list of tensors cannot be read: {reason}; save the model's state dictionary, best as safetensors"))
    })?;
    if found.is_empty() {
        return Err(fault(
            "the file holds no tensors by name at its top: save the model's state dictionary alone, best as safetensors"
                .into(),
        ));
    }
    let file = std::fs::metadata(path).map_err(ModelError::file(path))?.len();
    let mut lengths: IndexMap<String, u64> = IndexMap::new();
    // Entries may lie over each other, and each would be read for itself.
    let mut together = 0u64;
    for (name, stored) in &found {
        let fault = |reason: String| fault(format!("tensor `{}`: {reason}", quoted(name)));
        let (Place::View(view), Some(width)) = (&stored.place, stored.format.bytes()) else { continue };
        view.check(&stored.shape).map_err(fault)?;
        if !lengths.contains_key(&view.storage) {
            let entry = archive.by_name(&format!("{base}data/{}", view.storage));
            let entry =
                entry.map_err(|error| fault(format!("its storage `{}`: {error}", quoted(&view.storage))))?;
            let (length, compressed) = (entry.size(), entry.compressed_size());
            together = together.saturating_add(compressed);
            if together > file || is_bomb(length, compressed) {
                return Err(fault(format!(
                    "its storage is said to grow from {compressed} bytes to {length}"
                )));
            }
            lengths.insert(view.storage.clone(), length);
        }
        let length = lengths.get(&view.storage).copied().unwrap_or(0);
        if (view.count as u64).checked_mul(width as u64).is_none_or(|needed| needed > length) {
            return Err(fault(format!(
                "its storage is to have {} numbers of {width} bytes, and has {length} bytes",
                view.count
            )));
        }
    }
    Ok(found)
}

/// The numbers of tensors of one file.
pub(super) fn read_views(path: &Path, wanted: &[&Stored]) -> Result<Vec<Vec<f32>>, ModelError> {
    let (mut archive, base) = open(path)?;
    let mut storages: IndexMap<&str, Vec<(usize, &Stored, &View)>> = IndexMap::new();
    for (index, stored) in wanted.iter().enumerate() {
        if let Place::View(view) = &stored.place {
            storages.entry(&view.storage).or_default().push((index, stored, view));
        }
    }
    let held: usize =
        storages.values().filter_map(|views| views.first()).map(|(_, _, view)| view.count).sum();
    let asked = wanted.iter().map(|stored| stored.count()).fold(0, usize::saturating_add);
    if asked > held.saturating_mul(SHARED).saturating_add(FEW) {
        return Err(ModelError::content(
            path,
            format!("its tensors are said to have {asked} numbers, out of {held} in the file"),
        ));
    }
    let mut numbers = vec![Vec::new(); wanted.len()];
    for (storage, views) in storages {
        let Some((_, first, view)) = views.first() else { continue };
        let entry = archive.by_name(&format!("{base}data/{storage}"));
        let mut entry = entry.map_err(|error| ModelError::content(path, error))?;
        let values = read_numbers(&mut entry, &first.format, view.count).map_err(ModelError::file(path))?;
        // To the end, where the archive's own sum of the bytes is compared.
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(ModelError::file(path))?;
        for (index, stored, view) in &views {
            if stored.format != first.format {
                return Err(ModelError::content(
                    path,
                    format!("the storage `{}` is of two types", quoted(storage)),
                ));
            }
            if let Some(numbers) = numbers.get_mut(*index) {
                *numbers = view.of(&values, &stored.shape);
            }
        }
    }
    Ok(numbers)
}

/// The archive, and what the names in it begin with.
fn open(path: &Path) -> Result<(Archive, String), ModelError> {
    let mut head = [0; 4];
    let mut filled = 0;
    let mut file = read::open(path)?;
    while filled < head.len() {
        match file.read(&mut head[filled..]).map_err(ModelError::file(path))? {
            0 => break,
            read => filled += read,
        }
    }
    if &head != b"PK\x03\x04" {
        let message = match (read::describe_file(path)?, head[0]) {
            (Some(what), _) => format!("this is {what}, and weights are needed"),
            // The pickle lies open, or in an archive of tar's.
            (None, 0x80) => "this file was written by PyTorch before version 1.6 (or in its old format), which is not read: load it and save it again, best as safetensors".into(),
            (None, _) => "this is no file of PyTorch 1.6 or later: save the model as safetensors".into(),
        };
        return Err(ModelError::content(path, message));
    }
    let broken =
        |error: zip::result::ZipError| ModelError::content(path, format!("the archive is damaged: {error}"));
    let mut archive = ZipArchive::new(buffered(path)?).map_err(broken)?;
    let mut bases = Vec::new();
    for name in archive.file_names() {
        let name = name.map_err(broken)?;
        let base = name.strip_suffix("data.pkl").filter(|base| base.is_empty() || base.ends_with('/'));
        bases.extend(base.map(str::to_owned));
    }
    let [base] = bases.as_slice() else {
        return Err(ModelError::content(
            path,
            format!("the archive holds {} lists of tensors (`data.pkl`), and one is needed", bases.len()),
        ));
    };
    let base = base.clone();
    let mut order = String::new();
    if let Ok(entry) = archive.by_name(&format!("{base}byteorder")) {
        entry.take(16).read_to_string(&mut order).map_err(ModelError::file(path))?;
    }
    if order.trim() == "big" {
        return Err(ModelError::content(
            path,
            "its numbers have the highest byte first: save the model as safetensors",
        ));
    }
    Ok((archive, base))
}

/// Whether data would grow as no weights and no names do.
fn is_bomb(length: u64, compressed: u64) -> bool {
    length > SMALL && length / GROWTH > compressed
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
