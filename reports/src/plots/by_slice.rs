use super::styles::is_other_baseline;
use super::{Dot, DotSeries, Dots, Drawing, Figure, ValueFormat};
use crate::numbers;
use crate::outcome::Outcome;
use indexmap::IndexMap;

/// A metric of each slice, for instance of each pair of languages, for every model; none where no model has
/// the metric in several slices. Baselines with which the student is not compared are left out.
#[must_use]
pub fn metric_by_slice(outcome: &Outcome, metric: &str) -> Option<Figure> {
    let mut groups: IndexMap<&str, ()> = IndexMap::new();
    for (_, model) in outcome.present() {
        groups.extend(model.slices.keys().map(|slice| (slice.as_str(), ())));
    }
    let series: Vec<DotSeries> = outcome
        .present()
        .filter(|(name, _)| !is_other_baseline(name))
        .map(|(name, model)| {
            let value = |slice: &str| model.slices.get(slice)?.metrics.get(metric).copied().flatten();
            let interval = |slice: &str| model.slices.get(slice)?.intervals.get(metric).copied().flatten();
            let dot = |slice: &&str| value(slice).map(|value| Dot { value, interval: interval(slice) });
            let dots = groups.keys().map(dot).collect();
            DotSeries { name: name.to_string(), dots }
        })
        .filter(|series| series.dots.iter().any(Option::is_some))
        .collect();
    if series.is_empty() || groups.len() < 2 {
        return None;
    }
    let title = numbers::metric_title(metric);
    let models: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    Some(Figure {
        name: format!("{metric}-by-slice"),
        title: format!("{title} by slice"),
        alternative: format!(
            "{title} of {} for each of {} slices. The values are in the table by slice.",
            models.join(", "),
            groups.len()
        ),
        drawing: Drawing::Dots(Dots {
            measure: title,
            format: ValueFormat::of_metric(metric),
            groups: groups.keys().map(ToString::to_string).collect(),
            series,
        }),
    })
}
