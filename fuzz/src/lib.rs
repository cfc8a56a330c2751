//! The targets of `tests/fuzzing` for cargo-fuzz.

#[path = "../../tests/fuzzing/mod.rs"]
mod fuzzing;

use std::sync::OnceLock;

use fuzzing::TARGETS;
use tempfile::TempDir;

/// The folder of this process, in which files are read.
static FOLDER: OnceLock<TempDir> = OnceLock::new();

/// Reads an input by a target.
///
/// # Panics
/// When the target does, or a message of it is not as it should be; when there is no target of this name.
pub fn fuzz(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    let folder = FOLDER.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for files");
        target.prepare(folder.path());
        folder
    });
    if let Err(fault) = target.run(folder.path(), bytes) {
        panic!("{fault}");
    }
}
