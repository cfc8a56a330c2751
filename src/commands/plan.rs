//! `alambic plan`.

use alambic_files::text::visible;
use alambic_losses::LossKind;
use alambic_recipes::check::Count;
use alambic_recipes::plan::{PlannedLoss, PlannedStage, plan};
use alambic_recipes::{Estimate, Plan, estimate};
use alambic_reports::numbers::{NO_VALUE, bytes, counted, duration, milliseconds, percent, thousands};
use alambic_settings::IndexMap;
use clap::Args;

use super::{RecipeArguments, interrupt};
use crate::failure::Failure;
use crate::log::show;
use crate::output::{self, Column};
use crate::progress::Progress;

/// Shows what a recipe would do: models, examples, steps, taps with their shapes; and how long it would take
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Tells time and memory, too: a few steps of each training and a short evaluation are run in a temporary folder and timed,
    /// and the whole is reckoned from them
    #[arg(long)]
    time: bool,
    /// Prints an object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments, losses: &'static [LossKind]) -> Result<(), Failure> {
    let loaded = arguments.recipe.load(losses)?;
    let plan = plan(&loaded)?;
    show(&plan.warnings);
    let estimate = if arguments.time {
        let flag = interrupt("stopping after this step; once more quits at once")?;
        Some(estimate(&loaded, &plan, &flag, &mut Progress::new())?)
    } else {
        None
    };
    if arguments.json {
        let mut object = serde_json::to_value(&plan)?;
        if let Some(estimate) = estimate {
            object["estimate"] = serde_json::to_value(estimate)?;
        }
        return output::json(&object);
    }
    let seeds: Vec<String> = plan.seeds.iter().map(ToString::to_string).collect();
    let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
    output::line(&format!("{}, {seed} {}", plan.recipe, seeds.join(", ")))?;
    corpora(&plan)?;
    stages(&plan)?;
    sparse(&plan)?;
    students(&plan)?;
    loss_terms(&plan)?;
    caches(&plan)?;
    directions(&plan)?;
    if !plan.evaluation.is_empty() {
        output::line(&format!("evaluated on {}", in_words(&plan.evaluation)))?;
    }
    for (name, baseline) in plan.baselines() {
        let models =
            if baseline.models == 2 { "from the same start and from random weights" } else { "once" };
        output::line(&format!(
            "{}: {}, {} steps, {models}",
            name.replace('-', " "),
            in_words(&baseline.examples),
            thousands(baseline.steps as u64)
        ))?;
    }
    let mut said: Vec<&str> = Vec::new();
    for teacher in plan.stages.iter().filter_map(|stage| stage.teacher.as_ref()) {
        let Some(requests) = teacher.requests.as_ref().filter(|_| !said.contains(&teacher.name.as_str()))
        else {
            continue;
        };
        said.push(&teacher.name);
        output::line(&format!(
            "teacher {} is still to be asked: {} about {}, with roughly {} tokens in prompts and {} in answers",
            teacher.name,
            counted(requests.requests, "request", "requests"),
            counted(requests.texts, "text", "texts"),
            thousands(requests.prompt_tokens),
            thousands(requests.answer_tokens)
        ))?;
    }
    output::line(&format!("checkpoints: at most {} at a time", bytes(plan.checkpoint_bytes)))?;
    match &estimate {
        Some(estimate) => times(estimate),
        None => {
            output::line("time and memory: `--time` times a few steps of each training and reckons the whole")
        }
    }
}

/// Time and memory of each training and of the whole.
fn times(estimate: &Estimate) -> Result<(), Failure> {
    let memory = |peak: Option<u64>| peak.map_or_else(|| NO_VALUE.to_owned(), bytes);
    let rows = estimate.trainings.iter().map(|training| {
        let steps = match training.repetitions {
            1 => thousands(training.steps as u64),
            times => format!("{} × {times}", thousands(training.steps as u64)),
        };
        vec![
            training.name.clone(),
            steps,
            if training.is_measured {
                milliseconds(1e3 * training.step_seconds)
            } else {
                format!("about {}", milliseconds(1e3 * training.step_seconds))
            },
            duration(training.preparation_seconds),
            duration(training.validation_seconds),
            duration(training.seconds),
            percent(training.share),
            memory(training.peak_memory_bytes),
        ]
    });
    let columns = [
        Column::text("training"),
        Column::number("steps").optional(1),
        Column::number("a step").optional(2),
        Column::number("preparation").optional(4),
        Column::number("validations").optional(3),
        Column::number("in all"),
        Column::number("share"),
        Column::number("memory"),
    ];
    output::table(&columns, rows.collect())?;
    let evaluation = match estimate.evaluation_seconds {
        Some(seconds) => format!("{} of them for evaluation and report", duration(seconds)),
        None => "without evaluation and report, which could not be tried on a few examples".to_owned(),
    };
    let peak = memory(estimate.peak_memory_bytes);
    output::line(&format!(
        "the whole run: about {}, {evaluation}; at most {peak} of memory",
        duration(estimate.seconds)
    ))?;
    output::line(
        "Measured: a step, a validation and a checkpoint of each training, what teachers write and read for a part of the \
         examples, and memory. Reckoned: the sums, in proportion to steps and examples; a training with `patience` may end \
         sooner.",
    )
}

