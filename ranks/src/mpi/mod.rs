//! MPI, its library opened when the program runs.
//!
//! Libraries differ in their binary interface: Open MPI's handles are addresses of symbols, MPICH's are numbers of 32 bits, and
//! those of the standard interface of MPI 5 are small numbers as wide as pointers (`interface`). No header is needed, and one
//! binary runs under each. All calls are made by one thread at a time, and none of them waits (`transport`).

mod functions;
mod interface;
mod library;
mod transport;
mod watch;

use crate::launcher::{LIBRARY, Launcher};
use crate::{RankError, Transport};
use functions::Functions;
use interface::{Interface, MpichInterface, OpenMpiInterface, StandardInterface};
use library::Opened;

/// What is told when a rank is not heard of any more.
pub(crate) type Lost = Box<dyn Fn(&str) + Send>;

/// Joins the processes of a launcher.
pub(crate) fn join(launcher: &Launcher, lost: Lost) -> Result<Box<dyn Transport>, RankError> {
    let opened = library::open(launcher)?;
    match opened.interface {
        library::InterfaceKind::OpenMpi => start::<OpenMpiInterface>(launcher, opened, lost),
        library::InterfaceKind::Mpich => start::<MpichInterface>(launcher, opened, lost),
        library::InterfaceKind::Standard => start::<StandardInterface>(launcher, opened, lost),
    }
}

fn start<I: Interface>(
    launcher: &Launcher,
    opened: Opened,
    lost: Lost,
) -> Result<Box<dyn Transport>, RankError> {
    let Opened { name, version, library, .. } = opened;
    let functions = Functions::<I>::of(library).map_err(|error| {
        RankError::Join(format!("`{name}` lacks what an MPI library has: {error}; name another by {LIBRARY}"))
    })?;
    let (rank, count) = functions.initialise()?;
    if count != launcher.count {
        // Each process would work as if it were alone, in the same folder.
        return Err(RankError::Join(format!(
            "{} started {} processes, and `{name}` ({version}) sees {count}: it belongs to another MPI than the launcher; name \
             the launcher's library by {LIBRARY}{}",
            launcher.kind.name(),
            launcher.count,
            if launcher.kind == crate::launcher::Kind::Slurm {
                ", or start with `srun --mpi=pmix` or `srun --mpi=pmi2`"
            } else {
                ""
            }
        )));
    }
    transport::Mpi::start(functions, rank, count, lost).map(|mpi| Box::new(mpi) as Box<dyn Transport>)
}
