//! Writing files so that a reader never meets half of one.

use crate::error::{Result, file_error};
use std::fs;
use std::path::Path;

/// Writes `bytes` beside `path` and moves them there, so that a killed run leaves the old file or the new one.
///
/// # Errors
/// [`crate::ReportError::File`].
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    let partial = path.with_file_name(name);
    fs::write(&partial, bytes).map_err(file_error("write", &partial))?;
    fs::rename(&partial, path).map_err(file_error("write", path))
}

/// Makes the folder and those above it.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(file_error("create", path))
}
