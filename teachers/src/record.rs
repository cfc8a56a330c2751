//! Records of what a teacher wrote.

use std::path::Path;

use crate::ledger::Ledger;
use crate::{Fingerprint, Request, Teacher, TeacherError, Written};

/// Requests between two writes to the file; a run that is stopped loses at most these.
const CHUNK: usize = 2048;

impl Fingerprint {
    /// Of what a teacher would write for these requests.
    #[must_use]
    pub fn of(teacher: &dyn Teacher, requests: &[Request]) -> Self {
        let parts = requests.iter().map(|request| [request.text.as_str(), request.language.as_str()]);
        Self { weights: teacher.weights_digest(), data: Self::of_data(parts), settings: teacher.settings() }
    }
}

/// What a teacher wrote, kept in a file.
pub type Record = Ledger<Request, Written>;

impl Record {
    /// What the teacher wrote for the requests, read from the record as far as it goes, and written on from there. A
    /// record that was cut off comes out as one written in a single run. `progress` hears how many were read, then how
    /// many more are done.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the record was made of something else; any error of the teacher or the file.
    pub fn complete(
        path: &Path,
        teacher: &dyn Teacher,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError> {
        let fingerprint = Fingerprint::of(teacher, requests);
        let mut write = |chunk: &[Request], progress: &mut dyn FnMut(usize)| teacher.write(chunk, progress);
        Self::complete_by(path, fingerprint, requests, CHUNK, &mut write, progress)
    }
}
