//! The process of a bench, set up as the program sets up its own.

use alambic_tensor::threads;

// The allocator of the program, which keeps pages as it does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`, which its bindings leave out.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps candle's threads from spinning, and the allocator from giving pages back.
///
/// # Safety
/// To be called before there is a second thread.
pub(crate) unsafe fn set_up() {
    // SAFETY: the caller says that there is no second thread yet.
    unsafe { threads::limit_candle_threads() };
    // SAFETY: sets one number, before there is a second thread.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) };
}
