//! Figures of a comparison.

use super::run::{ComparedRun, SweptKey};
use crate::numbers;
use crate::outcome::{BASELINE, ModelOutcome, STUDENT, TEACHER};
use crate::plots::{
    Dot, DotSeries, Dots, Drawing, Figure, LineSeries, Lines, Scale, ValueFormat, is_other_baseline,
    metric_against, metric_over,
};

/// Runs that were evaluated on the same test data, and the value of the swept key in each.
pub(super) struct Comparable<'a> {
    pub(super) runs: Vec<&'a ComparedRun>,
    pub(super) swept: Option<(&'a SweptKey, Vec<f64>)>,
    /// The names of all models, in order.
    pub(super) models: Vec<&'a str>,
}

impl Comparable<'_> {
    /// The figures of a metric. `suffix` distinguishes the names of their files from those of other test data.
    pub(super) fn figures(&self, metric: &str, suffix: &str) -> Vec<Figure> {
        let curve = self.swept.as_ref().map(|(swept, values)| {
            let series = self.models.iter().map(|model| LineSeries {
                name: (*model).to_string(),
                points: self
                    .runs
                    .iter()
                    .zip(values)
                    .filter_map(|(run, &swept)| Some((swept, run.outcome.model(model)?.metric(metric)?)))
                    .collect(),
            });
            metric_over(metric, &swept.name, swept.format, series.collect())
        });
        let sizes = self.against(metric, "size", ValueFormat::Bytes, |_, model| Some(model.bytes? as f64));
        let times = self.against(metric, "time relative to the teacher", ValueFormat::Times, |run, model| {
            run.relative_time(model)
        });
        let all = [Some(self.by_run(metric)), curve, sizes, times, self.validations()];
        let named = |mut figure: Figure| {
            figure.name.push_str(suffix);
            figure
        };
        all.into_iter().flatten().map(named).collect()
    }

    fn by_run(&self, metric: &str) -> Figure {
        let title = numbers::metric_title(metric);
        let dot = |run: &ComparedRun, model: &str| {
            let model = run.outcome.model(model)?;
            let interval = model.intervals.get(metric).copied().flatten();
            Some(Dot { value: model.metric(metric)?, interval })
        };
        let series = self.models.iter().map(|model| DotSeries {
            name: (*model).to_string(),
            dots: self.runs.iter().map(|run| dot(run, model)).collect(),
        });
        let series = series
            .filter(|series| series.dots.iter().any(Option::is_some) && !is_other_baseline(&series.name));
        Figure {
            name: format!("{metric}-by-run"),
            title: format!("{title} by run, 95 % intervals"),
            alternative: format!(
                "{title} of {} in each run. The values are in the table.",
                self.models.join(", ")
            ),
            drawing: Drawing::Dots(Dots {
                measure: title,
                format: ValueFormat::of_metric(metric),
                groups: self.runs.iter().map(|run| run.name.clone()).collect(),
                series: series.collect(),
            }),
        }
    }

    /// A metric against a cost: the teachers, the student of each run, and the baselines. None where no two models
    /// differ in the cost.
    fn against(
        &self,
        metric: &str,
        cost: &str,
        format: ValueFormat,
        of: impl Fn(&ComparedRun, &ModelOutcome) -> Option<f64>,
    ) -> Option<Figure> {
        let point = |run: &ComparedRun, model: &str| {
            let model = run.outcome.model(model)?;
            Some((of(run, model)?, model.metric(metric)?))
        };
        let all = |model: &str| -> Vec<(f64, f64)> {
            let mut points: Vec<(f64, f64)> = self.runs.iter().filter_map(|run| point(run, model)).collect();
            // One teacher of several runs is one point.
            points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            points.dedup();
            points
        };
        let mut series = vec![LineSeries { name: TEACHER.to_string(), points: all(TEACHER) }];
        series.extend(self.runs.iter().map(|run| LineSeries {
            name: run.name.clone(),
            points: point(run, STUDENT).into_iter().collect(),
        }));
        series.push(LineSeries { name: BASELINE.to_string(), points: all(BASELINE) });
        series.retain(|series| !series.points.is_empty());
        let costs = || series.iter().flat_map(|series| series.points.iter().map(|(cost, _)| *cost));
        let first = costs().next()?;
        costs().any(|cost| cost != first).then(|| metric_against(metric, cost, format, series))
    }

    /// The validations of the runs laid over one another, of those that measured what the first did.
    fn validations(&self) -> Option<Figure> {
        let measure = &self.runs.iter().find_map(|run| run.validations.as_ref())?.measure;
        let series: Vec<LineSeries> = self
            .runs
            .iter()
            .filter_map(|run| {
                let validations = run.validations.as_ref().filter(|own| own.measure == *measure)?;
                Some(LineSeries { name: run.name.clone(), points: validations.points.clone() })
            })
            .collect();
        let title = numbers::metric_title(measure);
        let names: Vec<&str> = series.iter().map(|series| series.name.as_str()).collect();
        Some(Figure {
            name: format!("validation-{measure}"),
            title: format!("Validation {title} in the last stage"),
            alternative: format!(
                "Validation {title} over the steps of the last stage: {}.",
                names.join(", ")
            ),
            drawing: Drawing::Lines(Lines {
                horizontal: "step".to_string(),
                horizontal_scale: Scale::Linear,
                horizontal_format: ValueFormat::Plain,
                vertical: title,
                vertical_scale: Scale::Close,
                vertical_format: ValueFormat::of_metric(measure),
                joined: true,
                series,
            }),
        })
    }
}
