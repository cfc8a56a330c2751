//! The sections of a report.

use std::path::Path;

use indexmap::IndexMap;

use super::by_layer::by_layer;
use super::classes::by_class;
use super::content::{
    AugmentationNotes, CorpusReading, IllustratedExamples, Noun, PipelineNotes, Report, StageSummary, Text,
};
use super::languages::language_tables_of;
use super::model_table::ModelTable;
use super::settings::settings;
use super::slices::slice_tables;
use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table, Tone};
use crate::error::Result;
use crate::metrics::MAJORITY;
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{BASELINE, ModelOutcome, STUDENT, TEACHER};
use crate::plots::Figure;
use crate::verdict::Verdict;

impl Report {
    /// The page as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        document(self)
    }

    /// Writes `report.html`, `report.md` and `plots/*.svg`, `*.png` into the folder of the run.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`] or [`crate::ReportError::File`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.document().write(folder, "report")
    }
}

fn document(report: &Report) -> Document {
    let sections = [
        Section::new("Result", result(report)),
        Section::new("By class", by_class(report)),
        Section::new(slices_title(report), by_slice(report)),
        Section::new("By layer", by_layer(&report.outcome)),
        Section::new("Faithfulness to the teacher", fidelity(report)),
        Section::new("Time", time(report)),
        Section::new("Samples", samples(report)),
        Section::new(&report.illustrated_examples.title, illustrated(&report.illustrated_examples)),
        Section::new("Settings", settings(&report.stages)),
        Section::new("Training", training(&report.stages, &report.training_figures)),
        Section::new("Pipeline", report.pipeline.as_ref().map(pipeline).unwrap_or_default()),
        Section::new("Augmented texts", augmentations(&report.augmentations)),
        Section::new("Data", data(&report.corpora)),
        Section::new("Environment", environment(report)),
    ];
    Document {
        title: format!("Report of {}", report.recipe),
        lead: [report.description.clone(), format!("{}, {}", report.date, over(report))]
            .into_iter()
            .filter(|paragraph| !paragraph.is_empty())
            .collect(),
        sections: sections.into_iter().flatten().collect(),
    }
}

/// `1,234 words of the test split, 3 seeds (1, 2, 3)`.
fn over(report: &Report) -> String {
    let Noun { one, many } = &report.examples;
    let seeds: Vec<String> = report.outcome.seeds.iter().map(ToString::to_string).collect();
    format!(
        "{} of {}, {} ({})",
        numbers::counted(report.outcome.examples, one, many),
        report.evaluated_on,
        numbers::counted(seeds.len(), "seed", "seeds"),
        seeds.join(", ")
    )
}

fn result(report: &Report) -> Vec<Block> {
    let mut blocks: Vec<Block> = report.headline().map(Block::Headline).into_iter().collect();
    blocks.extend(report.purpose.clone().map(Block::Paragraph));
    match (&report.comparison, report.outcome.model(STUDENT)) {
        (Some(comparison), _) => {
            let tone = match comparison.verdict {
                Verdict::Better => Tone::Good,
                Verdict::NotBetter => Tone::Bad,
                Verdict::Inconclusive => Tone::Neutral,
            };
            blocks.push(Block::Callout(tone, comparison.in_words(&report.examples.many)));
        }
        (None, Some(_)) if !report.outcome.labelled => blocks.push(Block::Callout(
            Tone::Neutral,
            format!(
                "The {} have no labels. The student is compared with the teacher only, by fidelity and by \
                 what they cost; there is no verdict, and nothing is known of its worth for a task.",
                report.examples.many
            ),
        )),
        (None, Some(_)) if report.outcome.model(BASELINE).is_some() => blocks.push(Block::Callout(
            Tone::Neutral,
            "What student and baseline are compared by has no value for one of them, so there is no verdict."
                .to_string(),
        )),
        (None, Some(_)) => blocks.push(Block::Callout(
            Tone::Neutral,
            "There is no baseline to compare the student with, so there is no verdict.".to_string(),
        )),
        (None, None) => {}
    }
    blocks.extend(report.warnings.iter().map(|warning| Block::Callout(Tone::Warning, warning.clone())));
    if !report.cost_figures.is_empty() {
        blocks.push(Block::Figures(report.cost_figures.clone()));
    }
    let models: IndexMap<&str, &ModelOutcome> = report.outcome.present().collect();
    let results = ModelTable {
        models,
        ratios: Some(&report.outcome.ratios),
        over: &over(report),
        example: &report.examples.one,
    };
    let mut tables = vec![results.table()];
    tables.extend(descriptions(&report.models));
    blocks.push(Block::Tables(tables));
    blocks.extend(notes(report).into_iter().map(Block::Paragraph));
    blocks
}

