//! Functions of an MPI library.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

use libloading::os::unix::Library;

use super::interface::{Handles, Interface};
use crate::RankError;

type Init = unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int;
type Finalize = unsafe extern "C" fn() -> c_int;
type OfWorld<H> = unsafe extern "C" fn(H, *mut c_int) -> c_int;
type SetErrhandler<H> = unsafe extern "C" fn(H, H) -> c_int;
type Isend<H> = unsafe extern "C" fn(*const c_void, c_int, H, c_int, c_int, H, *mut H) -> c_int;
type Irecv<H> = unsafe extern "C" fn(*mut c_void, c_int, H, c_int, c_int, H, *mut H) -> c_int;
type Testall<H> = unsafe extern "C" fn(c_int, *mut H, *mut c_int, *mut c_void) -> c_int;
type Iprobe<H> = unsafe extern "C" fn(c_int, c_int, H, *mut c_int, *mut c_void) -> c_int;
type Abort<H> = unsafe extern "C" fn(H, c_int) -> c_int;
type ErrorString = unsafe extern "C" fn(c_int, *mut c_char, *mut c_int) -> c_int;

/// The functions that are used, with the handles of their library, which stays open.
///
/// None of them may be called by two threads at once, since MPI is asked for `MPI_THREAD_SERIALIZED`: callers hold a lock.
#[derive(Debug)]
pub(crate) struct Functions<I: Interface> {
    init: Init,
    finalize: Finalize,
    rank: OfWorld<I::Handle>,
    size: OfWorld<I::Handle>,
    set_errhandler: SetErrhandler<I::Handle>,
    isend: Isend<I::Handle>,
    irecv: Irecv<I::Handle>,
    testall: Testall<I::Handle>,
    iprobe: Iprobe<I::Handle>,
    abort: Abort<I::Handle>,
    error_string: ErrorString,
    handles: Handles<I::Handle>,
    _library: Library,
}

// SAFETY: handles name objects of the library, which any thread may use, one at a time.
unsafe impl<I: Interface> Send for Functions<I> {}
// SAFETY: as above.
unsafe impl<I: Interface> Sync for Functions<I> {}

/// Messages under way. Their memory has to stay until all of them are done.
pub(crate) struct Requests<I: Interface>(Vec<I::Handle>);

impl<I: Interface> Requests<I> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }
}

// SAFETY: as for the functions.
unsafe impl<I: Interface> Send for Requests<I> {}

/// The most bytes of one message: MPI counts them in an `int`.
const MESSAGE: usize = 1 << 30;

