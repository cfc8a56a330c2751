//! Computing what teachers say of the texts of a recipe ahead of its runs.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use alambic_data::{Split, Text};
use alambic_ranks::Ranks;
use alambic_settings::Location;
use serde::Serialize;

use crate::cache_scope::cache_scope;
use crate::check::checker::{Checker, Depth};
use crate::check::examine;
use crate::check::model_info::ModelInfo;
use crate::error::RunError;
use crate::load::Loaded;
use crate::model_store::ModelStore;
use crate::observer::Observer;
use crate::options::cache::CacheMode;
use crate::schema::StageOptions;
use crate::subsample::subsample;
use crate::training::encoded::EncodedSplits;
use crate::training::taps::Taps;
use crate::training::teacher_outputs::{Request, fill};

/// Cache of a stage's teacher outputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CachedStage {
    /// Its name.
    pub stage: String,
    /// The taps of its teacher that its losses look at.
    pub taps: Vec<String>,
    /// The cache; none where nothing can be cached ahead.
    pub cache: Option<CacheSize>,
    /// What is cached and its size, or why nothing is cached.
    pub summary: String,
}

/// A cache on disk.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CacheSize {
    /// Its folder.
    pub folder: PathBuf,
    /// Texts, those of the validation included.
    pub texts: usize,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Has the teachers of a recipe read the texts of its stages, and keeps what its losses look at in the folder that
/// `cache.folder` names. What is there already is not computed again. The recipe must have been [checked](crate::check()).
///
/// # Errors
/// When the recipe names no folder or keeps nothing, [`RunError::Interrupted`] when it was asked to stop, and what
/// teachers and files may say.
pub fn cache(
    loaded: &Loaded,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<Vec<CachedStage>, RunError> {
    let recipe = &loaded.recipe;
    let Some(Location::File(folder)) = &recipe.cache.folder else {
        return Err(RunError::Recipe(
            "the recipe names no folder for a cache that outlives its run: set `cache.folder`, for instance by `--set cache.folder=outputs`"
                .into(),
        ));
    };
    if recipe.cache.mode == CacheMode::Off {
        return Err(RunError::Recipe("`cache.mode` is `off`: runs of this recipe would not use it".into()));
    }
    let checker = examine(loaded, Depth::Whole);
    let models = ModelStore::without_run(&recipe.teacher, folder);
    let mut stages = Vec::new();
    for name in recipe.stages.iter() {
        if let (Some(options), Some(student)) =
            (recipe.stage.get(&name.value), checker.models.stages.get(&name.value))
        {
            let stage = Stage { loaded, name, options, student };
            stages.push(stage.cache(&checker, &models, interrupt, observer)?);
        }
    }
    Ok(stages)
}

/// A stage whose teacher's outputs are to be cached.
struct Stage<'a> {
    loaded: &'a Loaded,
    name: &'a str,
    options: &'a StageOptions,
    student: &'a ModelInfo,
}

impl Stage<'_> {
    fn cache(
        &self,
        checker: &Checker<'_>,
        models: &ModelStore<'_>,
        interrupt: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<CachedStage, RunError> {
        let Self { loaded, name, options, student } = *self;
        let without = |taps: Vec<String>, reason: &str| {
            Ok(CachedStage { stage: name.to_owned(), taps, cache: None, summary: reason.to_owned() })
        };
        let (task, taps) = (options.data.task(), Taps::of(&checker.terms(options, student)).teacher);
        let Some(teacher) = options.teacher.as_ref().filter(|_| !taps.is_empty()) else {
            return without(taps, "its losses read no tap of a teacher");
        };
        if let Some(reason) = task.reason_against_caching_ahead() {
            return without(taps, reason);
        }
        let is_mixed = |name: &str| loaded.recipe.data.get(name).is_some_and(|own| own.mixing.is_some());
        if task.mixes_texts() && task.corpora().iter().any(|name| is_mixed(name)) {
            return without(taps, "its texts are mixed anew in every epoch");
        }
        if !checker.models.stages_needed(teacher).is_empty() {
            return without(taps, "its teacher is trained by the recipe itself");
        }
        let texts = |split| {
            let none = || RunError::Recipe(format!("stage `{name}` has no texts"));
            task.cacheable_texts(&checker.corpora, split).ok_or_else(none)?
        };
        let teacher = models.teacher(teacher)?;
        let mut validation = texts(Split::Validation)?;
        subsample(&mut validation, options.train.validation_examples);
        let validation: Vec<Text> = validation.into_iter().cloned().collect();
        let model = (&student.config, &*student.tokenizer);
        let splits =
            EncodedSplits::new(&texts(Split::Train)?, validation, task.max_length(), model, Some(&*teacher))?;
        let request = Request { stage: name, taps: &taps, texts: splits.read_by_teacher() };
        let scope = cache_scope(&loaded.recipe, None, name, (interrupt, &Ranks::alone()));
        let (cache, summary) = fill(&scope, &*teacher, &request, observer)?;
        let size = CacheSize {
            folder: cache.folder().to_owned(),
            texts: request.texts.texts.len(),
            bytes: cache.bytes(),
        };
        Ok(CachedStage { stage: name.to_owned(), taps, cache: Some(size), summary })
    }
}
