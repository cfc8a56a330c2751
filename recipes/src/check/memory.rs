//! Students that are larger than the machine.

use alambic_reports::numbers::thousands;
use alambic_settings::Diagnostic;

use super::checker::Checker;
use super::model_info::ModelInfo;
use crate::machine::{GIB, memory_bytes};

/// Bytes of a number of 32 bits.
const NUMBER: u64 = 4;

/// Numbers that a training holds for each parameter: the weight, its gradient and two moments.
const HELD: u64 = 4;

impl Checker<'_> {
    /// Reports a student whose weights are larger than the machine's memory, and warns of one whose training is.
    pub(super) fn check_memory(&mut self, student: &str, info: &ModelInfo) {
        let Some(memory) = memory_bytes() else { return };
        let parameters = info.config.parameters() as u64;
        let weights = parameters.saturating_mul(NUMBER);
        let training = weights.saturating_mul(HELD);
        if training <= memory {
            return;
        }
        let origin = self.places.key_origin(&["model", student]);
        let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / GIB);
        let label = format!("{} parameters", thousands(parameters));
        let help = "make it smaller: fewer layers, a smaller width or vocabulary";
        self.report(if weights > memory {
            let message = format!(
                "the weights of student `{student}` take {}, and this machine has {}",
                gib(weights),
                gib(memory)
            );
            Diagnostic::error("student::memory", message).label(&origin, label).help(help)
        } else {
            let message = format!(
                "to train student `{student}` takes {} at least (weights, gradients and two moments), and this machine \
                 has {}",
                gib(training),
                gib(memory)
            );
            Diagnostic::warning("student::memory", message).label(&origin, label).help(help)
        });
    }
}
