//! Configuration and tokenizer of models before any is trained or its weights are read.

use std::path::Path;
use std::rc::Rc;

use alambic_inference::detector_folder;
use alambic_models::text_encoder::HeadSpec;
use alambic_models::{Config, ModelError, ModelFolder, Tokenizer};
use alambic_settings::{At, IndexMap};
use alambic_students::{BuildContext, SourceModel, Student, StudentError};
use alambic_teachers::{
    AnswerForm, AnsweringEndpoint, AnsweringTeacher, EnsembleOptions, RecordedTable, TeacherOptions,
};
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

/// What is known of a model by its headers or its recipe.
#[derive(Debug, Clone)]
pub(crate) struct ModelInfo {
    pub(crate) config: Config,
    pub(crate) tokenizer: Rc<Tokenizer>,
    /// Whether it has a detector that finds the regions that it reads.
    pub(crate) detector: bool,
}

/// The models known so far: those in folders, and those that the stages checked already will train.
#[derive(Debug)]
pub(crate) struct ModelInfos<'a> {
    /// The recipe's teachers.
    pub(crate) teachers: &'a IndexMap<String, TeacherOptions>,
    /// Checkpoints in folders, by the name of their teacher.
    pub(crate) folders: IndexMap<String, ModelInfo>,
    /// Tables of recorded answers, by the name of their teacher.
    pub(crate) recorded: IndexMap<String, Rc<RecordedTable>>,
    /// Models behind an API, by the name of their teacher.
    pub(crate) endpoints: IndexMap<String, Rc<AnsweringEndpoint>>,
    /// Students after each stage, by the name of the stage.
    pub(crate) stages: IndexMap<String, ModelInfo>,
}

impl<'a> ModelInfos<'a> {
    /// Of these teachers nothing is known yet.
    pub(crate) fn new(teachers: &'a IndexMap<String, TeacherOptions>) -> Self {
        Self {
            teachers,
            folders: IndexMap::new(),
            recorded: IndexMap::new(),
            endpoints: IndexMap::new(),
            stages: IndexMap::new(),
        }
    }

    /// The checkpoint of a name.
    pub(crate) fn checkpoint(&self, name: &str) -> Option<&ModelInfo> {
        match self.teachers.get(name)? {
            TeacherOptions::Checkpoint(options) => match &options.stage {
                Some(stage) => self.stages.get(&stage.value),
                None => self.folders.get(name),
            },
            _ => None,
        }
    }

    /// The (last) model of a teacher, whose taps and vocabulary are the teacher's.
    pub(crate) fn teacher(&self, name: &str) -> Option<&ModelInfo> {
        match self.teachers.get(name)? {
            TeacherOptions::Pipeline(options) => self.checkpoint(&options.chain.last()?.teacher),
            _ => self.checkpoint(name),
        }
    }

    /// Kinds of answers of a teacher that is asked about texts as they are written; none of another one, or while they are not
    /// known.
    pub(crate) fn answer_form(&self, name: &str) -> Option<AnswerForm> {
        match self.teachers.get(name)? {
            TeacherOptions::Recorded(_) | TeacherOptions::Endpoint(_) => self.own_form(name),
            TeacherOptions::Ensemble(options) => self.ensemble_form(options)?.ok(),
            TeacherOptions::Checkpoint(_) | TeacherOptions::Pipeline(_) => None,
        }
    }

    /// Kinds of answers of a table, or of a model behind an API.
    fn own_form(&self, name: &str) -> Option<AnswerForm> {
        let recorded = self.recorded.get(name).map(|table| table.form());
        recorded.or_else(|| self.endpoints.get(name).map(|endpoint| endpoint.form())).cloned()
    }

