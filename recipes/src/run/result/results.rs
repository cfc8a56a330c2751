//! From what the models wrote to `metrics.json`, the report and the student's folder.

use std::path::{Path, PathBuf};

use alambic_files::{digests, write};
use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};
use alambic_ranks::share;
use alambic_reports::layers::LayerRetrieval;
use alambic_reports::metrics::{ByClass, Direction, Prediction, Scores, find};
use alambic_reports::numbers::counted;
use alambic_reports::outcome::{BASELINE, Latency, ModelOutcome, Outcome, STUDENT, TEACHER, UPPER_BOUND};
use alambic_reports::record::{ScoresBySeed, tables_from_events, write_scores};
use alambic_reports::verdict::compare_with_baseline;
use alambic_settings::IndexMap;
use alambic_students::{copy_inner_models, save_pretrained};
use alambic_teachers::Teacher;
use alambic_tensor::precision;

use crate::context::RunContext;
use crate::error::RunError;
use crate::evaluation::evaluator::EvaluationContext;
use crate::folder::layout::{STUDENT as STUDENT_FOLDER, finished_folder};
use crate::load::Loaded;
use crate::machine::OtherLoad;
use crate::names::UNTRAINED;
use crate::observer::Observer;
use crate::options::export::StoredPrecision;
use crate::run::environment::{self, Environment};
use crate::run::evaluation::{ComparedModel, Evaluation, Predictions, in_precision};
use crate::run::initial::untrained;
use crate::run::trainings::{SeedRun, Trainings};
use crate::schema::Recipe;
use crate::stage_order::{stage_options, student_of};
use crate::training::output::{DELTA, MASKS, PROJECTIONS};

/// Everything that is known at the end of a run.
pub(super) struct Results<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) context: &'a RunContext<'a>,
    pub(super) trainings: &'a Trainings,
    pub(super) evaluation: &'a Evaluation<'a>,
    pub(super) baselines: Vec<Baseline<'a>>,
    /// The metric by which student and baseline are compared; none where there are no labels.
    pub(super) compared_by: Option<&'a str>,
}

/// A baseline and its predictions.
pub(super) struct Baseline<'a> {
    /// Its name in `metrics.json` and the report: [`BASELINE`] for the best, with which the student is
    /// compared.
    pub(super) name: &'a str,
    /// Name of its training.
    pub(super) training: &'a str,
    pub(super) run: &'a SeedRun,
    pub(super) predictions: &'a Predictions,
    pub(super) scores: ScoresBySeed,
}

/// Evaluates on all ranks, of which the first writes all that a run leaves; its result, on that one.
pub(crate) fn conclude(
    loaded: &Loaded,
    context: &RunContext<'_>,
    trainings: &Trainings,
    observer: &mut dyn Observer,
) -> Result<Option<Outcome>, RunError> {
    let recipe = &loaded.recipe;
    let last = recipe.stages.last().ok_or_else(|| RunError::Recipe("there is no stage".into()))?;
    let stage = stage_options(recipe, last)?;
    let untrained = || untrained(recipe, context);
    let student = finished_folder(context.folder.path(), last);
    let evaluation_context = EvaluationContext {
        run: context,
        options: &recipe.evaluation,
        stage_teacher: stage.teacher.as_ref(),
        student: &student,
        widths: truncated_widths(recipe, last, &student)?,
        untrained: &untrained,
    };
    let kind = context.corpora.kind(&recipe.evaluation.data);
    let evaluation = share(&context.ranks, || {
        let evaluators = stage.data.evaluating(kind).evaluators(&evaluation_context, observer)?;
        if evaluators.is_empty() {
            return Err(RunError::Recipe("nothing of the evaluation suits the last stage's task".into()));
        }
        Evaluation::run(evaluators, &recipe.evaluation, context, &untrained, trainings, observer)
    })
    .map_err(|error| context.stopped(error))?;
    if !context.ranks.is_first() {
        return Ok(None);
    }
    let compared_by = evaluation.metrics().first().copied();
    // The check refuses a baseline that nothing could compare with the student.
    let baselines = match compared_by {
        Some(metric) => baselines(trainings, &evaluation, metric)?,
        None => Vec::new(),
    };
    let results = Results { loaded, context, trainings, evaluation: &evaluation, baselines, compared_by };
    results.write(observer).map(Some)
}

