//! Several runs side by side: one table, one page, one Parquet file.

use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table, Tone};
use crate::error::{ReportError, Result, file_error};
use crate::metrics::{Direction, find, is_reference};
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{BASELINE, Outcome, STUDENT, TEACHER};
use crate::plots::Figure;
use crate::record::{read_scores, table_of_objects, write_table};
use crate::report::{LanguageRow, language_tables};
use crate::transfer::LanguageMeans;
use crate::verdict::Verdict;
use alambic_files::digests;
use alambic_files::lock::Lock;
use indexmap::IndexMap;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};

mod figures;
mod groups;
mod run;

use figures::Comparable;
use run::run_name;
pub use run::{ComparedRun, SweptKey, ToFirst, Validations};

/// Keys of the table of what differs between recipes.
const MAX_DIFFERENCES: usize = 60;

/// Figures of fidelity that are told of a run without labels.
const MAX_FIDELITY: usize = 4;

/// Runs to be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The runs, in the order given.
    pub runs: Vec<ComparedRun>,
    /// The key that was swept over them, for a curve; none where they differ in more than a number.
    pub swept: Option<SweptKey>,
    /// The keys in which their recipes differ.
    pub differences: Vec<Difference>,
    /// The axis of the vocabulary of cards by which they are grouped, see [`Self::group_by`].
    grouped_by: Option<String>,
}

/// A key in which recipes differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its dotted name.
    pub key: String,
    /// Its value in each run, in their order; none where the recipe has no such key.
    pub values: Vec<Option<String>>,
}

/// One row of the table: one model of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComparisonRow {
    /// The run.
    pub run: String,
    /// Its group, where runs are grouped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Its recipe.
    pub recipe: String,
    /// The model.
    pub model: String,
    /// Over how many examples.
    pub examples: usize,
    /// Over how many seeds.
    pub seeds: usize,
    /// Each metric.
    pub metrics: IndexMap<String, Option<f64>>,
    /// Means over languages of each metric; empty where languages are not known.
    pub languages: IndexMap<String, LanguageMeans>,
    /// Student to teacher for each metric, in the rows of students.
    pub retention: IndexMap<String, Option<f64>>,
    /// Teacher's bytes over student's, in the rows of students.
    pub compression: Option<f64>,
    /// Teacher's time over student's, in the rows of students.
    pub speedup: Option<f64>,
    /// The verdict of the run, in the rows of students.
    pub verdict: Option<Verdict>,
    /// How much better than the student of the first run, in the rows of students.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_first: Option<ToFirst>,
    /// Parameters.
    pub parameters: Option<u64>,
    /// Bytes.
    pub bytes: Option<u64>,
    /// BLAKE3 hash of the examples and their references; none of runs that did not record it.
    pub test_data: Option<String>,
    /// Median time for one example at batch 1, relative to that of the run's own teacher.
    pub time_to_teacher: Option<f64>,
    /// Median time for one example at batch 1.
    pub latency_ms_p50: Option<f64>,
    /// 95th percentile of the same.
    pub latency_ms_p95: Option<f64>,
    /// Time to train.
    pub seconds_to_train: Option<f64>,
}

impl Comparison {
    /// A comparison of runs in the order given, which are not grouped.
    #[must_use]
    pub fn new(runs: Vec<ComparedRun>) -> Self {
        Self { runs, swept: None, differences: Vec::new(), grouped_by: None }
    }