    /// Kinds of answers of an ensemble, or why there are none; nothing while a member is not known.
    pub(crate) fn ensemble_form(&self, options: &EnsembleOptions) -> Option<Result<AnswerForm, String>> {
        let member = |name: &At<String>| match self.own_form(&name.value) {
            Some(form) => Some(form),
            None => Some(AnswerForm::of_model(&self.checkpoint(name)?.config.outline())),
        };
        let forms: Vec<(&str, AnswerForm)> =
            options.members.iter().map(|name| Some((name.as_str(), member(name)?))).collect::<Option<_>>()?;
        Some(options.form(&forms))
    }

    /// The stages that must be done before a teacher is there.
    pub(crate) fn stages_needed(&self, teacher: &str) -> Vec<&At<String>> {
        match self.teachers.get(teacher) {
            Some(TeacherOptions::Checkpoint(options)) => options.stage.iter().collect(),
            Some(TeacherOptions::Pipeline(options)) => {
                options.chain.iter().filter_map(|step| self.stage_of(&step.teacher)).collect()
            }
            Some(TeacherOptions::Ensemble(options)) => {
                options.members.iter().filter_map(|member| self.stage_of(member)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The stage that trains a checkpoint.
    fn stage_of(&self, teacher: &str) -> Option<&At<String>> {
        match self.teachers.get(teacher) {
            Some(TeacherOptions::Checkpoint(options)) => options.stage.as_ref(),
            _ => None,
        }
    }

    /// A student's configuration over a vocabulary, with a head.
    pub(crate) fn configure(
        &self,
        student: &Student,
        tokenizer: &Tokenizer,
        head: &HeadSpec,
        seed: u64,
    ) -> Result<Config, StudentError> {
        let source_model = |name: &str| {
            let config = self.checkpoint(name)?.config.clone();
            Some(SourceModel { config, weights: Weights::new(), tokenizer: None })
        };
        let streams = Streams::new(seed);
        student.inner().config(&BuildContext {
            tokenizer,
            head,
            streams,
            source_model: &source_model,
            texts: &[],
            translations: &[],
        })
    }
}

/// Reads a model folder: its configuration, the head of its weights, its tokenizer. Beside the model there is a message about
/// tensors that are not read, if there are any.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn inspect(path: &Path) -> Result<(ModelInfo, Option<String>), Vec<String>> {
    let messages = |error: ModelError| vec![error.to_string()];
    let folder = ModelFolder::open(path).map_err(messages)?;
    let (config, mut errors) = match Config::open(&folder) {
        Ok(config) => (Some(config), Vec::new()),
        // Weights and tokenizer are checked all the same.
        Err(ModelError::Faults(faults)) => (None, faults),
        Err(error) => return Err(messages(error)),
    };
    match (folder.weight_shapes(), &config) {
        (Ok(found), Some(config)) => errors.extend(shape_mismatch(config, &found, &folder)),
        (Ok(_), None) => {}
        (Err(error), _) => errors.push(error.to_string()),
    }
    match (folder.tokenizer(), config) {
        (Ok(_), None) => {}
        (Ok(tokenizer), Some(config)) => {
            errors.extend(tokenizer.check_rows(config.vocabulary()).err().map(|error| error.to_string()));
            if errors.is_empty() {
                let unread = config.unused_tensors(&folder).map_err(messages)?;
                let detector = detector_folder(path).is_some();
                let config = config.trim_vocabulary(tokenizer.rows());
                return Ok((ModelInfo { config, tokenizer: Rc::new(tokenizer), detector }, unread));
            }
        }
        (Err(error), _) => errors.push(error.to_string()),
    }
    Err(errors)
}

/// Message about tensors of a file whose shapes are not those of the configuration: the first one, and how many more.
fn shape_mismatch(
    config: &Config,
    found: &IndexMap<String, Vec<usize>>,
    folder: &ModelFolder,
) -> Option<String> {
    let mismatches = config.shape_mismatches(found);
    let first = mismatches.first()?;
    let more = match mismatches.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more do not fit"),
    };
    let files = folder.weight_files().unwrap_or_default();
    let file = files.first().map_or_else(String::new, |file| file.display().to_string());
    Some(format!("{file}: {first}{more}"))
}
