//! The choice of MPI's library.

use std::ffi::{c_char, c_int};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};

use crate::RankError;
use crate::launcher::{Kind, LIBRARY, Launcher};

/// Binary interfaces that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InterfaceKind {
    OpenMpi,
    Mpich,
    Standard,
}

/// A library that was opened.
pub(crate) struct Opened {
    /// As it was asked for.
    pub(crate) name: String,
    /// What it says of itself.
    pub(crate) version: String,
    pub(crate) interface: InterfaceKind,
    pub(crate) library: Library,
}

/// Names of libraries, with the interface that they may have.
#[cfg(not(target_os = "macos"))]
const NAMES: [(&str, Option<InterfaceKind>); 7] = [
    ("libmpi.so.40", Some(InterfaceKind::OpenMpi)),
    ("libmpi.so.12", Some(InterfaceKind::Mpich)),
    ("libmpich.so.12", Some(InterfaceKind::Mpich)),
    ("libmpi_abi.so.1", Some(InterfaceKind::Standard)),
    ("libmpi_abi.so.0", Some(InterfaceKind::Standard)),
    ("libmpi_abi.so", Some(InterfaceKind::Standard)),
    ("libmpi.so", None),
];
#[cfg(target_os = "macos")]
const NAMES: [(&str, Option<InterfaceKind>); 6] = [
    ("libmpi.40.dylib", Some(InterfaceKind::OpenMpi)),
    ("libmpi.12.dylib", Some(InterfaceKind::Mpich)),
    ("libmpi_abi.1.dylib", Some(InterfaceKind::Standard)),
    ("libmpi_abi.0.dylib", Some(InterfaceKind::Standard)),
    ("libmpi_abi.dylib", Some(InterfaceKind::Standard)),
    ("libmpi.dylib", None),
];

/// Whether a library of an interface can have been started by a launcher. The standard interface is any library's.
fn suits(launcher: &Launcher, interface: InterfaceKind) -> bool {
    match launcher.kind {
        Kind::OpenMpi => interface != InterfaceKind::Mpich,
        // Slurm speaks PMIx with Open MPI, and PMI with MPICH.
        Kind::Slurm if launcher.has_pmix => true,
        Kind::Pmi | Kind::Slurm => interface != InterfaceKind::OpenMpi,
    }
}

/// The library that the environment names, or the first that is there and suits the launcher.
pub(crate) fn open(launcher: &Launcher) -> Result<Opened, RankError> {
    let mut tried = Vec::new();
    let named = std::env::var(LIBRARY).ok();
    let candidates: Vec<(&str, Option<InterfaceKind>)> = match &named {
        Some(name) => vec![(name.as_str(), None)],
        None => NAMES.to_vec(),
    };
    for (name, expected) in candidates {
        if expected.is_some_and(|expected| !suits(launcher, expected)) {
            continue;
        }
        match open_one(name) {
            Ok(opened) if named.is_some() || suits(launcher, opened.interface) => return Ok(opened),
            Ok(opened) => {
                tried.push(format!("`{name}` is {}, of another kind than the launcher", opened.version));
            }
            Err(error) => tried.push(error),
        }
    }
    Err(RankError::Join(format!(
        "{} started {} processes, and MPI's library cannot be opened: {}; name it by {LIBRARY}=PATH, or start a single process, \
         or let this one work alone by {LIBRARY}=off",
        launcher.kind.name(),
        launcher.count,
        tried.join("; ")
    )))
}

/// Opens one library, or says why it cannot be used.
fn open_one(name: &str) -> Result<Opened, String> {
    // Open MPI's components look for its symbols among those of the whole process.
    // SAFETY: an MPI library runs no code when it is opened that others could get in the way of.
    let library = unsafe { Library::open(Some(name), RTLD_NOW | RTLD_GLOBAL) }
        .map_err(|error| format!("`{name}`: {error}"))?;
    let version = version(&library).map_err(|error| format!("`{name}` is no MPI library: {error}"))?;
    // SAFETY: nothing is called; whether the symbol is there is all that is asked.
    let has = |symbol: &str| unsafe { library.get::<*const ()>(symbol) }.is_ok();
    let interface = if name.contains("mpi_abi") {
        InterfaceKind::Standard
    } else if has("ompi_mpi_comm_world") {
        InterfaceKind::OpenMpi
    } else if ["MPICH", "MVAPICH", "Intel"].iter().any(|maker| version.contains(maker)) {
        InterfaceKind::Mpich
    } else {
        return Err(format!("`{name}` is `{version}`, whose interface is not known"));
    };
    Ok(Opened { name: name.to_owned(), version, interface, library })
}

/// The first line of what a library says of itself. It may be asked before MPI is initialised.
fn version(library: &Library) -> Result<String, libloading::Error> {
    /// `MPI_MAX_LIBRARY_VERSION_STRING`, the largest of the interfaces.
    const MAX: usize = 8192;
    type GetVersion = unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int;
    // SAFETY: the function has this signature in every interface.
    let get = unsafe { library.get::<GetVersion>("MPI_Get_library_version") }?;
    let mut text = vec![0u8; MAX];
    let mut length: c_int = 0;
    // SAFETY: the text has room for the longest answer.
    unsafe { get(text.as_mut_ptr().cast(), &raw mut length) };
    text.truncate((length.max(0) as usize).min(MAX));
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().split(',').next().unwrap_or_default();
    Ok(line.trim_matches(['\0', ' ']).to_owned())
}
