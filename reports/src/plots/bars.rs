use super::canvas::{Anchor, Canvas, INK, MARGIN, TEXT, colour, legend, ticks};
use super::format::ValueFormat;
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use serde::Serialize;

/// Groups of horizontal bars: names of any length stay legible, and any number of groups.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bars {
    /// What the bars measure.
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
    /// One bar a group, none where there is no value.
    pub bars: Vec<Option<Bar>>,
}

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bar {
    /// Its length, from 0.
    pub value: f64,
    /// A whisker from one value to another.
    pub whisker: Option<[f64; 2]>,
}

const THICKNESS: f64 = 15.0;
const GAP: f64 = 12.0;

impl Bars {
    pub(super) fn height(&self) -> f64 {
        legend(&self.names()).1 + self.groups.len().max(1) as f64 * self.group_height() + 58.0
    }

    fn names(&self) -> Vec<&str> {
        self.series.iter().map(|series| series.name.as_str()).collect()
    }

    fn group_height(&self) -> f64 {
        self.series.len().max(1) as f64 * THICKNESS + GAP
    }

    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, title: &str) -> Result<(), String> {
        let names = self.names();
        canvas.heading(title, &names, false)?;
        let head = legend(&names).1;
        let mut start: f64 = 0.0;
        for group in &self.groups {
            start = start.max(canvas.text_width(group)?);
        }
        let start = (MARGIN + start + 4.0).min(canvas.width / 2.0);
        let longest = self.longest();
        // Room for the value written behind the longest bar.
        let end = canvas.width - MARGIN - canvas.text_width(&self.format.text(longest))?;
        let bottom = canvas.height - 50.0;
        let across = |value: f64| start + value.max(0.0) / longest * (end - start);

        for value in ticks(0.0, longest, 5) {
            canvas.grid_line((across(value), head), (across(value), bottom))?;
            canvas.text(&self.format.tick(value), (across(value), bottom + 15.0), Anchor::Middle, TEXT)?;
        }
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
                let top = top + index as f64 * THICKNESS;
                if let Some(bar) = series.bars.get(group).copied().flatten() {
                    self.draw_bar(canvas, index, bar, top, &across)?;
                }
            }
        }
        canvas.line(&[(start, head), (start, bottom)], INK.to_rgba(), 1.0)
    }

    fn draw_bar<B: DrawingBackend>(
        &self,
        canvas: &Canvas<'_, B>,
        series: usize,
        bar: Bar,
        top: f64,
        across: &impl Fn(f64) -> f64,
    ) -> Result<(), String> {
        let bottom = top + THICKNESS - 1.0;
        let middle = f64::midpoint(top, bottom);
        canvas.rectangle((across(0.0), top), (across(bar.value), bottom), colour(series))?;
        let mut reach = across(bar.value);
        if let Some([low, high]) = bar.whisker {
            canvas.line(&[(across(low), middle), (across(high), middle)], INK.to_rgba(), 1.0)?;
            canvas.line(&[(across(high), top + 2.0), (across(high), bottom - 2.0)], INK.to_rgba(), 1.0)?;
            reach = reach.max(across(high));
        }
        canvas.text(&self.format.text(bar.value), (reach + 4.0, middle), Anchor::Left, TEXT * 0.82)
    }

    /// The farthest that anything reaches.
    fn longest(&self) -> f64 {
        let bars = self.series.iter().flat_map(|series| series.bars.iter().flatten());
        let ends = bars.flat_map(|bar| [Some(bar.value), bar.whisker.map(|[_, high]| high)]).flatten();
        let longest = ends.filter(|end| end.is_finite()).fold(0.0, f64::max);
        if longest > 0.0 { longest } else { 1.0 }
    }
}
