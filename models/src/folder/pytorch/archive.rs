//! The zip archive of a PyTorch file: a pickle that names the tensors, and a file for the numbers of each storage.
//!
//! Before anything is allocated, sizes that the file declares are compared with what it holds.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use alambic_files::read;
use alambic_files::text::quoted;
use indexmap::IndexMap;
use zip::ZipArchive;

use super::machine::Machine;
use crate::ModelError;
use crate::folder::tensor::{Place, Stored, View, buffered, read_numbers};

/// The longest pickle that is read; those of published models have some hundred bytes for each tensor.
const PICKLE: u64 = 64 << 20;

/// The most by which compressed data may grow, and the size from which on that is asked: weights hardly shrink.
const GROWTH: u64 = 100;
const SMALL: u64 = 1 << 20;

/// Maximum ratio of the elements of a file's tensors to those of its storages: layers share matrices, but not without end.
const SHARED: usize = 64;
const FEW: usize = 1 << 20;

type Archive = ZipArchive<BufReader<File>>;

/// The tensors of a file.
pub(in crate::folder) fn tensors(path: &Path) -> Result<IndexMap<String, Stored>, ModelError> {
    let fault = |message: String| ModelError::content(path, message);
    let (mut archive, base) = open(path)?;
    let pickle = {
        let mut entry =
            archive.by_name(&format!("{base}data.pkl")).map_err(|error| fault(error.to_string()))?;
        let length = entry.size();
        if length > PICKLE || is_bomb(length, entry.compressed_size()) {
            return Err(fault(format!(
                "its list of tensors has {length} bytes by its header, out of {} in the file",
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
                    "its storage grows from {compressed} bytes to {length} by its header"
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
pub(in crate::folder) fn read_views(path: &Path, wanted: &[&Stored]) -> Result<Vec<Vec<f32>>, ModelError> {
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
            format!("its tensors have {asked} numbers by their description, out of {held} in the file"),
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
