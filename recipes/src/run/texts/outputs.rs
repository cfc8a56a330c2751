//! What a stage's teacher says of its texts: live, or kept.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use alambic_files::FileError;
use alambic_losses::Loss;
use alambic_models::bert::TextInput;
use alambic_models::{Form, Trace, Wanted};
use alambic_reports::numbers::{bytes, duration, thousands};
use alambic_settings::Location;
use alambic_teachers::cache::{Cache, Texts, estimate};
use alambic_teachers::{Teacher, TeacherError};

use crate::observer::Observer;
use crate::run::RunError;
use crate::run::folder::layout::{CACHE, discard_caches};
use crate::run::workshop::Workshop;
use crate::schema::{CacheMode, CacheOptions, Recipe, StageOptions};

/// The tap of what a model says of a whole text.
const LOGITS: &str = "logits";

/// Bytes of a GB.
const GB: f64 = 1e9;

/// Where the teacher's taps come from.
pub(crate) enum Outputs<'a> {
    /// The teacher reads along.
    Live(&'a dyn Teacher),
    /// It has read all texts before.
    Kept(Box<Cache>),
}

impl Outputs<'_> {
    /// The taps of a batch. `rows` are the places of its texts in the cache.
    pub(crate) fn trace(
        &self,
        rows: &[usize],
        input: &TextInput,
        taps: &[String],
    ) -> Result<Trace, RunError> {
        Ok(match self {
            Self::Live(teacher) => teacher.trace(input.into(), &Wanted::named(taps.iter().cloned()))?,
            Self::Kept(cache) => cache.trace(rows, input, taps)?,
        })
    }
}

/// A stage whose teacher's outputs may be kept.
pub(crate) struct Request<'a> {
    pub(crate) stage: &'a str,
    /// The taps that its losses look at.
    pub(crate) taps: &'a [String],
    /// The texts as the teacher reads them: those to train on, then those to validate on.
    pub(crate) texts: Texts<'a>,
}

/// How often training reads each text of a stage, over all epochs and seeds, and over the stages whose options say that they
/// share what the teacher says. Whether they do, shows when it has read: it has to fit under the limit as well.
pub(crate) fn readings(recipe: &Recipe, stage: &str, texts: usize) -> f64 {
    let stages: Vec<(&str, &StageOptions)> = recipe
        .stages
        .iter()
        .filter_map(|name| Some((name.as_str(), recipe.stage.get(name.as_str())?)))
        .collect();
    let Some(place) = stages.iter().position(|(name, _)| *name == stage) else { return 0.0 };
    let own = stages[place].1;
    let shares = |&(index, &(_, other)): &(usize, &(&str, &StageOptions))| {
        let (earlier, later) = if index < place { (other, own) } else { (own, other) };
        own.teacher == other.teacher
            && own.data == other.data
            && own.train.validation_examples == other.train.validation_examples
            && is_served(later, earlier)
    };
    let epochs = stages.iter().enumerate().filter(shares).map(|(_, (_, stage))| {
        let train = &stage.train;
        let by_steps =
            |steps: usize| (steps * train.accumulate * train.batch.size) as f64 / texts.max(1) as f64;
        [train.epochs, train.steps.map(by_steps)].into_iter().flatten().fold(f64::INFINITY, f64::min)
    });
    epochs.sum::<f64>() * recipe.repetitions as f64
}

/// Whether the losses of a stage look at nothing but what an earlier one keeps: what its own look at, and the logits.
fn is_served(later: &StageOptions, earlier: &StageOptions) -> bool {
    later.loss.iter().all(|term| {
        let is_of_logits = matches!(**term, Loss::Logits(_) | Loss::Decoupled(_) | Loss::CrossEntropy(_));
        is_of_logits || earlier.loss.contains(term)
    })
}

/// What is to become of a teacher's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// They are kept.
    Keep,
    /// The teacher reads along, for this reason.
    ReadAlong(String),
    /// They have to be kept and cannot, for this reason.
    Impossible(String),
}

/// Whether outputs of so many bytes, of texts that are read so often, are to be kept.
pub(crate) fn decide(options: &CacheOptions, size: u64, readings: f64) -> Decision {
    let fits = size as f64 <= options.limit_gb * GB;
    let limit = options.limit_gb;
    let too_large = format!("its outputs would take up {}, and `cache.limit-gb` is {limit}", bytes(size));
    match (options.mode, fits) {
        (CacheMode::Off, _) => Decision::ReadAlong("`cache.mode` is `off`".into()),
        (CacheMode::Required, false) => Decision::Impossible(too_large),
        (CacheMode::Auto, _) if readings < 2.0 => {
            Decision::ReadAlong("texts are read less than twice".into())
        }
        (CacheMode::Auto, false) => Decision::ReadAlong(too_large),
        (CacheMode::Auto | CacheMode::Required, true) => Decision::Keep,
    }
}

/// The folder of a stage's cache.
fn folder(workshop: &Workshop<'_>, stage: &str) -> Result<PathBuf, RunError> {
    Ok(match &workshop.recipe.cache.folder {
        None => workshop.folder.join(CACHE),
        Some(Location::File(path)) => path.clone(),
        Some(other) => {
            return Err(RunError::Recipe(format!("`cache.folder`: `{other}` is no folder on this machine")));
        }
    }
    .join(stage))
}

