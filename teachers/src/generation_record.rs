//! Records of generated texts.

use alambic_ranks::Ranks;
use std::path::Path;

use crate::TeacherError;
use crate::append_only_cache::{AppendOnlyCache, Fingerprint};
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher};

/// Requests between two writes to the file; a run that is stopped loses at most these.
const CHUNK: usize = 2048;

impl Fingerprint {
    /// Fingerprint of a teacher's outputs for requests.
    #[must_use]
    pub fn of(teacher: &dyn Teacher, requests: &[GenerationRequest]) -> Self {
        let parts = requests.iter().map(|request| [request.text.as_str(), request.language.as_str()]);
        Self {
            weights: teacher.weights_digest(),
            data: Self::of_data(parts),
            settings: teacher.generation_settings(),
        }
    }
}

/// Record of generated texts in a file.
pub type GenerationRecord = AppendOnlyCache<GenerationRequest, GenerationOutput>;

impl GenerationRecord {
    /// The teacher's outputs for the requests, read from the record as far as it goes, and generated and appended from there. A
    /// record that was interrupted ends as one of a single run. `progress` gets the number of requests read, then the numbers
    /// of those done. Ranks share the work; each of them has to ask for it.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the record has another fingerprint; any error of the teacher or the file.
    pub fn complete(
        path: &Path,
        teacher: &dyn Teacher,
        requests: &[GenerationRequest],
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        let fingerprint = Fingerprint::of(teacher, requests);
        let mut generate =
            |chunk: &[GenerationRequest], progress: &mut dyn FnMut(usize)| teacher.generate(chunk, progress);
        Self::complete_with(path, fingerprint, requests, CHUNK, ranks, &mut generate, progress)
    }
}
