//! Trainings of the student without a teacher.

use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_students::Student;

use crate::names::{FROM_SCRATCH, SAME_START};
use crate::schema::{BaselineOptions, BaselineStart, Recipe};

/// Training of the student without a teacher.
pub(crate) struct BaselineTraining<'a> {
    /// Its name, as observers hear it.
    pub(crate) name: &'static str,
    /// Its table of the recipe: `baseline` or `upper-bound`.
    pub(crate) table: &'static str,
    pub(crate) options: &'a BaselineOptions,
    /// Whether it starts from random weights, and not as the student does.
    pub(crate) is_random: bool,
}

/// The trainings of a student without a teacher, in the order in which they run. Where the student starts from a teacher's
/// weights, the baseline is trained once from these, unless it is told otherwise, and once from random ones, and the upper bound from these.
pub(crate) fn baseline_trainings<'a>(recipe: &'a Recipe, student: &Student) -> Vec<BaselineTraining<'a>> {
    let mut trainings = Vec::new();
    let mut add = |name, table, options: &'a Option<BaselineOptions>| {
        let is_random = name == FROM_SCRATCH;
        trainings.extend(options.iter().map(|options| BaselineTraining { name, table, options, is_random }));
    };
    if student.inner().has_source_weights() {
        if recipe.baseline.as_ref().is_some_and(|own| own.start == BaselineStart::Both) {
            add(SAME_START, BASELINE, &recipe.baseline);
        }
        add(FROM_SCRATCH, BASELINE, &recipe.baseline);
    } else {
        add(BASELINE, BASELINE, &recipe.baseline);
    }
    add(UPPER_BOUND, UPPER_BOUND, &recipe.upper_bound);
    trainings
}
