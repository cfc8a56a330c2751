use super::outcome::{SuiteModel, SuiteOutcome};
use super::spec::SuiteSpec;
use super::tables::{column_title, counted_metrics, languages};
use crate::plots::{Drawing, Figure, Heatmap};

impl SuiteOutcome {
    /// The values of each model by language and task; nothing of one without values.
    pub(super) fn heat_maps(&self, spec: &SuiteSpec) -> Vec<Figure> {
        let models = self.models.iter().enumerate();
        models.filter_map(|(index, (name, model))| self.heat_map(spec, index, name, model)).collect()
    }

    fn heat_map(&self, spec: &SuiteSpec, index: usize, name: &str, model: &SuiteModel) -> Option<Figure> {
        let columns = counted_metrics(spec, model);
        let rows = languages(&self.source, model);
        if columns.is_empty() || rows.is_empty() {
            return None;
        }
        let cell = |language: &str, (task, metric): &(&str, &str)| {
            model.tasks.get(*task)?.metrics.get(*metric)?.languages.get(language)?.value
        };
        let cells = rows.iter().map(|language| columns.iter().map(|column| cell(language, column)).collect());
        let title = format!("{name}: values by language and task, in per cent");
        Some(Figure {
            // Names of models may be anything.
            name: format!("heat-map-{}", index + 1),
            alternative: format!(
                "{name}: a cell for each of {} languages and {} columns of tasks, darker the higher its value. The values are \
                 in the table by language.",
                rows.len(),
                columns.len()
            ),
            title,
            drawing: Drawing::Heatmap(Heatmap {
                cells: cells.collect(),
                rows: rows.into_iter().map(ToString::to_string).collect(),
                columns: columns.iter().map(|column| column_title(spec, *column)).collect(),
            }),
        })
    }
}
