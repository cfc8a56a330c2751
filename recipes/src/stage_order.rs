//! Stages and the students that they train.

use alambic_students::Student;

use crate::error::RunError;
use crate::schema::{Recipe, StageOptions};

/// The options of a stage.
pub(crate) fn stage_options<'a>(recipe: &'a Recipe, stage: &str) -> Result<&'a StageOptions, RunError> {
    recipe
        .stage
        .get(stage)
        .ok_or_else(|| RunError::Recipe(format!("there is no stage `{stage}` under `stage`")))
}

/// The name of the student that a stage trains.
pub(crate) fn student_of(recipe: &Recipe, stage: &str) -> Result<String, RunError> {
    match &stage_options(recipe, stage)?.student {
        Some(name) => Ok(name.value.clone()),
        None => match recipe.model.keys().collect::<Vec<_>>().as_slice() {
            [only] => Ok((*only).clone()),
            _ => Err(RunError::Recipe(format!(
                "stage `{stage}` must name its `student`: there is not just one"
            ))),
        },
    }
}

/// The options of a student.
pub(crate) fn student_options<'a>(recipe: &'a Recipe, name: &str) -> Result<&'a Student, RunError> {
    recipe
        .model
        .get(name)
        .ok_or_else(|| RunError::Recipe(format!("there is no model `{name}` under `model`")))
}

/// The label of the last earlier stage that trains the same student.
pub(crate) fn previous(recipe: &Recipe, stage: &str, suffix: &str) -> Result<Option<String>, RunError> {
    let student = student_of(recipe, stage)?;
    let mut before = None;
    for other in recipe.stages.iter().take_while(|other| other.value != stage) {
        if student_of(recipe, other)? == student {
            before = Some(format!("{}{suffix}", other.value));
        }
    }
    Ok(before)
}
