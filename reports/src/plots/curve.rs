use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::numbers;

/// A metric over a swept key, on a logarithmic axis: for instance over the share
/// of training pairs that were kept. `series` holds the curve of each model.
#[must_use]
pub fn metric_over(metric: &str, key: &str, format: ValueFormat, mut series: Vec<LineSeries>) -> Figure {
    for series in &mut series {
        series.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    let title = numbers::metric_title(metric);
    let words: Vec<String> = series
        .iter()
        .filter_map(|series| {
            let (first, last) = (series.points.first()?, series.points.last()?);
            let from =
                format!("{} at {}", numbers::metric_value(metric, Some(first.1)), format.tick(first.0));
            let to = format!("{} at {}", numbers::metric_value(metric, Some(last.1)), format.tick(last.0));
            Some(format!("{} goes from {from} to {to}", series.name))
        })
        .collect();
    Figure {
        name: format!("{metric}-over-{}", super::figure::stem(key)),
        title: format!("{title} over {key}"),
        alternative: format!("{title} over {key}: {}.", words.join(", ")),
        drawing: Drawing::Lines(Lines {
            horizontal: key.to_string(),
            horizontal_scale: Scale::Logarithmic,
            horizontal_format: format,
            vertical: title,
            vertical_scale: Scale::Linear,
            vertical_format: ValueFormat::of_metric(metric),
            joined: true,
            series,
        }),
    }
}
