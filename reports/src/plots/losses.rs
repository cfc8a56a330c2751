use super::figure::stem;
use super::schedules::schedules;
use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::record::StepEvent;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

/// Curves are drawn through at most this many means.
const POINTS: usize = 240;

/// Every loss term over the steps, one figure a stage, from the events of a run; behind it those of the weights and temperatures that
/// change over its steps.
///
/// Of several seeds the first of each stage is drawn. Neighbouring steps are averaged where there are more than
/// a figure can show. The axis is logarithmic where terms of very different size share it.
#[must_use]
pub fn losses_over_steps(events: &[Value]) -> Vec<Figure> {
    let mut stages: IndexMap<String, Vec<StepEvent>> = IndexMap::new();
    for event in events.iter().filter(|event| event["event"] == "step") {
        // An event that another program wrote and that lacks our keys is in the table, not in the plot.
        let Ok(step) = StepEvent::deserialize(event) else { continue };
        let steps = stages.entry(step.stage.clone()).or_default();
        if steps.first().is_none_or(|first| first.seed == step.seed) {
            steps.push(step);
        }
    }
    let figures = |(stage, steps): (&String, &Vec<StepEvent>)| {
        [vec![figure(stage, steps)], schedules(stage, steps)].concat()
    };
    stages.iter().flat_map(figures).collect()
}

fn figure(stage: &str, steps: &[StepEvent]) -> Figure {
    let mut names: IndexMap<&str, ()> = IndexMap::new();
    names.extend(steps.iter().flat_map(|step| step.terms.keys()).map(|name| (name.as_str(), ())));
    let mut series: Vec<LineSeries> =
        names.keys().map(|name| curve(name, steps, |step| step.terms.get(*name).copied())).collect();
    if series.len() != 1 {
        series.insert(0, curve("sum with weights", steps, |step| Some(step.loss)));
    }
    let seed = steps.first().map_or(0, |step| step.seed);
    let ends: Vec<String> = series
        .iter()
        .filter_map(|series| Some(format!("{} ends at {:.3}", series.name, series.points.last()?.1)))
        .collect();
    Figure {
        name: format!("loss-{}", stem(stage)),
        title: format!("Loss in stage {stage}, seed {seed}"),
        alternative: format!("Loss over steps in stage {stage}, seed {seed}: {}.", ends.join(", ")),
        drawing: Drawing::Lines(Lines {
            horizontal: "step".to_string(),
            horizontal_scale: Scale::Linear,
            horizontal_format: ValueFormat::Plain,
            vertical: "loss".to_string(),
            vertical_scale: scale_for(&series),
            vertical_format: ValueFormat::Plain,
            joined: true,
            series,
        }),
    }
}

/// Means over stretches of steps, of those that have a value.
fn curve(name: &str, steps: &[StepEvent], value: impl Fn(&StepEvent) -> Option<f64>) -> LineSeries {
    let width = steps.len().div_ceil(POINTS).max(1);
    let points = steps
        .chunks(width)
        .filter_map(|chunk| {
            let known: Vec<(f64, f64)> =
                chunk.iter().filter_map(|step| Some((step.step as f64, value(step)?))).collect();
            let mean =
                |part: fn(&(f64, f64)) -> f64| known.iter().map(part).sum::<f64>() / known.len() as f64;
            (!known.is_empty()).then(|| (mean(|own| own.0), mean(|own| own.1)))
        })
        .collect();
    LineSeries { name: name.to_string(), points }
}

fn scale_for(series: &[LineSeries]) -> Scale {
    let values =
        || series.iter().flat_map(|series| &series.points).map(|point| point.1).filter(|y| y.is_finite());
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    if low > 0.0 && high / low > 30.0 { Scale::Logarithmic } else { Scale::Linear }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(stage: &str, seed: u64, step: u64, loss: f64) -> Value {
        json!({"event": "step", "stage": stage, "seed": seed, "step": step, "epoch": 0.0, "learning-rate": 0.1,
               "loss": loss, "terms": {"cross-entropy": loss, "encoder": loss / 100.0}, "gradient-norm": 1.0,
               "examples-per-second": 10.0})
    }

    #[test]
    fn schedules_stand_behind_the_losses_of_their_stage() {
        let mut scheduled = step("one", 7, 1, 1.0);
        scheduled["schedules"] = json!({"encoder.weight": 0.5});
        let figures = losses_over_steps(&[scheduled, step("two", 7, 1, 1.0)]);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["loss-one", "schedule-weight-one", "loss-two"]);
    }

    #[test]
    fn each_stage_has_its_figure_with_every_term() {
        let mut events: Vec<Value> = (1..=1000).map(|i| step("one", 7, i, 4.0 / i as f64)).collect();
        events.extend((1..=3).map(|i| step("one", 8, i, 1.0)));
        events.push(json!({"event": "step", "stage": "foreign"}));
        events.push(step("two/b", 7, 1, 1.0));
        let figures = losses_over_steps(&events);
        assert_eq!(
            figures.iter().map(|figure| figure.name.as_str()).collect::<Vec<_>>(),
            ["loss-one", "loss-two-b"]
        );
        let Drawing::Lines(lines) = &figures[0].drawing else { panic!("lines") };
        let names: Vec<_> = lines.series.iter().map(|series| series.name.as_str()).collect();
        assert_eq!(names, ["sum with weights", "cross-entropy", "encoder"]);
        assert_eq!(lines.vertical_scale, Scale::Logarithmic);
        // 1,000 steps in chunks of 5: the first point is the mean of steps 1 to 5.
        assert_eq!(lines.series[0].points.len(), 200);
        let mean = 4.0 * (1.0 + 0.5 + 1.0 / 3.0 + 0.25 + 0.2) / 5.0;
        assert!((lines.series[0].points[0].1 - mean).abs() < 1e-12);
    }

    #[test]
    fn term_of_some_steps_has_the_mean_of_these() {
        let own = |i: u64| {
            let term = if i.is_multiple_of(2) { "info-nce" } else { "cross-entropy" };
            let mut event = step("mixed", 7, i, i as f64);
            event["terms"] = json!({ term: i });
            event
        };
        let figures = losses_over_steps(&(1..=400).map(own).collect::<Vec<_>>());
        let Drawing::Lines(lines) = &figures[0].drawing else { panic!("lines") };
        let firsts: Vec<(f64, f64)> = lines.series.iter().map(|series| series.points[0]).collect();
        assert_eq!(firsts, [(1.5, 1.5), (1.0, 1.0), (2.0, 2.0)]);
    }
}
