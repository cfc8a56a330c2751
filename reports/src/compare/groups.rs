//! Runs grouped by an axis of the vocabulary of model cards.

use indexmap::IndexMap;

use super::{ComparedRun, Comparison};
use crate::document::{Cell, ColumnHeading, Table};
use crate::numbers::{self, NO_VALUE};
use crate::outcome::STUDENT;
use crate::vocabulary::{Axis, axis};

/// Group of runs that do not say their value.
const NOT_STATED: &str = "not stated";

impl ComparedRun {
    /// The values of its student on an axis, in one line.
    pub(super) fn group(&self, axis: &str) -> String {
        match self.outcome.card.values(axis) {
            Some(values) if !values.is_empty() => values.join(", "),
            _ => NOT_STATED.to_owned(),
        }
    }

    /// Where its group stands: by the place of its values in the vocabulary, then by their names; last where it says none.
    fn rank(&self, name: &str, axis: &Axis) -> (bool, Vec<usize>, String) {
        let values = self.outcome.card.values(name).unwrap_or_default();
        let places = values.iter().filter_map(|value| axis.values.get_index_of(value)).collect();
        (values.is_empty(), places, self.group(name))
    }
}

impl Comparison {
    /// Groups the runs by an axis, those of a group one after another; gives the places that they had.
    ///
    /// # Errors
    /// What axes there are, where there is none of this name.
    pub fn group_by(&mut self, name: &str) -> Result<Vec<usize>, String> {
        let axis = axis(name)?;
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_cached_key(|&run| self.runs[run].rank(name, axis));
        self.runs = order.iter().map(|&run| self.runs[run].clone()).collect();
        self.grouped_by = Some(name.to_owned());
        Ok(order)
    }

    /// The name of the axis by which runs are grouped.
    #[must_use]
    pub fn grouped_by(&self) -> Option<&str> {
        self.grouped_by.as_deref()
    }

    /// A row for each group: its runs, and the student's metric and retention over them where all were evaluated on the same.
    pub(super) fn group_table(&self) -> Option<Table> {
        let axis = self.grouped_by()?;
        let mut groups: IndexMap<String, Vec<&ComparedRun>> = IndexMap::new();
        for run in &self.runs {
            groups.entry(run.group(axis)).or_default().push(run);
        }
        let metric = self.metrics().into_iter().next();
        let is_comparable = self.different_test_data().is_none();
        let title = metric.as_deref().map_or_else(String::new, numbers::metric_title);
        let mut columns =
            vec![ColumnHeading::text(axis), ColumnHeading::number("runs"), ColumnHeading::text("which")];
        if let Some(metric) = metric.as_ref().filter(|_| is_comparable) {
            let heading = format!("mean {} of the student", numbers::metric_title(metric));
            columns.extend([heading.as_str(), "mean retention"].map(ColumnHeading::number));
        }
        let rows = groups.into_iter().map(|(group, runs)| {
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            let mut row =
                vec![Cell::new(group), Cell::new(runs.len().to_string()), Cell::new(names.join(", "))];
            if let Some(metric) = metric.as_ref().filter(|_| is_comparable) {
                let values = runs.iter().map(|run| run.outcome.model(STUDENT)?.metric(metric));
                let range = spread(values.clone()).map(|[low, high]| {
                    format!(
                        "{} to {}",
                        numbers::metric_value(metric, Some(low)),
                        numbers::metric_value(metric, Some(high))
                    )
                });
                row.push(Cell::new(numbers::metric_value(metric, mean(values))).with_note(range));
                let retention =
                    runs.iter().map(|run| run.outcome.ratios.retention.get(metric).copied().flatten());
                let retention = mean(retention);
                row.push(Cell::new(
                    retention.map_or_else(|| NO_VALUE.to_owned(), |own| numbers::times(Some(own))),
                ));
            }
            row
        });
        let note = if is_comparable || title.is_empty() {
            String::new()
        } else {
            format!("; no {title}, since test data differ")
        };
        Some(Table { caption: format!("Runs by {axis}{note}"), columns, rows: rows.collect() })
    }
}

/// The mean of values; none where one is missing.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.collect::<Option<_>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The lowest and the highest of several values; none of fewer than two.
fn spread(values: impl Iterator<Item = Option<f64>>) -> Option<[f64; 2]> {
    let values: Vec<f64> = values.flatten().collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (values.len() > 1).then_some([low, high])
}
