//! `alambic plan`.

use alambic_recipes::Plan;
use alambic_recipes::plan::{PlannedLoss, PlannedStage, plan};
use alambic_reports::numbers::{NO_VALUE, bytes, counted, thousands};
use alambic_settings::IndexMap;
use clap::Args;

use super::RecipeArguments;
use crate::failure::Failure;
use crate::output::{self, Column};

/// Shows what a recipe would do: models, examples, steps, taps with their shapes
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    recipe: RecipeArguments,
    /// Prints an object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let plan = plan(&arguments.recipe.load()?)?;
    if arguments.json {
        return output::json(&plan);
    }
    let seeds: Vec<String> = plan.seeds.iter().map(ToString::to_string).collect();
    output::line(&format!("{}, seeds {}", plan.recipe, seeds.join(", ")))?;
    corpora(&plan)?;
    stages(&plan)?;
    for stage in &plan.stages {
        losses(stage)?;
    }
    directions(&plan)?;
    if let Some(baseline) = &plan.baseline {
        let models = if baseline.models == 2 { "from the same start and from random weights" } else { "once" };
        output::line(&format!(
            "baseline: {}, {} steps, {models}",
            counted(baseline.examples.values().sum(), "pair", "pairs"),
            thousands(baseline.steps as u64)
        ))?;
    }
    output::line(&format!("checkpoints: at most {} at a time", bytes(plan.checkpoint_bytes)))
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
        Column::Text("corpus"),
        Column::Text("tables"),
        Column::Text("languages"),
        Column::Number("rows"),
        Column::Number("train"),
        Column::Number("validation"),
        Column::Number("test"),
    ];
    output::table(&columns, rows.collect())
}

fn stages(plan: &Plan) -> Result<(), Failure> {
    let rows = plan.stages.iter().map(|stage| {
        let (student, training) = (&stage.student, &stage.training);
        let sum = |counts: &IndexMap<String, usize>| counts.values().sum::<usize>();
        let words = thousands(sum(&stage.examples.words) as u64);
        let words = match stage.examples.rendered {
            0 => words,
            most => format!("{words} + up to {}", thousands(most as u64)),
        };
        let about = if training.exact { "" } else { "about " };
        let batch = match training.accumulate {
            1 => training.batch.to_string(),
            parts => format!("{} × {parts}", training.batch),
        };
        vec![
            stage.name.clone(),
            format!(
                "{} ({}): {} + {} layers, width {}, {} tokens, {}",
                student.name,
                student.start,
                student.encoder_layers,
                student.decoder_layers,
                student.width,
                student.vocabulary,
                counted(student.parameters, "parameter", "parameters"),
            ),
            stage.teacher.as_ref().map_or_else(|| NO_VALUE.to_owned(), |teacher| teacher.name.clone()),
            thousands(sum(&stage.examples.labelled) as u64),
            words,
            thousands(stage.teacher_outputs as u64),
            format!("{about}{}", thousands(training.steps as u64)),
            batch,
        ]
    });
    let columns = [
        Column::Text("stage"),
        Column::Text("student"),
        Column::Text("teacher"),
        Column::Number("pairs"),
        Column::Number("words"),
        Column::Number("teacher writes"),
        Column::Number("steps"),
        Column::Number("batch"),
    ];
    output::table(&columns, rows.collect())
}

fn losses(stage: &PlannedStage) -> Result<(), Failure> {
    let taps = |taps: &IndexMap<String, String>| match taps.is_empty() {
        true => NO_VALUE.to_owned(),
        false => taps.iter().map(|(tap, shape)| format!("{tap} [{shape}]")).collect::<Vec<_>>().join(", "),
    };
    let projection = |loss: &PlannedLoss| match &loss.projection {
        Some((_, inputs, outputs)) => format!("{inputs} → {outputs}"),
        None => NO_VALUE.to_owned(),
    };
    let row = |loss: &PlannedLoss| {
        vec![
            stage.name.clone(),
            loss.name.clone(),
            loss.weight.to_string(),
            taps(&loss.student),
            taps(&loss.teacher),
            projection(loss),
        ]
    };
    let columns = [
        Column::Text("stage"),
        Column::Text("loss"),
        Column::Number("weight"),
        Column::Text("student"),
        Column::Text("teacher"),
        Column::Text("projection"),
    ];
    output::table(&columns, stage.losses.iter().map(row).collect())
}

/// Examples of each direction, stage by stage, and test words.
fn directions(plan: &Plan) -> Result<(), Failure> {
    let mut names: Vec<&String> = plan.evaluation.keys().collect();
    for stage in &plan.stages {
        names.extend(stage.examples.labelled.keys().chain(stage.examples.words.keys()));
    }
    names.sort_unstable();
    names.dedup();
    let count = |counts: &IndexMap<String, usize>, name: &String| {
        counts.get(name).map_or_else(|| NO_VALUE.to_owned(), |count| thousands(*count as u64))
    };
    let headings: Vec<String> = plan
        .stages
        .iter()
        .flat_map(|stage| [format!("{}: pairs", stage.name), format!("{}: words", stage.name)])
        .collect();
    let mut columns = vec![Column::Text("direction")];
    columns.extend(headings.iter().map(|heading| Column::Number(heading)));
    columns.push(Column::Number("test"));
    let rows = names.into_iter().map(|name| {
        let mut row = vec![name.clone()];
        for stage in &plan.stages {
            row.extend([count(&stage.examples.labelled, name), count(&stage.examples.words, name)]);
        }
        row.push(count(&plan.evaluation, name));
        row
    });
    output::table(&columns, rows.collect())
}
