//! Limits of time and size of requests to a hub.

use std::time::Duration;

const MEBIBYTE: u64 = 1 << 20;

/// Limits of time and size. What goes past one ends with an error that says so; nothing of it stays in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For a connection to be made.
    pub connect_time: Duration,
    /// Between two chunks of an answer, and for its headers.
    pub read_time: Duration,
    /// For a request with all its redirects, besides what its bytes may take by [`Self::min_bytes_per_second`].
    pub request_time: Duration,
    /// The slowest that bytes may come, on the average and after [`Self::request_time`].
    pub min_bytes_per_second: u64,
    /// The most requests of one file where connections fail; the second time goes on where the first was cut.
    pub max_attempts: u32,
    /// Between two attempts.
    pub pause: Duration,
    /// Redirects of one request.
    pub max_redirects: u32,
    /// Bytes of the listing of a repository.
    pub max_listing_bytes: u64,
    /// Bytes of a configuration, a tokenizer, or an index.
    pub max_text_bytes: u64,
    /// Bytes of weights or of a file of a dataset.
    pub max_file_bytes: u64,
    /// Files of one model.
    pub max_files: usize,
    /// Time to wait for another process that fetches the same repository.
    pub wait_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_time: Duration::from_secs(20),
            read_time: Duration::from_secs(30),
            request_time: Duration::from_mins(1),
            min_bytes_per_second: 16 << 10,
            max_attempts: 4,
            pause: Duration::from_millis(500),
            max_redirects: 10,
            max_listing_bytes: 128 * MEBIBYTE,
            max_text_bytes: 256 * MEBIBYTE,
            max_file_bytes: 256 << 30,
            max_files: 4096,
            wait_time: Duration::from_hours(1),
        }
    }
}

impl Limits {
    /// The time of a request whose answer has so many bytes.
    #[must_use]
    pub fn time_for(&self, bytes: u64) -> Duration {
        self.request_time + Duration::from_secs(bytes / self.min_bytes_per_second.max(1))
    }
}