/// The widths to which losses of the stages of the last student have its embeddings truncated, the largest first, without its own.
fn truncated_widths(recipe: &Recipe, last: &str, student: &Path) -> Result<Vec<usize>, RunError> {
    let name = student_of(recipe, last)?;
    let mut widths: Vec<usize> = Vec::new();
    for stage in recipe.stages.iter() {
        if student_of(recipe, stage)? == name {
            let losses = stage_options(recipe, stage)?.loss.iter();
            widths.extend(losses.flat_map(|loss| loss.inner().matryoshka()));
        }
    }
    if !widths.is_empty() {
        let outline = Config::open(&ModelFolder::open(student)?)?.outline();
        let own = outline.streams.get("").and_then(|stream| stream.embedding).unwrap_or_default();
        widths.retain(|width| *width < own);
        widths.sort_unstable_by(|one, other| other.cmp(one));
        widths.dedup();
    }
    Ok(widths)
}

pub(super) fn of_metric(seeds: &ScoresBySeed, metric: &str) -> Vec<Scores> {
    seeds.iter().filter_map(|scores| scores.get(metric).cloned()).collect()
}

impl Results<'_> {
    pub(super) fn student(&self) -> &SeedRun {
        &self.trainings.student[0]
    }

    fn write(&self, observer: &mut dyn Observer) -> Result<Outcome, RunError> {
        let folder = self.context.folder.path();
        observer.task("timing", 1, 0);
        let most = self.loaded.recipe.evaluation.timed_examples;
        let load = OtherLoad::start();
        let timings = self.timings(most)?;
        let load = load.warning();
        let count = most.min(self.evaluation.examples());
        observer.finished(&format!("{count} {}, one at a time and in batches", self.evaluation.noun().many));

        let student_scores = self.evaluation.scores(&self.evaluation.student)?;
        let teacher_scores = self
            .evaluation
            .teacher_predictions()
            .map(|predictions| self.evaluation.scores(&[predictions.to_vec()]))
            .transpose()?;
        let comparison = self
            .baselines
            .iter()
            .find(|baseline| baseline.name == BASELINE)
            .zip(self.compared_by)
            .map(|(best, metric)| {
                compare_with_baseline(&of_metric(&student_scores, metric), &of_metric(&best.scores, metric))
            })
            .transpose()?
            .flatten();

        let shipped = self.save_student()?;
        let mut outcome = self.outcome(&student_scores, teacher_scores.as_ref(), &timings, &shipped)?;
        outcome.fidelity = self.fidelity()?;
        outcome.layers = self.by_layer(observer)?;
        outcome.verdict = comparison.as_ref().map(|comparison| comparison.verdict);
        let mut remarks = self.remarks(&outcome)?;
        remarks.extend(load);
        for remark in &remarks {
            observer.warn(remark);
        }

        let Environment { machine, hashes } =
            environment::write(self.loaded, self.context, self.evaluation.teacher(), &shipped)?;
        tables_from_events(folder)?;
        let teacher = teacher_scores.as_ref().map(|scores| (TEACHER, scores));
        let mut scored: Vec<(&str, &ScoresBySeed)> = teacher.into_iter().collect();
        scored.push((STUDENT, &student_scores));
        scored.extend(self.baselines.iter().map(|baseline| (baseline.name, &baseline.scores)));
        write_scores(folder, &scored)?;
        let mut report =
            self.report(&outcome, comparison, timings, &student_scores, teacher_scores.as_ref(), machine)?;
        report.warnings.extend(remarks);
        report.write(folder)?;
        let card = self.card(&outcome, &report, hashes, &shipped)?;
        card.write(&shipped)?;
        outcome.card = card.classification;
        digests::publish(&shipped, &folder.join(STUDENT_FOLDER))?;
        // Last, since it marks the run as done.
        outcome.write(folder)?;
        Ok(outcome)
    }

    /// Times of teacher and student, and of the student in lower precisions, by setting and model.
    fn timings(&self, most: usize) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = &self.student().folder;
        let mut timings = self.evaluation.timings(student, most)?;
        for products in self.loaded.recipe.evaluation.precisions.iter().map(|precision| precision.value) {
            let lower = precision::with(products, || self.evaluation.timings(student, most))?;
            for (setting, models) in lower {
                if let Some(time) = models.get(STUDENT) {
                    timings.entry(setting).or_default().insert(in_precision(products), *time);
                }
            }
        }
        Ok(timings)
    }

    /// Bytes of a model that was trained in 32 bits, in the precision in which the student is stored.
    fn stored_bytes(&self, folder: &ModelFolder) -> Result<u64, RunError> {
        let bytes = folder.bytes()?;
        Ok(match self.loaded.recipe.export.precision {
            StoredPrecision::F32 => bytes,
            StoredPrecision::F16 => bytes.saturating_sub(HALF * parameters(folder)?),
        })
    }

    fn outcome(
        &self,
        student: &ScoresBySeed,
        teacher: Option<&ScoresBySeed>,
        timings: &IndexMap<String, IndexMap<String, Latency>>,
        shipped: &Path,
    ) -> Result<Outcome, RunError> {
        let latency = |model: &str| timings.get("batch 1").and_then(|models| models.get(model)).copied();
        let teacher = teacher
            .map(|scores| -> Result<ModelOutcome, RunError> {
                let predictions = self.evaluation.teacher_predictions().unwrap_or_default();
                let mut outcome = self.measured(scores, predictions)?;
                if let Some((parameters, bytes)) =
                    self.evaluation.teacher().map(Teacher::size).filter(|size| size.0 > 0)
                {
                    outcome.parameters = Some(parameters as u64);
                    outcome.bytes = Some(bytes);
                }
                outcome.latency_ms = latency(TEACHER);
                Ok(outcome)
            })
            .transpose()?;
        let trained = |scores: &ScoresBySeed, predictions: &Predictions, run: &SeedRun| {
            let mut outcome = self.measured(scores, &predictions[0])?;
            outcome.parameters = run.trainings.last().map(|trained| trained.parameters as u64);
            outcome.bytes = Some(self.stored_bytes(&ModelFolder::open(&run.folder)?)?);
            outcome.seconds_to_train = Some(run.seconds());
            Ok::<_, RunError>(outcome)
        };
        let mut student = trained(student, &self.evaluation.student, self.student())?;
        student.latency_ms = latency(STUDENT);
        student.bytes = Some(ModelFolder::open(shipped)?.bytes()?);
        let mut others = Vec::new();
        let mut baseline = None;
        for Baseline { name, run, scores, predictions, .. } in &self.baselines {
            let outcome = trained(scores, predictions, run)?;
            if *name == BASELINE {
                baseline = Some(outcome);
            } else {
                others.push(((*name).to_owned(), Some(outcome)));
            }
        }
        for ComparedModel { name, folder, predictions } in &self.evaluation.compared {
            let mut outcome = self.measured(&self.evaluation.scores(predictions)?, &predictions[0])?;
            // The student in a lower precision, or with shorter embeddings, is read out of the same file: it has no size of its own.
            let is_student = *folder == self.student().folder;
            let folder = ModelFolder::open(folder)?;
            outcome.parameters = Some(parameters(&folder)?);
            outcome.bytes = match name.as_str() {
                _ if is_student => None,
                UNTRAINED => Some(self.stored_bytes(&folder)?),
                _ => Some(folder.bytes()?),
            };
            outcome.latency_ms = latency(name);
            others.push((name.clone(), Some(outcome)));
        }
        let seeds = self.trainings.student.iter().map(|run| run.seed).collect();
        let recipe = &self.loaded.recipe.name;
        let examples = self.evaluation.examples();
        let mut outcome = Outcome::new(recipe, seeds, examples, teacher, Some(student), baseline);
        outcome.labelled = self.compared_by.is_some();
        outcome.test_data = Some(self.evaluation.test_data());
        outcome.languages = self.evaluation.languages().cloned();
        outcome.models.extend(others);
        for (place, trivial) in self.evaluation.trivial().iter().enumerate() {
            let scores = self.evaluation.scores(std::slice::from_ref(&trivial.predictions))?;
            let baseline = self.measured(&scores, &trivial.predictions)?;
            if place == 0 {
                outcome.add_trivial_baseline(trivial.name, baseline);
            } else {
                outcome.models.insert(trivial.name.to_owned(), Some(baseline));
            }
        }
        Ok(outcome)
    }

    /// Metrics of a model from its scores, and its counts by class from its predictions with the first seed.
    fn measured(&self, scores: &ScoresBySeed, predictions: &[Prediction]) -> Result<ModelOutcome, RunError> {
        let mut outcome = self.evaluation.measure(scores, self.compared_by)?;
        if let Some(ByClass { classes, confusion }) = self.evaluation.by_class(predictions) {
            (outcome.classes, outcome.confusion) = (classes, confusion);
        }
        Ok(outcome)
    }

    /// The student's predictions, and the baselines', against the teacher's, and the similarities of inner states; without
    /// labels also those of the untrained student.
    fn fidelity(&self) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut fidelity = IndexMap::new();
        let mut add = |prefix: &str, predictions: &Predictions| -> Result<(), RunError> {
            let Some(seeds) = self.evaluation.fidelity(predictions)? else { return Ok(()) };
            for (metric, name) in self.evaluation.fidelity_metrics() {
                let mean = Scores::mean_over_seeds(&of_metric(&seeds, metric))?;
                fidelity.insert(format!("{prefix}{name}"), mean.value());
            }
            Ok(())
        };
        add("", &self.evaluation.student)?;
        for Baseline { name, predictions, .. } in &self.baselines {
            add(&format!("{name}-"), predictions)?;
        }
        fidelity.extend(self.evaluation.similarities(&self.student().folder)?);
        let untrained = self.evaluation.compared.iter().find(|compared| compared.name == UNTRAINED);
        // Where there are labels, metrics say what training gave.
        if let Some(untrained) = untrained.filter(|_| self.compared_by.is_none()) {
            let own = self.evaluation.similarities(&untrained.folder)?;
            let own = own.into_iter().filter(|(name, _)| !name.ends_with("-shuffled"));
            fidelity.extend(own.map(|(name, value)| (format!("{UNTRAINED}-{name}"), value)));
        }
        Ok(fidelity)
    }

    /// Retrieval by the states of each layer, by model, with the first seed.
    fn by_layer(&self, observer: &mut dyn Observer) -> Result<IndexMap<String, LayerRetrieval>, RunError> {
        if !self.loaded.recipe.evaluation.by_layer {
            return Ok(IndexMap::new());
        }
        let student = self.student().folder.as_path();
        let mut models = vec![(TEACHER, None), (STUDENT, Some(student))];
        models.extend(self.baselines.iter().map(|own| (own.name, Some(own.run.folder.as_path()))));
        // The student in a lower precision, or with shorter embeddings, has the same layers.
        let others = self.evaluation.compared.iter().filter(|own| own.folder != student);
        models.extend(others.map(|own| (own.name.as_str(), Some(own.folder.as_path()))));
        observer.task("evaluation: retrieval by layer", models.len(), 0);
        let mut found = IndexMap::new();
        for (done, (name, folder)) in models.iter().enumerate() {
            if let Some(own) = self.evaluation.by_layer(*folder)? {
                found.insert((*name).to_owned(), own);
            }
            observer.progress(done + 1);
        }
        observer.finished(&counted(found.len(), "model", "models"));
        Ok(found)
    }

    /// Writes what becomes `student/` out of the finished training; gives the folder that is to be moved there.
    fn save_student(&self) -> Result<PathBuf, RunError> {
        self.context.folder.check()?;
        let partial = write::partial(&self.context.folder.path().join(STUDENT_FOLDER));
        write::begin_folder(&partial)?;
        let finished = ModelFolder::open(&self.student().folder)?;
        let precision = match self.loaded.recipe.export.precision {
            StoredPrecision::F32 => Precision::F32,
            StoredPrecision::F16 => Precision::F16,
        };
        let config = Config::open(&finished)?;
        let mut tokenizer = TokenizerFiles::read(finished.path())?;
        if let Some(similarity) = self.evaluation.vector_similarity() {
            tokenizer = tokenizer.with_similarity(similarity)?;
        }
        save_pretrained(&partial, &config, &config.weights(&finished)?, &tokenizer, precision)?;
        copy_inner_models(finished.path(), &partial)?;
        for name in [PROJECTIONS, MASKS, DELTA] {
            let own = finished.path().join(name);
            if own.is_file() {
                let copy = partial.join(name);
                std::fs::copy(&own, &copy).map_err(RunError::file(&copy))?;
            }
        }
        Ok(partial)
    }
}

