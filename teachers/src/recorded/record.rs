//! Recorded outputs as a teacher.

use std::path::Path;

use alambic_models::Outline;
use indexmap::IndexMap;

use crate::TeacherError;
use crate::generation_record::GenerationRecord;
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher};

/// Teacher whose outputs were recorded.
#[derive(Debug)]
pub struct RecordedTeacher {
    records: Vec<GenerationRecord>,
    /// Record and row of each request.
    places: IndexMap<GenerationRequest, (usize, usize)>,
}

impl RecordedTeacher {
    /// Reads records of one teacher.
    ///
    /// # Errors
    /// When there is none, a file cannot be read or a line is broken, or two were made with other weights or settings.
    pub fn read<P: AsRef<Path>>(paths: &[P]) -> Result<Self, TeacherError> {
        let records: Vec<GenerationRecord> =
            paths.iter().map(|path| GenerationRecord::read(path.as_ref())).collect::<Result<_, _>>()?;
        let Some(first) = records.first() else { return Err(TeacherError::NoRecord) };
        let stale =
            |record: &GenerationRecord, part| TeacherError::Stale { path: record.path().to_owned(), part };
        for record in &records {
            if record.rows().is_empty() {
                return Err(TeacherError::Record {
                    path: record.path().to_owned(),
                    line: 1,
                    message: "the record holds no chunk that was written to its end".into(),
                });
            }
            if record.fingerprint().weights != first.fingerprint().weights {
                return Err(stale(record, "weights"));
            }
            if record.fingerprint().settings != first.fingerprint().settings {
                return Err(stale(record, "settings"));
            }
        }
        let mut places = IndexMap::new();
        for (number, record) in records.iter().enumerate() {
            for (row, (request, _)) in record.rows().iter().enumerate() {
                places.entry(request.clone()).or_insert((number, row));
            }
        }
        Ok(Self { records, places })
    }
}

impl Teacher for RecordedTeacher {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        let written = requests
            .iter()
            .map(|request| match self.places.get(request) {
                Some(&(record, row)) => Ok(self.records[record].rows()[row].1.clone()),
                None => Err(TeacherError::Unrecorded {
                    path: self.records[0].path().to_owned(),
                    text: request.text.clone(),
                    language: request.language.clone(),
                }),
            })
            .collect::<Result<_, _>>()?;
        progress(requests.len());
        Ok(written)
    }

    fn outline(&self) -> Option<&Outline> {
        None
    }

    fn weights_digest(&self) -> String {
        self.records[0].fingerprint().weights.clone()
    }

    fn generation_settings(&self) -> String {
        self.records[0].fingerprint().settings.clone()
    }
}
