//! Taps that the terms of a stage read.

use alambic_losses::Term;
use alambic_models::TapSelection;
use indexmap::IndexSet;

/// Taps of student and teacher, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taps {
    pub(crate) student: Vec<String>,
    pub(crate) teacher: Vec<String>,
    /// Whether padding counts in a term.
    reads_padding: bool,
}

impl Taps {
    /// Those that terms read.
    pub(crate) fn of<'t>(terms: impl IntoIterator<Item = &'t Term>) -> Self {
        let terms: Vec<&Term> = terms.into_iter().collect();
        let all = |taps: fn(&Term) -> &Vec<String>| -> Vec<String> {
            let taps: IndexSet<&String> = terms.iter().flat_map(|term| taps(term)).collect();
            taps.into_iter().cloned().collect()
        };
        Self {
            student: all(|term| &term.student_taps),
            teacher: all(|term| &term.teacher_taps),
            reads_padding: terms.iter().any(|term| term.reads_padding),
        }
    }

    /// One tap of the teacher alone.
    pub(crate) fn of_teacher_alone(tap: &str) -> Self {
        Self { teacher: vec![tap.to_owned()], ..Self::default() }
    }

    /// What the student's pass records.
    pub(crate) fn of_student(&self) -> TapSelection {
        self.selection(&self.student)
    }

    /// What the teacher's pass records.
    pub(crate) fn of_teacher(&self) -> TapSelection {
        self.selection(&self.teacher)
    }

    fn selection(&self, taps: &[String]) -> TapSelection {
        let named = TapSelection::named(taps.iter().cloned());
        if self.reads_padding { named.with_padding() } else { named }
    }
}
