//! Folders of parity models.

use std::path::{Path, PathBuf};

/// Folder of a parity model.
pub(crate) fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model)
}
