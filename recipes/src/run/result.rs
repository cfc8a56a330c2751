//! From what the models wrote to `metrics.json`, the report and the student's folder.

use std::path::Path;

use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles};
use alambic_reports::card::{Card, DataSource};
use alambic_reports::metrics::{Direction, Scores, find};
use alambic_reports::numbers::{metric_title, metric_value};
use alambic_reports::outcome::{BASELINE, Latency, ModelOutcome, Outcome, STUDENT, TEACHER};
use alambic_reports::plots;
use alambic_reports::record::{read_events, tables_from_events};
use alambic_reports::report::{
    CorpusReading, PipelineExample, PipelineNotes, Report, Sample, StageSummary, Text, VariationNotes, View,
};
use alambic_reports::verdict::{Judgement, judge};
use alambic_settings::IndexMap;
use alambic_students::ship;
use alambic_teachers::{Teacher, TeacherOptions};
use serde_json::Value;

use super::checkpoint::remove;
use super::environment::Environment;
use super::evaluation::{Evaluation, Outputs};
use super::exam::{Exam, Kind};
use super::stage::{PROJECTIONS, Trained};
use super::trainings::{FROM_SCRATCH, Replica, SAME_START, Trainings};
use super::workshop::Workshop;
use super::{RunError, environment};
use crate::load::Loaded;
use crate::observer::Observer;
use crate::schema::StoredPrecision;

