use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::styles::{is_other_baseline, method};
use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::numbers;
use crate::outcome::{BASELINE, UPPER_BOUND};
use crate::record::{EvaluationEvent, StepEvent};

/// A curve of learning rates is drawn through at most this many steps.
const POINTS: usize = 240;

/// Every metric of the validation split over the steps, one figure a metric and one curve a training, from the events of a run.
/// Of several seeds the first is drawn. Beside the baseline with which the student is compared the others are left out. `names` has what curves are called by trainings; one that is not in it keeps its own name.
#[must_use]
pub fn validation_over_steps(events: &[Value], names: &IndexMap<String, String>) -> Vec<Figure> {
    let mut metrics: IndexMap<String, IndexMap<String, Vec<(f64, f64)>>> = IndexMap::new();
    for event in of_first_seed(events, "evaluation") {
        let Ok(event) = EvaluationEvent::deserialize(event) else { continue };
        for (metric, value) in event.metrics {
            let curves = metrics.entry(metric).or_default();
            curves.entry(named(names, &event.stage)).or_default().push((event.step as f64, value));
        }
    }
    let figure = |(metric, mut curves): (String, IndexMap<String, Vec<(f64, f64)>>)| {
        if curves.keys().any(|name| method(name) == BASELINE) {
            curves.retain(|name, _| !is_other_baseline(name));
        }
        let title = numbers::metric_title(&metric);
        let ends: Vec<String> = curves
            .iter()
            .filter_map(|(stage, points)| {
                let (step, value) = points.last()?;
                Some(format!("{stage} {} at step {step}", numbers::metric_value(&metric, Some(*value))))
            })
            .collect();
        Figure {
            name: format!("validation-{metric}"),
            title: format!("{title} on the validation split"),
            alternative: format!("{title} on the validation split over steps: {}.", ends.join(", ")),
            drawing: over_steps(&title, Scale::Close, ValueFormat::of_metric(&metric), curves),
        }
    };
    metrics.into_iter().map(figure).collect()
}

/// The learning rate over the steps, one curve a stage, called as by [`validation_over_steps`]; none without steps. Baselines have
/// their stage's.
#[must_use]
pub fn learning_rate_over_steps(events: &[Value], names: &IndexMap<String, String>) -> Option<Figure> {
    let mut curves: IndexMap<String, Vec<(f64, f64)>> = IndexMap::new();
    for event in of_first_seed(events, "step") {
        let Ok(event) = StepEvent::deserialize(event) else { continue };
        if [BASELINE, UPPER_BOUND].iter().any(|name| event.stage.starts_with(name)) {
            continue;
        }
        curves.entry(named(names, &event.stage)).or_default().push((event.step as f64, event.learning_rate));
    }
    for points in curves.values_mut() {
        let step = points.len().div_ceil(POINTS).max(1);
        let last = points.len().saturating_sub(1);
        let mut index = 0;
        points.retain(|_| {
            index += 1;
            (index - 1) % step == 0 || index - 1 == last
        });
    }
    let highest = |points: &[(f64, f64)]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    let peaks: Vec<String> =
        curves.iter().map(|(stage, points)| format!("{stage} at most {}", highest(points))).collect();
    (!curves.is_empty()).then(|| Figure {
        name: "learning-rate".to_owned(),
        title: "Learning rate".to_owned(),
        alternative: format!("Learning rate over steps: {}.", peaks.join(", ")),
        drawing: over_steps("learning rate", Scale::Linear, ValueFormat::Plain, curves),
    })
}

/// The events of a kind, of trainings with the run's first seed alone.
fn of_first_seed<'e>(events: &'e [Value], kind: &'e str) -> impl Iterator<Item = &'e Value> {
    let repeated = |event: &Value| event["stage"].as_str().is_some_and(|stage| stage.contains(".seed-"));
    events.iter().filter(move |event| event["event"] == kind && !repeated(event))
}

/// What the curve of a training is called.
fn named(names: &IndexMap<String, String>, training: &str) -> String {
    names.get(training).map_or(training, String::as_str).to_owned()
}

fn over_steps(
    vertical: &str,
    vertical_scale: Scale,
    vertical_format: ValueFormat,
    curves: IndexMap<String, Vec<(f64, f64)>>,
) -> Drawing {
    Drawing::Lines(Lines {
        horizontal: "step".to_owned(),
        horizontal_scale: Scale::Linear,
        horizontal_format: ValueFormat::Plain,
        vertical: vertical.to_owned(),
        vertical_scale,
        vertical_format,
        joined: true,
        series: curves.into_iter().map(|(name, points)| LineSeries { name, points }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{learning_rate_over_steps, validation_over_steps};
    use crate::plots::Drawing;
    use indexmap::IndexMap;
    use serde_json::{Value, json};

    fn evaluation(stage: &str, step: u64, value: f64) -> Value {
        json!({"event": "evaluation", "stage": stage, "seed": 1, "step": step, "epoch": 0.1, "split": "validation",
               "examples": 10, "metrics": {"accuracy": value}})
    }

    fn step(stage: &str, step: u64) -> Value {
        json!({"event": "step", "stage": stage, "seed": 1, "step": step, "epoch": 0.0, "learning-rate": 0.1,
               "loss": 1.0, "terms": {}, "gradient-norm": 1.0, "examples-per-second": 10.0})
    }

    #[test]
    fn trainings_share_a_figure_of_what_they_validate() {
        let events = [
            evaluation("one", 10, 0.5),
            evaluation("one", 20, 0.6),
            evaluation("baseline", 10, 0.4),
            evaluation("one.seed-2", 10, 0.1),
        ];
        let figures =
            validation_over_steps(&events, &[("one".to_owned(), "student (one)".to_owned())].into());
        assert_eq!(figures.len(), 1);
        let Drawing::Lines(lines) = &figures[0].drawing else { panic!("lines") };
        assert_eq!(lines.series.len(), 2);
        assert_eq!(lines.series[0].points, [(10.0, 0.5), (20.0, 0.6)]);
        assert!(
            figures[0].alternative.contains("student (one) 60.0 % at step 20, baseline 40.0 % at step 10")
        );
        assert!(validation_over_steps(&[], &IndexMap::new()).is_empty());
    }

    #[test]
    fn validation_of_weak_baselines_is_left_out_beside_that_of_the_better_one() {
        let events = [evaluation("baseline-same-start", 10, 0.5), evaluation("baseline-scratch", 10, 0.1)];
        let curves = |names: &IndexMap<String, String>| {
            let figures = validation_over_steps(&events, names);
            figures[0].names().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(curves(&IndexMap::new()).len(), 2);
        let names = [("baseline-same-start".to_owned(), "baseline (same-start)".to_owned())].into();
        assert_eq!(curves(&names), ["baseline (same-start)"]);
    }

    #[test]
    fn learning_rate_of_many_steps_keeps_its_ends() {
        let mut events: Vec<Value> = (1..=1000).map(|own| step("one", own)).collect();
        events.push(step("baseline-scratch", 1));
        let figure = learning_rate_over_steps(&events, &IndexMap::new()).unwrap();
        let Drawing::Lines(lines) = &figure.drawing else { panic!("lines") };
        assert_eq!(lines.series.len(), 1);
        let points = &lines.series[0].points;
        assert!(points.len() <= 241 && points[0].0 == 1.0 && points.last().unwrap().0 == 1000.0);
        assert!(learning_rate_over_steps(&[], &IndexMap::new()).is_none());
    }
}