    /// Reads the `metrics.json` of each folder, and the scores of their test examples.
    ///
    /// # Errors
    /// [`ReportError::NotARun`] for every folder that is none and [`ReportError::Table`] for scores that cannot be read, all at once.
    pub fn read(folders: &[PathBuf]) -> Result<Self, Vec<ReportError>> {
        let mut runs: Vec<ComparedRun> = Vec::new();
        let mut errors = Vec::new();
        let mut first_scores = IndexMap::new();
        for folder in folders {
            let outcome = match Outcome::read(folder) {
                Ok(outcome) => outcome,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let mut run = ComparedRun {
                name: run_name(folder, folders),
                validations: Validations::read(folder, &outcome),
                outcome,
                to_first: None,
            };
            let scores = read_scores(folder).and_then(|scores| {
                if let Some(first) = runs.first() {
                    run.to_first = ToFirst::between((first, &first_scores), (&run, &scores))?;
                }
                Ok(scores)
            });
            match scores {
                Ok(scores) if runs.is_empty() => first_scores = scores,
                Ok(_) => {}
                Err(error) => errors.push(error),
            }
            runs.push(run);
        }
        if errors.is_empty() { Ok(Self::new(runs)) } else { Err(errors) }
    }

    /// The table, one row a model of a run.
    #[must_use]
    pub fn rows(&self) -> Vec<ComparisonRow> {
        self.runs
            .iter()
            .flat_map(|run| {
                run.outcome.present().map(|(name, model)| {
                    let student = name == STUDENT;
                    let ratios = &run.outcome.ratios;
                    ComparisonRow {
                        run: run.name.clone(),
                        group: self.grouped_by().map(|axis| run.group(axis)),
                        recipe: run.outcome.recipe.clone(),
                        model: name.to_string(),
                        examples: run.outcome.examples,
                        seeds: run.outcome.seeds.len(),
                        metrics: model.metrics.clone(),
                        languages: model.languages.clone(),
                        retention: if student { ratios.retention.clone() } else { IndexMap::new() },
                        compression: ratios.compression.filter(|_| student),
                        speedup: ratios.speedup.filter(|_| student),
                        verdict: run.outcome.verdict.filter(|_| student),
                        to_first: run.to_first.clone().filter(|_| student),
                        parameters: model.parameters,
                        bytes: model.bytes,
                        test_data: run.outcome.test_data.clone(),
                        time_to_teacher: run.relative_time(model),
                        latency_ms_p50: model.latency_ms.map(|latency| latency.p50),
                        latency_ms_p95: model.latency_ms.map(|latency| latency.p95),
                        seconds_to_train: model.seconds_to_train,
                    }
                })
            })
            .collect()
    }

    /// The names of all metrics, in the order in which they first occur.
    fn metrics(&self) -> Vec<String> {
        let mut names: IndexMap<String, ()> = IndexMap::new();
        for run in &self.runs {
            for (_, model) in run.outcome.present() {
                names.extend(model.metrics.keys().map(|name| (name.clone(), ())));
            }
        }
        names.into_keys().filter(|name| !is_reference(name)).collect()
    }

    /// The page: for each metric the models of every run and the student's ratio to its teacher, then costs and
    /// figures.
    ///
    /// # Errors
    /// [`ReportError::Length`] when there is not one value of the swept key for each run.
    pub fn document(&self) -> Result<Document> {
        if let Some(swept) = &self.swept
            && swept.values.len() != self.runs.len()
        {
            return Err(ReportError::Length {
                what: format!("values of {} to draw runs over", swept.name),
                expected: self.runs.len(),
                found: swept.values.len(),
            });
        }
        let metrics = self.metrics();
        let figures = self.figures(&metrics);
        let tables: Vec<Table> = metrics.iter().map(|metric| self.metric_table(metric)).collect();
        let languages = self.language_tables();
        let languages = if languages.is_empty() { Vec::new() } else { vec![Block::Tables(languages)] };
        let different = self.different_test_data();
        let mut results: Vec<Block> =
            different.into_iter().map(|note| Block::Callout(Tone::Warning, note)).collect();
        results.push(Block::table(self.overview()));
        results.extend(self.group_table().map(Block::table));
        results.extend(self.without_labels().map(|note| Block::Callout(Tone::Neutral, note)));
        if !figures.is_empty() {
            results.push(Block::Figures(figures));
        }
        let sections = [
            Section::new("Result", results),
            Section::new("Metrics", if tables.is_empty() { Vec::new() } else { vec![Block::Tables(tables)] }),
            Section::new("Languages", languages),
            Section::new("Models", vec![Block::table(self.costs())]),
            Section::new("Recipes", self.differing().into_iter().map(Block::table).collect()),
        ];
        Ok(Document {
            title: format!("Comparison of {}", numbers::counted(self.runs.len(), "run", "runs")),
            lead: Vec::new(),
            sections: sections.into_iter().flatten().collect(),
        })
    }

    /// Writes `compare.html`, `compare.md`, `plots/` and `comparison.parquet` into a folder.
    ///
    /// # Errors
    /// [`ReportError::Length`], [`ReportError::Plot`], [`ReportError::Table`] or [`ReportError::File`]; when the folder holds
    /// files of these names that no comparison wrote.
    pub fn write(&self, folder: &Path) -> Result<()> {
        const TABLE: &str = "comparison.parquet";
        let files = ["compare.html", "compare.md", TABLE];
        fs::create_dir_all(folder).map_err(file_error("create", folder))?;
        let _lock = Lock::acquire(folder, "alambic compare")?;
        digests::check_only(folder, &files)?;
        digests::register(folder, &files)?;
        self.document()?.write(folder, "compare")?;
        let path = folder.join(TABLE);
        let rows = self
            .rows()
            .iter()
            .map(serde_json::to_value)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| ReportError::Json { what: "a comparison".to_string(), source })?;
        let mut table = table_of_objects(rows.iter(), &["run", "recipe", "model"])
            .map_err(|reason| ReportError::Table { path: path.clone(), reason })?;
        write_table(&mut table, &path)?;
        Ok(digests::record(folder, &files)?)
    }

