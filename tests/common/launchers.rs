//! Launchers of MPI.

#![allow(clippy::print_stderr, reason = "a test says what it left out")]

use std::path::Path;
use std::process::Command;

use super::alambic;

/// A launcher, with what lets it start several processes wherever the tests run.
pub(crate) type Launcher = (&'static str, &'static [&'static str]);

/// The launchers that this machine has; where it has none, says so.
pub(crate) fn launchers() -> Vec<Launcher> {
    let mut found: Vec<Launcher> = Vec::new();
    for name in ["mpirun.openmpi", "mpirun.mpich", "mpirun"] {
        let Ok(said) = Command::new(name).arg("--version").output() else { continue };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let is_open_mpi = ["Open MPI", "OpenRTE"].iter().any(|own| said.contains(own));
        let options: &[&str] = if is_open_mpi { &["--allow-run-as-root", "--oversubscribe"] } else { &[] };
        if name != "mpirun" || found.is_empty() {
            found.push((name, options));
        }
    }
    if found.is_empty() {
        eprintln!("left out: there is no mpirun");
    }
    found
}

/// A command line of a launcher, with the environment of [`alambic`].
pub(crate) fn launched((launcher, options): Launcher, folder: &Path) -> Command {
    let own = alambic(folder);
    let mut command = Command::new(launcher);
    command.args(options).current_dir(folder);
    for (name, value) in own.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}
