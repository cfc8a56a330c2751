use super::styles::is_other_baseline;
use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::layers::LayerRetrieval;
use crate::numbers;
use indexmap::IndexMap;

/// A metric of retrieval over the layer whose states are compared, for each model; none without a value. Baselines with which the
/// student is not compared are left out.
#[must_use]
pub fn metric_by_layer(models: &IndexMap<String, LayerRetrieval>) -> Option<Figure> {
    let metric = models.values().next()?.metric.as_str();
    let series: Vec<LineSeries> = models
        .iter()
        .filter(|(name, own)| !is_other_baseline(name) && own.metric == metric)
        .map(|(name, own)| LineSeries {
            name: name.clone(),
            points: own.layers.iter().filter_map(|own| Some((own.layer as f64, own.value?))).collect(),
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    if series.is_empty() {
        return None;
    }
    let title = numbers::metric_title(metric);
    let names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
    Some(Figure {
        name: format!("{metric}-by-layer"),
        title: format!("{title} by layer, mean of both directions"),
        alternative: format!(
            "{title} of {} by the mean hidden state of each layer. The values are in the tables by layer.",
            names.join(", ")
        ),
        drawing: Drawing::Lines(Lines {
            horizontal: "layer".to_string(),
            horizontal_scale: Scale::Linear,
            horizontal_format: ValueFormat::Plain,
            vertical: title,
            vertical_scale: Scale::Linear,
            vertical_format: ValueFormat::of_metric(metric),
            joined: true,
            series,
        }),
    })
}
