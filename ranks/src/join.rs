//! Joining the other processes of a launcher.

use crate::launcher::Launcher;
use crate::{RankError, Ranks};

/// The ranks of this process, as the launcher's environment has them. A process that was started alone loads nothing and is a
/// rank by itself. `lost` is told when another rank is not heard of any more, before all end.
///
/// # Errors
/// [`RankError::Join`] when several processes were started and MPI's library cannot be used.
#[cfg(unix)]
pub fn join(lost: impl Fn(&str) + Send + 'static) -> Result<Ranks, RankError> {
    match Launcher::of_environment() {
        None => Ok(Ranks::alone()),
        Some(launcher) => crate::mpi::join(&launcher, Box::new(lost)).map(Ranks::over),
    }
}

/// As on systems with `libmpi`; here, several processes are an error.
///
/// # Errors
/// [`RankError::Join`] when several processes were started.
#[cfg(not(unix))]
pub fn join(_: impl Fn(&str) + Send + 'static) -> Result<Ranks, RankError> {
    match Launcher::of_environment() {
        None => Ok(Ranks::alone()),
        Some(launcher) => Err(RankError::Join(format!(
            "{} started {} processes, and this system has no MPI that can be used; start one",
            launcher.kind.name(),
            launcher.count
        ))),
    }
}
