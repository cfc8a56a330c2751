//! The models that a recipe names as teachers: their folders, and the teachers made of them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use alambic_data::Extent;
use alambic_files::digests::{self, Digests};
use alambic_files::write;
use alambic_hub::Hub;
use alambic_models::{Config, GenerationConfig, ModelFolder};
use alambic_settings::{At, IndexMap, Location};
use alambic_students::{SourceModel, Student, rename_tags};
use alambic_teachers::{
    AnsweringEndpoint, CheckpointOptions, EncoderTeacher, Ensemble, EnsembleMember, EnsembleOptions,
    GenerativeTeacher, MissingAnswers, Pipeline, PipelineOptions, RecordedOptions, RecordedTable,
    RecordedTeacher, Teacher, TeacherError, TeacherOptions, is_record,
};

use crate::builtin_models::builtin_model;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::folder::layout::{DETECTORS, TEACHERS, finished_folder, make_folder};
use crate::options::evaluation::EvaluationOptions;

/// A folder that is made whole or not at all, unless it is there as it was made.
fn complete(
    parent: &Path,
    folder: PathBuf,
    make: impl FnOnce(&Path) -> Result<(), RunError>,
) -> Result<PathBuf, RunError> {
    if folder.is_dir() {
        Digests::require(&folder)?.check(&folder)?;
        return Ok(folder);
    }
    let partial = write::partial(&folder);
    make_folder(parent, write::parent(&partial))?;
    write::begin_folder(&partial)?;
    make(&partial)?;
    digests::publish(&partial, &folder)?;
    Ok(folder)
}

/// A recorded teacher: a run's records of generated texts, or tables of answers.
pub(crate) fn read_recorded(options: &RecordedOptions) -> Result<Arc<dyn Teacher>, TeacherError> {
    let record = |location: &Location| match location {
        Location::File(path) if is_record(location) => Some(path.clone()),
        _ => None,
    };
    let records: Option<Vec<PathBuf>> = options.path.iter().map(record).collect();
    Ok(match records.filter(|records| !records.is_empty()) {
        Some(records) => Arc::new(RecordedTeacher::read(&records)?),
        None => Arc::new(RecordedTable::read(options, Extent::Whole)?),
    })
}

/// The models that a recipe names as teachers.
#[derive(Debug)]
pub(crate) struct ModelStore<'a> {
    teachers: &'a IndexMap<String, TeacherOptions>,
    /// The folder in which stages leave models; none where nothing is trained.
    run: Option<&'a Path>,
    /// The folder below which models are written that differ from those named.
    derived: &'a Path,
    /// Encoders in use, by their folder: one that is asked for again is not loaded twice.
    encoders: Mutex<IndexMap<PathBuf, Weak<EncoderTeacher>>>,
}

impl<'a> ModelStore<'a> {
    /// The models of a run in this folder.
    pub(crate) fn of_run(teachers: &'a IndexMap<String, TeacherOptions>, run: &'a Path) -> Self {
        Self { teachers, run: Some(run), derived: run, encoders: Mutex::default() }
    }

    /// The models of a recipe of which nothing is trained; what has to be written goes below this folder.
    pub(crate) fn without_run(teachers: &'a IndexMap<String, TeacherOptions>, derived: &'a Path) -> Self {
        Self { teachers, run: None, derived, encoders: Mutex::default() }
    }

