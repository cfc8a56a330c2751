//! The outputs of a stage's teacher over its texts: live, or cached.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use alambic_files::FileError;
use alambic_models::text_encoder::TextInput;
use alambic_models::{TapShape, Trace};
use alambic_ranks::Ranks;
use alambic_reports::numbers::{bytes, duration, thousands};
use alambic_settings::Location;
use alambic_teachers::cache::{EncodedTexts, TeacherOutputCache, estimate_size};
use alambic_teachers::{Teacher, TeacherError};

use super::answers::AnswerOutputs;
use super::taps::Taps;
use crate::error::RunError;
use crate::folder::foreign::discard_caches;
use crate::folder::layout::CACHE;
use crate::observer::Observer;
use crate::options::cache::{CacheMode, CacheOptions};
use crate::options::train::TrainOptions;

/// The tap of predictions for a whole text.
const LOGITS: &str = "logits";

/// Bytes of a GB.
const GB: f64 = 1e9;

/// Where the teacher's taps come from.
pub(crate) enum TeacherOutputs<'a> {
    /// The teacher runs at every step.
    Live(&'a dyn Teacher),
    /// It has read all texts before.
    Cached(Box<TeacherOutputCache>),
    /// It was asked about all texts before.
    Answered(AnswerOutputs),
}

impl TeacherOutputs<'_> {
    /// The taps of a batch. `rows` are the places of its texts in the cache or among the answers.
    pub(crate) fn trace(&self, rows: &[usize], input: &TextInput, taps: &Taps) -> Result<Trace, RunError> {
        Ok(match self {
            Self::Live(teacher) => teacher.trace(input.into(), &taps.of_teacher())?,
            Self::Cached(cache) => cache.trace(rows, input, &taps.teacher)?,
            Self::Answered(answers) => answers.trace(rows, input.tokens.length, &taps.teacher)?,
        })
    }
}

/// A stage whose teacher's outputs may be cached.
pub(crate) struct Request<'a> {
    pub(crate) stage: &'a str,
    /// The taps that its losses read.
    pub(crate) taps: &'a [String],
    /// The texts as the teacher reads them: those to train on, then those to validate on.
    pub(crate) texts: EncodedTexts<'a>,
}

/// Where the teacher's outputs of a stage are cached, and how often its texts are read.
#[derive(Clone)]
pub(crate) struct CacheScope<'a> {
    pub(crate) options: &'a CacheOptions,
    /// The folder of the run; none where outputs are computed ahead of any.
    pub(crate) run: Option<&'a Path>,
    /// This stage and those before it, in the recipe's order: what an earlier one has cached may serve it.
    pub(crate) stages: Vec<&'a str>,
    /// How the stages train that read the same outputs, this one included.
    pub(crate) sharing: Vec<&'a TrainOptions>,
    /// Seeds with which the student is trained.
    pub(crate) repetitions: usize,
    /// Set from outside to have the run stop.
    pub(crate) interrupt: &'a AtomicBool,
    /// The processes that compute them together.
    pub(crate) ranks: Ranks,
}

impl CacheScope<'_> {
    /// How often training reads each of so many texts, over all epochs and seeds, and over the stages whose options say that
    /// they share the teacher's outputs. Whether they do, shows when it has read: it has to fit under the limit as well.
    pub(crate) fn reads_per_text(&self, texts: usize) -> f64 {
        let epochs = self.sharing.iter().map(|train| {
            let by_steps = |steps: usize| {
                (steps * train.gradient_accumulation * train.batch.size) as f64 / texts.max(1) as f64
            };
            [train.epochs, train.steps.map(by_steps)].into_iter().flatten().fold(f64::INFINITY, f64::min)
        });
        epochs.sum::<f64>() * self.repetitions as f64
    }

    /// The folder of a stage's cache.
    fn folder(&self, stage: &str) -> Result<PathBuf, RunError> {
        let folder = match (&self.options.folder, self.run) {
            (Some(Location::File(path)), _) => path.clone(),
            (None, Some(run)) => run.join(CACHE),
            (None, None) => return Err(RunError::Recipe("`cache.folder` names no folder".into())),
            (Some(other), _) => {
                return Err(RunError::Recipe(format!(
                    "`cache.folder`: `{other}` is no folder on this machine"
                )));
            }
        };
        Ok(folder.join(stage))
    }
}

/// Decision about a teacher's outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CacheDecision {
    /// They are cached.
    Cache,
    /// The teacher runs at every step, for this reason.
    Live(String),
    /// They have to be cached and cannot, for this reason.
    Impossible(String),
}

/// Whether outputs of so many bytes, of texts that are read so often, are to be cached.
pub(crate) fn decide(options: &CacheOptions, size: u64, readings: f64) -> CacheDecision {
    let fits = size as f64 <= options.limit_gb * GB;
    let limit = options.limit_gb;
    let too_large = format!("its outputs would take up {}, and `cache.limit-gb` is {limit}", bytes(size));
    match (options.mode, fits) {
        (CacheMode::Off, _) => CacheDecision::Live("`cache.mode` is `off`".into()),
        (CacheMode::Required, false) => CacheDecision::Impossible(too_large),
        (CacheMode::Auto, _) if readings < 2.0 => {
            CacheDecision::Live("texts are read less than twice".into())
        }
        (CacheMode::Auto, false) => CacheDecision::Live(too_large),
        (CacheMode::Auto | CacheMode::Required, true) => CacheDecision::Cache,
    }
}

