//! Binary interfaces of MPI libraries: the type of their handles and the values of their constants.

use std::ffi::{c_int, c_void};
use std::fmt::Debug;

use libloading::os::unix::{Library, Symbol};

/// The handles that are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handles<H> {
    /// `MPI_COMM_WORLD`.
    pub(crate) world: H,
    /// `MPI_BYTE`.
    pub(crate) byte: H,
    /// `MPI_REQUEST_NULL`.
    pub(crate) no_request: H,
    /// `MPI_ERRORS_RETURN`.
    pub(crate) errors_return: H,
}

/// A binary interface.
pub(crate) trait Interface: Debug + Send + Sync + 'static {
    /// A communicator, a data type, a request or a handler of errors.
    type Handle: Copy + Debug + 'static;

    /// `MPI_THREAD_SERIALIZED`.
    const SERIALIZED: c_int;

    /// `MPI_STATUS_IGNORE` and `MPI_STATUSES_IGNORE`, which are the same in each of them.
    const IGNORE_STATUS: usize;

    /// The handles of a library of this interface.
    fn handles(library: &Library) -> Result<Handles<Self::Handle>, libloading::Error>;
}

/// Interface of Open MPI 1.7 to 5, `ompi/include/mpi.h`: handles are the addresses of exported objects.
#[derive(Debug)]
pub(crate) struct OpenMpiInterface;

impl Interface for OpenMpiInterface {
    type Handle = *mut c_void;
    const SERIALIZED: c_int = 2;
    const IGNORE_STATUS: usize = 0;

    fn handles(library: &Library) -> Result<Handles<Self::Handle>, libloading::Error> {
        // SAFETY: only the addresses of these objects are taken.
        let object = |name: &str| unsafe { library.get::<*mut c_void>(name) }.map(Symbol::as_raw_ptr);
        Ok(Handles {
            world: object("ompi_mpi_comm_world")?,
            byte: object("ompi_mpi_byte")?,
            no_request: object("ompi_request_null")?,
            errors_return: object("ompi_mpi_errors_return")?,
        })
    }
}

/// Interface that MPICH 3.1 and newer, Intel MPI, MVAPICH and Cray MPICH share, `mpi.h`: handles are numbers.
#[derive(Debug)]
pub(crate) struct MpichInterface;

impl Interface for MpichInterface {
    type Handle = c_int;
    const SERIALIZED: c_int = 2;
    const IGNORE_STATUS: usize = 1;

    fn handles(_: &Library) -> Result<Handles<Self::Handle>, libloading::Error> {
        Ok(Handles {
            world: 0x4400_0000,
            byte: 0x4c00_010d,
            no_request: 0x2c00_0000,
            errors_return: 0x5400_0001,
        })
    }
}

/// Standard interface of MPI 5.0, chapter 20: handles are numbers as wide as pointers.
#[derive(Debug)]
pub(crate) struct StandardInterface;

impl Interface for StandardInterface {
    type Handle = usize;
    const SERIALIZED: c_int = 2048;
    const IGNORE_STATUS: usize = 0;

    fn handles(_: &Library) -> Result<Handles<Self::Handle>, libloading::Error> {
        Ok(Handles { world: 0x101, byte: 0x247, no_request: 0x180, errors_return: 0x143 })
    }
}
