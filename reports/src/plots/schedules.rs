use indexmap::IndexMap;

use super::figure::stem;
use super::{Drawing, Figure, LineSeries, Lines, Scale, ValueFormat};
use crate::record::StepEvent;

/// Curves are drawn through at most this many steps, and the last one.
const POINTS: usize = 240;

/// Points of the curve of each loss.
type Curves<'a> = IndexMap<&'a str, Vec<(f64, f64)>>;

/// Weights, temperatures and whatever else of a stage's losses changes over its steps, a figure each; constants have none.
pub(super) fn schedules(stage: &str, steps: &[StepEvent]) -> Vec<Figure> {
    let mut keys: IndexMap<&str, Curves<'_>> = IndexMap::new();
    for step in steps {
        for (name, value) in &step.schedules {
            // `logits.temperature` is that of the loss `logits`.
            let (loss, key) = name.rsplit_once('.').unwrap_or(("", name));
            keys.entry(key).or_default().entry(loss).or_default().push((step.step as f64, *value));
        }
    }
    keys.into_iter().map(|(key, curves)| figure(stage, key, curves)).collect()
}

fn figure(stage: &str, key: &str, curves: Curves<'_>) -> Figure {
    let ends = |(loss, points): (&&str, &Vec<(f64, f64)>)| {
        let [(first, start), (last, end)] = [*points.first()?, *points.last()?];
        Some(format!("{loss} from {start} at step {first} to {end} at step {last}"))
    };
    let ends: Vec<String> = curves.iter().filter_map(ends).collect();
    let series: Vec<LineSeries> = curves
        .into_iter()
        .map(|(loss, points)| LineSeries { name: loss.to_owned(), points: thinned(points) })
        .collect();
    // A curve by itself has no legend.
    let whose = if let [series] = &*series { &series.name } else { "losses" };
    let title = format!("{} of {whose} in stage {stage}", capitalised(key));
    Figure {
        name: format!("schedule-{}-{}", stem(key), stem(stage)),
        alternative: format!("{title} over steps: {}.", ends.join(", ")),
        title,
        drawing: Drawing::Lines(Lines {
            horizontal: "step".to_owned(),
            horizontal_scale: Scale::Linear,
            horizontal_format: ValueFormat::Plain,
            vertical: key.to_owned(),
            vertical_scale: Scale::Linear,
            vertical_format: ValueFormat::Plain,
            joined: true,
            series,
        }),
    }
}

/// A word as it begins a sentence.
fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// Some of many points, the first and the last among them.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let kept = points.into_iter().enumerate().filter(|(index, _)| index % step == 0 || *index == last);
    kept.map(|(_, point)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u64, schedules: &[(&str, f64)]) -> StepEvent {
        let schedules = schedules.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        StepEvent { step: number, schedules, ..StepEvent::default() }
    }

    #[test]
    fn weights_and_temperatures_of_a_stage_have_a_figure_each() {
        let steps: Vec<StepEvent> = (1..=1000)
            .map(|number| {
                let share = (number - 1) as f64 / 999.0;
                let temperature = 8.0 - 7.0 * share;
                step(
                    number,
                    &[
                        ("logits.weight", share),
                        ("hidden[1].weight", 0.5),
                        ("logits.temperature", temperature),
                    ],
                )
            })
            .collect();
        let figures = schedules("distil", &steps);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert_eq!(names, ["schedule-weight-distil", "schedule-temperature-distil"]);
        assert_eq!(figures[0].names(), ["logits", "hidden[1]"]);
        assert_eq!(figures[0].title, "Weight of losses in stage distil");
        assert_eq!(figures[1].title, "Temperature of logits in stage distil");
        let alternative =
            "Temperature of logits in stage distil over steps: logits from 8 at step 1 to 1 at step 1000.";
        assert_eq!(figures[1].alternative, alternative);
        let Drawing::Lines(lines) = &figures[1].drawing else { panic!("lines") };
        let points = &lines.series[0].points;
        assert!(points.len() <= 241, "{}", points.len());
        assert_eq!((points[0], points[points.len() - 1]), ((1.0, 8.0), (1000.0, 1.0)));
    }

    #[test]
    fn stage_without_schedules_has_no_figure() {
        assert!(schedules("one", &[step(1, &[])]).is_empty());
    }
}
