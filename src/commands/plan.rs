//! `alambic plan`.

use alambic_files::text::visible;
use alambic_recipes::Plan;
use alambic_recipes::plan::{PlannedLoss, PlannedStage, plan};
use alambic_reports::numbers::{NO_VALUE, bytes, counted, thousands};
use alambic_settings::IndexMap;
use clap::Args;

use super::RecipeArguments;
use crate::failure::{Failure, show};
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
    show(&plan.warnings);
    if arguments.json {
        return output::json(&plan);
    }
    let seeds: Vec<String> = plan.seeds.iter().map(ToString::to_string).collect();
    let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
    output::line(&format!("{}, {seed} {}", plan.recipe, seeds.join(", ")))?;
    corpora(&plan)?;
    stages(&plan)?;
    students(&plan)?;
    losses(&plan)?;
    caches(&plan)?;
    directions(&plan)?;
    if plan.evaluation_texts > 0 {
        output::line(&format!("judged on {}", counted(plan.evaluation_texts, "text", "texts")))?;
    }
    if plan.evaluation_images > 0 {
        let images = counted(plan.evaluation_images, "image", "images");
        output::line(&format!("judged on {images} with their captions"))?;
    }
    if plan.evaluation_questions > 0 {
        let questions = counted(plan.evaluation_questions, "question", "questions");
        output::line(&format!("judged on {questions}"))?;
    }
    if let Some(baseline) = &plan.baseline {
        let models =
            if baseline.models == 2 { "from the same start and from random weights" } else { "once" };
        output::line(&format!(
            "baseline: {}, {} steps, {models}",
            match baseline.examples.texts {
                0 if baseline.examples.questions > 0 => {
                    counted(baseline.examples.questions, "question", "questions")
                }
                0 if baseline.examples.images > 0 => counted(baseline.examples.images, "image", "images"),
                0 => counted(baseline.examples.labelled.values().sum(), "pair", "pairs"),
                texts if baseline.examples.varied > 0 => {
                    let most = thousands(baseline.examples.varied as u64);
                    format!("{} and up to {most} variants", counted(texts, "text", "texts"))
                }
                texts => counted(texts, "text", "texts"),
            },
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
    output::table(&columns, rows.collect())?;
    for (name, corpus) in &plan.corpora {
        let reasons = corpus.dropped.iter().map(|(reason, count)| format!("{reason}: {count}"));
        for told in reasons.chain(corpus.notes.iter().map(|note| visible(note))) {
            output::line(&format!("{name}: {told}"))?;
        }
    }
    Ok(())
}

fn stages(plan: &Plan) -> Result<(), Failure> {
    let rows = plan.stages.iter().map(|stage| {
        let training = &stage.training;
        let sum = |counts: &IndexMap<String, usize>| counts.values().sum::<usize>();
        let and_more = |count: usize, most: usize| match (thousands(count as u64), most) {
            (count, 0) => count,
            (count, most) => format!("{count} + up to {}", thousands(most as u64)),
        };
        let about = if training.exact { "" } else { "about " };
        let batch = match training.accumulate {
            1 => training.batch.to_string(),
            parts => format!("{} × {parts}", training.batch),
        };
        vec![
            stage.name.clone(),
            stage.student.name.clone(),
            stage.teacher.as_ref().map_or_else(|| NO_VALUE.to_owned(), |teacher| teacher.name.clone()),
            thousands(sum(&stage.examples.labelled) as u64),
            and_more(sum(&stage.examples.words), stage.examples.rendered),
            and_more(stage.examples.texts, stage.examples.varied),
            thousands((stage.examples.questions + stage.examples.image_texts + stage.examples.images) as u64),
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
        Column::Number("texts"),
        Column::Number("about images"),
        Column::Number("teacher writes"),
        Column::Number("steps"),
        Column::Number("batch"),
    ];
    output::table(&columns, rows.collect())
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
        Column::Text("student"),
        Column::Text("starts from"),
        Column::Number("layers"),
        Column::Number("width"),
        Column::Number("heads"),
        Column::Number("feed-forward"),
        Column::Number("tokens"),
        Column::Number("parameters"),
    ];
    output::table(&columns, rows.collect())
}

fn losses(plan: &Plan) -> Result<(), Failure> {
    let taps = |taps: &IndexMap<String, String>| {
        let taps: Vec<String> = taps.iter().map(|(tap, shape)| format!("{tap} [{shape}]")).collect();
        if taps.is_empty() { NO_VALUE.to_owned() } else { taps.join(", ") }
    };
    let row = |stage: &PlannedStage, loss: &PlannedLoss| {
        let projections: Vec<String> =
            loss.projections.iter().map(|(_, inputs, outputs)| format!("{inputs} → {outputs}")).collect();
        vec![
            stage.name.clone(),
            loss.name.clone(),
            loss.weight.to_string(),
            taps(&loss.student),
            taps(&loss.teacher),
            if projections.is_empty() { NO_VALUE.to_owned() } else { projections.join(", ") },
        ]
    };
    let rows = plan.stages.iter().flat_map(|stage| stage.losses.iter().map(move |loss| row(stage, loss)));
    let columns = [
        Column::Text("stage"),
        Column::Text("loss"),
        Column::Number("weight"),
        Column::Text("tap of the student"),
        Column::Text("tap of the teacher"),
        Column::Text("projections"),
    ];
    output::table(&columns, rows.collect())
}

/// What the outputs of teachers take up on disk.
fn caches(plan: &Plan) -> Result<(), Failure> {
    for stage in &plan.stages {
        let Some(cache) = &stage.cache else { continue };
        let kept = match &cache.reason {
            None => "kept".to_owned(),
            Some(reason) => format!("not kept: {reason}"),
        };
        output::line(&format!(
            "{}: the teacher's outputs for {} are about {}, {kept}",
            stage.name,
            counted(cache.texts, "text", "texts"),
            bytes(cache.bytes)
        ))?;
    }
    Ok(())
}

/// Examples of each direction, stage by stage, and test words.
fn directions(plan: &Plan) -> Result<(), Failure> {
    if plan.evaluation.is_empty() {
        return Ok(());
    }
    let mut names: Vec<&String> = plan.evaluation.keys().collect();
    for stage in &plan.stages {
        names.extend(stage.examples.labelled.keys().chain(stage.examples.words.keys()));
    }
    names.sort_unstable();
    names.dedup();
    // A column for what is there: most stages read either pairs or words.
    let mut headings = Vec::new();
    let mut sums: Vec<&IndexMap<String, usize>> = Vec::new();
    for stage in &plan.stages {
        for (what, counts) in [("pairs", &stage.examples.labelled), ("words", &stage.examples.words)] {
            if !counts.is_empty() {
                headings.push(format!("{}: {what}", stage.name));
                sums.push(counts);
            }
        }
    }
    headings.push("test".to_owned());
    sums.push(&plan.evaluation);
    let mut columns = vec![Column::Text("direction")];
    columns.extend(headings.iter().map(|heading| Column::Number(heading)));
    let rows = names.into_iter().map(|name| {
        let counts = sums
            .iter()
            .map(|sums| sums.get(name).map_or_else(|| NO_VALUE.to_owned(), |count| thousands(*count as u64)));
        [name.clone()].into_iter().chain(counts).collect()
    });
    output::table(&columns, rows.collect())
}
