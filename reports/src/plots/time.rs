use super::{Bar, BarSeries, Bars, Drawing, Figure, ValueFormat};
use crate::numbers;
use crate::outcome::Latency;
use indexmap::IndexMap;

/// Time for one example in each setting, for instance `batch 1`, for each model: bars to the median, whiskers
/// to the 95th percentile. `one` names an example, as in `word`.
#[must_use]
pub fn time_per_example(settings: &IndexMap<String, IndexMap<String, Latency>>, one: &str) -> Option<Figure> {
    let mut models: IndexMap<&str, ()> = IndexMap::new();
    models.extend(settings.values().flat_map(IndexMap::keys).map(|model| (model.as_str(), ())));
    if models.is_empty() {
        return None;
    }
    let bar = |latency: &Latency| Bar { value: latency.p50, whisker: Some([latency.p50, latency.p95]) };
    let series: Vec<BarSeries> = models
        .keys()
        .map(|model| BarSeries {
            name: (*model).to_string(),
            bars: settings.values().map(|models| models.get(*model).map(bar)).collect(),
        })
        .collect();
    let words: Vec<String> = settings
        .iter()
        .flat_map(|(setting, models)| {
            models.iter().map(move |(model, latency)| {
                format!("{model} at {setting} {}", numbers::milliseconds(latency.p50))
            })
        })
        .collect();
    Some(Figure {
        name: format!("time-per-{one}"),
        title: format!("Time per {one}: median, whisker to the 95th percentile"),
        alternative: format!("Median time per {one}: {}.", words.join(", ")),
        drawing: Drawing::Bars(Bars {
            measure: format!("milliseconds per {one}"),
            format: ValueFormat::Milliseconds,
            groups: settings.keys().cloned().collect(),
            series,
        }),
    })
}
