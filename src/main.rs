//! The program: the command line, with an allocator for training.

use std::process::ExitCode;

// Training allocates and frees large buffers all the time. The system allocator gives their pages back and has them
// zeroed anew, which would dominate a step.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// mimalloc's `mi_option_purge_delay`, which its bindings leave out.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

fn main() -> ExitCode {
    // SAFETY: this is the first thing that the program does; there is no second thread yet.
    unsafe { alambic_tensor::threads::limit_candle_threads() };
    // Pages that a step frees are kept for the next: given back, they would be cleared anew, a tenth of the time.
    // SAFETY: sets one number, before there is a second thread.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, -1) };
    alambic::command_line(std::env::args_os(), &[])
}
