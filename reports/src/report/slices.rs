//! Metrics by the slices of the examples.

use indexmap::IndexMap;

use super::model_table::{best, titled};
use crate::document::{Cell, ColumnHeading, Table};
use crate::metrics::is_reference;
use crate::numbers;
use crate::outcome::{ModelOutcome, Transfer};

/// One table a metric: a row for each slice, a column for each model.
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
            let rows = rows.chain(transfer_rows(models, metric)).collect();
            Table { caption: format!("{} by slice", titled(metric)), columns, rows }
        })
        .collect()
}

/// Means over languages, and by how much each is below the source, where models were evaluated in several by this metric.
fn transfer_rows(models: &IndexMap<&str, &ModelOutcome>, metric: &str) -> Vec<Vec<Cell>> {
    let of = |model: &ModelOutcome| model.transfer.clone().filter(|transfer| transfer.metric == metric);
    let all: Vec<Option<Transfer>> = models.values().map(|model| of(model)).collect();
    let Some(first) = all.iter().flatten().next() else { return Vec::new() };
    let row = |title: String, value: &dyn Fn(&Transfer) -> Option<f64>| {
        let values = all.iter().map(|own| own.as_ref().and_then(value));
        [Cell::new(title), Cell::new("")]
            .into_iter()
            .chain(values.map(|value| Cell::new(numbers::metric_value(metric, value))))
            .collect()
    };
    let mut rows = vec![
        row("mean of all".into(), &|own| Some(own.average)),
        row(format!("mean without {}", first.source), &|own| Some(own.average_without_source)),
    ];
    for language in first.gaps.keys() {
        rows.push(row(format!("{} above {language}", first.source), &|own| own.gaps.get(language).copied()));
    }
    rows
}