/// What each model is; none where nothing is known of any.
fn descriptions(models: &IndexMap<String, String>) -> Option<Table> {
    (!models.is_empty()).then(|| Table {
        caption: "What the models are".to_string(),
        columns: ["model", "what it is"].map(ColumnHeading::text).into(),
        rows: models.iter().map(|(name, text)| vec![Cell::new(name), Cell::new(text)]).collect(),
    })
}

/// What else is to be known of the result: what the test split can tell, the upper bound, trivial baselines.
fn notes(report: &Report) -> Vec<String> {
    let resolution = report
        .comparison
        .as_ref()
        .and_then(|comparison| comparison.resolution_in_words(&report.examples.many))
        .or_else(|| precision_in_words(report));
    let mut notes: Vec<String> = resolution.into_iter().chain(report.bound_in_words()).collect();
    let student = report.outcome.model(STUDENT);
    for (name, value) in student.into_iter().flat_map(|student| &student.metrics) {
        if let (Some(metric), Some(value)) = (name.strip_suffix(MAJORITY), value) {
            notes.push(format!(
                "A model that always predicts the commonest class would reach {} {}.",
                numbers::metric_title(metric),
                numbers::metric_value(metric, Some(*value))
            ));
        }
    }
    let retention = &report.outcome.ratios.retention_above_trivial_baseline;
    let above = retention.iter().find_map(|(name, ratio)| Some((name, (*ratio)?)));
    if let Some((metric, ratio)) = above {
        notes.push(format!(
            "Of the teacher's {} above that of the trivial baseline the student retains {}.",
            numbers::metric_title(metric),
            numbers::percent(ratio)
        ));
    }
    notes
}

/// How exactly the test split tells the student's metric, where it is compared with no baseline or predicts as that does.
fn precision_in_words(report: &Report) -> Option<String> {
    let student = report.outcome.model(STUDENT)?;
    let metric = report.metric(student)?;
    let [low, high] = student.intervals.get(metric).copied().flatten()?;
    let half = (high - low) / 2.0;
    (!numbers::is_zero(metric, half)).then(|| {
        format!(
            "{}: the student's {} is known to within {} (half of its 95 % interval).",
            numbers::counted(report.outcome.examples, &report.examples.one, &report.examples.many),
            numbers::metric_title(metric),
            numbers::points(metric, half)
        )
    })
}

/// Heading of the section of slices.
fn slices_title(report: &Report) -> &'static str {
    if report.outcome.languages.is_some() { "By language" } else { "By slice" }
}

fn by_slice(report: &Report) -> Vec<Block> {
    let models: IndexMap<&str, &ModelOutcome> = report.outcome.present().collect();
    let mut blocks: Vec<Block> = Vec::new();
    if !report.quality_figures.is_empty() {
        blocks.push(Block::Figures(report.quality_figures.clone()));
    }
    let tables = match report.outcome.languages {
        Some(_) => language_tables_of(&report.outcome),
        None => slice_tables(&models, &report.examples.many),
    };
    if !tables.is_empty() {
        blocks.push(Block::Tables(tables));
    }
    blocks
}

