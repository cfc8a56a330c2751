//! What a report says, section by section.

use super::slices::slice_tables;
use super::{CorpusReading, Noun, PipelineNotes, Report, Sample, StageSummary, Text, VariationNotes, Views};
use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table, Tone};
use crate::metrics::{Against, Direction, find, is_yardstick};
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{BASELINE, ModelOutcome, Ratios, STUDENT, TEACHER};
use crate::verdict::Verdict;
use indexmap::IndexMap;

pub(super) fn document(report: &Report) -> Document {
    let sections = [
        Section::new("Result", result(report)),
        Section::new("By slice", by_slice(report)),
        Section::new("Faithfulness to the teacher", fidelity(report)),
        Section::new("Time", time(report)),
        Section::new("Samples", samples(&report.samples)),
        Section::new(&report.views.title, views(&report.views)),
        Section::new("Training", training(report)),
        Section::new("Pipeline", report.pipeline.as_ref().map(pipeline).unwrap_or_default()),
        Section::new("Varied texts", variations(&report.variations)),
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
    let mut blocks = Vec::new();
    match (&report.judgement, report.outcome.model(STUDENT)) {
        (Some(judgement), _) => {
            let tone = match judgement.verdict {
                Verdict::Better => Tone::Good,
                Verdict::NotBetter => Tone::Bad,
                Verdict::Inconclusive => Tone::Neutral,
            };
            blocks.push(Block::Callout(tone, judgement.in_words(&report.examples.many)));
        }
        (None, Some(_)) if !report.outcome.labelled => blocks.push(Block::Callout(
            Tone::Neutral,
            format!(
                "The {} have no labels. The student is held against the teacher alone, by how alike the two are and by \
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
    let models: IndexMap<&str, &ModelOutcome> = report.outcome.present().collect();
    blocks.push(Block::table(
        ModelTable {
            models,
            ratios: Some(&report.outcome.ratios),
            over: &over(report),
            example: &report.examples.one,
        }
        .table(),
    ));
    let above =
        report.outcome.ratios.retention_above_floor.iter().find_map(|(name, ratio)| Some((name, (*ratio)?)));
    if let Some((metric, ratio)) = above {
        blocks.push(Block::Paragraph(format!(
            "Of what the teacher's {} has above that of the model that does not see what matters, the student keeps {}.",
            numbers::metric_title(metric),
            numbers::percent(ratio)
        )));
    }
    blocks.push(Block::List(
        report.models.iter().map(|(name, description)| format!("{name}: {description}")).collect(),
    ));
    blocks.retain(|block| !matches!(block, Block::List(items) if items.is_empty()));
    blocks
}

/// All that is known of some models, one row a measure and one column a model.
pub(crate) struct ModelTable<'a> {
    /// The models, by name.
    pub(crate) models: IndexMap<&'a str, &'a ModelOutcome>,
    /// The ratios of student to teacher, for a column of their own.
    pub(crate) ratios: Option<&'a Ratios>,
    /// Over how many examples and seeds.
    pub(crate) over: &'a str,
    /// What one example is called.
    pub(crate) example: &'a str,
}

impl ModelTable<'_> {
    pub(crate) fn table(&self) -> Table {
        let mut columns = vec![ColumnHeading::text("")];
        columns.extend(self.models.keys().map(|name| ColumnHeading::number(name)));
        if self.ratios.is_some() {
            columns.push(ColumnHeading::number("ratio"));
        }
        let mut rows: Vec<Vec<Cell>> = self.metric_names().iter().map(|name| self.metric_row(name)).collect();
        rows.extend(self.cost_rows());
        let ratios = if self.ratios.is_some() {
            " Ratio: student to teacher, 1 is parity, more is better for the student."
        } else {
            ""
        };
        Table {
            caption: format!(
                "Over {}. Smaller figures are 95 % bootstrap intervals over examples, and the range over seeds \
                 where there are several. ↓ less is better, ↑ more is better.{ratios}",
                self.over
            ),
            columns,
            rows,
        }
    }

    fn metric_names(&self) -> Vec<String> {
        let mut names: IndexMap<String, ()> = IndexMap::new();
        names.extend(
            self.models.values().flat_map(|model| model.metrics.keys()).map(|name| (name.clone(), ())),
        );
        names.into_keys().collect()
    }

    fn metric_row(&self, name: &str) -> Vec<Cell> {
        let mut row = vec![Cell::new(titled(name))];
        let best = best(name, self.models.values().map(|model| model.metric(name)));
        for model in self.models.values() {
            let value = model.metric(name);
            let emphasis = self.models.len() > 1 && value.is_some() && value == best;
            row.push(
                Cell::new(numbers::metric_value(name, value))
                    .with_note(spread(name, model))
                    .emphasised(emphasis),
            );
        }
        if let Some(ratios) = self.ratios {
            row.push(Cell::new(numbers::times(ratios.retention.get(name).copied().flatten())));
        }
        row
    }

    fn cost_rows(&self) -> Vec<Vec<Cell>> {
        let row = |title: &str, ratio: Option<f64>, value: &dyn Fn(&ModelOutcome) -> Option<String>| {
            let values: Vec<Option<String>> = self.models.values().map(|model| value(model)).collect();
            if values.iter().all(Option::is_none) {
                return None;
            }
            let cells =
                values.into_iter().map(|value| Cell::new(value.unwrap_or_else(|| NO_VALUE.to_string())));
            let mut row = vec![Cell::new(title)];
            row.extend(cells);
            if self.ratios.is_some() {
                row.push(Cell::new(ratio.map_or_else(String::new, |ratio| numbers::times(Some(ratio)))));
            }
            Some(row)
        };
        let compression = self.ratios.and_then(|ratios| ratios.compression);
        let speedup = self.ratios.and_then(|ratios| ratios.speedup);
        let latency = |of: fn(crate::outcome::Latency) -> f64| {
            move |model: &ModelOutcome| model.latency_ms.map(|latency| numbers::milliseconds(of(latency)))
        };
        [
            row("parameters", None, &|model| model.parameters.map(numbers::thousands)),
            row("size", compression, &|model| model.bytes.map(numbers::bytes)),
            row(
                &format!("time per {}, batch 1, median", self.example),
                speedup,
                &latency(|latency| latency.p50),
            ),
            row(
                &format!("time per {}, 95th percentile", self.example),
                None,
                &latency(|latency| latency.p95),
            ),
            row("time to train", None, &|model| model.seconds_to_train.map(numbers::duration)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// `CER ↓`, an arrow to the better side.
pub(super) fn titled(name: &str) -> String {
    let title = numbers::metric_title(name);
    match find(name) {
        Ok(metric) if is_yardstick(name) || metric.against == Against::Model => title,
        Ok(metric) => match metric.direction {
            Direction::Lower => format!("{title} ↓"),
            Direction::Higher => format!("{title} ↑"),
        },
        Err(_) => title,
    }
}

/// The best of some values; none where the metric has no better side.
pub(super) fn best(name: &str, values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let metric = find(name).ok().filter(|_| !is_yardstick(name))?;
    match metric.direction {
        Direction::Lower => values.flatten().min_by(f64::total_cmp),
        Direction::Higher => values.flatten().max_by(f64::total_cmp),
    }
}

/// The interval of a metric, and its range over seeds where there are several.
fn spread(name: &str, model: &ModelOutcome) -> Option<String> {
    let interval =
        model.intervals.get(name).copied().flatten().map(|ends| numbers::metric_interval(name, ends));
    let seeds: Vec<f64> = model.per_seed.get(name).into_iter().flatten().flatten().copied().collect();
    let range = (seeds.len() > 1).then(|| {
        let low = seeds.iter().copied().fold(f64::INFINITY, f64::min);
        let high = seeds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("seeds {}", numbers::metric_interval(name, [low, high]))
    });
    let parts: Vec<String> = [interval, range].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn by_slice(report: &Report) -> Vec<Block> {
    let models: IndexMap<&str, &ModelOutcome> = report.outcome.present().collect();
    let mut blocks: Vec<Block> = Vec::new();
    if !report.quality_figures.is_empty() {
        blocks.push(Block::Figures(report.quality_figures.clone()));
    }
    let tables = slice_tables(&models, &report.examples.many);
    if !tables.is_empty() {
        blocks.push(Block::Tables(tables));
    }
    blocks
}

fn fidelity(report: &Report) -> Vec<Block> {
    const SHUFFLED: &str = "-shuffled";
    let fidelity = &report.outcome.fidelity;
    let rows: Vec<Vec<Cell>> = fidelity
        .iter()
        .filter(|(name, _)| {
            !name.strip_suffix(SHUFFLED).is_some_and(|measure| fidelity.contains_key(measure))
        })
        .map(|(name, value)| {
            let shuffled = fidelity.get(&format!("{name}{SHUFFLED}")).copied().flatten();
            vec![
                Cell::new(numbers::metric_title(name)),
                Cell::new(numbers::metric_value(name, *value)),
                Cell::new(numbers::metric_value(name, shuffled)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return Vec::new();
    }
    vec![Block::table(Table {
        caption: format!(
            "Student beside teacher, over {}. Shuffled: the student's output beside the teacher's for another {}.",
            over(report),
            report.examples.one
        ),
        columns: vec![
            ColumnHeading::text("measure"),
            ColumnHeading::number("value"),
            ColumnHeading::number("shuffled"),
        ],
        rows,
    })]
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
        row.push(Cell::new(numbers::times(speedup)));
        row
    });
    blocks.push(Block::table(Table {
        caption: format!("Wall time per {}: median and 95th percentile", report.examples.one),
        columns,
        rows: rows.collect(),
    }));
    if !report.time_figures.is_empty() {
        blocks.push(Block::Figures(report.time_figures.clone()));
    }
    blocks
}

fn samples(samples: &[Sample]) -> Vec<Block> {
    if samples.is_empty() {
        return Vec::new();
    }
    let mut models: IndexMap<&str, ()> = IndexMap::new();
    models.extend(samples.iter().flat_map(|sample| sample.outputs.keys()).map(|name| (name.as_str(), ())));
    let sliced = samples.iter().any(|sample| !sample.slice.is_empty());
    let mut columns: Vec<ColumnHeading> = ["source", "reference"].map(ColumnHeading::text).into();
    if sliced {
        columns.insert(0, ColumnHeading::text("slice"));
    }
    columns.extend(models.keys().map(|name| ColumnHeading::text(name)));
    let rows = samples.iter().map(|sample| {
        let mut row = if sliced { vec![Cell::new(&sample.slice)] } else { Vec::new() };
        row.extend([cell(Some(&sample.source)), cell(sample.reference.as_ref())]);
        row.extend(models.keys().map(|name| {
            let output = sample.outputs.get(*name);
            let right = output
                .zip(sample.reference.as_ref())
                .is_some_and(|(output, right)| output.text == right.text);
            cell(output).emphasised(right)
        }));
        row
    });
    vec![Block::table(Table {
        caption: format!(
            "{}; an output that equals the reference stands out",
            numbers::counted(samples.len(), "sample", "samples")
        ),
        columns,
        rows: rows.collect(),
    })]
}

fn views(Views { about, views, .. }: &Views) -> Vec<Block> {
    if views.is_empty() {
        return Vec::new();
    }
    let images =
        views.iter().map(|view| Block::Images { caption: view.source.clone(), images: view.images.clone() });
    std::iter::once(Block::Paragraph(about.clone())).chain(images).collect()
}

fn cell(text: Option<&Text>) -> Cell {
    text.map_or_else(|| Cell::new(NO_VALUE), |text| Cell::in_language(&text.text, text.language.as_deref()))
}

fn training(report: &Report) -> Vec<Block> {
    let mut blocks = Vec::new();
    if !report.stages.is_empty() {
        let headings =
            [("stage", false), ("seed", true), ("steps", true), ("examples", true), ("time", true)];
        let mut columns: Vec<ColumnHeading> =
            headings.map(|(text, numeric)| ColumnHeading { text: text.to_string(), numeric }).into();
        columns.extend(["losses at the end", "checkpoint kept"].map(ColumnHeading::text));
        blocks.push(Block::table(Table {
            caption: "Stages, in the order in which they ran".to_string(),
            columns,
            rows: report.stages.iter().map(stage).collect(),
        }));
    }
    for stage in &report.stages {
        if let Some(outputs) = &stage.teacher_outputs {
            blocks.push(Block::Paragraph(format!("The teacher's outputs for {}: {outputs}.", stage.name)));
        }
    }
    if !report.training_figures.is_empty() {
        blocks.push(Block::Figures(report.training_figures.clone()));
    }
    blocks
}

fn stage(stage: &StageSummary) -> Vec<Cell> {
    let losses: Vec<String> = stage
        .losses
        .iter()
        .map(|(name, value)| match stage.shares.get(name) {
            Some(share) => format!("{name} {value:.4} ({} of the gradient)", numbers::percent(*share)),
            None => format!("{name} {value:.4}"),
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
        let rows = notes.examples.iter().map(|example| {
            let steps: Vec<&str> = example.intermediate.iter().map(|text| text.text.as_str()).collect();
            let language = example.intermediate.first().and_then(|text| text.language.as_deref());
            vec![
                cell(Some(&example.source)),
                Cell::in_language(steps.join(" → "), language),
                cell(Some(&example.output)),
                Cell::new(example.score.map_or_else(|| NO_VALUE.to_string(), |score| format!("{score:.3}"))),
            ]
        });
        blocks.push(Block::table(Table {
            caption: "Inputs on their way through it; the score is the mean log probability of the output"
                .to_string(),
            columns: vec![
                ColumnHeading::text("source"),
                ColumnHeading::text("intermediate"),
                ColumnHeading::text("output"),
                ColumnHeading::number("score"),
            ],
            rows: rows.collect(),
        }));
    }
    blocks
}

/// How many texts were varied to how many, and what some of them became; those of trainings that share them once.
fn variations(all: &[VariationNotes]) -> Vec<Block> {
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

fn data(corpora: &[CorpusReading]) -> Vec<Block> {
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
