//! Languages in which student and teacher read.

use alambic_settings::At;

/// The languages in which questions are asked; none for the corpora's own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InputLanguages<'o> {
    pub(crate) student: &'o [At<String>],
    pub(crate) teacher: Option<&'o At<String>>,
}

impl InputLanguages<'_> {
    /// Whether student and teacher are asked in the same language.
    pub(crate) fn are_same(self) -> bool {
        match (self.student, self.teacher) {
            ([], None) => true,
            ([own], Some(other)) => own.value == other.value,
            _ => false,
        }
    }
}