/// A row a measure: the student's value, that for shuffled pairs, and those of the other models.
fn fidelity(report: &Report) -> Vec<Block> {
    const SHUFFLED: &str = "-shuffled";
    let mut others: Vec<&str> = report.outcome.present().map(|(name, _)| name).collect();
    others.retain(|name| ![TEACHER, STUDENT].contains(name));
    // The longest name first: one may begin as another does.
    others.sort_by_key(|name| std::cmp::Reverse(name.len()));
    let mut measures: IndexMap<&str, IndexMap<&str, Option<f64>>> = IndexMap::new();
    for (key, value) in &report.outcome.fidelity {
        let of_other =
            others.iter().find_map(|&name| Some((name, key.strip_prefix(name)?.strip_prefix('-')?)));
        let (model, measure) = of_other.unwrap_or((STUDENT, key));
        measures.entry(measure).or_default().insert(model, *value);
    }
    let shuffled = |measure: &str| measures.get(format!("{measure}{SHUFFLED}").as_str());
    let is_own =
        |measure: &str| !measure.strip_suffix(SHUFFLED).is_some_and(|measure| measures.contains_key(measure));
    let names: Vec<&str> = measures.keys().copied().filter(|measure| is_own(measure)).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let has_shuffled = names.iter().any(|measure| shuffled(measure).is_some());
    let present = report.outcome.present().map(|(name, _)| name);
    let models: Vec<&str> =
        present.filter(|name| names.iter().any(|measure| measures[measure].contains_key(name))).collect();
    let mut columns = vec![ColumnHeading::text("measure")];
    for model in &models {
        columns.push(ColumnHeading::number(model));
        if *model == STUDENT && has_shuffled {
            columns.push(ColumnHeading::number("shuffled"));
        }
    }
    let rows = names.iter().map(|measure| {
        let value = |value: Option<f64>| Cell::new(numbers::metric_value(measure, value));
        let mut row = vec![Cell::new(numbers::metric_title(measure))];
        for model in &models {
            row.push(value(measures[measure].get(model).copied().flatten()));
            if *model == STUDENT && has_shuffled {
                row.push(value(shuffled(measure).and_then(|values| values.get(STUDENT).copied().flatten())));
            }
        }
        row
    });
    let about_shuffled = if has_shuffled {
        format!(" Shuffled: the student's output beside the teacher's for another {}.", report.examples.one)
    } else {
        String::new()
    };
    let caption = format!("How near models are to the teacher, over {}.{about_shuffled}", over(report));
    vec![Block::table(Table { caption, columns, rows: rows.collect() })]
}

fn time(report: &Report) -> Vec<Block> {
    if report.timings.is_empty() {
        return Vec::new();
    }
    let mut blocks: Vec<Block> = report.timing_note.iter().cloned().map(Block::Paragraph).collect();
    let mut models: IndexMap<&str, ()> = IndexMap::new();
    models.extend(report.timings.values().flat_map(IndexMap::keys).map(|name| (name.as_str(), ())));
    let mut columns = vec![ColumnHeading::text("setting")];
    columns.extend(models.keys().map(|name| ColumnHeading::number(name)));
    columns.push(ColumnHeading::number("speed-up"));
    let rows = report.timings.iter().map(|(setting, times)| {
        let mut row = vec![Cell::new(setting)];
        row.extend(models.keys().map(|name| {
            match times.get(*name) {
                Some(time) => Cell::new(numbers::milliseconds(time.p50))
                    .with_note(Some(format!("p95 {}", numbers::milliseconds(time.p95)))),
                None => Cell::new(NO_VALUE),
            }
        }));
        let speedup =
            times.get(TEACHER).zip(times.get(STUDENT)).map(|(teacher, student)| teacher.p50 / student.p50);
        let quartiles = times.get(STUDENT).and_then(|student| student.speedup_quartiles);
        let quartiles = quartiles.map(|[low, high]| {
            format!("quartiles {} to {}", numbers::times(Some(low)), numbers::times(Some(high)))
        });
        row.push(Cell::new(numbers::times(speedup)).with_note(quartiles));
        row
    });
    blocks.push(Block::table(Table {
        caption: format!(
            "Wall time per {}: median and 95th percentile; speed-up of the medians, with the quartiles over turns",
            report.examples.one
        ),
        columns,
        rows: rows.collect(),
    }));
    if !report.time_figures.is_empty() {
        blocks.push(Block::Figures(report.time_figures.clone()));
    }
    blocks
}