/// A teacher's outputs over the texts of a stage, and a sentence about what is kept of them, if they are kept.
pub(crate) fn open<'a>(
    workshop: &Workshop<'_>,
    teacher: &'a dyn Teacher,
    request: &Request<'_>,
    readings: f64,
    observer: &mut dyn Observer,
) -> Result<(Outputs<'a>, Option<String>), RunError> {
    let live = Ok((Outputs::Live(teacher), None));
    let options = &workshop.recipe.cache;
    let lengths = request.texts.texts.iter().map(|text| text.ids.len());
    let outline = teacher.outline().ok_or(TeacherError::NoTaps)?;
    let Some(size) = estimate(outline, request.taps, &options.precision, lengths) else { return live };
    match decide(options, size, readings) {
        Decision::Keep => {}
        Decision::ReadAlong(reason) => {
            // Worth a word where it was a matter of size.
            if options.mode == CacheMode::Auto && readings >= 2.0 {
                observer.note(&format!("{}: the teacher reads along: {reason}", request.stage));
            }
            return live;
        }
        Decision::Impossible(reason) => {
            return Err(RunError::Recipe(format!("the teacher cannot be cached: {reason}")));
        }
    }
    match fill(workshop, teacher, request, observer) {
        Ok((cache, summary)) => Ok((Outputs::Kept(Box::new(cache)), Some(summary))),
        // Where it was not asked for, a full disk is no reason to give up.
        Err(RunError::Teacher(
            TeacherError::File { path, source } | TeacherError::Kept(FileError::Io { path, source }),
        )) if options.mode == CacheMode::Auto && source.kind() == std::io::ErrorKind::StorageFull => {
            observer.note(&format!(
                "{}: the teacher reads along: the disk of {} is full",
                request.stage,
                path.display()
            ));
            if options.folder.is_none() {
                discard_caches(&workshop.folder)?;
            }
            live
        }
        Err(error) => Err(error),
    }
}

/// The taps, and the logits of texts, which take next to no room and are what a later stage is likely to want.
fn with_logits(teacher: &dyn Teacher, taps: &[String]) -> Vec<String> {
    let mut taps = taps.to_vec();
    let form = teacher.outline().and_then(|outline| outline.form(LOGITS));
    if matches!(form, Some(Form::Text { .. })) && taps.iter().all(|tap| tap != LOGITS) {
        taps.push(LOGITS.to_owned());
    }
    taps
}

/// The folder of the cache that holds all that this stage needs, its own or an earlier stage's; none if there is none.
fn at_hand(
    workshop: &Workshop<'_>,
    teacher: &dyn Teacher,
    request: &Request<'_>,
) -> Result<Option<PathBuf>, RunError> {
    let precision = &workshop.recipe.cache.precision;
    let earlier = workshop.recipe.stages.iter().map(|stage| stage.as_str());
    for stage in earlier.take_while(|&stage| stage != request.stage).chain([request.stage]) {
        let folder = folder(workshop, stage)?;
        if Cache::is_of(&folder, teacher, &request.texts, request.taps, precision)? {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Computes what the cache of a stage lacks, and says what it came to.
pub(crate) fn fill(
    workshop: &Workshop<'_>,
    teacher: &dyn Teacher,
    request: &Request<'_>,
    observer: &mut dyn Observer,
) -> Result<(Cache, String), RunError> {
    let precision = &workshop.recipe.cache.precision;
    let (folder, taps) = match at_hand(workshop, teacher, request)? {
        Some(folder) => (folder, request.taps.to_vec()),
        None => (folder(workshop, request.stage)?, with_logits(teacher, request.taps)),
    };
    let (count, begin) = (request.texts.texts.len(), Instant::now());
    observer.task(
        &format!("{}: the teacher's outputs for {} texts", request.stage, thousands(count as u64)),
        count,
        0,
    );
    let cache = Cache::complete(&folder, teacher, &request.texts, &taps, precision, &mut |done| {
        observer.progress(done);
        if workshop.interrupt.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    let cache = cache.ok_or_else(|| RunError::Interrupted { folder: workshop.folder.clone() })?;
    let costs = cache.costs();
    // All taps of one kind are kept alike; the worst speaks for them.
    let worst = costs
        .iter()
        .filter(|(_, cost)| cost.relative() > 0.0)
        .max_by(|a, b| a.1.relative().total_cmp(&b.1.relative()));
    let mut said = vec![match worst {
        None => format!("{} kept without loss", bytes(cache.bytes())),
        Some((tap, cost)) => format!(
            "{} kept with a relative error of at most {:.1e} (`{tap}`, largest difference {:.1e} where values reach {:.1e})",
            bytes(cache.bytes()),
            cost.relative(),
            cost.largest_error,
            cost.largest_value
        ),
    }];
    let diverging = costs.iter().filter_map(|(tap, cost)| Some((tap, cost.divergence()?)));
    said.extend(diverging.map(|(tap, divergence)| format!("`{tap}` diverges by {divergence:.1e} nats")));
    let summary = said.join(", ");
    observer.finished(&format!("{summary}, in {}", duration(begin.elapsed().as_secs_f64())));
    Ok((cache, summary))
}
