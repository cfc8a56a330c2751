//! Students before training.

use alambic_models::text_encoder::HeadSpec;
use alambic_models::{ModelFolder, Tokenizer};
use alambic_students::{BuildContext, InitialModel, Student};
use alambic_tensor::Streams;

use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::finished_folder;
use crate::schema::Recipe;
use crate::stage_order::{stage_options, student_of, student_options};
use crate::tasks::task::Task;

/// Inputs of a student's construction.
pub(crate) struct BuildInputs<'a> {
    pub(crate) student: &'a Student,
    pub(crate) task: &'a dyn Task,
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) head: &'a HeadSpec,
    pub(crate) streams: Streams,
}

/// Builds a student as the recipe declares it.
pub(crate) fn build_student(
    context: &RunContext<'_>,
    inputs: &BuildInputs<'_>,
) -> Result<InitialModel, RunError> {
    let models = context.models.source_models(inputs.student)?;
    let source_model = |name: &str| models.get(name).cloned();
    let texts = inputs.task.transfer_texts(&context.corpora)?;
    let build_context = BuildContext {
        tokenizer: inputs.tokenizer,
        head: inputs.head,
        streams: inputs.streams,
        source_model: &source_model,
        texts: &texts.all,
        translations: &texts.translations,
    };
    Ok(inputs.student.inner().build(&build_context)?)
}

/// The last stage's student as it was before any training, by the first seed, with the vocabulary and the head of the trained
/// one, whose folder stands next to it.
pub(crate) fn untrained(
    recipe: &Recipe,
    context: &RunContext<'_>,
) -> Result<(InitialModel, ModelFolder), RunError> {
    let last = recipe.stages.last().ok_or_else(|| RunError::Recipe("there is no stage".into()))?;
    let task = stage_options(recipe, last)?.data.task();
    let student = student_options(recipe, &student_of(recipe, last)?)?;
    let folder = ModelFolder::open(&finished_folder(context.folder.path(), last))?;
    let (tokenizer, head) = (folder.tokenizer()?, task.head(&context.corpora)?);
    let streams = Streams::new(recipe.seed);
    let inputs = BuildInputs { student, task, tokenizer: &tokenizer, head: &head, streams };
    Ok((build_student(context, &inputs)?, folder))
}
