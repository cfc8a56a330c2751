//! From what the models wrote to `metrics.json`, the report and the student's folder.

mod page;
mod remarks;

use std::path::{Path, PathBuf};

use alambic_files::text::shell_word;
use alambic_files::{digests, write};
use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};
use alambic_reports::card::{Card, DataSource};
use alambic_reports::metrics::{Direction, Scores, find};
use alambic_reports::outcome::{BASELINE, Latency, ModelOutcome, Outcome, STUDENT, TEACHER};
use alambic_reports::record::tables_from_events;
use alambic_reports::report::Report;
use alambic_reports::verdict::judge;
use alambic_settings::IndexMap;
use alambic_students::{add_detector, detector_of, ship};
use alambic_teachers::Teacher;

use super::environment::Environment;
use super::evaluation::{Beside, Evaluation, Outputs};
use super::exam::{Exam, Kind};
use super::folder::layout::STUDENT as STUDENT_FOLDER;
use super::stage::PROJECTIONS;
use super::trainings::{Replica, Trainings};
use super::workshop::Workshop;
use super::{RunError, environment};
use crate::load::Loaded;
use crate::observer::Observer;
use crate::schema::StoredPrecision;

/// Everything that is known at the end of a run.
struct Results<'a> {
    loaded: &'a Loaded,
    workshop: &'a Workshop<'a>,
    trainings: &'a Trainings,
    evaluation: &'a Evaluation<'a>,
    exam: &'a dyn Exam,
    baselines: Vec<Baseline<'a>>,
    /// The metric by which student and baseline are compared; none where there are no right answers.
    judged_by: Option<&'a str>,
}

/// A baseline and what it wrote.
struct Baseline<'a> {
    /// What it is called in `metrics.json` and the report: [`BASELINE`] for the best, which the student is held
    /// against.
    name: &'a str,
    /// What its training is called.
    training: &'a str,
    replica: &'a Replica,
    outputs: &'a Outputs,
    scores: Seeds,
}

/// Evaluates and writes all that a run leaves; gives its result.
pub(crate) fn conclude(
    loaded: &Loaded,
    workshop: &Workshop<'_>,
    trainings: &Trainings,
    observer: &mut dyn Observer,
) -> Result<Outcome, RunError> {
    let evaluation = Evaluation::run(workshop, trainings, observer)?;
    let exam = &*evaluation.exam;
    let judged_by = exam.metrics().first().copied();
    // The check refuses a baseline that nothing could compare with the student.
    let baselines = match judged_by {
        Some(metric) => baselines(trainings, &evaluation, metric)?,
        None => Vec::new(),
    };
    let results =
        Results { loaded, workshop, trainings, evaluation: &evaluation, exam, baselines, judged_by };
    results.write(observer)
}

/// The scores of a model, seed by seed.
type Seeds = Vec<IndexMap<String, Scores>>;

fn of_metric(seeds: &Seeds, metric: &str) -> Vec<Scores> {
    seeds.iter().filter_map(|scores| scores.get(metric).cloned()).collect()
}

