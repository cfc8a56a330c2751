//! Computing what teachers say of the texts of a recipe ahead of its runs.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use alambic_data::Split;
use alambic_models::Config;
use alambic_settings::Location;
use serde::Serialize;

use crate::check::models::Sketch;
use crate::check::{Checker, Depth, examine};
use crate::load::Loaded;
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::texts::outputs::{Request, fill};
use crate::run::texts::reading::{Reading, chosen};
use crate::run::texts::taps;
use crate::schema::{CacheMode, StageOptions};

/// What became of a stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CachedStage {
    /// Its name.
    pub stage: String,
    /// The taps of its teacher that its losses look at.
    pub taps: Vec<String>,
    /// The cache; none where nothing can be kept ahead.
    pub cache: Option<CacheSize>,
    /// What is kept and what that costs, or why nothing is kept.
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
    let options = &loaded.recipe.cache;
    if !matches!(options.folder, Some(Location::File(_))) {
        return Err(RunError::Recipe(
            "the recipe names no folder for a cache that outlives its run: set `cache.folder`, for instance by `--set cache.folder=outputs`"
                .into(),
        ));
    }
    if options.mode == CacheMode::Off {
        return Err(RunError::Recipe("`cache.mode` is `off`: runs of this recipe would not use it".into()));
    }
    let checker = examine(loaded, Depth::Whole, interrupt);
    let mut stages = Vec::new();
    for name in loaded.recipe.stages.iter() {
        if let (Some(options), Some(sketch)) =
            (loaded.recipe.stage.get(&name.value), checker.sketches.stages.get(&name.value))
        {
            stages.push(stage(&checker, name, options, sketch, observer)?);
        }
    }
    Ok(stages)
}

fn stage(
    checker: &Checker<'_>,
    name: &str,
    options: &StageOptions,
    sketch: &Sketch,
    observer: &mut dyn Observer,
) -> Result<CachedStage, RunError> {
    let without = |taps: Vec<String>, reason: &str| {
        Ok(CachedStage { stage: name.to_owned(), taps, cache: None, summary: reason.to_owned() })
    };
    let Config::Bert(student) = &sketch.config else {
        return without(Vec::new(), "what its teacher writes is recorded when it runs");
    };
    let (_, taps) = taps(&checker.terms(options, sketch));
    let Some(teacher) = options.teacher.as_ref().filter(|_| !taps.is_empty()) else {
        return without(taps, "its losses look at no teacher");
    };
    if !checker.stages_needed(teacher).is_empty() {
        return without(taps, "its teacher is trained by the recipe itself");
    }
    if !options.data.parallel.is_empty() {
        return without(taps, "what its teacher says of sentences is kept when it runs");
    }
    if options.data.masks() {
        return without(taps, "its texts are masked anew in every epoch");
    }
    if options.data.texts.iter().any(|texts| texts.augment.is_some()) {
        return without(taps, "its texts are varied when it runs, and are kept then");
    }
    let teacher = checker.workshop.teacher(teacher)?;
    let texts = chosen(&checker.workshop, &options.data, Split::Train)?.concat();
    let reading = Reading::new(
        &checker.workshop,
        &options.data,
        &texts,
        &options.train,
        &sketch.tokenizer,
        student,
        Some(&*teacher),
    )?;
    let request = Request { stage: name, taps: &taps, texts: reading.read_by_teacher() };
    let (cache, summary) = fill(&checker.workshop, &*teacher, &request, observer)?;
    let size = CacheSize {
        folder: cache.folder().to_owned(),
        texts: request.texts.texts.len(),
        bytes: cache.bytes(),
    };
    Ok(CachedStage { stage: name.to_owned(), taps, cache: Some(size), summary })
}
