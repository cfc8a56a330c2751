use super::{BarSeries, Bars, Drawing, Figure, ValueFormat};
use crate::numbers;
use crate::outcome::Latency;
use indexmap::IndexMap;

/// Time for one example in each setting, for instance `batch 1`, for each model: bars to the median. `one` names an example,
/// as in `word`.
#[must_use]
pub fn time_per_example(settings: &IndexMap<String, IndexMap<String, Latency>>, one: &str) -> Option<Figure> {
    let mut models: IndexMap<&str, ()> = IndexMap::new();
    models.extend(settings.values().flat_map(IndexMap::keys).map(|model| (model.as_str(), ())));
    if models.is_empty() {
        return None;
    }
    let series: Vec<BarSeries> = models
        .keys()
        .map(|model| BarSeries {
            name: (*model).to_string(),
            bars: settings.values().map(|models| models.get(*model).map(|time| time.p50)).collect(),
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
        title: format!("Time per {one}, median"),
        alternative: format!("Median time per {one}: {}.", words.join(", ")),
        drawing: Drawing::Bars(Bars {
            measure: format!("milliseconds per {one}"),
            format: ValueFormat::Milliseconds,
            groups: settings.keys().cloned().collect(),
            series,
        }),
    })
}
