//! Accounts of trainings and corpora, for the page of a run that goes on and for the report.

use std::path::Path;

use alambic_losses::ScheduledValue;
use alambic_reports::numbers::{metric_title, metric_value, percent, thousands};
use alambic_reports::outcome::{BASELINE, STUDENT, TEACHER};
use alambic_reports::report::{CorpusReading, StageSummary};
use alambic_settings::IndexMap;
use alambic_teachers::TeacherOptions;
use serde_json::Value;

use crate::corpora::Corpora;
use crate::names::stage_of;
use crate::options::train::{Optimiser, TrainOptions};
use crate::schema::Recipe;
use crate::stage_order::student_of;
use crate::training::output::TrainOutput;

/// Steps at the end of a stage over which losses are averaged.
const LAST_STEPS: usize = 50;

/// What became of each corpus on reading.
pub(super) fn corpus_readings(recipe: &Recipe, corpora: &Corpora) -> Vec<CorpusReading> {
    let counts = |map: &IndexMap<String, usize>| -> IndexMap<String, u64> {
        map.iter().map(|(name, count)| (name.clone(), *count as u64)).collect()
    };
    corpora
        .iter()
        .map(|(name, corpus)| {
            let report = corpus.report();
            let statistics = corpus.statistics();
            let options = recipe.data.get(name);
            let embedded = statistics.source.starts_with("builtin:").then(|| "Unicode-3.0".to_owned());
            let mut dropped = counts(&statistics.dropped);
            dropped.extend(counts(&report.removed));
            CorpusReading {
                name: name.to_owned(),
                source: options
                    .and_then(|options| options.source.clone())
                    .unwrap_or_else(|| file_names(&statistics.source)),
                licence: options.and_then(|options| options.licence.clone()).or(embedded),
                rows: statistics.rows as u64,
                kept: statistics.kept as u64,
                dropped,
                splits: [("train", report.train), ("validation", report.validation), ("test", report.test)]
                    .into_iter()
                    .map(|(split, count)| (split.to_owned(), count as u64))
                    .collect(),
            }
        })
        .collect()
}

/// The names of all files that a corpus was read from, without the folders of somebody's machine.
fn file_names(source: &str) -> String {
    source.split(", ").map(file_name).collect::<Vec<_>>().join(", ")
}

/// The last part of a path, which says more to a reader than the path of somebody's machine.
pub(super) fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