    fn options(&self, name: &str) -> Result<&'a TeacherOptions, RunError> {
        self.teachers
            .get(name)
            .ok_or_else(|| RunError::Recipe(format!("there is no teacher `{name}` under `teacher`")))
    }

    /// The folder of a checkpoint that reads as its options say.
    fn model_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        let own = self.published_folder(name, options)?;
        if !options.has_overrides() {
            return Ok(own);
        }
        let number = blake3::hash(options.overrides().as_bytes()).to_hex();
        let folder = self.derived.join(TEACHERS).join(format!("{name}-{}", &number[..8]));
        complete(self.derived, folder, |folder| Ok(options.write_overridden(&own, folder)?))
    }

    /// The folder of a checkpoint: one that the recipe names, or what a stage left.
    fn published_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        match (&options.model, &options.stage) {
            (Some(Location::File(path)), None) => Ok(path.clone()),
            (None, Some(stage)) => match self.run {
                Some(run) => Ok(finished_folder(run, stage)),
                None => {
                    Err(RunError::Recipe(format!("teacher `{name}` is trained by stage `{}`", stage.value)))
                }
            },
            (Some(Location::Hub(name)), None) => Ok(Hub::from_environment().model(name)?),
            (Some(Location::Builtin(name)), None) => builtin_model(name),
            _ => Err(RunError::Recipe(format!("teacher `{name}` needs either `model` or `stage`"))),
        }
    }

    /// Has the folder of a name written, where it is a checkpoint that reads otherwise than it is published.
    pub(crate) fn prepare(&self, name: &str) -> Result<(), RunError> {
        match self.options(name)? {
            TeacherOptions::Checkpoint(options) => self.model_folder(name, options).map(drop),
            TeacherOptions::Ensemble(options) => {
                options.members.iter().try_for_each(|member| self.prepare(member))
            }
            TeacherOptions::Pipeline(_) | TeacherOptions::Recorded(_) | TeacherOptions::Endpoint(_) => Ok(()),
        }
    }

    /// The folder of the checkpoint of a name.
    pub(crate) fn checkpoint_folder(&self, name: &str) -> Result<PathBuf, RunError> {
        match self.options(name)? {
            TeacherOptions::Checkpoint(options) => self.model_folder(name, options),
            other => Err(RunError::Recipe(format!(
                "teacher `{name}` is a {}, and a checkpoint is needed",
                other.name()
            ))),
        }
    }

    /// The folder of the model that chooses among the images that a student draws; none of a student without one.
    pub(crate) fn re_ranker(&self, student: &Student) -> Result<Option<PathBuf>, RunError> {
        student.inner().re_ranker().map(|name| self.checkpoint_folder(name)).transpose()
    }

    /// The generative checkpoint of a name.
    pub(crate) fn generative(&self, name: &str) -> Result<GenerativeTeacher, RunError> {
        Ok(GenerativeTeacher::load(&self.checkpoint_folder(name)?)?)
    }

    /// The encoder of a name: of texts, or of texts and images.
    pub(crate) fn encoder(&self, name: &str) -> Result<Arc<EncoderTeacher>, RunError> {
        self.encoder_of(self.checkpoint_folder(name)?)
    }

    /// The encoder of a folder, shared with whoever uses it already.
    fn encoder_of(&self, folder: PathBuf) -> Result<Arc<EncoderTeacher>, RunError> {
        let mut encoders = self.encoders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(encoder) = encoders.get(&folder).and_then(Weak::upgrade) {
            return Ok(encoder);
        }
        let encoder = Arc::new(EncoderTeacher::load(&folder)?);
        encoders.insert(folder, Arc::downgrade(&encoder));
        Ok(encoder)
    }

    /// The checkpoint of a name as a model whose weights a student takes.
    pub(crate) fn source_model(&self, name: &str) -> Result<SourceModel, RunError> {
        let folder = ModelFolder::open(&self.checkpoint_folder(name)?)?;
        let tokenizer = folder.tokenizer()?;
        let config = Config::open(&folder)?.trim_vocabulary(tokenizer.rows());
        Ok(SourceModel { weights: config.trimmed_weights(&folder)?, config, tokenizer: Some(tokenizer) })
    }

    /// The folder of the detector whose regions a student reads: one whose tags are in the student's language.
    pub(crate) fn detector(&self, student: &Student, corpora: &Corpora) -> Result<Option<PathBuf>, RunError> {
        let Some(name) = student.inner().detector() else { return Ok(None) };
        let own = self.checkpoint_folder(name)?;
        let Some(language) = student.inner().tag_language() else { return Ok(Some(own)) };
        let folder = self.derived.join(DETECTORS).join(format!("{}-{}", name.value, language.value));
        let called = corpora.translated_tags(language);
        let rename = |to: &Path| Ok(rename_tags(&own, to, &|tag| called.get(tag).map(ToString::to_string))?);
        complete(self.derived, folder, rename).map(Some)
    }

    /// The teacher of a name.
    pub(crate) fn teacher(&self, name: &str) -> Result<Arc<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(options) => {
                let folder = self.model_folder(name, options)?;
                if Config::open(&ModelFolder::open(&folder)?)?.writes_texts() {
                    Arc::new(GenerativeTeacher::load(&folder)?)
                } else {
                    self.encoder_of(folder)?
                }
            }
            TeacherOptions::Pipeline(options) => Arc::new(self.pipeline(options)?),
            TeacherOptions::Recorded(options) => read_recorded(options)?,
            TeacherOptions::Endpoint(options) => Arc::new(AnsweringEndpoint::new(options)?),
            TeacherOptions::Ensemble(options) => Arc::new(self.ensemble(options)?),
        })
    }

    /// The teacher of a name as an evaluation wants it: with the evaluation's decoding, and nothing dropped.
    pub(crate) fn evaluated_teacher(
        &self,
        name: &str,
        evaluation: &EvaluationOptions,
    ) -> Result<Arc<dyn Teacher>, RunError> {
        let beam = evaluation.beam_of_teacher();
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(_) => Arc::new(
                self.generative(name)?.decoding(GenerationConfig { beam, ..evaluation.generation() })?,
            ),
            TeacherOptions::Pipeline(options) => Arc::new(self.pipeline(&PipelineOptions {
                beam,
                max_new_tokens: evaluation.max_new_tokens,
                min_confidence: 0.0,
                decoding: evaluation.decoding.clone(),
                ..options.clone()
            })?),
            // A test word that is left out would count as one for which the teacher has no answer.
            TeacherOptions::Recorded(options) => {
                read_recorded(&RecordedOptions { missing: MissingAnswers::Refuse, ..options.clone() })?
            }
            TeacherOptions::Endpoint(_) | TeacherOptions::Ensemble(_) => self.teacher(name)?,
        })
    }

    fn ensemble(&self, options: &EnsembleOptions) -> Result<Ensemble, RunError> {
        let member = |name: &At<String>| {
            let member = match self.options(name)? {
                TeacherOptions::Recorded(_) | TeacherOptions::Endpoint(_) => {
                    EnsembleMember::Answering(self.teacher(name)?)
                }
                _ => EnsembleMember::Model(self.encoder(name)?),
            };
            Ok((name.value.clone(), member))
        };
        let members: Vec<_> = options.members.iter().map(member).collect::<Result<_, RunError>>()?;
        Ok(Ensemble::new(options, members)?)
    }

    fn pipeline(&self, options: &PipelineOptions) -> Result<Pipeline, RunError> {
        // One model used in two steps is loaded once.
        let mut loaded: IndexMap<&str, GenerativeTeacher> = IndexMap::new();
        for step in &options.chain {
            if !loaded.contains_key(step.teacher.as_str()) {
                loaded.insert(&step.teacher, self.generative(&step.teacher)?);
            }
        }
        Ok(Pipeline::new(options, |name| loaded.get(name).cloned().ok_or(TeacherError::EmptyChain))?)
    }

    /// The checkpoints whose weights a student takes, or by whose sizes it is made, by name.
    pub(crate) fn source_models<'s>(
        &self,
        student: &'s Student,
    ) -> Result<IndexMap<&'s str, SourceModel>, RunError> {
        let names: Vec<&'s At<String>> =
            student.inner().source_models().into_iter().chain(student.inner().detector()).collect();
        names.into_iter().map(|name| Ok((name.as_str(), self.source_model(name)?))).collect()
    }
}