/// Bytes that a number of 32 bits has more than one of 16.
const HALF: u64 = 2;

/// How many numbers the weights of a model are.
fn parameters(folder: &ModelFolder) -> Result<u64, RunError> {
    let shapes = folder.weight_shapes()?;
    Ok(shapes.values().map(|shape| shape.iter().product::<usize>() as u64).sum())
}

/// The baselines and the upper bound with their scores; the baseline with the lowest error has the name of the one that the
/// student is compared with.
fn baselines<'a>(
    trainings: &'a Trainings,
    evaluation: &'a Evaluation<'_>,
    compared_by: &str,
) -> Result<Vec<Baseline<'a>>, RunError> {
    let lower = find(compared_by)?.direction == Direction::Lower;
    let mut baselines = Vec::new();
    let mut best: Option<(usize, f64)> = None;
    for ((training, runs), (_, predictions)) in trainings.baselines.iter().zip(&evaluation.baselines) {
        let scores = evaluation.scores(predictions)?;
        let value = Scores::mean_over_seeds(&of_metric(&scores, compared_by))?.value();
        let error = value.map_or(f64::INFINITY, |value| if lower { value } else { -value });
        if training != UPPER_BOUND && best.is_none_or(|(_, lowest)| error < lowest) {
            best = Some((baselines.len(), error));
        }
        baselines.push(Baseline { name: training, training, run: &runs[0], predictions, scores });
    }
    if let Some((index, _)) = best {
        baselines[index].name = BASELINE;
    }
    Ok(baselines)
}
