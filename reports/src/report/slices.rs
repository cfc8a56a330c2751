//! Metrics by the slices of the examples.

use indexmap::IndexMap;

use super::model_table::{best, titled};
use crate::document::{Cell, ColumnHeading, Table};
use crate::metrics::is_reference;
use crate::numbers;
use crate::outcome::ModelOutcome;

/// One table a metric: a row for each slice, a column for each model; none where all examples are of one slice.
pub(crate) fn slice_tables(models: &IndexMap<&str, &ModelOutcome>, many: &str) -> Vec<Table> {
    let mut slices: IndexMap<&str, usize> = IndexMap::new();
    let mut metrics: IndexMap<&str, ()> = IndexMap::new();
    for model in models.values() {
        for (name, slice) in &model.slices {
            slices.insert(name, slice.examples);
            metrics.extend(slice.metrics.keys().map(|metric| (metric.as_str(), ())));
        }
    }
    metrics.retain(|metric, ()| !is_reference(metric));
    if slices.len() < 2 {
        return Vec::new();
    }
    metrics
        .keys()
        .map(|metric| {
            let mut columns = vec![ColumnHeading::text("slice"), ColumnHeading::number(many)];
            columns.extend(models.keys().map(|name| ColumnHeading::number(name)));
            let rows = slices.iter().map(|(slice, examples)| {
                let values: Vec<Option<f64>> = models
                    .values()
                    .map(|model| model.slices.get(*slice)?.metrics.get(*metric).copied().flatten())
                    .collect();
                let best = best(metric, values.iter().copied());
                let mut row = vec![Cell::new(*slice), Cell::new(numbers::thousands(*examples as u64))];
                row.extend(values.into_iter().map(|value| {
                    Cell::new(numbers::metric_value(metric, value))
                        .emphasised(models.len() > 1 && value.is_some() && value == best)
                }));
                row
            });
            Table { caption: format!("{} by slice", titled(metric)), columns, rows: rows.collect() }
        })
        .collect()
}
