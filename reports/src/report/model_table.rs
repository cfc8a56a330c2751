//! The table of all metrics and costs of some models.

use indexmap::IndexMap;

use crate::document::{Cell, ColumnHeading, Table};
use crate::metrics::{Direction, MAJORITY, ReferenceSource, find, is_reference};
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{ModelOutcome, Ratios};

/// Metrics and costs of some models, one row a metric or cost and one column a model.
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
        let metrics = if self.metric_names().is_empty() {
            ""
        } else {
            " Smaller figures are 95 % bootstrap intervals over examples, and the range over seeds where there are \
             several. ↓ less is better, ↑ more is better."
        };
        Table { caption: format!("Over {}.{metrics}{ratios}", self.over), columns, rows }
    }

    fn metric_names(&self) -> Vec<String> {
        let mut names: IndexMap<String, ()> = IndexMap::new();
        names.extend(
            self.models.values().flat_map(|model| model.metrics.keys()).map(|name| (name.clone(), ())),
        );
        // What the majority would have is a note below.
        names.into_keys().filter(|name| !name.ends_with(MAJORITY)).collect()
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

    /// `size, weights of 16 bits`, or which models have which where they differ.
    fn size_title(&self) -> String {
        let mut widths: IndexMap<u32, Vec<&str>> = IndexMap::new();
        for (name, model) in &self.models {
            if let Some(bits) = model.weight_bits() {
                widths.entry(bits).or_default().push(name);
            }
        }
        let several = widths.len() > 1;
        let parts = widths.iter().map(|(bits, models)| {
            if several { format!("{bits} bits ({})", models.join(", ")) } else { format!("{bits} bits") }
        });
        let parts: Vec<String> = parts.collect();
        if parts.is_empty() { "size".to_owned() } else { format!("size, weights of {}", parts.join("; ")) }
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
            row(&self.size_title(), compression, &|model| model.bytes.map(numbers::bytes)),
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
        Ok(metric) if is_reference(name) || metric.reference_source == ReferenceSource::Model => title,
        Ok(metric) => match metric.direction {
            Direction::Lower => format!("{title} ↓"),
            Direction::Higher => format!("{title} ↑"),
        },
        Err(_) => title,
    }
}

/// The best of some values; none where the metric has no better side.
pub(super) fn best(name: &str, values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let metric = find(name).ok().filter(|_| !is_reference(name))?;
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
