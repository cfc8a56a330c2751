//! Computing threads.

use crate::TensorError;

/// Environment variable for the number of candle's own threads.
const CANDLE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Runs `work` over `threads` computing threads, or one for each processor, and itself on one of them.
///
/// Started from any other thread, every parallel operation would wake the computing threads and put its caller to
/// sleep, some hundreds of times in a training step.
///
/// # Errors
/// When the threads cannot be started.
pub fn install<R: Send>(threads: Option<usize>, work: impl FnOnce() -> R + Send) -> Result<R, TensorError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .build()
        .map_err(|error| TensorError::Threads(error.to_string()))?;
    Ok(pool.install(work))
}

/// Limits candle to the calling thread in its element-wise operations, unless the environment says otherwise.
///
/// candle 0.11.1 has threads for them beside rayon's. They spin while they wait for work, on processors that the
/// computing threads could use: on two processors that cost a fifth of a training step.
///
/// # Safety
/// To be called first thing in `main`, before there is a second thread: it sets an environment variable.
pub unsafe fn limit_candle_threads() {
    if std::env::var_os(CANDLE_THREADS).is_none() {
        // SAFETY: the caller says that no other thread could be reading the environment.
        unsafe { std::env::set_var(CANDLE_THREADS, "1") };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_on_one_of_as_many_threads_as_asked_for() {
        let (threads, index) =
            install(Some(3), || (rayon::current_num_threads(), rayon::current_thread_index())).unwrap();
        assert_eq!(threads, 3);
        assert!(index.is_some());
    }
}
