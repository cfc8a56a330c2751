//! What can be known of models before any is trained or its weights are read.

use std::path::Path;
use std::rc::Rc;

use alambic_losses::Term;
use alambic_models::bert::Task;
use alambic_models::{Config, ModelError, ModelFolder, Outline, Tokenizer};
use alambic_settings::IndexMap;
use alambic_students::{Donor, Student, StudentError, Surroundings, detector_of};
use alambic_teachers::TeacherOptions;
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

use super::Checker;
use crate::schema::{Recipe, StageOptions};

/// A model as far as its headers, or its recipe, tell.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    pub(crate) config: Config,
    pub(crate) tokenizer: Rc<Tokenizer>,
    /// Whether it has a detector that finds the regions that it reads.
    pub(crate) detector: bool,
}

/// The models known so far: those in folders, and those that the stages looked at already will train.
#[derive(Debug, Default)]
pub(crate) struct Sketches {
    /// Checkpoints in folders, by the name of their teacher.
    pub(crate) folders: IndexMap<String, Sketch>,
    /// Students after each stage, by the name of the stage.
    pub(crate) stages: IndexMap<String, Sketch>,
}

impl Sketches {
    /// The checkpoint of a name.
    pub(crate) fn checkpoint(&self, recipe: &Recipe, name: &str) -> Option<&Sketch> {
        match recipe.teacher.get(name)? {
            TeacherOptions::Checkpoint(options) => match &options.stage {
                Some(stage) => self.stages.get(&stage.value),
                None => self.folders.get(name),
            },
            _ => None,
        }
    }

    /// The (last) model of a teacher, whose taps and vocabulary are the teacher's.
    pub(crate) fn teacher(&self, recipe: &Recipe, name: &str) -> Option<&Sketch> {
        match recipe.teacher.get(name)? {
            TeacherOptions::Pipeline(options) => self.checkpoint(recipe, &options.chain.last()?.teacher),
            _ => self.checkpoint(recipe, name),
        }
    }

    /// A student's configuration over a vocabulary, for a task.
    pub(crate) fn configure(
        &self,
        recipe: &Recipe,
        student: &Student,
        tokenizer: &Tokenizer,
        task: &Task,
    ) -> Result<Config, StudentError> {
        let donor = |name: &str| {
            let config = self.checkpoint(recipe, name)?.config.clone();
            Some(Donor { config, weights: Weights::new(), tokenizer: None })
        };
        let streams = Streams::new(recipe.seed);
        student.inner().config(&Surroundings { tokenizer, task, streams, donor: &donor, translations: &[] })
    }
}

impl Checker<'_> {
    /// The loss terms of a stage, bound to what is known of its student and teacher; those that do not fit are left out.
    pub(crate) fn terms(&self, options: &StageOptions, student: &Sketch) -> Vec<Term> {
        let (student, teacher) = (student.config.outline(), self.outline_of_teacher(options));
        options.loss.iter().filter_map(|loss| loss.inner().bind(&student, teacher.as_ref()).ok()).collect()
    }

    /// The form of a stage's teacher, if it has one.
    pub(crate) fn outline_of_teacher(&self, options: &StageOptions) -> Option<Outline> {
        options.teacher.as_ref().map(|name| {
            let sketch = self.sketches.teacher(self.recipe, name);
            // Recorded outputs have no form of their own; terms that the check let pass read no taps of it.
            sketch.map_or_else(Outline::default, |sketch| sketch.config.outline())
        })
    }
}

/// Looks at a model folder: its configuration, the head of its weights, its tokenizer. Beside the model there is what is said
/// of tensors that are not read.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn inspect(path: &Path) -> Result<(Sketch, Option<String>), Vec<String>> {
    let said = |error: ModelError| vec![error.to_string()];
    let folder = ModelFolder::open(path).map_err(said)?;
    let (config, mut errors) = match Config::open(&folder) {
        Ok(config) => (Some(config), Vec::new()),
        // Weights and tokenizer may be looked at all the same.
        Err(ModelError::Faults(faults)) => (None, faults),
        Err(error) => return Err(said(error)),
    };
    match (folder.weight_shapes(), &config) {
        (Ok(found), Some(config)) => errors.extend(misfit(config, &found, &folder)),
        (Ok(_), None) => {}
        (Err(error), _) => errors.push(error.to_string()),
    }
    match (folder.tokenizer(), config) {
        (Ok(_), None) => {}
        (Ok(tokenizer), Some(config)) => {
            errors.extend(tokenizer.check_rows(config.vocabulary()).err().map(|error| error.to_string()));
            if errors.is_empty() {
                let unread = config.unread(&folder).map_err(said)?;
                let detector = detector_of(path).is_some();
                let config = config.of_tokens(tokenizer.rows());
                return Ok((Sketch { config, tokenizer: Rc::new(tokenizer), detector }, unread));
            }
        }
        (Err(error), _) => errors.push(error.to_string()),
    }
    Err(errors)
}

/// Where the tensors of a file are not those of the configuration; the first one speaks for all.
fn misfit(config: &Config, found: &IndexMap<String, Vec<usize>>, folder: &ModelFolder) -> Option<String> {
    let misfits = config.misfits(found);
    let first = misfits.first()?;
    let more = match misfits.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more do not fit"),
    };
    let files = folder.weight_files().unwrap_or_default();
    let file = files.first().map_or_else(String::new, |file| file.display().to_string());
    Some(format!("{file}: {first}{more}"))
}
