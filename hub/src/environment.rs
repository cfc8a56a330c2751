//! What the environment says of the hub, by the variables of its Python client.

use std::path::{Path, PathBuf};

use hf_hub::Cache;

/// The hub's own address.
const HUB: &str = "https://huggingface.co";

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

/// The cache by `HF_HOME`, `XDG_CACHE_HOME` or the user's own folder. None where there is no such folder.
fn home() -> Option<Cache> {
    if set("HF_HOME").is_some() {
        return Some(Cache::from_env());
    }
    if let Some(folder) = set("XDG_CACHE_HOME") {
        return Some(Cache::new(Path::new(&folder).join("huggingface").join("hub")));
    }
    // Where there is none, the default would end the process.
    std::env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|_| Cache::default())
}

/// The folder of the cache: `HF_HUB_CACHE`, or below [`home`].
pub(crate) fn cache() -> Option<PathBuf> {
    set("HF_HUB_CACHE").map(PathBuf::from).or_else(|| home().map(|cache| cache.path().clone()))
}

/// The token: `HF_TOKEN`, or what the file says that `HF_TOKEN_PATH` names or that lies beside the cache.
pub(crate) fn token() -> Option<String> {
    let file = || match set("HF_TOKEN_PATH") {
        Some(path) => std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned()),
        None => home().and_then(|cache| cache.token()),
    };
    set("HF_TOKEN").or_else(file).filter(|token| !token.is_empty())
}