/// Outputs that the report shows side by side.
const SAMPLES: usize = 24;
/// Examples for which it is shown what models look at.
const VIEWS: usize = 6;
/// Seconds over which losses at the end of a stage are averaged, in steps.
const LAST_STEPS: usize = 50;

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
            .transpose()?;

        self.ship()?;
        let mut outcome = self.outcome(&student_scores, teacher_scores.as_ref(), &timings)?;
        outcome.fidelity = self.fidelity()?;
        outcome.verdict = judgement.as_ref().map(|judgement| judgement.verdict);

        let Environment { machine, hashes } =
            environment::write(self.loaded, self.workshop, self.exam.teacher(), &folder.join("student"))?;
        tables_from_events(folder)?;
        let report =
            self.report(&outcome, judgement, timings, &student_scores, teacher_scores.as_ref(), machine)?;
        report.write(folder)?;
        self.card(&outcome, &report, hashes).write(&folder.join("student"))?;
        // Last, since it is what says that a run is done.
        outcome.write(folder)?;
        Ok(outcome)
    }

    fn outcome(
        &self,
        student: &Seeds,
        teacher: Option<&Seeds>,
        timings: &IndexMap<String, IndexMap<String, Latency>>,
    ) -> Result<Outcome, RunError> {
        let labels = self.exam.slices();
        let latency = |model: &str| timings.get("batch 1").and_then(|models| models.get(model)).copied();
        let teacher = teacher
            .map(|scores| -> Result<ModelOutcome, RunError> {
                let mut outcome = ModelOutcome::measured(scores, labels)?;
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
            let mut outcome = ModelOutcome::measured(scores, labels)?;
            outcome.parameters = replica.trainings.last().map(|trained| trained.parameters as u64);
            outcome.bytes = Some(ModelFolder::open(&replica.folder)?.bytes()?);
            outcome.seconds_to_train = Some(replica.seconds());
            Ok(outcome)
        };
        let mut student = trained(student, self.student())?;
        student.latency_ms = latency(STUDENT);
        student.bytes = Some(ModelFolder::open(&self.workshop.folder.join("student"))?.bytes()?);
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
        let seeds = self.trainings.student.iter().map(|replica| replica.seed).collect();
        let recipe = &self.workshop.recipe.name;
        let examples = self.exam.references().len();
        let mut outcome = Outcome::new(recipe, seeds, examples, teacher, Some(student), baseline);
        outcome.labelled = self.judged_by.is_some();
        outcome.models.extend(others);
        if let Some(floor) = self.exam.floor() {
            let scores = self.evaluation.scores(std::slice::from_ref(&floor.answers))?;
            outcome.add_floor(floor.name, ModelOutcome::measured(&scores, labels)?);
        }
        Ok(outcome)
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

    /// Writes `student/` out of the finished training, in one move.
    fn ship(&self) -> Result<(), RunError> {
        let folder = &self.workshop.folder;
        let (partial, whole) = (folder.join("student.part"), folder.join("student"));
        remove(&partial)?;
        let finished = ModelFolder::open(&self.student().folder)?;
        let precision = match self.workshop.recipe.export.precision {
            StoredPrecision::F32 => Precision::F32,
            StoredPrecision::F16 => Precision::F16,
        };
        let (config, tokenizer) = (Config::open(&finished)?, TokenizerFiles::read(finished.path())?);
        ship(&partial, &config, &config.weights(&finished)?, &tokenizer, precision)?;
        let projections = finished.path().join(PROJECTIONS);
        if projections.is_file() {
            let copy = partial.join(PROJECTIONS);
            std::fs::copy(&projections, &copy).map_err(RunError::file(&copy))?;
        }
        remove(&whole)?;
        std::fs::rename(&partial, &whole).map_err(RunError::file(&whole))
    }

    fn report(
        &self,
        outcome: &Outcome,
        judgement: Option<Judgement>,
        timings: IndexMap<String, IndexMap<String, Latency>>,
        student: &Seeds,
        teacher: Option<&Seeds>,
        machine: IndexMap<String, String>,
    ) -> Result<Report, RunError> {
        let folder = &self.workshop.folder;
        let events = read_events(&folder.join("events.jsonl"))?;
        let mut quality_figures: Vec<_> =
            self.judged_by.and_then(|metric| plots::metric_by_slice(outcome, metric)).into_iter().collect();
        if let Some((metric, lengths)) = self.judged_by.zip(self.exam.lengths()) {
            let mean = |seeds: &Seeds| Scores::mean_over_seeds(&of_metric(seeds, metric));
            let mut by_length = Vec::new();
            if let Some(teacher) = teacher {
                by_length.push((TEACHER, mean(teacher)?));
            }
            by_length.push((STUDENT, mean(student)?));
            for Baseline { name, scores, .. } in &self.baselines {
                by_length.push((name, mean(scores)?));
            }
            let by_length: Vec<(&str, &Scores)> =
                by_length.iter().map(|(name, scores)| (*name, scores)).collect();
            quality_figures.push(plots::metric_by_length(&by_length, &lengths)?);
        }
        let noun = self.exam.noun();
        Ok(Report {
            recipe: self.workshop.recipe.name.value.clone(),
            description: self.workshop.recipe.description.clone(),
            date: chrono::Utc::now().format("%Y-%m-%d").to_string(),
            evaluated_on: self.evaluated_on(),
            outcome: outcome.clone(),
            judgement,
            models: self.descriptions(),
            time_figures: plots::time_per_example(&timings, &noun.one).into_iter().collect(),
            examples: noun,
            timings,
            timing_note: Some(format!(
                "The models take turns over the same {many} in one run and in the same way; `batch 32` is the time \
                 of a batch divided by its {many}.",
                many = self.exam.noun().many
            )),
            stages: self.stages(&events),
            corpora: self.corpora(),
            pipeline: self.pipeline(),
            variations: self.variations(),
            samples: self.samples(),
            views: self.views()?,
            quality_figures,
            training_figures: plots::losses_over_steps(&events),
            warnings: self.warnings(&events),
            environment: machine,
        })
    }

    fn evaluated_on(&self) -> String {
        let sources: Vec<&str> = self
            .workshop
            .recipe
            .evaluation
            .data
            .iter()
            .filter_map(|name| self.workshop.corpora.iter().find(|(other, _)| *other == name.value))
            .map(|(_, corpus)| file_name(&corpus.reading.source))
            .collect();
        let without = self.exam.left_out().map_or_else(String::new, |some| format!(", without {some}"));
        format!("the test part of {}{without}", sources.join(", "))
    }

    fn descriptions(&self) -> IndexMap<String, String> {
        let mut models = IndexMap::new();
        let recipe = self.workshop.recipe;
        if let Some(name) = &recipe.evaluation.teacher {
            let text = match recipe.teacher.get(&name.value) {
                Some(TeacherOptions::Pipeline(options)) => {
                    let steps: Vec<String> = options
                        .chain
                        .iter()
                        .map(|step| format!("{} writes {}", step.teacher.value, step.language))
                        .collect();
                    format!("a pipeline: {}", steps.join(", then "))
                }
                Some(TeacherOptions::Checkpoint(options)) => match (&options.stage, &options.model) {
                    (Some(stage), _) => format!("the model that stage `{}` trained", stage.value),
                    (None, Some(model)) => format!("the model {}", file_name(&model.to_string())),
                    (None, None) => String::new(),
                },
                Some(TeacherOptions::Recorded(_)) => "outputs of an earlier pass".into(),
                None => String::new(),
            };
            models.insert(TEACHER.to_owned(), text);
        }
        models.insert(STUDENT.to_owned(), "distilled from the teacher".into());
        for Baseline { name, training, .. } in &self.baselines {
            let start = match *training {
                SAME_START => ", from the weights that the student started from",
                FROM_SCRATCH => ", from random weights",
                _ => "",
            };
            let text = format!(
                "the student's architecture, steps, batches and schedule, trained on labels without a \
                 teacher{start} (training {training})"
            );
            models.insert((*name).to_owned(), text);
        }
        if let Some(floor) = self.exam.floor() {
            models.insert(floor.name.to_owned(), floor.description.to_owned());
        }
        if recipe.evaluation.teacher.is_none() {
            models.insert(STUDENT.to_owned(), "trained on labels".into());
        }
        models
    }

    fn stages(&self, events: &[Value]) -> Vec<StageSummary> {
        let replicas =
            self.trainings.student.iter().chain(self.trainings.baselines.iter().flat_map(|(_, r)| r));
        let of_others = self.trainings.others.iter().map(|trained| (self.workshop.recipe.seed, trained));
        let of_replicas =
            replicas.flat_map(|replica| replica.trainings.iter().map(|trained| (replica.seed, trained)));
        of_others.chain(of_replicas).map(|(seed, trained)| stage_summary(seed, trained, events)).collect()
    }

    fn corpora(&self) -> Vec<CorpusReading> {
        let counts = |map: &IndexMap<String, usize>| -> IndexMap<String, u64> {
            map.iter().map(|(name, count)| (name.clone(), *count as u64)).collect()
        };
        self.workshop
            .corpora
            .iter()
            .map(|(name, corpus)| {
                let report = corpus.report();
                let options = self.workshop.recipe.data.get(name);
                let embedded =
                    corpus.reading.source.starts_with("builtin:").then(|| "Unicode-3.0".to_owned());
                let mut dropped = counts(&corpus.reading.dropped);
                dropped.extend(counts(&report.removed));
                CorpusReading {
                    name: name.to_owned(),
                    source: options
                        .and_then(|options| options.source.clone())
                        .unwrap_or_else(|| file_name(&corpus.reading.source).to_owned()),
                    licence: options.and_then(|options| options.licence.clone()).or(embedded),
                    rows: corpus.reading.rows as u64,
                    kept: corpus.reading.kept as u64,
                    dropped,
                    splits: [
                        ("train", report.train),
                        ("validation", report.validation),
                        ("test", report.test),
                    ]
                    .into_iter()
                    .map(|(split, count)| (split.to_owned(), count as u64))
                    .collect(),
                }
            })
            .collect()
    }

    /// What the teacher wrote for training, if it wrote anything.
    fn pipeline(&self) -> Option<PipelineNotes> {
        let trained = self.student().trainings.iter().rev().find(|trained| trained.writing.requests > 0)?;
        let writing = &trained.writing;
        Some(PipelineNotes {
            description: self.descriptions().shift_remove(TEACHER).unwrap_or_default(),
            inputs: writing.requests as u64,
            dropped: writing.dropped.iter().map(|(reason, count)| (reason.clone(), *count as u64)).collect(),
            examples: writing
                .samples
                .iter()
                .map(|[source, direction, intermediate, output]| {
                    let (from, to) = direction.split_once('-').unwrap_or((direction, ""));
                    PipelineExample {
                        source: Text::new(source, Some(from)),
                        intermediate: vec![Text::new(intermediate, None)],
                        output: Text::new(output, Some(to)),
                        score: None,
                    }
                })
                .collect(),
        })
    }

    /// What became of texts that were varied, for the first seed.
    fn variations(&self) -> Vec<VariationNotes> {
        let baselines = self.trainings.baselines.iter().filter_map(|(_, replicas)| replicas.first());
        let replicas = std::iter::once(self.student()).chain(baselines);
        let trainings = self.trainings.others.iter().chain(replicas.flat_map(|replica| &replica.trainings));
        let counts = |map: &IndexMap<String, usize>| {
            map.iter().map(|(reason, count)| (reason.clone(), *count as u64)).collect()
        };
        trainings
            .filter(|trained| trained.augmented.texts > 0)
            .map(|trained| VariationNotes {
                training: trained.label.clone(),
                texts: trained.augmented.texts as u64,
                made: trained.augmented.made as u64,
                removed: counts(&trained.augmented.removed),
                examples: trained.augmented.samples.clone(),
            })
            .collect()
    }

    fn samples(&self) -> Vec<Sample> {
        if self.judged_by.is_none() {
            return Vec::new();
        }
        let (references, count) = (self.exam.references(), self.exam.references().len());
        let step = (count / SAMPLES).max(1);
        let sample = |index: usize| {
            let mut outputs = IndexMap::new();
            if let Some(teacher) = self.exam.teacher_answers() {
                outputs.insert(TEACHER.to_owned(), self.exam.answer(index, &teacher[index]));
            }
            outputs.insert(STUDENT.to_owned(), self.exam.answer(index, &self.evaluation.student[0][index]));
            for Baseline { name, outputs: texts, .. } in &self.baselines {
                outputs.insert((*name).to_owned(), self.exam.answer(index, &texts[0][index]));
            }
            Sample {
                slice: self.exam.slices().get(index).cloned().unwrap_or_default(),
                source: self.exam.source(index),
                reference: Some(self.exam.answer(index, &references[index])),
                outputs,
            }
        };
        (0..count).step_by(step).take(SAMPLES).map(sample).collect()
    }

    /// What models look at in a few examples, evenly spread.
    fn views(&self) -> Result<Vec<View>, RunError> {
        let count = self.exam.references().len();
        let step = (count / VIEWS).max(1);
        // Off the first of each stretch, which the samples show already.
        let examples: Vec<usize> = (step / 2..count).step_by(step).take(VIEWS).collect();
        let mut models = vec![(STUDENT, self.student().folder.as_path())];
        models
            .extend(self.baselines.iter().map(|baseline| (baseline.name, baseline.replica.folder.as_path())));
        self.exam.views(&examples, &models)
    }

    fn warnings(&self, events: &[Value]) -> Vec<String> {
        let mut warnings: Vec<String> = events
            .iter()
            .filter(|event| event["event"] == "note" && event["level"] == "warning")
            .filter_map(|event| event["text"].as_str().map(str::to_owned))
            .collect();
        for trained in self.student().trainings.iter().chain(&self.trainings.others) {
            if trained.too_long > 0 {
                warnings.push(format!(
                    "{}: {} examples are longer than the student's positions and were left out",
                    trained.label, trained.too_long
                ));
            }
            if trained.truncated > 0 {
                warnings.push(format!(
                    "{}: {} of {} examples are longer than `longest` tokens and were cut",
                    trained.label, trained.truncated, trained.examples
                ));
            }
        }
        warnings
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
            command: format!("alambic run {}", file_name(&self.loaded.location.to_string())),
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

fn stage_summary(seed: u64, trained: &Trained, events: &[Value]) -> StageSummary {
    let steps: Vec<&Value> = events
        .iter()
        .filter(|event| event["event"] == "step" && event["stage"] == trained.label.as_str())
        .collect();
    let last = &steps[steps.len().saturating_sub(LAST_STEPS)..];
    let measured: Vec<&Value> = steps.iter().copied().filter(|event| event["shares"].is_object()).collect();
    StageSummary {
        name: trained.label.clone(),
        seed,
        steps: trained.steps as u64,
        examples: trained.examples as u64,
        seconds: trained.seconds,
        losses: means(last, "terms"),
        shares: means(&measured, "shares"),
        teacher_outputs: trained.kept.clone(),
        kept: trained.best.map(|(step, value)| {
            let metric = &trained.metric;
            format!(
                "step {step}, {} {} on validation",
                metric_title(metric),
                metric_value(metric, Some(value))
            )
        }),
    }
}

/// The mean of each number under a key of some events.
fn means(events: &[&Value], key: &str) -> IndexMap<String, f64> {
    let mut means: IndexMap<String, f64> = IndexMap::new();
    for event in events {
        for (name, value) in event[key].as_object().into_iter().flatten() {
            *means.entry(name.clone()).or_insert(0.0) +=
                value.as_f64().unwrap_or(f64::NAN) / events.len() as f64;
        }
    }
    means
}

/// The last part of a path, which tells a reader more than the path of somebody's machine.
fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}
