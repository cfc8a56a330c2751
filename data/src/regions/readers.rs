//! Readers of files of regions, by their format.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_files::text::{elided, quoted};
use alambic_settings::Location;
use memmap2::Mmap;
use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use super::collector::RegionCollector;
use super::feature_place::{FeaturePlace, open};
use super::rows::Rows;
use super::tensors::FEATURES;
use super::{features, npz, tensors};
use crate::error::{DataError, Fault, Place, RegionFault};
use crate::source::local;

/// Reads one file, or one folder.
///
/// # Errors
/// Where it is of no known format, or cannot be read to its end.
pub(super) fn read(location: &Location, collector: &mut RegionCollector<'_>) -> Result<(), DataError> {
    let path = match location {
        Location::File(path) if path.is_dir() => return read_archives(path, collector),
        Location::File(path) => path.as_path(),
        Location::Hub(name) | Location::Builtin(name) => name.as_ref(),
    };
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    match extension.to_ascii_lowercase().as_str() {
        "tsv" | "tab" | "txt" => read_lines(location, collector),
        "safetensors" => read_tensors(location, collector),
        _ => {
            let fault = RegionFault::UnknownFormat(quoted(&extension));
            Err(DataError::new(Place::file(&location.to_string()), fault.into()))
        }
    }
}

/// Reads the regions of the images that are wanted, a line of TSV each.
///
/// # Errors
/// Where the file cannot be read to its end. Faults of a line go to the collector.
fn read_lines(location: &Location, collector: &mut RegionCollector<'_>) -> Result<(), DataError> {
    let mut rows = Rows::open(location)?;
    while !collector.is_done() && rows.advance()? {
        let taken = rows.id().and_then(|id| {
            if collector.wants_row(rows.row(), &id)? {
                collector.take(&id, features::parse(&rows.columns()?, collector.names()), rows.origin())
            } else {
                Ok(())
            }
        });
        collector.note(rows.place(), taken);
    }
    Ok(())
}

/// Reads the regions of the images that are wanted, an archive of NumPy each.
///
/// # Errors
/// Where the folder cannot be read, or holds no archive. Faults of an archive go to the collector.
fn read_archives(folder: &Path, collector: &mut RegionCollector<'_>) -> Result<(), DataError> {
    let unreadable = |error: std::io::Error| {
        DataError::new(Place::file(&folder.display().to_string()), Fault::Unreadable(error.to_string()))
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
            files.push(path);
        }
    }
    if files.is_empty() {
        let place = Place::file(&folder.display().to_string());
        return Err(DataError::new(place, RegionFault::EmptyFolder.into()));
    }
    files.sort();
    for file in files {
        if collector.is_done() {
            break;
        }
        let id = file.file_stem().unwrap_or_default().to_string_lossy();
        if collector.wants(&id) {
            let taken = collector.take(&id, npz::parse(&file), FeaturePlace::Archive(file.clone()));
            collector.note(Place::file(&file.display().to_string()), taken);
        }
    }
    Ok(())
}

/// Reads the regions of the images that are wanted, tensors of one file.
///
/// # Errors
/// Where the file cannot be read, or is no safetensors. Faults of a tensor go to the collector.
fn read_tensors(location: &Location, collector: &mut RegionCollector<'_>) -> Result<(), DataError> {
    let (name, path) = local(location)?;
    let fail = |fault| DataError::new(Place::file(&name), fault);
    let unreadable = |error: std::io::Error| fail(Fault::Unreadable(error.to_string()));
    let file = open(&path).map_err(fail)?;
    // SAFETY: the file is only read, and nothing of this program writes to it.
    let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
    let all = SafeTensors::deserialize(&map)
        .map_err(|error| fail(RegionFault::NotSafetensors(elided(&error.to_string())).into()))?;
    let path = Arc::new(path);
    let origin = |tensor: &TensorView<'_>| FeaturePlace::Tensor {
        path: Arc::clone(&path),
        start: (tensor.data().as_ptr() as usize - map.as_ptr() as usize) as u64,
        length: tensor.data().len(),
        dtype: tensor.dtype(),
    };
    let mut ids: Vec<&str> =
        all.names().into_iter().filter_map(|tensor| tensor.strip_suffix(FEATURES)).collect();
    if ids.is_empty() {
        let found = all.names().first().map_or("none".to_owned(), |tensor| format!("`{}`", quoted(tensor)));
        return Err(fail(RegionFault::NoArray { wanted: format!("`NAME{FEATURES}`"), found }.into()));
    }
    ids.sort_unstable();
    for id in ids {
        if collector.is_done() {
            break;
        }
        if collector.wants(id) {
            let taken = match all.tensor(&format!("{id}{FEATURES}")) {
                Ok(features) => collector.take(id, tensors::parse(&all, id, &features), origin(&features)),
                Err(error) => Err(RegionFault::NotSafetensors(elided(&error.to_string())).into()),
            };
            collector.note(Place::file(&format!("{name}/{}", quoted(id))), taken);
        }
    }
    Ok(())
}
