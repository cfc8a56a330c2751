use super::styles::is_other_baseline;
use super::{Figure, LineSeries, ValueFormat, metric_against};
use crate::outcome::{ModelOutcome, Outcome, STUDENT};

/// A metric over size and over time for one example, one point a model; no figure of a cost in which no two models differ.
///
/// A model that was not timed and has as many parameters as the student is taken to be as fast: a baseline is the same network
/// with other weights. Models without weights, such as the majority, are left out, and so are baselines that are worse than the one
/// that the student is compared with: far below all others they would push these together.
#[must_use]
pub fn quality_against_cost(outcome: &Outcome, metric: &str, one: &str) -> Vec<Figure> {
    let student = outcome.model(STUDENT);
    let time = |model: &ModelOutcome| {
        let same = || student.filter(|student| student.parameters == model.parameters)?.latency_ms;
        Some(model.latency_ms.or_else(same)?.p50)
    };
    let figure = |cost: &str, format, of: &dyn Fn(&ModelOutcome) -> Option<f64>| {
        let series: Vec<LineSeries> = outcome
            .present()
            .filter(|(name, model)| model.parameters.is_some() && !is_other_baseline(name))
            .filter_map(|(name, model)| {
                let point = (of(model)?, model.metric(metric)?);
                Some(LineSeries { name: name.to_owned(), points: vec![point] })
            })
            .collect();
        let costs = || series.iter().flat_map(|series| series.points.iter().map(|(cost, _)| *cost));
        let first = costs().next()?;
        costs().any(|cost| cost != first).then(|| metric_against(metric, cost, format, series))
    };
    let size = figure("size", ValueFormat::Bytes, &|model| Some(model.bytes? as f64));
    let time = figure(&format!("time per {one}"), ValueFormat::Milliseconds, &time);
    size.into_iter().chain(time).collect()
}

#[cfg(test)]
mod tests {
    use super::quality_against_cost;
    use crate::outcome::{Latency, ModelOutcome, Outcome};
    use crate::plots::Drawing;

    fn model(accuracy: f64, bytes: Option<u64>, p50: Option<f64>) -> ModelOutcome {
        ModelOutcome {
            metrics: [("accuracy".to_owned(), Some(accuracy))].into(),
            parameters: bytes,
            bytes,
            latency_ms: p50.map(|p50| Latency { p50, p95: p50, ..Latency::default() }),
            ..ModelOutcome::default()
        }
    }

    #[test]
    fn baseline_that_was_not_timed_is_as_fast_as_the_student() {
        let mut outcome = Outcome::new(
            "reviews",
            vec![1],
            10,
            Some(model(0.9, Some(40), Some(8.0))),
            Some(model(0.8, Some(10), Some(2.0))),
            Some(model(0.7, Some(10), None)),
        );
        outcome.models.insert("majority".into(), Some(model(0.5, None, None)));
        outcome.models.insert("baseline-scratch".into(), Some(model(0.1, Some(10), None)));
        let figures = quality_against_cost(&outcome, "accuracy", "text");
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["accuracy-against-size", "accuracy-against-time-per-text"]);
        let Drawing::Lines(lines) = &figures[1].drawing else { panic!("lines") };
        let points: Vec<_> =
            lines.series.iter().map(|series| (series.name.as_str(), series.points[0])).collect();
        assert_eq!(points, [("teacher", (8.0, 0.9)), ("student", (2.0, 0.8)), ("baseline", (2.0, 0.7))]);
        assert!(quality_against_cost(&outcome, "cer", "text").is_empty());
    }
}
