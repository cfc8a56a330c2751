//! Models that come with the program: their files, and the folder in which they are written where one is asked for.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::{env, fs};

use alambic_settings::reader::nearest;

use crate::error::RunError;

/// Name and content of each file of a folder.
type Files = &'static [(&'static str, &'static [u8])];

/// Files of the transliterator of the quickstart.
const MATRA: Files = &[
    ("README.md", include_bytes!("../epik/matra/README.md")),
    ("config.json", include_bytes!("../epik/matra/config.json")),
    ("generation_config.json", include_bytes!("../epik/matra/generation_config.json")),
    ("model.safetensors", include_bytes!("../epik/matra/model.safetensors")),
    ("tokenizer.json", include_bytes!("../epik/matra/tokenizer.json")),
    ("tokenizer_config.json", include_bytes!("../epik/matra/tokenizer_config.json")),
];

/// The models by NAME of `builtin:NAME`.
const BUILTIN_MODELS: &[(&str, Files)] = &[("epik/matra", MATRA)];

/// Folder of a model that comes with the program, NAME of `builtin:NAME`. Its files are written when it is first asked for:
/// into the user's folder of caches (`XDG_CACHE_HOME`, `LOCALAPPDATA`, else `.cache` at home), or else, where nothing can be
/// written there, into the system's folder of temporary files. Files that are not what the program holds are written anew.
///
/// # Errors
/// When no model has this name, or neither folder can be written.
pub fn builtin_model(name: &str) -> Result<PathBuf, RunError> {
    let Some((_, files)) = BUILTIN_MODELS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = BUILTIN_MODELS.iter().map(|(name, _)| *name).collect();
        let known = nearest(name, &known)
            .map_or_else(|| format!("known: {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        return Err(RunError::Recipe(format!("no model `{name}` comes with the program; {known}")));
    };
    let mut last = None;
    for root in roots(&|variable| env::var_os(variable)) {
        match write_model(&root, name, files) {
            Ok(folder) => return Ok(folder),
            Err(error) => last = Some((root, error)),
        }
    }
    let (root, error) = last.unwrap_or_else(|| (env::temp_dir(), io::ErrorKind::NotFound.into()));
    Err(RunError::file(&root)(error))
}

/// Folders below which models may be written, the preferred one first.
fn roots(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".cache"));
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("LOCALAPPDATA")).or_else(home);
    cache.into_iter().chain([env::temp_dir()]).map(|root| root.join("alambic")).collect()
}

/// Writes a model below a folder unless it is there as the program holds it.
fn write_model(root: &Path, name: &str, files: Files) -> io::Result<PathBuf> {
    let mut hasher = blake3::Hasher::new();
    for (name, bytes) in files {
        hasher.update(name.as_bytes()).update(blake3::hash(bytes).as_bytes());
    }
    // Another version of the program may hold another model of this name.
    let version = &hasher.finalize().to_hex()[..8];
    let folder = name.split('/').fold(root.join("models"), |folder, part| folder.join(part)).join(version);
    if is_whole(&folder, files) {
        return Ok(folder);
    }
    let parent = folder.parent().unwrap_or(root);
    fs::create_dir_all(parent)?;
    // Of its own, since another process may be at it as well.
    let partial = parent.join(format!(".{version}.{}.part", std::process::id()));
    let written = fs::create_dir_all(&partial)
        .and_then(|()| files.iter().try_for_each(|(name, bytes)| fs::write(partial.join(name), bytes)))
        .and_then(|()| {
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            fs::rename(&partial, &folder)
        });
    if written.is_err() {
        // Whether or not it can be removed, the first error is what counts.
        let _ = fs::remove_dir_all(&partial);
    }
    // Another process may have been faster.
    if is_whole(&folder, files) { Ok(folder) } else { written.map(|()| folder) }
}

/// Whether a folder holds these files, to the byte.
fn is_whole(folder: &Path, files: Files) -> bool {
    files.iter().all(|(name, bytes)| fs::read(folder.join(name)).is_ok_and(|found| found == *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_of_a_model_are_written_anew() {
        let root = tempfile::tempdir().unwrap();
        let write = || write_model(root.path(), "epik/matra", MATRA).unwrap();
        let folder = write();
        assert!(is_whole(&folder, MATRA));
        fs::write(folder.join("config.json"), "{}").unwrap();
        fs::remove_file(folder.join("tokenizer.json")).unwrap();
        assert_eq!(write(), folder);
        assert!(is_whole(&folder, MATRA));
        assert_eq!(fs::read_dir(folder.parent().unwrap()).unwrap().count(), 1, "nothing is left besides");
    }

    #[test]
    fn caches_of_the_user_come_before_temporary_files() {
        let first = |given: &[(&str, &str)]| {
            let find = |name: &str| given.iter().find(|(own, _)| *own == name).map(|(_, value)| value.into());
            roots(&find)
        };
        let temporary = env::temp_dir().join("alambic");
        assert_eq!(first(&[]), std::slice::from_ref(&temporary));
        assert_eq!(first(&[("HOME", "relative")]), std::slice::from_ref(&temporary));
        if cfg!(unix) {
            let given = [("HOME", "/home/u"), ("XDG_CACHE_HOME", "/caches")];
            assert_eq!(first(&given), [PathBuf::from("/caches/alambic"), temporary.clone()]);
            assert_eq!(first(&given[..1]), [PathBuf::from("/home/u/.cache/alambic"), temporary]);
        }
    }

    #[test]
    fn model_that_is_not_there_is_suggested() {
        assert!(builtin_model("epik/matr").unwrap_err().to_string().contains("did you mean `epik/matra`?"));
    }
}
