//! Runs to be compared, as they are read from their folders.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::metrics::{Scores, is_reference};
use crate::numbers;
use crate::outcome::{BASELINE, ModelOutcome, Outcome, STUDENT, TEACHER, UPPER_BOUND};
use crate::plots::ValueFormat;
use crate::record::{EvaluationEvent, ScoresBySeed, read_events};
use crate::verdict::{BaselineComparison, compare_with_baseline};

/// Characters of a hash that are shown.
const HASH_SHOWN: usize = 8;

/// One run of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRun {
    /// The name of its folder; the whole path where two have one name.
    pub name: String,
    /// Its result.
    pub outcome: Outcome,
    /// The validations of the student's last stage; none where the run left no events.
    pub validations: Option<Validations>,
    /// How much better its student is than that of the first run; none of the first itself, of other test data, or where a run has no
    /// scores of single examples.
    pub to_first: Option<ToFirst>,
}

/// How much better the student of a run is than that of the first run of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ToFirst {
    /// The name of the first run.
    pub run: String,
    /// The difference with its interval.
    #[serde(flatten)]
    pub difference: BaselineComparison,
}

impl ToFirst {
    /// The difference of the students of two runs on the first metric of the second, over the same test examples.
    pub(super) fn between(
        (first, first_scores): (&ComparedRun, &IndexMap<String, ScoresBySeed>),
        (run, scores): (&ComparedRun, &IndexMap<String, ScoresBySeed>),
    ) -> Result<Option<Self>> {
        let is_same = run.outcome.test_data.is_some() && run.test_data() == first.test_data();
        let Some(metric) = run.first_metric().filter(|_| is_same) else { return Ok(None) };
        let of_student = |scores: &IndexMap<String, ScoresBySeed>| -> Vec<Scores> {
            let trainings = scores.get(STUDENT).into_iter().flatten();
            trainings.filter_map(|scores| scores.get(metric).cloned()).collect()
        };
        let [student, other] = [scores, first_scores].map(of_student);
        if student.is_empty() || other.is_empty() {
            return Ok(None);
        }
        let difference = compare_with_baseline(&student, &other)?;
        Ok(difference.map(|difference| Self { run: first.name.clone(), difference }))
    }

    /// The difference and its interval, `better by 1.5 points (0.9 to 2.1)`, or that it is not decided.
    #[must_use]
    pub fn in_words(&self) -> String {
        let BaselineComparison { metric, improvement, interval: [low, high], .. } = &self.difference;
        let by = |difference: f64, ends: [f64; 2]| {
            format!("{} ({})", numbers::points(metric, difference), numbers::points_interval(metric, ends))
        };
        if *low > 0.0 {
            format!("better by {}", by(*improvement, [*low, *high]))
        } else if *high < 0.0 {
            format!("worse by {}", by(-improvement, [-high, -low]))
        } else {
            format!("not decided: {}", by(*improvement, [*low, *high]))
        }
    }
}

/// How a stage came along.
#[derive(Debug, Clone, PartialEq)]
pub struct Validations {
    /// What was measured, as an event names it.
    pub measure: String,
    /// Step and value.
    pub points: Vec<(f64, f64)>,
}

impl Validations {
    /// The validations of the last stage that trained the student with a run's first seed. Baselines come after the
    /// stages and bear names of their own.
    pub(super) fn read(folder: &Path, outcome: &Outcome) -> Option<Self> {
        let events = read_events(&folder.join("events.jsonl")).ok()?;
        let events: Vec<EvaluationEvent> = events
            .iter()
            .filter(|event| event["event"] == "evaluation")
            .filter_map(|event| EvaluationEvent::deserialize(event).ok())
            .filter(|event| outcome.seeds.first() == Some(&event.seed) && !is_without_teacher(&event.stage))
            .collect();
        let stage = &events.last()?.stage;
        let measure = events.last()?.metrics.keys().next()?.clone();
        let points = events
            .iter()
            .filter(|event| event.stage == *stage)
            .filter_map(|event| Some((event.step as f64, *event.metrics.get(&measure)?)))
            .collect();
        Some(Self { measure, points })
    }
}

/// A number that differs from run to run.
#[derive(Debug, Clone, PartialEq)]
pub struct SweptKey {
    /// What it is, for instance `share of training pairs`.
    pub name: String,
    /// How it is written.
    pub format: ValueFormat,
    /// Its value in each run, in their order.
    pub values: Vec<f64>,
}

impl ComparedRun {
    /// Median time of a model for one example, relative to that of the run's own teacher: times of different runs may be those
    /// of different machines.
    pub(super) fn relative_time(&self, model: &ModelOutcome) -> Option<f64> {
        let teacher = self.outcome.model(TEACHER)?.latency_ms?.p50;
        (teacher > 0.0).then_some(model.latency_ms?.p50 / teacher)
    }

    /// The metric by which its models are compared; none without labels.
    pub(super) fn first_metric(&self) -> Option<&str> {
        let mut names = self.outcome.present().flat_map(|(_, model)| model.metrics.keys());
        names.find(|name| !is_reference(name)).map(String::as_str)
    }

    /// What distinguishes its test data: their hash, or else how many examples they have.
    pub(super) fn test_data(&self) -> (Option<&str>, usize) {
        (self.outcome.test_data.as_deref(), self.outcome.examples)
    }

    /// Its test data in a word, the beginning of their hash.
    pub(super) fn test_data_in_words(&self) -> String {
        match self.outcome.test_data.as_deref() {
            Some(hash) => hash.chars().take(HASH_SHOWN).collect(),
            None => "not recorded".to_owned(),
        }
    }
}

/// Whether a training is that of a baseline or of the upper bound.
fn is_without_teacher(training: &str) -> bool {
    [BASELINE, UPPER_BOUND].iter().any(|name| training.starts_with(name))
}

/// The name of a run's folder, or its whole path where another has the same name.
pub(super) fn run_name(folder: &Path, all: &[PathBuf]) -> String {
    let name =
        |path: &Path| path.canonicalize().ok().and_then(|path| path.file_name().map(ToOwned::to_owned));
    match name(folder) {
        Some(own) if all.iter().filter(|other| name(other).as_ref() == Some(&own)).count() == 1 => {
            own.to_string_lossy().into_owned()
        }
        _ => folder.display().to_string(),
    }
}
