//! Names of teachers, and whether they are there in time.

use alambic_settings::{At, Diagnostic};
use alambic_teachers::TeacherOptions;

use super::checker::Checker;

impl Checker<'_> {
    /// Reports a teacher that is not declared. True if it is.
    pub(crate) fn check_declared(&mut self, teacher: &At<String>) -> bool {
        let known: Vec<&str> = self.models.teachers.keys().map(String::as_str).collect();
        let found = known.contains(&teacher.as_str());
        if !found {
            self.unknown("teacher", "teacher", teacher, &known);
        }
        found
    }

    /// Reports a teacher that is named where only a checkpoint will do.
    pub(crate) fn report_kind(&mut self, name: &At<String>, kind: &str) {
        let message = format!("teacher `{}` is a {kind}, and a checkpoint is needed here", name.value);
        let declared = self.places.key_origin(&["teacher", &name.value]);
        self.report(
            Diagnostic::error("teacher::kind", message)
                .label(&name.origin, "must be a checkpoint")
                .label(&declared, format!("declared as a {kind} here")),
        );
    }

    /// Reports a checkpoint that is named where it is none or is not declared. True if it is one.
    pub(crate) fn check_checkpoint(&mut self, name: &At<String>) -> bool {
        match self.models.teachers.get(&name.value) {
            Some(TeacherOptions::Checkpoint(_)) => return true,
            Some(other) => self.report_kind(name, other.name()),
            None => {
                let known: Vec<&str> = self.models.teachers.keys().map(String::as_str).collect();
                self.unknown("teacher", "teacher", name, &known);
            }
        }
        false
    }

    /// Reports a teacher that is not there yet when the stage at `position` needs it.
    pub(crate) fn check_order(&mut self, teacher: &At<String>, position: usize) {
        let stages = self.stages;
        let late: Vec<At<String>> = self
            .models
            .stages_needed(teacher)
            .into_iter()
            .filter(|needed| {
                stages.iter().position(|stage| stage == *needed).is_some_and(|at| at >= position)
            })
            .cloned()
            .collect();
        for needed in late {
            let message = if stages.get(position) == Some(&needed) {
                format!("stage `{}` cannot be its own teacher", needed.value)
            } else {
                let stage = stages.get(position).map_or("", |stage| stage.as_str());
                format!("teacher `{}` is not there yet in stage `{stage}`", teacher.value)
            };
            self.report(
                Diagnostic::error("recipe::order", message)
                    .label(&teacher.origin, "named here")
                    .label(
                        &needed.origin,
                        format!("trained by stage `{}`, which does not come earlier", needed.value),
                    )
                    .help("a stage can use what earlier ones of `stages` trained"),
            );
        }
    }
}