fn samples(report: &Report) -> Vec<Block> {
    let Report { samples, sample_groups: groups, .. } = report;
    if samples.is_empty() {
        return Vec::new();
    }
    let mut models: IndexMap<&str, ()> = IndexMap::new();
    models.extend(samples.iter().flat_map(|sample| sample.outputs.keys()).map(|name| (name.as_str(), ())));
    let (is_sliced, is_grouped) = (samples.iter().any(|sample| !sample.slice.is_empty()), !groups.is_empty());
    let names = is_sliced.then_some("slice").into_iter().chain(["source", "reference"]);
    let names = names.chain(is_grouped.then_some("result")).chain(models.keys().copied());
    let columns = names.map(ColumnHeading::text).collect();
    let rows = samples.iter().map(|sample| {
        let mut row: Vec<Cell> = is_sliced.then(|| Cell::new(&sample.slice)).into_iter().collect();
        row.extend([cell(Some(&sample.source)), cell(sample.reference.as_ref())]);
        row.extend(is_grouped.then(|| Cell::new(&sample.group)));
        row.extend(models.keys().map(|name| {
            let output = sample.outputs.get(*name);
            let right = output
                .zip(sample.reference.as_ref())
                .is_some_and(|(output, right)| output.text == right.text);
            cell(output).emphasised(right)
        }));
        row
    });
    let Noun { one, many } = &report.examples;
    let of_all: Vec<String> =
        groups.iter().map(|(group, count)| format!("{group} {}", numbers::thousands(*count))).collect();
    let of_all = if is_grouped { format!(" ({})", of_all.join(", ")) } else { String::new() };
    let has_notes =
        samples.iter().flat_map(|sample| sample.outputs.values()).any(|output| output.note.is_some());
    let about_notes = if has_notes {
        "; behind an output is its probability, of several words or tokens the geometric mean of theirs"
    } else {
        ""
    };
    let caption = format!(
        "{} of {}{of_all}; an output that equals the reference stands out{about_notes}",
        numbers::thousands(samples.len() as u64),
        numbers::counted(report.outcome.examples, one, many),
    );
    vec![Block::table(Table { caption, columns, rows: rows.collect() })]
}

fn illustrated(IllustratedExamples { about, examples, .. }: &IllustratedExamples) -> Vec<Block> {
    if examples.is_empty() {
        return Vec::new();
    }
    let images = examples
        .iter()
        .map(|example| Block::Images { caption: example.source.clone(), images: example.images.clone() });
    std::iter::once(Block::Paragraph(about.clone())).chain(images).collect()
}

fn cell(text: Option<&Text>) -> Cell {
    text.map_or_else(
        || Cell::new(NO_VALUE),
        |text| {
            Cell::in_language(&text.text, text.language.as_deref())
                .with_note(text.note.clone())
                .with_image(text.image.clone())
        },
    )
}

pub(super) fn training(stages: &[StageSummary], figures: &[Figure]) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !stages.is_empty() {
        let headings =
            [("stage", false), ("seed", true), ("steps", true), ("examples", true), ("time", true)];
        let mut columns: Vec<ColumnHeading> =
            headings.map(|(text, numeric)| ColumnHeading { text: text.to_string(), numeric }).into();
        columns.extend(["latest losses", "checkpoint chosen"].map(ColumnHeading::text));
        blocks.push(Block::table(Table {
            caption: "Stages, in the order in which they ran".to_string(),
            columns,
            rows: stages.iter().map(stage).collect(),
        }));
    }
    for stage in stages {
        if let Some(outputs) = &stage.teacher_outputs {
            blocks.push(Block::Paragraph(format!("The teacher's outputs for {}: {outputs}.", stage.name)));
        }
    }
    if !figures.is_empty() {
        blocks.push(Block::Figures(figures.to_vec()));
    }
    blocks
}

fn stage(stage: &StageSummary) -> Vec<Cell> {
    let losses: Vec<String> = stage
        .losses
        .iter()
        .map(|(name, value)| match stage.shares.get(name) {
            Some(share) => {
                format!("{name} {} ({} of the gradient)", numbers::loss(*value), numbers::percent(*share))
            }
            None => format!("{name} {}", numbers::loss(*value)),
        })
        .collect();
    vec![
        Cell::new(&stage.name),
        Cell::new(stage.seed.to_string()),
        Cell::new(numbers::thousands(stage.steps)),
        Cell::new(numbers::thousands(stage.examples)),
        Cell::new(numbers::duration(stage.seconds)),
        Cell::new(losses.join(", ")),
        Cell::new(stage.kept.as_deref().unwrap_or(NO_VALUE)),
    ]
}