    /// Says which runs have no metrics because their texts have no labels, and how near the student is to its teacher; none
    /// where all have.
    #[must_use]
    pub fn without_labels(&self) -> Option<String> {
        let say = |run: &ComparedRun| {
            let fidelity = run.outcome.fidelity.iter().filter(|(name, _)| !name.ends_with("-shuffled"));
            let figures: Vec<String> = fidelity
                .take(MAX_FIDELITY)
                .map(|(name, value)| {
                    format!("{} {}", numbers::metric_title(name), numbers::metric_value(name, *value))
                })
                .collect();
            let near = if figures.is_empty() {
                "the report has the fidelity of the student to the teacher".to_owned()
            } else {
                format!("student against teacher: {}", figures.join(", "))
            };
            format!("{}: no labels, so there is neither metric nor verdict; {near}", run.name)
        };
        let lines: Vec<String> = self.runs.iter().filter(|run| !run.outcome.labelled).map(say).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// Says which runs were evaluated on which test data; none where all were evaluated on the same.
    #[must_use]
    pub fn different_test_data(&self) -> Option<String> {
        let groups = self.by_test_data();
        let group = |runs: &Vec<usize>| {
            let names: Vec<&str> = runs.iter().map(|&run| self.runs[run].name.as_str()).collect();
            format!("{} (test data {})", names.join(", "), self.runs[runs[0]].test_data_in_words())
        };
        let parts: Vec<String> = groups.iter().map(group).collect();
        (parts.len() > 1).then(|| {
            format!(
                "the runs were evaluated on different test data, so their metrics are not comparable and they share no \
                 plot: {}",
                parts.join("; ")
            )
        })
    }

    /// Runs that were evaluated on the same test data, by their indices.
    fn by_test_data(&self) -> Vec<Vec<usize>> {
        let mut groups: IndexMap<(Option<&str>, usize), Vec<usize>> = IndexMap::new();
        for (index, run) in self.runs.iter().enumerate() {
            groups.entry(run.test_data()).or_default().push(index);
        }
        groups.into_values().collect()
    }

    /// The figures of each group of runs that share their test data, by the first metric that one of them has.
    fn figures(&self, metrics: &[String]) -> Vec<Figure> {
        let groups = self.by_test_data();
        let several = groups.len() > 1;
        let figures = groups.iter().enumerate().filter_map(|(index, group)| {
            let has = |metric: &&String| {
                group.iter().any(|&run| {
                    self.runs[run].outcome.present().any(|(_, model)| model.metrics.contains_key(*metric))
                })
            };
            let metric = metrics.iter().find(has)?;
            let comparable = Comparable {
                runs: group.iter().map(|&run| &self.runs[run]).collect(),
                swept: self
                    .swept
                    .as_ref()
                    .filter(|_| group.len() > 1)
                    .map(|swept| (swept, group.iter().map(|&run| swept.values[run]).collect())),
                models: self.models(),
            };
            let suffix = if several { format!("-{}", index + 1) } else { String::new() };
            Some(comparable.figures(metric, &suffix))
        });
        figures.flatten().collect()
    }

    /// One row a run: what it was, its ratios, its verdict.
    fn overview(&self) -> Table {
        // Runs on texts without labels have no metric at all.
        let firsts: Vec<Option<&str>> = self.runs.iter().map(ComparedRun::first_metric).collect();
        let mut distinct: Vec<&str> = firsts.iter().copied().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let retention = match distinct.as_slice() {
            [only] => format!("retention of {}", numbers::metric_title(only)),
            _ => "retention".to_owned(),
        };
        let first = self.first_compared_with();
        let to_first = first.map(|first| format!("student to that of {first}"));
        let headings = [
            ("run", false),
            ("recipe", false),
            ("examples", true),
            ("test data", false),
            ("seeds", true),
            (&*retention, true),
            ("compression", true),
            ("speed-up", true),
            ("student to baseline", false),
        ];
        let rows = self.runs.iter().zip(&firsts).map(|(run, first)| {
            let outcome = &run.outcome;
            let ratios = &outcome.ratios;
            let mut cells = vec![
                Cell::new(&run.name),
                Cell::new(&outcome.recipe),
                Cell::new(numbers::thousands(outcome.examples as u64)),
                Cell::new(run.test_data_in_words()),
                Cell::new(outcome.seeds.len().to_string()),
                Cell::new(numbers::times(
                    first.and_then(|first| ratios.retention.get(first).copied().flatten()),
                ))
                .with_note(first.filter(|_| distinct.len() > 1).map(numbers::metric_title)),
                Cell::new(numbers::times(ratios.compression)),
                Cell::new(numbers::times(ratios.speedup)),
                Cell::new(outcome.verdict.map_or(NO_VALUE, Verdict::word)),
            ];
            if first.is_some() {
                let words = run.to_first.as_ref().map(ToFirst::in_words);
                cells.push(Cell::new(words.unwrap_or_else(|| NO_VALUE.to_owned())));
            }
            cells
        });
        let columns = headings.iter().map(|(text, numeric)| (*text, *numeric));
        let columns = columns.chain(to_first.as_deref().map(|text| (text, false)));
        Table {
            caption: "Student to teacher: 1 is parity, more is better for the student. Test data by the beginning of \
                 their hash"
                .to_string(),
            columns: columns.map(|(text, numeric)| ColumnHeading { text: text.to_string(), numeric }).collect(),
            rows: rows.collect(),
        }
    }

    /// The name of the first run, where the student of another is compared with its own, example by example.
    #[must_use]
    pub fn first_compared_with(&self) -> Option<&str> {
        self.runs.iter().find_map(|run| run.to_first.as_ref()).map(|own| own.run.as_str())
    }

    fn metric_table(&self, metric: &str) -> Table {
        let has = |run: &ComparedRun, name: &str| {
            run.outcome.model(name).is_some_and(|model| model.metrics.contains_key(metric))
        };
        let mut models = self.models();
        models.retain(|name| self.runs.iter().any(|run| has(run, name)));
        let runs = self.runs.iter().filter(|run| models.iter().any(|name| has(run, name)));
        let mut columns = vec![ColumnHeading::text("run")];
        columns.extend(models.iter().map(|name| ColumnHeading::number(name)));
        columns.push(ColumnHeading::number("retention"));
        let rows = runs.map(|run| {
            let mut row = vec![Cell::new(&run.name)];
            row.extend(models.iter().map(|name| {
                let model = run.outcome.model(name);
                let interval = model.and_then(|model| model.intervals.get(metric).copied().flatten());
                Cell::new(numbers::metric_value(metric, model.and_then(|model| model.metric(metric))))
                    .with_note(interval.map(|ends| numbers::metric_interval(metric, ends)))
            }));
            row.push(Cell::new(numbers::times(run.outcome.ratios.retention.get(metric).copied().flatten())));
            row
        });
        let better = match find(metric).map(|metric| metric.direction) {
            Ok(Direction::Lower) => ", less is better",
            Ok(Direction::Higher) => ", more is better",
            Err(_) => "",
        };
        Table {
            caption: format!("{}{better}; 95 % intervals over examples", numbers::metric_title(metric)),
            columns,
            rows: rows.collect(),
        }
    }

    /// One table a metric over the runs that were evaluated in several languages.
    fn language_tables(&self) -> Vec<Table> {
        let rows = self.runs.iter().flat_map(|run| {
            let sets = run.outcome.languages.as_ref();
            let row = move |(name, model)| {
                let head = vec![Cell::new(&run.name), Cell::new(name)];
                Some(LanguageRow { head, model, sets: sets? })
            };
            run.outcome.present().filter_map(row)
        });
        language_tables(&["run", "model"], &rows.collect::<Vec<_>>())
    }

    /// The keys in which the recipes differ.
    fn differing(&self) -> Option<Table> {
        if self.differences.is_empty() {
            return None;
        }
        let mut columns = vec![ColumnHeading::text("key")];
        columns.extend(self.runs.iter().map(|run| ColumnHeading::text(&run.name)));
        let all = self.differences.len();
        let rows = self.differences.iter().take(MAX_DIFFERENCES).map(|Difference { key, values }| {
            let values = values.iter().map(|value| Cell::new(value.as_deref().unwrap_or(NO_VALUE)));
            [Cell::new(key)].into_iter().chain(values).collect()
        });
        let which = if all > MAX_DIFFERENCES {
            format!(": the first {MAX_DIFFERENCES} of {} keys", numbers::thousands(all as u64))
        } else {
            String::new()
        };
        let caption = format!("What differs between the recipes{which}");
        Some(Table { caption, columns, rows: rows.collect() })
    }

    fn costs(&self) -> Table {
        let headings = ["parameters", "size", "median time, batch 1", "time to train"];
        let mut columns = vec![ColumnHeading::text("run"), ColumnHeading::text("model")];
        columns.extend(headings.map(ColumnHeading::number));
        let or_none = |value: Option<String>| Cell::new(value.unwrap_or_else(|| NO_VALUE.to_string()));
        let rows = self.rows().into_iter().map(|row| {
            vec![
                Cell::new(row.run),
                Cell::new(row.model),
                or_none(row.parameters.map(numbers::thousands)),
                or_none(row.bytes.map(numbers::bytes)),
                or_none(row.time_to_teacher.map(|ratio| numbers::times(Some(ratio))))
                    .with_note(row.latency_ms_p50.map(numbers::milliseconds)),
                or_none(row.seconds_to_train.map(numbers::duration)),
            ]
        });
        Table {
            caption: "What each model costs; times relative to the teacher of the same run".to_string(),
            columns,
            rows: rows.collect(),
        }
    }

    /// The models of all runs: teacher, student, baseline, then others.
    fn models(&self) -> Vec<&str> {
        let mut names: IndexMap<&str, ()> = [TEACHER, STUDENT, BASELINE].map(|name| (name, ())).into();
        names.extend(self.runs.iter().flat_map(|run| run.outcome.present()).map(|(name, _)| (name, ())));
        names.retain(|name, ()| self.runs.iter().any(|run| run.outcome.model(name).is_some()));
        names.into_keys().collect()
    }
}

#[cfg(test)]
mod tests;
