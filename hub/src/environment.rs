//! What the environment says of the hub, by the variables of its Python client.

use std::path::PathBuf;

use alambic_files::read;
use hf_hub::Cache;

/// The hub's own address.
const HUB: &str = "https://huggingface.co";

/// Longest token that is read from a file.
const TOKEN: u64 = 64 << 10;

/// A variable that says something.
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// `HF_ENDPOINT`.
pub(crate) fn endpoint() -> String {
    set("HF_ENDPOINT").unwrap_or_else(|| HUB.to_owned())
}

/// `HF_HUB_OFFLINE`.
pub(crate) fn is_offline() -> bool {
    let yes = |value: String| ["1", "true", "yes", "on"].contains(&value.to_ascii_lowercase().as_str());
    set("HF_HUB_OFFLINE").is_some_and(yes)
}

/// A variable that names a file or folder, in whatever encoding.
fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The cache by `HF_HOME`, `XDG_CACHE_HOME` or the user's own folder. None where there is no such folder.
fn home() -> Option<Cache> {
    if let Some(home) = path("HF_HOME") {
        return Some(Cache::new(home.join("hub")));
    }
    if let Some(folder) = path("XDG_CACHE_HOME") {
        return Some(Cache::new(folder.join("huggingface").join("hub")));
    }
    // Where there is none, the default would end the process.
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|_| Cache::default())
}

/// The folder of the cache: `HF_HUB_CACHE`, or below [`home`].
pub(crate) fn cache() -> Option<PathBuf> {
    path("HF_HUB_CACHE").or_else(|| home().map(|cache| cache.path().clone()))
}

/// The token: `HF_TOKEN`, or what the file says that `HF_TOKEN_PATH` names or that lies beside the cache.
pub(crate) fn token() -> Option<String> {
    let file = || match path("HF_TOKEN_PATH") {
        Some(path) => read::text(&path, TOKEN).ok().map(|text| text.trim().to_owned()),
        None => home().and_then(|cache| cache.token()),
    };
    set("HF_TOKEN").or_else(file).filter(|token| !token.is_empty())
}
