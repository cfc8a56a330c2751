//! The models that a recipe names as teachers: their folders, and the teachers made of them.

use std::path::{Path, PathBuf};

use alambic_files::digests::{self, Digests};
use alambic_files::write;
use alambic_hub::Hub;
use alambic_models::{Config, GenerationConfig, ModelFolder};
use alambic_settings::{At, IndexMap, Location};
use alambic_students::{Donor, Student, rename_tags};
use alambic_teachers::{
    Checkpoint, CheckpointOptions, Encoder, Network, Pipeline, PipelineOptions, Recorded, Teacher,
    TeacherError, TeacherOptions,
};

use crate::corpora::Corpora;
use crate::error::RunError;
use crate::folder::layout::{DETECTORS, TEACHERS, finished_folder, make_folder};

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
    write::discard(&partial)?;
    make_folder(parent, &partial)?;
    make(&partial)?;
    digests::publish(&partial, &folder)?;
    Ok(folder)
}

/// The models that a recipe names as teachers.
#[derive(Debug)]
pub(crate) struct ModelStore<'a> {
    teachers: &'a IndexMap<String, TeacherOptions>,
    /// The folder in which stages leave models; none where nothing is trained.
    run: Option<&'a Path>,
    /// The folder below which models are written that differ from those named.
    derived: &'a Path,
}

impl<'a> ModelStore<'a> {
    /// The models of a run in this folder.
    pub(crate) fn of_run(teachers: &'a IndexMap<String, TeacherOptions>, run: &'a Path) -> Self {
        Self { teachers, run: Some(run), derived: run }
    }

    /// The models of a recipe of which nothing is trained; what has to be written goes below this folder.
    pub(crate) fn without_run(teachers: &'a IndexMap<String, TeacherOptions>, derived: &'a Path) -> Self {
        Self { teachers, run: None, derived }
    }

    fn options(&self, name: &str) -> Result<&'a TeacherOptions, RunError> {
        self.teachers
            .get(name)
            .ok_or_else(|| RunError::Recipe(format!("there is no teacher `{name}` under `teacher`")))
    }

    /// The folder of a checkpoint that reads as its options say.
    fn model_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        let own = self.published_folder(name, options)?;
        if !options.adapts() {
            return Ok(own);
        }
        let number = blake3::hash(options.adaptation().as_bytes()).to_hex();
        let folder = self.derived.join(TEACHERS).join(format!("{name}-{}", &number[..8]));
        complete(self.derived, folder, |folder| Ok(options.write_adapted(&own, folder)?))
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
            (Some(other), None) => {
                Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no folder on this machine")))
            }
            _ => Err(RunError::Recipe(format!("teacher `{name}` needs either `model` or `stage`"))),
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

    /// The checkpoint of a name, which writes.
    pub(crate) fn checkpoint(&self, name: &str) -> Result<Checkpoint, RunError> {
        Ok(Checkpoint::load(&self.checkpoint_folder(name)?)?)
    }

    /// The checkpoint of a name, which reads.
    pub(crate) fn encoder(&self, name: &str) -> Result<Encoder, RunError> {
        Ok(Encoder::load(&self.checkpoint_folder(name)?)?)
    }

    /// The checkpoint of a name, which reads texts or looks at images.
    pub(crate) fn network(&self, name: &str) -> Result<Network, RunError> {
        Ok(Network::load(&self.checkpoint_folder(name)?)?)
    }

    /// The checkpoint of a name as a model whose weights a student takes.
    pub(crate) fn donor(&self, name: &str) -> Result<Donor, RunError> {
        let folder = ModelFolder::open(&self.checkpoint_folder(name)?)?;
        let tokenizer = folder.tokenizer()?;
        let config = Config::open(&folder)?.trim_vocabulary(tokenizer.rows());
        Ok(Donor { weights: config.trimmed_weights(&folder)?, config, tokenizer: Some(tokenizer) })
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
    pub(crate) fn teacher(&self, name: &str) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(options) => {
                let folder = self.model_folder(name, options)?;
                if Config::open(&ModelFolder::open(&folder)?)?.writes_texts() {
                    Box::new(Checkpoint::load(&folder)?)
                } else {
                    Box::new(Network::load(&folder)?)
                }
            }
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(options)?),
            TeacherOptions::Recorded(options) => {
                let file = |location: &Location| match location {
                    Location::File(path) => Ok(path.clone()),
                    other => Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no file"))),
                };
                let files: Vec<PathBuf> = options.path.iter().map(file).collect::<Result<_, _>>()?;
                Box::new(Recorded::read(&files)?)
            }
        })
    }

    /// The teacher of a name as an evaluation wants it: with the evaluation's decoding, and nothing dropped.
    pub(crate) fn evaluated_teacher(
        &self,
        name: &str,
        generation: GenerationConfig,
    ) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(_) => Box::new(self.checkpoint(name)?.with_generation(generation)),
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(&PipelineOptions {
                beam: generation.beam,
                max_new_tokens: generation.max_new_tokens,
                min_confidence: 0.0,
                ..options.clone()
            })?),
            TeacherOptions::Recorded(_) => self.teacher(name)?,
        })
    }

    fn pipeline(&self, options: &PipelineOptions) -> Result<Pipeline, RunError> {
        // One model used in two steps is loaded once.
        let mut loaded: IndexMap<&str, Checkpoint> = IndexMap::new();
        for step in &options.chain {
            if !loaded.contains_key(step.teacher.as_str()) {
                loaded.insert(&step.teacher, self.checkpoint(&step.teacher)?);
            }
        }
        Ok(Pipeline::new(options, |name| loaded.get(name).cloned().ok_or(TeacherError::EmptyChain))?)
    }

    /// The checkpoints whose weights a student takes, or by whose sizes it is made, by name.
    pub(crate) fn donors<'s>(&self, student: &'s Student) -> Result<IndexMap<&'s str, Donor>, RunError> {
        let names: Vec<&'s At<String>> =
            student.inner().donors().into_iter().chain(student.inner().detector()).collect();
        names.into_iter().map(|name| Ok((name.as_str(), self.donor(name)?))).collect()
    }
}