/// The account of a finished training.
pub(super) fn stage_summary(
    recipe: &Recipe,
    seed: u64,
    trained: &TrainOutput,
    events: &[Value],
) -> StageSummary {
    let [losses, shares] = losses_and_shares(&trained.label, events);
    let mut settings = settings(recipe, &trained.label, &trained.loss_weights, &trained.schedules);
    if let Some(masked) = trained.masked {
        let share = percent(masked.trained as f64 / masked.weights.max(1) as f64);
        settings.insert("weights trained".into(), format!("{share} of {}", thousands(masked.weights as u64)));
    }
    if !trained.nearest_classes.is_empty() {
        let pairs = trained.nearest_classes.iter();
        let pairs = pairs.map(|(one, other, distance)| format!("{one} and {other} {distance:.2}"));
        settings.insert("nearest classes".into(), pairs.collect::<Vec<_>>().join(", "));
    }
    StageSummary {
        name: trained.label.clone(),
        seed,
        steps: trained.steps as u64,
        examples: trained.examples as u64,
        seconds: trained.seconds,
        settings,
        losses,
        shares,
        teacher_outputs: trained.cached.clone(),
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

/// What the curves of stages are called: teacher or student, as in other figures, where a stage trains one of these, and the
/// stage in brackets.
pub(super) fn curve_names(recipe: &Recipe) -> IndexMap<String, String> {
    let of_teacher =
        recipe.evaluation.teacher.as_ref().and_then(|name| match recipe.teacher.get(&name.value)? {
            TeacherOptions::Checkpoint(options) => options.stage.as_ref(),
            TeacherOptions::Pipeline(_)
            | TeacherOptions::Recorded(_)
            | TeacherOptions::Endpoint(_)
            | TeacherOptions::Ensemble(_) => None,
        });
    let student = recipe.stages.last().and_then(|last| student_of(recipe, last).ok());
    let name = |stage: &str| {
        let model = if student.is_some() && student_of(recipe, stage).ok() == student {
            STUDENT
        } else if of_teacher.is_some_and(|own| own.value == stage) {
            TEACHER
        } else {
            return None;
        };
        Some((stage.to_owned(), format!("{model} ({stage})")))
    };
    recipe.stages.iter().filter_map(|stage| name(stage)).collect()
}

/// The mean of each loss term over the last steps of a training, and of the shares in the gradient where they were measured.
pub(super) fn losses_and_shares(label: &str, events: &[Value]) -> [IndexMap<String, f64>; 2] {
    let steps: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "step" && event["stage"] == label).collect();
    let last = &steps[steps.len().saturating_sub(LAST_STEPS)..];
    let measured: Vec<&Value> = steps.iter().copied().filter(|event| event["shares"].is_object()).collect();
    [means(last, "terms"), means(&measured, "shares")]
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

/// What a training was set to: data, teacher, losses with their weights, learning rate, batch and what else matters.
pub(super) fn settings(
    recipe: &Recipe,
    label: &str,
    loss_weights: &[(String, ScheduledValue)],
    schedules: &IndexMap<String, ScheduledValue>,
) -> IndexMap<String, String> {
    let stage = stage_of(label);
    let own = recipe.stage.get(stage);
    let table = if stage.starts_with(BASELINE) { BASELINE } else { stage };
    let without_teacher = recipe.baselines().find(|(name, _)| *name == table).map(|(_, options)| options);
    let data = own.map(|own| &own.data).or(without_teacher.map(|options| &options.data));
    // A training without a teacher is trained as the last stage is.
    let last = recipe.stages.last().and_then(|name| recipe.stage.get(&name.value));
    let Some((data, train)) = data.zip(own.or(last).map(|stage| &stage.train)) else {
        return IndexMap::new();
    };
    let mut corpora: Vec<&str> = Vec::new();
    for name in data.task().corpora() {
        if !corpora.contains(&name.as_str()) {
            corpora.push(name.as_str());
        }
    }
    let losses: Vec<String> =
        loss_weights.iter().map(|(name, weight)| format!("{weight} × {name}")).collect();
    let teacher = own.and_then(|own| own.teacher.as_ref()).map_or("none", |name| name.as_str());
    let mut settings: IndexMap<String, String> =
        [("data", corpora.join(", ")), ("teacher", teacher.to_owned()), ("losses", losses.join(" + "))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    if !schedules.is_empty() {
        let schedules: Vec<String> =
            schedules.iter().map(|(name, value)| format!("{name} {value}")).collect();
        settings.insert("schedules of losses".to_owned(), schedules.join(", "));
    }
    settings.extend(of_training(train, own.is_none()));
    settings
}

/// The settings of a training loop. A baseline takes as many steps as its stages together, whatever its options say.
fn of_training(train: &TrainOptions, is_baseline: bool) -> IndexMap<String, String> {
    let Optimiser::AdamW(adamw) = &train.optimiser;
    let accumulated = match train.gradient_accumulation {
        1 => String::new(),
        parts => format!(" × {parts} accumulated"),
    };
    let tokens = train.batch.max_tokens.map_or_else(String::new, |most| format!(", at most {most} tokens"));
    let length = match (train.epochs, train.steps) {
        _ if is_baseline => "as many steps as the student".to_owned(),
        (Some(epochs), Some(steps)) => format!("{epochs} epochs, at most {steps} steps"),
        (Some(epochs), None) => format!("{epochs} epochs"),
        (None, Some(steps)) => format!("{steps} steps"),
        (None, None) => String::new(),
    };
    let patience = train.patience.map_or_else(String::new, |patience| {
        format!(", until {patience} validations bring no better checkpoint")
    });
    let ema = if train.ema_decay > 0.0 { train.ema_decay.to_string() } else { "none".to_owned() };
    [
        (
            "learning rate",
            format!(
                "{}, {}, warm-up {}",
                adamw.learning_rate,
                train.schedule.name(),
                percent(train.schedule.warmup())
            ),
        ),
        ("batch", format!("{}{accumulated}{tokens}", train.batch.size)),
        ("length", format!("{length}{patience}")),
        ("optimiser", format!("AdamW, weight decay {}", adamw.weight_decay)),
        ("largest gradient norm", train.max_grad_norm.to_string()),
        ("moving average of weights", ema),
        ("precision of products", train.precision.name().to_owned()),
        ("validation", format!("every {} steps", train.validate_every)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
