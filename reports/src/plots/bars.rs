use super::canvas::{Anchor, Canvas, INK, MARGIN, TEXT, legend, ticks};
use super::format::ValueFormat;
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use serde::Serialize;

/// Groups of horizontal bars from 0: names of any length stay legible, and any number of groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bars {
    /// What the bars measure, with its unit.
    pub measure: String,
    /// How values are written.
    pub format: ValueFormat,
    /// The name of each group.
    pub groups: Vec<String>,
    /// The bars of each series, one a group.
    pub series: Vec<BarSeries>,
}

/// The bars of one colour.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BarSeries {
    /// Its name in the legend.
    pub name: String,
    /// The length of one bar a group, none where there is no value.
    pub bars: Vec<Option<f64>>,
}

const THICKNESS: f64 = 17.0;
const GAP: f64 = 12.0;

impl Bars {
    pub(super) fn height(&self) -> f64 {
        legend(&self.names()).1 + self.groups.len().max(1) as f64 * self.group_height() + 58.0
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.series.iter().map(|series| series.name.as_str()).collect()
    }

    fn group_height(&self) -> f64 {
        self.series.len().max(1) as f64 * THICKNESS + GAP
    }

    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, title: &str) -> Result<(), String> {
        let names = self.names();
        canvas.heading(title, &names, false)?;
        let head = legend(&names).1;
        let start = canvas.names_end(&self.groups)?;
        let longest = self.longest();
        // Room for the value written behind the longest bar.
        let end = canvas.width - MARGIN - canvas.text_width(&self.format.text(longest))?;
        let bottom = canvas.height - 50.0;
        let across = |value: f64| start + value.max(0.0) / longest * (end - start);

        let values = ticks(0.0, longest, 5);
        canvas.horizontal_axis(&values, &self.format.ticks(&values), across, (head, bottom))?;
        canvas.text(
            &self.measure,
            (f64::midpoint(start, end), canvas.height - 14.0),
            Anchor::Middle,
            TEXT,
        )?;
        for (group, name) in self.groups.iter().enumerate() {
            let top = head + GAP / 2.0 + group as f64 * self.group_height();
            let middle = top + self.series.len() as f64 * THICKNESS / 2.0;
            canvas.text(name, (start - 6.0, middle), Anchor::Right, TEXT)?;
            for (index, series) in self.series.iter().enumerate() {
                let Some(value) = series.bars.get(group).copied().flatten() else { continue };
                let (top, bottom) =
                    (top + index as f64 * THICKNESS, top + (index + 1) as f64 * THICKNESS - 2.0);
                canvas.rectangle((across(0.0), top), (across(value), bottom), canvas.colour(&series.name))?;
                let place = (across(value) + 4.0, f64::midpoint(top, bottom));
                canvas.text(&self.format.text(value), place, Anchor::Left, TEXT * 0.82)?;
            }
        }
        canvas.line(&[(start, head), (start, bottom)], INK.to_rgba(), 1.0)
    }

    /// The longest bar.
    fn longest(&self) -> f64 {
        let bars = self.series.iter().flat_map(|series| series.bars.iter().flatten().copied());
        let longest = bars.filter(|bar| bar.is_finite()).fold(0.0, f64::max);
        if longest > 0.0 { longest } else { 1.0 }
    }
}
