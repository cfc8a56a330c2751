use super::canvas::{Anchor, Canvas, INK, MARGIN, TEXT, legend, ticks, widened};
use super::format::ValueFormat;
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use serde::Serialize;

/// Groups of points on a horizontal axis that ends close to the values, for differences that bars from 0 would hide.
///
/// Without intervals all points of a group stand in one line. With intervals each has a line of its own, and its value in a
/// column at the right.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dots {
    /// What the points measure, with its unit.
    pub measure: String,
    /// How values are written.
    pub format: ValueFormat,
    /// The name of each group.
    pub groups: Vec<String>,
    /// The points of each series, one a group.
    pub series: Vec<DotSeries>,
}

/// The points of one colour and mark.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DotSeries {
    /// Its name in the legend.
    pub name: String,
    /// One point a group, none where there is no value.
    pub dots: Vec<Option<Dot>>,
}

/// One point.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Dot {
    /// Its place.
    pub value: f64,
    /// A line from one value to another, through the point.
    pub interval: Option<[f64; 2]>,
}

/// Height of a line of points.
const LINE: f64 = 20.0;
const GAP: f64 = 10.0;

impl Dots {
    pub(super) fn height(&self) -> f64 {
        legend(&self.names()).1 + self.groups.len().max(1) as f64 * self.group_height() + 58.0
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.series.iter().map(|series| series.name.as_str()).collect()
    }

    /// Whether each point has a line of its own.
    fn has_lines(&self) -> bool {
        let mut dots = self.series.iter().flat_map(|series| series.dots.iter().flatten());
        self.series.len() == 1 || dots.any(|dot| dot.interval.is_some())
    }

    fn group_height(&self) -> f64 {
        let lines = if self.has_lines() { self.series.len().max(1) } else { 1 };
        lines as f64 * LINE + GAP
    }

    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, title: &str) -> Result<(), String> {
        let names = self.names();
        canvas.heading(title, &names, true)?;
        let Some([low, high]) = self.range() else {
            return canvas.text("no values", (canvas.width / 2.0, canvas.height / 2.0), Anchor::Middle, TEXT);
        };
        let has_lines = self.has_lines();
        let head = legend(&names).1;
        let start = canvas.names_end(&self.groups)?;
        let mut column: f64 = 0.0;
        if has_lines {
            for dot in self.series.iter().flat_map(|series| series.dots.iter().flatten()) {
                column = column.max(canvas.text_width(&self.format.text(dot.value))? + 8.0);
            }
        }
        let end = canvas.width - MARGIN - column.max(16.0);
        let bottom = canvas.height - 50.0;
        let across = |value: f64| start + (value - low) / (high - low) * (end - start);

        let values = ticks(low, high, 5);
        canvas.horizontal_axis(&values, &self.format.ticks(&values), across, (head, bottom))?;
        canvas.text(
            &self.measure,
            (f64::midpoint(start, end), canvas.height - 14.0),
            Anchor::Middle,
            TEXT,
        )?;
        for (group, name) in self.groups.iter().enumerate() {
            let top = head + GAP / 2.0 + group as f64 * self.group_height();
            let middle = top + (self.group_height() - GAP) / 2.0;
            canvas.text(name, (start - 8.0, middle), Anchor::Right, TEXT)?;
            if !has_lines {
                canvas.grid_line((start, middle), (end, middle))?;
            }
            for (index, series) in self.series.iter().enumerate() {
                let Some(dot) = series.dots.get(group).copied().flatten() else { continue };
                let y = if has_lines { top + (index as f64 + 0.5) * LINE } else { middle };
                if let Some([low, high]) = dot.interval {
                    let colour = canvas.colour(&series.name).to_rgba();
                    canvas.line(&[(across(low), y), (across(high), y)], colour, 2.0)?;
                }
                canvas.marker(&series.name, (across(dot.value), y), 1.4)?;
                if has_lines {
                    let place = (canvas.width - MARGIN, y);
                    canvas.text(&self.format.text(dot.value), place, Anchor::Right, TEXT * 0.82)?;
                }
            }
        }
        canvas.line(&[(start, bottom), (end, bottom)], INK.to_rgba(), 1.0)
    }

    /// The ends of the axis; none without a value.
    fn range(&self) -> Option<[f64; 2]> {
        let dots = self.series.iter().flat_map(|series| series.dots.iter().flatten());
        let places = dots.flat_map(|dot| [Some([dot.value; 2]), dot.interval]).flatten().flatten();
        let values =
            places.filter(|value| value.is_finite()).fold(None, |ends: Option<[f64; 2]>, value| {
                Some(ends.map_or([value; 2], |[low, high]| [low.min(value), high.max(value)]))
            })?;
        let room = match values[1] - values[0] {
            0.0 => self.format.room_around(values[0]),
            width => 0.06 * width,
        };
        let range = widened([values[0] - room, values[1] + room], self.format.least_width());
        Some(self.format.bounded(range, values))
    }
}

#[cfg(test)]
mod tests {
    use super::{Dot, DotSeries, Dots};
    use crate::plots::ValueFormat;

    fn dots(values: &[f64], interval: Option<[f64; 2]>) -> Dots {
        let dots: Vec<Option<Dot>> = values.iter().map(|&value| Some(Dot { value, interval })).collect();
        let series = ["student", "teacher"].map(|name| DotSeries { name: name.into(), dots: dots.clone() });
        Dots {
            measure: "accuracy".into(),
            format: ValueFormat::Percent,
            groups: values.iter().map(ToString::to_string).collect(),
            series: series.into(),
        }
    }

    #[test]
    fn axis_ends_close_to_the_values_and_within_the_whole() {
        let [low, high] = dots(&[0.88, 0.92], None).range().unwrap();
        assert!((low - 0.8776).abs() < 1e-9 && (high - 0.9224).abs() < 1e-9, "{low} {high}");
        assert_eq!(dots(&[1.0], None).range(), Some([0.95, 1.0]));
        assert_eq!(dots(&[0.5], Some([0.0, 1.0])).range(), Some([0.0, 1.0]));
        assert_eq!(dots(&[], None).range(), None);
    }

    #[test]
    fn points_with_intervals_have_lines_of_their_own() {
        assert!(dots(&[0.5], Some([0.4, 0.6])).height() > dots(&[0.5], None).height());
    }
}