/// Examples by their sort, as `120 labelled pairs, 30 words`.
fn in_words(examples: &[Count]) -> String {
    let sorts = examples.iter().map(|own| format!("{} {}", thousands(own.count as u64), own.sort.name));
    sorts.collect::<Vec<_>>().join(", ")
}

fn corpora(plan: &Plan) -> Result<(), Failure> {
    let rows = plan.corpora.iter().map(|(name, corpus)| {
        let count = |count: usize| thousands(count as u64);
        vec![
            name.clone(),
            corpus.source.clone(),
            corpus.languages.join(" "),
            count(corpus.rows),
            count(corpus.train),
            count(corpus.validation),
            count(corpus.test),
        ]
    });
    let columns = [
        Column::text("corpus"),
        Column::text("tables"),
        Column::text("languages").optional(1),
        Column::number("rows"),
        Column::number("train"),
        Column::number("validation"),
        Column::number("test"),
    ];
    output::table(&columns, rows.collect())?;
    notes(plan).try_for_each(|note| output::line(&note))
}

/// What was left out of the corpora, and how they were read where their names do not say so.
pub(super) fn notes(plan: &Plan) -> impl Iterator<Item = String> {
    plan.corpora.iter().flat_map(|(name, corpus)| {
        let reasons = corpus.dropped.iter().map(|(reason, count)| format!("{reason}: {count}"));
        let notes = reasons.chain(corpus.notes.iter().map(|note| visible(note)));
        notes.map(move |note| format!("{name}: {note}"))
    })
}

fn stages(plan: &Plan) -> Result<(), Failure> {
    let rows = plan.stages.iter().map(|stage| {
        let training = &stage.training;
        let about = if training.exact { "" } else { "about " };
        let batch = match training.gradient_accumulation {
            1 => training.batch.to_string(),
            parts => format!("{} × {parts}", training.batch),
        };
        vec![
            stage.name.clone(),
            stage.student.name.clone(),
            stage.teacher.as_ref().map_or_else(|| NO_VALUE.to_owned(), |teacher| teacher.name.clone()),
            in_words(&stage.examples),
            thousands(stage.teacher_outputs as u64),
            format!("{about}{}", thousands(training.steps as u64)),
            batch,
        ]
    });
    let columns = [
        Column::text("stage"),
        Column::text("student"),
        Column::text("teacher"),
        Column::text("examples"),
        Column::number("teacher writes").optional(1),
        Column::number("steps"),
        Column::number("batch"),
    ];
    output::table(&columns, rows.collect())
}

/// Which part of the weights stages choose, round by round, and which keep to it.
fn sparse(plan: &Plan) -> Result<(), Failure> {
    for stage in &plan.stages {
        if let Some(own) = &stage.sparse {
            let shares: Vec<String> =
                own.trained.iter().map(|&left| percent(left as f64 / own.weights.max(1) as f64)).collect();
            output::line(&format!(
                "{}: {} of {} weights are left by `{}`, in {}",
                stage.name,
                shares.join(", then "),
                thousands(own.weights as u64),
                own.kind,
                counted(own.trainings.len(), "training", "trainings")
            ))?;
        }
        if let Some(by) = &stage.masked_by {
            output::line(&format!("{}: trains the weights that stage {by} chose", stage.name))?;
        }
    }
    Ok(())
}

