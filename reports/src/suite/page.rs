use super::outcome::SuiteOutcome;
use super::spec::{MeanOver, SuiteSpec};
use super::tables::AverageRow;
use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table, Tone};
use crate::metrics::find;
use crate::numbers::{NO_VALUE, counted};

impl SuiteOutcome {
    /// The page: means, averages, values by language with their intervals as a heat map and a table, gaps to the source, what is
    /// missing, and how each task is scored.
    #[must_use]
    pub fn document(&self, spec: &SuiteSpec) -> Document {
        let sections = [
            Section::new("Result", self.result(spec)),
            Section::new("Values by language", self.languages(spec)),
            Section::new(&format!("Gap to {}", self.source), self.gaps(spec)),
            Section::new("Missing", self.missing_tasks(spec)),
            Section::new("How tasks are scored", scoring(spec)),
        ];
        let shots = self.shots.map(|shots| format!(" ({shots} examples)")).unwrap_or_default();
        Document {
            title: format!("{}: {}", self.suite, self.models.keys().cloned().collect::<Vec<_>>().join(", ")),
            lead: vec![format!(
                "Setting: {}{shots}; the source is {}. Numbers are per cent, intervals 95 % of a bootstrap over examples.",
                self.setting, self.source
            )],
            sections: sections.into_iter().flatten().collect(),
        }
    }

    fn result(&self, spec: &SuiteSpec) -> Vec<Block> {
        let over = match spec.mean_over {
            MeanOver::Tasks => counted(spec.tasks.len(), "task", "tasks"),
            MeanOver::Groups => counted(spec.groups().len(), "group of tasks", "groups of tasks"),
            MeanOver::Nothing => String::new(),
        };
        let mut blocks: Vec<Block> = self
            .models
            .iter()
            .filter_map(|(name, model)| {
                Some(Block::Headline(format!("{name}: {} over {over}", percent(model.all?))))
            })
            .collect();
        if spec.mean_over == MeanOver::Nothing {
            blocks.push(Block::Paragraph("The benchmark has no mean over all tasks.".to_owned()));
        } else if blocks.len() < self.models.len() {
            let message = format!("There is no mean over {over}, since not all of them are there.");
            blocks.push(Block::Callout(Tone::Neutral, message));
        }
        for name in self.models.keys() {
            let rows: Vec<AverageRow> =
                self.averages(spec).into_iter().filter(|row| row.model == *name).collect();
            blocks.push(Block::table(average_table(name, &self.source, &rows)));
        }
        blocks
    }

    fn languages(&self, spec: &SuiteSpec) -> Vec<Block> {
        let columns = self.columns(spec);
        if columns.is_empty() {
            return Vec::new();
        }
        let figures = self.heat_maps(spec);
        let mut blocks = if figures.is_empty() { Vec::new() } else { vec![Block::Figures(figures)] };
        for name in self.models.keys() {
            let rows = self.by_language(spec).into_iter().filter(|row| row.model == *name);
            let rows = rows.map(|row| {
                let values = row.values.iter().map(|own| {
                    let interval = own.and_then(|own| own.interval);
                    let note = interval.map(|[low, high]| format!("{:.1}–{:.1}", 100.0 * low, 100.0 * high));
                    Cell::new(share(own.and_then(|own| own.value))).with_note(note)
                });
                std::iter::once(Cell::new(row.language.clone())).chain(values).collect()
            });
            blocks.push(Block::table(table(name, "language", columns.iter().map(|column| &*column.2), rows)));
        }
        blocks
    }

    /// By how many points each value is below that of the source.
    fn gaps(&self, spec: &SuiteSpec) -> Vec<Block> {
        let columns = self.columns(spec);
        let mut blocks = Vec::new();
        for name in self.models.keys() {
            let rows: Vec<_> = self.by_language(spec).into_iter().filter(|row| row.model == *name).collect();
            let Some(source) = rows.iter().find(|row| row.language == self.source) else { continue };
            let value = |own: &Option<super::LanguageOutcome>| own.and_then(|own| own.value);
            let kept: Vec<usize> =
                (0..columns.len()).filter(|&column| value(&source.values[column]).is_some()).collect();
            let others = rows.iter().filter(|row| row.language != self.source);
            let others = others.map(|row| {
                let gaps = kept.iter().map(|&column| {
                    let gap = value(&source.values[column])
                        .zip(value(&row.values[column]))
                        .map(|(source, own)| format!("{:.1}", 100.0 * (source - own)));
                    Cell::new(gap.unwrap_or_else(|| NO_VALUE.to_owned()))
                });
                std::iter::once(Cell::new(row.language.clone())).chain(gaps).collect()
            });
            let titles = kept.iter().map(|&column| &*columns[column].2);
            let table = table(name, "language", titles, others);
            if !kept.is_empty() && !table.rows.is_empty() {
                blocks.push(Block::table(table));
            }
        }
        if !blocks.is_empty() {
            let text =
                format!("By how many points a value is below that of {}; less is better.", self.source);
            blocks.insert(0, Block::Paragraph(text));
        }
        blocks
    }