/// A teacher's outputs over the texts of a stage, and a summary of the cache, if they are cached.
pub(crate) fn open<'a>(
    scope: &CacheScope<'_>,
    teacher: &'a dyn Teacher,
    request: &Request<'_>,
    readings: f64,
    observer: &mut dyn Observer,
) -> Result<(TeacherOutputs<'a>, Option<String>), RunError> {
    let live = Ok((TeacherOutputs::Live(teacher), None));
    let options = scope.options;
    let lengths = request.texts.texts.iter().map(|text| text.ids.len());
    let outline = teacher.outline().ok_or(TeacherError::NoTaps)?;
    let Some(size) = estimate_size(outline, request.taps, &options.precision, lengths) else { return live };
    match decide(options, size, readings) {
        CacheDecision::Cache => {}
        CacheDecision::Live(reason) => {
            // Worth a word where it was a matter of size.
            if options.mode == CacheMode::Auto && readings >= 2.0 {
                observer.note(&format!("{}: the teacher runs at every step: {reason}", request.stage));
            }
            return live;
        }
        CacheDecision::Impossible(reason) => {
            return Err(RunError::Recipe(format!("the teacher cannot be cached: {reason}")));
        }
    }
    match fill(scope, teacher, request, observer) {
        Ok((cache, summary)) => Ok((TeacherOutputs::Cached(Box::new(cache)), Some(summary))),
        // Where it was not asked for, a full disk is no reason to give up.
        Err(RunError::Teacher(
            TeacherError::File { path, source } | TeacherError::Files(FileError::Io { path, source }),
        )) if options.mode == CacheMode::Auto && source.kind() == std::io::ErrorKind::StorageFull => {
            observer.note(&format!(
                "{}: the teacher runs at every step: the disk of {} is full",
                request.stage,
                path.display()
            ));
            if options.folder.is_none() {
                scope.run.into_iter().try_for_each(discard_caches)?;
            }
            live
        }
        Err(error) => Err(error),
    }
}

/// The taps, and the logits of texts, which take next to no room and are what a later stage is likely to want.
fn with_logits(teacher: &dyn Teacher, taps: &[String]) -> Vec<String> {
    let mut taps = taps.to_vec();
    let form = teacher.outline().and_then(|outline| outline.tap_shape(LOGITS));
    if matches!(form, Some(TapShape::Text { .. })) && taps.iter().all(|tap| tap != LOGITS) {
        taps.push(LOGITS.to_owned());
    }
    taps
}

/// The folder of the cache that holds all that this stage needs, its own or an earlier stage's; none if there is none.
fn at_hand(
    scope: &CacheScope<'_>,
    teacher: &dyn Teacher,
    request: &Request<'_>,
) -> Result<Option<PathBuf>, RunError> {
    let precision = &scope.options.precision;
    for stage in &scope.stages {
        let folder = scope.folder(stage)?;
        if TeacherOutputCache::is_of(&folder, teacher, &request.texts, request.taps, precision)? {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Computes what the cache of a stage lacks. Returns it with a summary.
pub(crate) fn fill(
    scope: &CacheScope<'_>,
    teacher: &dyn Teacher,
    request: &Request<'_>,
    observer: &mut dyn Observer,
) -> Result<(TeacherOutputCache, String), RunError> {
    let precision = &scope.options.precision;
    // All ranks have to find the same, before any of them goes on to write.
    let at_hand = at_hand(scope, teacher, request)?;
    scope.ranks.barrier()?;
    let (folder, taps) = match at_hand {
        Some(folder) => (folder, request.taps.to_vec()),
        None => (scope.folder(request.stage)?, with_logits(teacher, request.taps)),
    };
    let (count, begin) = (request.texts.texts.len(), Instant::now());
    observer.task(
        &format!("{}: the teacher's outputs for {} texts", request.stage, thousands(count as u64)),
        count,
        0,
    );
    let cache = TeacherOutputCache::complete(
        &folder,
        teacher,
        &request.texts,
        &taps,
        precision,
        &scope.ranks,
        &mut |done| {
            observer.progress(done);
            if scope.interrupt.load(Ordering::Relaxed) {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        },
    )?;
    let cache =
        cache.ok_or_else(|| RunError::Interrupted { folder: scope.run.unwrap_or(&folder).to_owned() })?;
    let errors = cache.quantization_errors();
    // The tap with the largest error stands for all.
    let worst = errors
        .iter()
        .filter(|(_, error)| error.relative() > 0.0)
        .max_by(|a, b| a.1.relative().total_cmp(&b.1.relative()));
    let mut sentences = vec![match worst {
        None => format!("{} cached without loss", bytes(cache.bytes())),
        Some((tap, error)) => format!(
            "{} cached with a relative error of at most {:.1e} (`{tap}`, largest difference {:.1e} where values reach {:.1e})",
            bytes(cache.bytes()),
            error.relative(),
            error.largest_error,
            error.largest_value
        ),
    }];
    let diverging = errors.iter().filter_map(|(tap, error)| Some((tap, error.divergence()?)));
    sentences.extend(diverging.map(|(tap, divergence)| format!("`{tap}` diverges by {divergence:.1e} nats")));
    let summary = sentences.join(", ");
    observer.finished(&format!("{summary}, in {}", duration(begin.elapsed().as_secs_f64())));
    Ok((cache, summary))
}