fn pipeline(notes: &PipelineNotes) -> Vec<Block> {
    let dropped: u64 = notes.dropped.values().sum();
    let share = if notes.inputs == 0 { 0.0 } else { dropped as f64 / notes.inputs as f64 };
    let mut blocks = vec![
        Block::Paragraph(notes.description.clone()),
        Block::Paragraph(format!(
            "Of {} inputs it dropped {} ({}){}.",
            numbers::thousands(notes.inputs),
            numbers::thousands(dropped),
            numbers::percent(share),
            reasons(&notes.dropped)
        )),
    ];
    if !notes.examples.is_empty() {
        let has_scores = notes.examples.iter().any(|example| example.score.is_some());
        let rows = notes.examples.iter().map(|example| {
            let steps: Vec<&str> = example.intermediate.iter().map(|text| text.text.as_str()).collect();
            let language = example.intermediate.first().and_then(|text| text.language.as_deref());
            let score = example.score.map_or_else(|| NO_VALUE.to_string(), |score| format!("{score:.3}"));
            let texts = [
                cell(Some(&example.source)),
                Cell::in_language(steps.join(" → "), language),
                cell(Some(&example.output)),
            ];
            texts.into_iter().chain(has_scores.then(|| Cell::new(score))).collect()
        });
        let mut columns: Vec<ColumnHeading> =
            ["source", "intermediate", "output"].map(ColumnHeading::text).into();
        columns.extend(has_scores.then(|| ColumnHeading::number("score")));
        let about_scores =
            if has_scores { "; the score is the mean log probability of the output" } else { "" };
        blocks.push(Block::table(Table {
            caption: format!("Inputs on their way through it{about_scores}"),
            columns,
            rows: rows.collect(),
        }));
    }
    blocks
}

/// Counts of augmented texts with some of them; those that several trainings share are shown once.
fn augmentations(all: &[AugmentationNotes]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for notes in all {
        let removed: u64 = notes.removed.values().sum();
        blocks.push(Block::Paragraph(format!(
            "{}: {} became {} more; {} were made, {} left out{}.",
            notes.training,
            numbers::counted(notes.texts as usize, "text", "texts"),
            numbers::thousands(notes.made - removed),
            numbers::thousands(notes.made),
            numbers::thousands(removed),
            reasons(&notes.removed)
        )));
    }
    let mut shown: Vec<&[String; 2]> = Vec::new();
    for example in all.iter().flat_map(|notes| &notes.examples) {
        if !shown.contains(&example) {
            shown.push(example);
        }
    }
    if !shown.is_empty() {
        blocks.push(Block::table(Table {
            caption: "Some texts, each with a variant".to_string(),
            columns: vec![ColumnHeading::text("text"), ColumnHeading::text("variant")],
            rows: shown
                .into_iter()
                .map(|pair| pair.iter().map(|text| Cell::new(text.clone())).collect())
                .collect(),
        }));
    }
    blocks
}

/// `: 3 empty output, 2 too long`, nothing without a reason.
fn reasons(dropped: &IndexMap<String, u64>) -> String {
    let reasons: Vec<String> = dropped
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(reason, count)| format!("{} {reason}", numbers::thousands(*count)))
        .collect();
    if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join(", ")) }
}

pub(super) fn data(corpora: &[CorpusReading]) -> Vec<Block> {
    if corpora.is_empty() {
        return Vec::new();
    }
    let rows = corpora.iter().map(|corpus| {
        let dropped: u64 = corpus.dropped.values().sum();
        let splits: Vec<String> = corpus
            .splits
            .iter()
            .map(|(split, rows)| format!("{split} {}", numbers::thousands(*rows)))
            .collect();
        vec![
            Cell::new(&corpus.name),
            Cell::new(numbers::thousands(corpus.rows)),
            Cell::new(numbers::thousands(corpus.kept)),
            Cell::new(format!("{}{}", numbers::thousands(dropped), reasons(&corpus.dropped))),
            Cell::new(splits.join(", ")),
            Cell::new(&corpus.source),
            Cell::new(corpus.licence.as_deref().unwrap_or("not stated")),
        ]
    });
    vec![Block::table(Table {
        caption: "Rows read, kept and dropped".to_string(),
        columns: vec![
            ColumnHeading::text("corpus"),
            ColumnHeading::number("rows"),
            ColumnHeading::number("kept"),
            ColumnHeading::text("dropped"),
            ColumnHeading::text("splits"),
            ColumnHeading::text("source"),
            ColumnHeading::text("licence"),
        ],
        rows: rows.collect(),
    })]
}

fn environment(report: &Report) -> Vec<Block> {
    if report.environment.is_empty() {
        return Vec::new();
    }
    vec![Block::table(Table {
        caption: "What the run was made with".to_string(),
        columns: vec![ColumnHeading::text("part"), ColumnHeading::text("value")],
        rows: report
            .environment
            .iter()
            .map(|(label, value)| vec![Cell::new(label), Cell::new(value)])
            .collect(),
    })]
}
