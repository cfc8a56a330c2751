//! What can be known of models before any is trained or its weights are read.

use std::path::Path;
use std::rc::Rc;

use alambic_models::marian::MarianConfig;
use alambic_models::{ModelError, ModelFolder, Tokenizer};
use alambic_settings::IndexMap;
use alambic_students::{Donor, Student, StudentError, Surroundings};
use alambic_teachers::TeacherOptions;
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;

use crate::schema::Recipe;

/// A model as far as its headers, or its recipe, tell.
#[derive(Debug, Clone)]
pub(crate) struct Sketch {
    pub(crate) config: MarianConfig,
    pub(crate) tokenizer: Rc<Tokenizer>,
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

    /// A student's configuration over a vocabulary.
    pub(crate) fn configure(
        &self,
        recipe: &Recipe,
        student: &Student,
        tokenizer: &Tokenizer,
    ) -> Result<MarianConfig, StudentError> {
        let donor = |name: &str| {
            let config = self.checkpoint(recipe, name)?.config.clone();
            Some(Donor { config, weights: Weights::new() })
        };
        student.inner().config(&Surroundings { tokenizer, streams: Streams::new(recipe.seed), donor: &donor })
    }
}

/// Looks at a model folder: its configuration, the head of its weights, its tokenizer.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn inspect(path: &Path) -> Result<Sketch, Vec<String>> {
    let open = || -> Result<(ModelFolder, MarianConfig), ModelError> {
        let folder = ModelFolder::open(path)?;
        let config = folder.config("marian")?;
        Ok((folder, config))
    };
    let (folder, config) = open().map_err(|error| vec![error.to_string()])?;
    let mut errors = faults(&config, path);
    match folder.weight_shapes() {
        Ok(found) if errors.is_empty() => errors.extend(misfits(&config, &found, path)),
        Ok(_) => {}
        Err(error) => errors.push(error.to_string()),
    }
    match folder.tokenizer() {
        Ok(tokenizer) => {
            if tokenizer.size() > config.vocab_size {
                errors.push(format!(
                    "{}: {} tokens, and the configuration has room for {}",
                    path.join("tokenizer.json").display(),
                    tokenizer.size(),
                    config.vocab_size
                ));
            }
            if errors.is_empty() {
                return Ok(Sketch { config, tokenizer: Rc::new(tokenizer) });
            }
        }
        Err(error) => errors.push(error.to_string()),
    }
    Err(errors)
}

/// What is wrong with a configuration on its own.
fn faults(config: &MarianConfig, path: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for (stack, heads) in
        [("encoder", config.encoder_attention_heads), ("decoder", config.decoder_attention_heads)]
    {
        if heads == 0 || !config.d_model.is_multiple_of(heads) {
            faults.push(format!(
                "{stack}_attention_heads is {heads}, which does not divide d_model, {}",
                config.d_model
            ));
        }
    }
    if let Err(error) = config.activation() {
        faults.push(error.to_string());
    }
    let file = path.join("config.json");
    faults.into_iter().map(|fault| format!("{}: {fault}", file.display())).collect()
}

/// Where the tensors of a file are not those of the configuration; the first one speaks for all.
fn misfits(config: &MarianConfig, found: &IndexMap<String, Vec<usize>>, path: &Path) -> Option<String> {
    let shapes = config.shapes();
    let wrong = |(name, shape): &(&String, &Vec<usize>)| found.get(*name) != Some(*shape);
    let (name, shape) = shapes.iter().find(wrong)?;
    let reason = match found.get(name) {
        None => format!("there is no tensor `{name}`"),
        Some(found) => {
            format!("tensor `{name}` has shape {found:?}, and the configuration asks for {shape:?}")
        }
    };
    let more = shapes.iter().filter(wrong).count() - 1;
    let more = if more == 0 { String::new() } else { format!(", and {more} more do not fit") };
    Some(format!("{}: {reason}{more}", path.join("model.safetensors").display()))
}