impl Results<'_> {
    fn student(&self) -> &Replica {
        &self.trainings.student[0]
    }

    fn write(&self, observer: &mut dyn Observer) -> Result<Outcome, RunError> {
        let folder = &self.workshop.folder;
        observer.task("timing", 1, 0);
        let most = self.workshop.recipe.evaluation.timed_examples;
        let timings = self.exam.timings(&self.student().folder, most)?;
        let count = most.min(self.exam.references().len());
        observer.finished(&format!("{count} {}, one at a time and in batches", self.exam.noun().many));

        let student_scores = self.evaluation.scores(&self.evaluation.student)?;
        let teacher_scores = self
            .exam
            .teacher_answers()
            .map(|answers| self.evaluation.scores(&[answers.to_vec()]))
            .transpose()?;
        let judgement = self
            .baselines
            .iter()
            .find(|baseline| baseline.name == BASELINE)
            .zip(self.judged_by)
            .map(|(best, metric)| {
                judge(&of_metric(&student_scores, metric), &of_metric(&best.scores, metric))
            })
            .transpose()?
            .flatten();

        let shipped = self.ship()?;
        let mut outcome = self.outcome(&student_scores, teacher_scores.as_ref(), &timings, &shipped)?;
        outcome.fidelity = self.fidelity()?;
        outcome.verdict = judgement.as_ref().map(|judgement| judgement.verdict);
        let remarks = self.remarks(&outcome)?;
        for remark in &remarks {
            observer.note(remark);
        }

        let Environment { machine, hashes } =
            environment::write(self.loaded, self.workshop, self.exam.teacher(), &shipped)?;
        tables_from_events(folder)?;
        let mut report =
            self.report(&outcome, judgement, timings, &student_scores, teacher_scores.as_ref(), machine)?;
        report.warnings.extend(remarks);
        report.write(folder)?;
        self.card(&outcome, &report, hashes).write(&shipped)?;
        digests::publish(&shipped, &folder.join(STUDENT_FOLDER))?;
        // Last, since it is what says that a run is done.
        outcome.write(folder)?;
        Ok(outcome)
    }

    fn outcome(
        &self,
        student: &Seeds,
        teacher: Option<&Seeds>,
        timings: &IndexMap<String, IndexMap<String, Latency>>,
        shipped: &Path,
    ) -> Result<Outcome, RunError> {
        let latency = |model: &str| timings.get("batch 1").and_then(|models| models.get(model)).copied();
        let teacher = teacher
            .map(|scores| -> Result<ModelOutcome, RunError> {
                let mut outcome = self.measured(scores)?;
                if let Some((parameters, bytes)) =
                    self.exam.teacher().map(Teacher::size).filter(|size| size.0 > 0)
                {
                    outcome.parameters = Some(parameters as u64);
                    outcome.bytes = Some(bytes);
                }
                outcome.latency_ms = latency(TEACHER);
                Ok(outcome)
            })
            .transpose()?;
        let trained = |scores: &Seeds, replica: &Replica| -> Result<ModelOutcome, RunError> {
            let mut outcome = self.measured(scores)?;
            outcome.parameters = replica.trainings.last().map(|trained| trained.parameters as u64);
            outcome.bytes = Some(ModelFolder::open(&replica.folder)?.bytes()?);
            outcome.seconds_to_train = Some(replica.seconds());
            Ok(outcome)
        };
        let mut student = trained(student, self.student())?;
        student.latency_ms = latency(STUDENT);
        student.bytes = Some(ModelFolder::open(shipped)?.bytes()?);
        let mut others = Vec::new();
        let mut baseline = None;
        for Baseline { name, replica, scores, .. } in &self.baselines {
            let outcome = trained(scores, replica)?;
            if *name == BASELINE {
                baseline = Some(outcome);
            } else {
                others.push(((*name).to_owned(), Some(outcome)));
            }
        }
        for Beside { name, folder, outputs } in &self.evaluation.beside {
            let mut outcome = self.measured(&self.evaluation.scores(outputs)?)?;
            let folder = ModelFolder::open(folder)?;
            let numbers =
                folder.weight_shapes()?.values().map(|shape| shape.iter().product::<usize>()).sum::<usize>();
            (outcome.parameters, outcome.bytes) = (Some(numbers as u64), Some(folder.bytes()?));
            others.push((name.clone(), Some(outcome)));
        }
        let seeds = self.trainings.student.iter().map(|replica| replica.seed).collect();
        let recipe = &self.workshop.recipe.name;
        let examples = self.exam.references().len();
        let mut outcome = Outcome::new(recipe, seeds, examples, teacher, Some(student), baseline);
        outcome.labelled = self.judged_by.is_some();
        outcome.models.extend(others);
        if let Some(floor) = self.exam.floor() {
            let scores = self.evaluation.scores(std::slice::from_ref(&floor.answers))?;
            outcome.add_floor(floor.name, self.measured(&scores)?);
        }
        Ok(outcome)
    }

    /// What a model's scores come to, over all examples and by their slices.
    fn measured(&self, scores: &Seeds) -> Result<ModelOutcome, RunError> {
        let outcome = ModelOutcome::measured(scores, self.exam.slices())?;
        Ok(match self.exam.source_slice().zip(self.judged_by) {
            Some((source, metric)) => outcome.transferred(source, metric),
            None => outcome,
        })
    }

    /// The student's answers, and the baselines', against the teacher's, and how alike their insides are.
    fn fidelity(&self) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let mut fidelity = IndexMap::new();
        let mut add = |prefix: &str, outputs: &Outputs| -> Result<(), RunError> {
            let Some(seeds) = self.evaluation.fidelity(outputs)? else { return Ok(()) };
            for (metric, name) in self.exam.fidelity_metrics() {
                let mean = Scores::mean_over_seeds(&of_metric(&seeds, metric))?;
                fidelity.insert(format!("{prefix}{name}"), mean.value());
            }
            Ok(())
        };
        add("", &self.evaluation.student)?;
        for Baseline { name, outputs, .. } in &self.baselines {
            add(&format!("{name}-"), outputs)?;
        }
        fidelity.extend(self.exam.similarities(&self.student().folder)?);
        Ok(fidelity)
    }

    /// Writes what becomes `student/` out of the finished training; gives the folder that is to be moved there.
    fn ship(&self) -> Result<PathBuf, RunError> {
        self.workshop.check_place()?;
        let partial = write::partial(&self.workshop.folder.join(STUDENT_FOLDER));
        write::begin_folder(&partial)?;
        let finished = ModelFolder::open(&self.student().folder)?;
        let precision = match self.workshop.recipe.export.precision {
            StoredPrecision::F32 => Precision::F32,
            StoredPrecision::F16 => Precision::F16,
        };
        let (config, tokenizer) = (Config::open(&finished)?, TokenizerFiles::read(finished.path())?);
        ship(&partial, &config, &config.weights(&finished)?, &tokenizer, precision)?;
        if let Some(detector) = detector_of(finished.path()) {
            add_detector(&partial, &detector)?;
        }
        let projections = finished.path().join(PROJECTIONS);
        if projections.is_file() {
            let copy = partial.join(PROJECTIONS);
            std::fs::copy(&projections, &copy).map_err(RunError::file(&copy))?;
        }
        Ok(partial)
    }

    fn card(&self, outcome: &Outcome, report: &Report, hashes: IndexMap<String, String>) -> Card {
        let recipe = self.workshop.recipe;
        let Kind { task, tags, languages, usage, limits } =
            self.exam.kind(self.evaluation.student[0].first());
        let unicode = report.corpora.iter().all(|corpus| corpus.licence.as_deref() == Some("Unicode-3.0"));
        let tags = tags.into_iter().chain(["knowledge-distillation"]);
        Card {
            title: recipe.name.value.clone(),
            licence: if unicode { "unicode-3.0".into() } else { "other".into() },
            languages,
            task: Some(task.into()),
            tags: tags.map(str::to_owned).collect(),
            description: recipe.description.clone(),
            teacher: report.models.get(TEACHER).cloned(),
            data: report
                .corpora
                .iter()
                .map(|corpus| DataSource {
                    name: corpus.name.clone(),
                    source: corpus.source.clone(),
                    licence: corpus.licence.clone().unwrap_or_else(|| "not stated in the recipe".into()),
                    rows: corpus.splits.get("train").copied().unwrap_or_default(),
                })
                .collect(),
            examples: report.examples.clone(),
            evaluated: outcome.examples,
            evaluated_on: report.evaluated_on.clone(),
            figures: [STUDENT, TEACHER, BASELINE]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), outcome.model(name)?.clone())))
                .collect(),
            recipe: recipe.name.value.clone(),
            command: format!("alambic run {}", shell_word(file_name(&self.loaded.location.to_string()))),
            seed: recipe.seed,
            hashes,
            usage,
            limits,
        }
    }
}

/// The baselines with their scores; the one with the lowest error bears the name that the student is held against.
fn baselines<'a>(
    trainings: &'a Trainings,
    evaluation: &'a Evaluation<'_>,
    judged_by: &str,
) -> Result<Vec<Baseline<'a>>, RunError> {
    let lower = find(judged_by)?.direction == Direction::Lower;
    let mut baselines = Vec::new();
    let mut best: Option<(usize, f64)> = None;
    for ((training, replicas), (_, outputs)) in trainings.baselines.iter().zip(&evaluation.baselines) {
        let scores = evaluation.scores(outputs)?;
        let value = Scores::mean_over_seeds(&of_metric(&scores, judged_by))?.value();
        let error = value.map_or(f64::INFINITY, |value| if lower { value } else { -value });
        if best.is_none_or(|(_, lowest)| error < lowest) {
            best = Some((baselines.len(), error));
        }
        baselines.push(Baseline { name: training, training, replica: &replicas[0], outputs, scores });
    }
    if let Some((index, _)) = best {
        baselines[index].name = BASELINE;
    }
    Ok(baselines)
}

/// The last part of a path, which tells a reader more than the path of somebody's machine.
fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}