    fn missing_tasks(&self, spec: &SuiteSpec) -> Vec<Block> {
        let mut items: Vec<String> =
            self.missing.iter().map(|own| format!("{}: {}", own.task, own.reason)).collect();
        items.extend(self.partial_means(spec));
        if items.is_empty() { Vec::new() } else { vec![Block::List(items)] }
    }
}

/// How each task is scored.
fn scoring(spec: &SuiteSpec) -> Vec<Block> {
    let mut items = Vec::new();
    for (name, task) in &spec.tasks {
        let metrics = task.metrics.iter().chain(&task.shown);
        let metrics: Vec<String> = metrics
            .filter_map(|metric| Some(format!("`{metric}` ({})", find(metric).ok()?.summary)))
            .collect();
        let notes = task.notes.iter().fold(String::new(), |text, note| text + "; " + note);
        items.push(format!("{name}: {}{notes}", metrics.join(", ")));
    }
    if !spec.average_without.is_empty() {
        items.push(format!("Averages leave out {}.", spec.average_without.join(", ")));
    }
    vec![Block::List(items)]
}

fn average_table(model: &str, source: &str, rows: &[AverageRow]) -> Table {
    let columns = ["metric", "average", &format!("without {source}"), source, "transfer", "languages"];
    let own = rows.iter().map(|row| {
        let transfer = row.transfer.map_or_else(|| NO_VALUE.to_owned(), |ratio| format!("{ratio:.3}"));
        let languages = row.languages.map(|[there, all]| format!("{there} of {all}")).unwrap_or_default();
        vec![
            Cell::new(row.task.clone()).emphasised(row.task == "all"),
            Cell::new(row.metric.clone()),
            Cell::new(share(row.average)).emphasised(row.task == "all"),
            Cell::new(if row.languages.is_some() { share(row.without_source) } else { String::new() }),
            Cell::new(if row.languages.is_some() { share(row.source) } else { String::new() }),
            Cell::new(if row.languages.is_some() { transfer } else { String::new() }),
            Cell::new(languages),
        ]
    });
    let mut table = table(model, "task", columns.into_iter(), own);
    table.columns[1].numeric = false;
    table
}

fn table<'t>(
    caption: &str,
    first: &str,
    columns: impl Iterator<Item = &'t str>,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Table {
    Table {
        caption: caption.to_owned(),
        columns: std::iter::once(ColumnHeading::text(first))
            .chain(columns.map(ColumnHeading::number))
            .collect(),
        rows: rows.collect(),
    }
}

/// A share in per cent without its sign, with the two digits that benchmarks publish.
fn share(value: Option<f64>) -> String {
    value.map_or_else(|| NO_VALUE.to_owned(), |value| format!("{:.2}", 100.0 * value))
}

fn percent(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

#[cfg(test)]
mod tests {
    use super::super::averages::tests::{spec, values};
    use super::super::{MissingTask, SuiteModel, SuiteOutcome};

    fn outcome(is_whole: bool) -> SuiteOutcome {
        let missing = MissingTask { task: "pairs".into(), reason: "there is no folder <x>".into() };
        SuiteOutcome {
            schema: 1,
            suite: "two".into(),
            setting: "zero-shot".into(),
            shots: None,
            source: "en".into(),
            models: [("a|b".to_owned(), SuiteModel::new(&spec(), values(is_whole)))].into_iter().collect(),
            missing: if is_whole { Vec::new() } else { vec![missing] },
        }
    }

    #[test]
    fn page_has_means_languages_gaps_and_what_is_missing() {
        let page = outcome(true).document(&spec()).markdown();
        assert!(page.contains("40.00 % over 3 tasks"), "{page}");
        assert!(page.contains("| nli | accuracy | 60.00 | 50.00 | 80.00 | 0.625 | 3 of 3 |"), "{page}");
        assert!(
            page.contains(
                "| hi | 20.00 (10.0–20.0) | 40.00 (30.0–40.0) | 60.00 (50.0–60.0) | 10.00 (0.0–10.0) |"
            ),
            "{page}"
        );
        assert!(page.contains("## Gap to en") && page.contains("| ta | – | – | 40.0 |"), "{page}");
        let page = outcome(false).document(&spec());
        assert!(page.markdown().contains("- pairs: there is no folder \\<x\\>"), "{}", page.markdown());
        assert!(page.markdown().contains("There is no mean over 3 tasks"));
        assert!(page.html().unwrap().contains("<svg") && !page.html().unwrap().contains("<x>"));
    }

    #[test]
    fn outcome_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let (own, path) = (outcome(false), folder.path().join("out"));
        own.write(&spec(), &path).unwrap();
        assert_eq!(SuiteOutcome::read(&path).unwrap(), own);
        assert!(path.join("report.html").is_file() && path.join("plots/heat-map-1.svg").is_file());
        // A second scoring takes the place of the first, and of nothing else.
        outcome(true).write(&spec(), &path).unwrap();
        std::fs::write(folder.path().join("report.md"), "mine").unwrap();
        let error = own.write(&spec(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("report.md"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join("report.md")).unwrap(), "mine");
    }
}
