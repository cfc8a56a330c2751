use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::numbers;

/// A metric over the cost of a model, `cost` on a logarithmic axis: one point a model. `series` holds the models that
/// share a name in the legend.
#[must_use]
pub fn metric_against(metric: &str, cost: &str, format: ValueFormat, series: Vec<LineSeries>) -> Figure {
    let title = numbers::metric_title(metric);
    let points = series.iter().flat_map(|series| series.points.iter().map(|point| (&series.name, point)));
    let words: Vec<String> = points
        .map(|(name, (cost, value))| {
            format!("{name} {} at {}", numbers::metric_value(metric, Some(*value)), format.text(*cost))
        })
        .collect();
    Figure {
        name: format!("{metric}-against-{}", super::figure::stem(cost)),
        title: format!("{title} against {cost}"),
        alternative: format!("{title} against {cost}: {}.", words.join(", ")),
        drawing: Drawing::Lines(Lines {
            horizontal: cost.to_string(),
            horizontal_scale: Scale::Logarithmic,
            horizontal_format: format,
            vertical: title,
            vertical_scale: Scale::Close,
            vertical_format: ValueFormat::of_metric(metric),
            joined: false,
            series,
        }),
    }
}
