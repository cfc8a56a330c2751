//! Environment variables of the hub, those of its Python client.

use std::path::PathBuf;

use alambic_files::read;
use hf_hub::Cache;

/// The hub's own address.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// Longest token that is read from a file.
const MAX_TOKEN_BYTES: u64 = 64 << 10;

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// `HF_ENDPOINT`.
pub(crate) fn endpoint() -> String {
    variable("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned())
}

/// `HF_HUB_OFFLINE`.
pub(crate) fn is_offline() -> bool {
    let yes = |value: String| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str());
    variable("HF_HUB_OFFLINE").is_some_and(yes)
}

/// A variable that names a file or folder, in whatever encoding.
fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The cache by `HF_HOME`, `XDG_CACHE_HOME` or the user's own folder. None where there is no such folder.
fn home() -> Option<Cache> {
    if let Some(home) = path_variable("HF_HOME") {
        return Some(Cache::new(home.join("hub")));
    }
    if let Some(folder) = path_variable("XDG_CACHE_HOME") {
        return Some(Cache::new(folder.join("huggingface").join("hub")));
    }
    // Where there is none, the default would end the process.
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|_| Cache::default())
}

/// The folder of the cache: `HF_HUB_CACHE`, or below [`home`].
pub(crate) fn cache() -> Option<PathBuf> {
    path_variable("HF_HUB_CACHE").or_else(|| home().map(|cache| cache.path().clone()))
}

/// The token: `HF_TOKEN`, or what the file says that `HF_TOKEN_PATH` names or that lies beside the cache.
pub(crate) fn token() -> Option<String> {
    let file = || match path_variable("HF_TOKEN_PATH") {
        Some(path) => read::text(&path, MAX_TOKEN_BYTES).ok().map(|text| text.trim().to_owned()),
        None => home().and_then(|cache| cache.token()),
    };
    variable("HF_TOKEN").or_else(file).filter(|token| !token.is_empty())
}