fn students(plan: &Plan) -> Result<(), Failure> {
    let rows = plan.stages.iter().map(|PlannedStage { student, .. }| {
        vec![
            student.name.clone(),
            student.start.clone(),
            match student.decoder_layers {
                0 => student.encoder_layers.to_string(),
                decoder => format!("{} + {decoder}", student.encoder_layers),
            },
            student.width.to_string(),
            student.heads.to_string(),
            student.feed_forward.to_string(),
            student.vocabulary.to_string(),
            thousands(student.parameters as u64),
        ]
    });
    let columns = [
        Column::text("student"),
        Column::text("starts from"),
        Column::number("layers"),
        Column::number("width"),
        Column::number("heads").optional(2),
        Column::number("feed-forward").optional(1),
        Column::number("tokens"),
        Column::number("parameters"),
    ];
    output::table(&columns, rows.collect())
}

fn loss_terms(plan: &Plan) -> Result<(), Failure> {
    let taps = |taps: &IndexMap<String, String>| {
        let taps: Vec<String> = taps.iter().map(|(tap, shape)| format!("{tap} [{shape}]")).collect();
        if taps.is_empty() { NO_VALUE.to_owned() } else { taps.join(", ") }
    };
    let has_schedules =
        plan.stages.iter().flat_map(|stage| &stage.losses).any(|loss| !loss.schedules.is_empty());
    let row = |stage: &PlannedStage, loss: &PlannedLoss| {
        let projections: Vec<String> =
            loss.projections.iter().map(|(_, inputs, outputs)| format!("{inputs} → {outputs}")).collect();
        let mut row = vec![
            stage.name.clone(),
            loss.name.clone(),
            loss.weight.to_string(),
            taps(&loss.student),
            taps(&loss.teacher),
            if projections.is_empty() { NO_VALUE.to_owned() } else { projections.join(", ") },
        ];
        if has_schedules {
            let schedules: Vec<String> =
                loss.schedules.iter().map(|(key, value)| format!("{key} {value}")).collect();
            row.push(if schedules.is_empty() { NO_VALUE.to_owned() } else { schedules.join(", ") });
        }
        row
    };
    let rows = plan.stages.iter().flat_map(|stage| stage.losses.iter().map(move |loss| row(stage, loss)));
    let mut columns = vec![
        Column::text("stage"),
        Column::text("loss"),
        Column::number("weight"),
        Column::text("tap of the student"),
        Column::text("tap of the teacher"),
        Column::text("projections"),
    ];
    if has_schedules {
        columns.push(Column::text("schedules"));
    }
    output::table(&columns, rows.collect())
}

/// What the outputs of teachers take up on disk.
fn caches(plan: &Plan) -> Result<(), Failure> {
    for stage in &plan.stages {
        let Some(cache) = &stage.cache else { continue };
        let cached = match &cache.reason {
            None => "cached".to_owned(),
            Some(reason) => format!("not cached: {reason}"),
        };
        output::line(&format!(
            "{}: the teacher's outputs for {} are about {}, {cached}",
            stage.name,
            counted(cache.texts, "text", "texts"),
            bytes(cache.bytes)
        ))?;
    }
    Ok(())
}

/// Examples of each direction, stage by stage, and test words.
fn directions(plan: &Plan) -> Result<(), Failure> {
    // A column for what is there: most stages read either pairs or words.
    let stages = plan.stages.iter().flat_map(|stage| {
        stage
            .examples
            .iter()
            .map(move |own| (format!("{}: {}", stage.name, own.sort.name), &own.by_direction))
    });
    let test = plan.evaluation.iter().map(|own| ("test".to_owned(), &own.by_direction));
    let (headings, counts): (Vec<String>, Vec<&IndexMap<String, usize>>) =
        stages.chain(test).filter(|(_, counts)| !counts.is_empty()).unzip();
    let mut names: Vec<&String> = counts.iter().flat_map(|counts| counts.keys()).collect();
    if names.is_empty() {
        return Ok(());
    }
    names.sort_unstable();
    names.dedup();
    let mut columns = vec![Column::text("direction")];
    columns.extend(headings.iter().map(|heading| Column::number(heading)));
    let rows = names.into_iter().map(|name| {
        let cell = |own: &&IndexMap<String, usize>| {
            own.get(name).map_or_else(|| NO_VALUE.to_owned(), |count| thousands(*count as u64))
        };
        [name.clone()].into_iter().chain(counts.iter().map(cell)).collect()
    });
    output::table(&columns, rows.collect())
}
