//! Names of models and trainings that are no stage's.

/// The training of a baseline from the teacher's weights that the student starts from, too.
pub(crate) const SAME_START: &str = "baseline-same-start";
/// The training of a baseline from random weights, where the student starts from a teacher's.
pub(crate) const FROM_SCRATCH: &str = "baseline-scratch";
/// The student as it was before any training.
pub(crate) const UNTRAINED: &str = "untrained";
/// The baseline of questions about images that does not see the image.
pub(crate) const QUESTION_ONLY: &str = "question-only";
/// The evaluation behind all trainings, as observers hear it.
pub(crate) const EVALUATION: &str = "evaluation";