impl<I: Interface> Functions<I> {
    /// The functions of a library.
    pub(crate) fn of(library: Library) -> Result<Self, libloading::Error> {
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the function has this signature in the interface that the library was found to have.
                *unsafe { library.get($name) }?
            };
        }
        Ok(Self {
            init: function!("MPI_Init_thread"),
            finalize: function!("MPI_Finalize"),
            rank: function!("MPI_Comm_rank"),
            size: function!("MPI_Comm_size"),
            set_errhandler: function!("MPI_Comm_set_errhandler"),
            isend: function!("MPI_Isend"),
            irecv: function!("MPI_Irecv"),
            testall: function!("MPI_Testall"),
            iprobe: function!("MPI_Iprobe"),
            abort: function!("MPI_Abort"),
            error_string: function!("MPI_Error_string"),
            handles: I::handles(&library)?,
            _library: library,
        })
    }

    /// Starts MPI. Returns the number of this process and that of all.
    pub(crate) fn initialise(&self) -> Result<(usize, usize), RankError> {
        let (mut provided, mut rank, mut size) = (0, 0, 0);
        // SAFETY: MPI is started once in a process, and may be started without its arguments.
        self.check(unsafe {
            (self.init)(ptr::null_mut(), ptr::null_mut(), I::SERIALIZED, &raw mut provided)
        })?;
        if provided < I::SERIALIZED {
            return Err(RankError::Join(
                "MPI's library was built without support for threads (MPI_THREAD_SERIALIZED); use another"
                    .into(),
            ));
        }
        // SAFETY: MPI is started; errors are codes from now on, where they ended the process before.
        self.check(unsafe { (self.set_errhandler)(self.handles.world, self.handles.errors_return) })?;
        // SAFETY: both write one number.
        self.check(unsafe { (self.rank)(self.handles.world, &raw mut rank) })?;
        // SAFETY: as above.
        self.check(unsafe { (self.size)(self.handles.world, &raw mut size) })?;
        Ok((rank as usize, size as usize))
    }

    /// Begins to send bytes to a rank.
    ///
    /// # Safety
    /// The bytes have to stay until the requests are done.
    pub(crate) unsafe fn send(
        &self,
        bytes: &[u8],
        rank: usize,
        tag: c_int,
        requests: &mut Requests<I>,
    ) -> Result<(), RankError> {
        for part in bytes.chunks(MESSAGE) {
            let mut request = self.handles.no_request;
            // SAFETY: the caller keeps the bytes, and the length is theirs.
            self.check(unsafe {
                (self.isend)(
                    part.as_ptr().cast(),
                    part.len() as c_int,
                    self.handles.byte,
                    rank as c_int,
                    tag,
                    self.handles.world,
                    &raw mut request,
                )
            })?;
            requests.0.push(request);
        }
        Ok(())
    }

    /// Begins to receive bytes from a rank.
    ///
    /// # Safety
    /// The bytes have to stay, and may not be read, until the requests are done.
    pub(crate) unsafe fn receive(
        &self,
        bytes: &mut [u8],
        rank: usize,
        tag: c_int,
        requests: &mut Requests<I>,
    ) -> Result<(), RankError> {
        for part in bytes.chunks_mut(MESSAGE) {
            let mut request = self.handles.no_request;
            // SAFETY: the caller keeps the bytes, and the length is theirs.
            self.check(unsafe {
                (self.irecv)(
                    part.as_mut_ptr().cast(),
                    part.len() as c_int,
                    self.handles.byte,
                    rank as c_int,
                    tag,
                    self.handles.world,
                    &raw mut request,
                )
            })?;
            requests.0.push(request);
        }
        Ok(())
    }

    /// Whether all requests are done, with what there is to do for them meanwhile.
    pub(crate) fn are_done(&self, requests: &mut Requests<I>) -> Result<bool, RankError> {
        if requests.0.is_empty() {
            return Ok(true);
        }
        let mut flag = 0;
        let ignore = I::IGNORE_STATUS as *mut c_void;
        // SAFETY: the requests are those that `send` and `receive` made, and no status is written.
        self.check(unsafe {
            (self.testall)(requests.0.len() as c_int, requests.0.as_mut_ptr(), &raw mut flag, ignore)
        })?;
        if flag != 0 {
            requests.0.clear();
        }
        Ok(flag != 0)
    }

    /// Whether a message of a rank is there to be received.
    pub(crate) fn has_message(&self, rank: usize, tag: c_int) -> Result<bool, RankError> {
        let mut flag = 0;
        let ignore = I::IGNORE_STATUS as *mut c_void;
        // SAFETY: one number is written, and no status.
        self.check(unsafe { (self.iprobe)(rank as c_int, tag, self.handles.world, &raw mut flag, ignore) })?;
        Ok(flag != 0)
    }

    /// Ends all processes.
    pub(crate) fn abort(&self, code: u8) {
        // SAFETY: MPI is started.
        unsafe { (self.abort)(self.handles.world, c_int::from(code)) };
    }

    /// Ends MPI.
    pub(crate) fn finalize(&self) -> Result<(), RankError> {
        // SAFETY: MPI is started, and every message that was sent was received.
        self.check(unsafe { (self.finalize)() })
    }

    /// An error for any code but success.
    fn check(&self, code: c_int) -> Result<(), RankError> {
        /// `MPI_MAX_ERROR_STRING`, the largest of the interfaces.
        const MAX: usize = 1024;
        if code == 0 {
            return Ok(());
        }
        let mut text = vec![0u8; MAX];
        let mut length: c_int = 0;
        // SAFETY: the text has room for the longest answer.
        unsafe { (self.error_string)(code, text.as_mut_ptr().cast(), &raw mut length) };
        text.truncate((length.max(0) as usize).min(MAX));
        Err(RankError::Exchange(String::from_utf8_lossy(&text).into_owned()))
    }
}
