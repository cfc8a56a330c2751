//! Files of tensors that commands read and write.

use std::path::{Path, PathBuf};

use alambic_files::write;
use alambic_models::{WRITTEN_BY, written_by};
use alambic_tensor::parameters::{self, Weights};

use crate::failure::Failure;

/// That a command may write a file: it is none that the command reads, does not lie in the model's folder, and where there is
/// one of its name, the same command wrote it.
pub(crate) fn check_target(
    out: &Path,
    command: &str,
    read: &[&Path],
    model: Option<&Path>,
) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::Usage(format!("{}: {reason}", out.display())));
    let target = resolved(out);
    if let Some(input) = read.iter().find(|input| resolved(input) == target) {
        return refuse(format!("this is what is read, {}; name another file", input.display()));
    }
    if let Some(folder) = model.filter(|folder| target.starts_with(resolved(folder))) {
        return refuse(format!(
            "this lies in the model's folder, {}; name a file elsewhere",
            folder.display()
        ));
    }
    if out.symlink_metadata().is_ok() && written_by(out).as_deref() != Some(command) {
        return refuse(format!(
            "there is a file that `alambic {command}` did not write; name another, or remove it"
        ));
    }
    Ok(())
}

/// Writes tensors whole, with the name of the command that did it.
pub(crate) fn write(out: &Path, command: &str, tensors: &Weights) -> Result<(), Failure> {
    let bytes = parameters::to_bytes(tensors, &[(WRITTEN_BY, command)])
        .map_err(|error| Failure::message(format!("{}: {error}", out.display())))?;
    write::write(out, &bytes).map_err(|error| Failure::message(error.to_string()))
}

/// A path without links, as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    match (write::parent(path).canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}
