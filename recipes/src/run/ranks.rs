//! A run by several ranks: what they have to share, and how many there were when it was started.

use std::path::Path;
use std::process;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alambic_files::{read, write};
use alambic_ranks::Ranks;
use alambic_settings::IndexMap;

use crate::error::RunError;
use crate::folder::layout::{INPUTS, TOKEN};
use crate::load::Loaded;

/// Name in the file of inputs of the number of ranks with which a run was started.
pub(super) const RANKS: &str = "ranks";

/// How long a rank looks for what another one wrote: a file system of several machines may be late.
const PATIENCE: Duration = Duration::from_secs(20);

/// The number of ranks with which the run in a folder was started, and by which its batches of a step are counted; none where no
/// run was started there.
///
/// # Errors
/// When the file cannot be read.
pub fn started_ranks(folder: &Path) -> Result<Option<usize>, RunError> {
    let path = folder.join(INPUTS);
    if !path.is_file() {
        return Ok(None);
    }
    let text = read::state(&path)?;
    let inputs: IndexMap<String, String> =
        serde_json::from_str(&text).map_err(|error| RunError::content(&path, error))?;
    Ok(Some(inputs.get(RANKS).and_then(|ranks| ranks.parse().ok()).unwrap_or(1)))
}

/// Checks that the batches of every step can be shared evenly.
pub(super) fn check_parts(loaded: &Loaded, ranks: &Ranks) -> Result<(), RunError> {
    for (name, options) in &loaded.recipe.stage {
        let parts = options.train.gradient_accumulation;
        if !parts.is_multiple_of(ranks.count()) {
            return Err(RunError::Indivisible { stage: name.clone(), parts, ranks: ranks.count() });
        }
    }
    Ok(())
}

/// Checks that all ranks have one recipe, by its values.
pub(super) fn check_recipe(loaded: &Loaded, ranks: &Ranks) -> Result<(), RunError> {
    let own = blake3::hash(loaded.resolved_toml().as_bytes());
    let all = ranks.gather(own.as_bytes())?;
    match all.iter().position(|other| other != own.as_bytes()) {
        Some(rank) => Err(RunError::Recipe(format!(
            "rank {rank} was given another recipe than rank {}: start all with the same files and options",
            ranks.rank()
        ))),
        None => Ok(()),
    }
}

/// Checks that all ranks see the folder in which the first one writes.
pub(super) fn check_shared(folder: &Path, ranks: &Ranks) -> Result<(), RunError> {
    if ranks.is_alone() {
        return Ok(());
    }
    let path = folder.join(TOKEN);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let own = format!("process {} at {now}\n", process::id()).into_bytes();
    if ranks.is_first() {
        write::write(&path, &own)?;
    }
    let token = ranks.broadcast(own)?;
    let begin = Instant::now();
    while read::bytes(&path, token.len() as u64).ok().as_ref() != Some(&token) {
        if begin.elapsed() > PATIENCE {
            return Err(RunError::NotShared { rank: ranks.rank(), folder: folder.to_owned() });
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    ranks.barrier()?;
    if ranks.is_first() {
        std::fs::remove_file(&path).map_err(RunError::file(&path))?;
    }
    Ok(())
}
