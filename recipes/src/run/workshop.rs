//! What all trainings of a run share.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use alambic_data::Split;
use alambic_models::marian::MarianConfig;
use alambic_models::{Generation, ModelFolder, Tokenizer};
use alambic_settings::{IndexMap, Location};
use alambic_students::{ActivationFunction, Blueprint, Donor, Scratch, Student, Surroundings};
use alambic_teachers::{
    Checkpoint, CheckpointOptions, Pipeline, PipelineOptions, Recorded, Teacher, TeacherError, TeacherOptions,
};
use alambic_tensor::Streams;
use indexmap::IndexSet;

use super::RunError;
use super::corpora::Corpora;
use super::stage::finished_folder;
use crate::schema::{Recipe, StageData};

/// Recipe, corpora and folder of a run.
pub(crate) struct Workshop<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) corpora: Corpora,
    pub(crate) folder: PathBuf,
    pub(crate) interrupt: &'a AtomicBool,
}

impl Workshop<'_> {
    fn options(&self, name: &str) -> Result<&TeacherOptions, RunError> {
        self.recipe
            .teacher
            .get(name)
            .ok_or_else(|| RunError::Recipe(format!("there is no teacher `{name}` under `teacher`")))
    }

    /// The folder of a checkpoint: one that the recipe names, or what a stage left.
    fn model_folder(&self, name: &str, options: &CheckpointOptions) -> Result<PathBuf, RunError> {
        match (&options.model, &options.stage) {
            (Some(Location::File(path)), None) => Ok(path.clone()),
            (None, Some(stage)) => Ok(finished_folder(&self.folder, stage)),
            (Some(other), None) => {
                Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no folder on this machine")))
            }
            _ => Err(RunError::Recipe(format!("teacher `{name}` needs either `model` or `stage`"))),
        }
    }

    /// The checkpoint of a name.
    pub(crate) fn checkpoint(&self, name: &str) -> Result<Checkpoint, RunError> {
        match self.options(name)? {
            TeacherOptions::Checkpoint(options) => Ok(Checkpoint::load(&self.model_folder(name, options)?)?),
            other => Err(RunError::Recipe(format!(
                "teacher `{name}` is a {}, and a checkpoint is needed",
                other.name()
            ))),
        }
    }

    /// The teacher of a name.
    pub(crate) fn teacher(&self, name: &str) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(_) => Box::new(self.checkpoint(name)?),
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(options)?),
            TeacherOptions::Recorded(options) => match &options.path {
                Location::File(path) => Box::new(Recorded::read(path)?),
                other => return Err(RunError::Recipe(format!("teacher `{name}`: `{other}` is no file"))),
            },
        })
    }

    /// The teacher of a name as an evaluation wants it: with the evaluation's decoding, and nothing dropped.
    pub(crate) fn judged_teacher(
        &self,
        name: &str,
        generation: Generation,
    ) -> Result<Box<dyn Teacher>, RunError> {
        Ok(match self.options(name)? {
            TeacherOptions::Checkpoint(_) => Box::new(self.checkpoint(name)?.with_generation(generation)),
            TeacherOptions::Pipeline(options) => Box::new(self.pipeline(&PipelineOptions {
                beam: generation.beam,
                longest: generation.longest,
                least_confidence: 0.0,
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

    /// The vocabulary of a training: its teacher's, or one of the characters in the training part of its data.
    pub(crate) fn tokenizer(
        &self,
        teacher: Option<&dyn Teacher>,
        data: &StageData,
    ) -> Result<Tokenizer, RunError> {
        if let Some(tokenizer) = teacher.and_then(Teacher::tokenizer) {
            return Ok(tokenizer.clone());
        }
        let mut characters: Vec<char> = Vec::new();
        let mut languages: IndexSet<String> = IndexSet::new();
        let sources =
            data.pairs.iter().map(|options| (&options.data, &options.directions, &options.except)).chain(
                data.words.iter().map(|options| (&options.data, &options.directions, &options.except)),
            );
        for (names, directions, except) in sources {
            for direction in self.corpora.directions(names, directions, except)? {
                languages.insert(direction.source);
                languages.insert(direction.target);
            }
            for entry in self.corpora.entries(names, Split::Train)? {
                characters.extend(entry.forms.values().flat_map(|form| form.chars()));
            }
        }
        characters.sort_unstable();
        languages.sort_unstable();
        let languages: Vec<String> = languages.into_iter().collect();
        Ok(Tokenizer::characters(&characters.into_iter().collect(), &languages)?)
    }

    /// A student before training.
    pub(crate) fn make(
        &self,
        student: &Student,
        tokenizer: &Tokenizer,
        seed: u64,
    ) -> Result<Blueprint, RunError> {
        let donor = |name: &str| {
            let Ok(TeacherOptions::Checkpoint(options)) = self.options(name) else { return None };
            let folder = ModelFolder::open(&self.model_folder(name, options).ok()?).ok()?;
            Some(Donor { config: folder.config("marian").ok()?, weights: folder.weights().ok()? })
        };
        let surroundings = Surroundings { tokenizer, streams: Streams::new(seed), donor: &donor };
        Ok(student.inner().make(&surroundings)?)
    }

    /// A student of the shape of a finished model, from random weights.
    pub(crate) fn same_shape_from_scratch(folder: &Path) -> Result<Student, RunError> {
        let config: MarianConfig = ModelFolder::open(folder)?.config("marian")?;
        let activation = ActivationFunction::from_name(&config.activation_function).ok_or_else(|| {
            RunError::Recipe(format!(
                "no student from scratch has the activation `{}`",
                config.activation_function
            ))
        })?;
        Ok(Student::Scratch(Scratch {
            width: config.d_model,
            encoder_layers: config.encoder_layers,
            decoder_layers: config.decoder_layers,
            heads: config.encoder_attention_heads,
            feed_forward: config.encoder_ffn_dim,
            activation,
            dropout: config.dropout,
            longest: config.max_position_embeddings,
        }))
    }
}
