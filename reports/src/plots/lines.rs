use super::canvas::{Anchor, Canvas, INK, MARGIN, TEXT, legend, ticks, widened};
use super::format::ValueFormat;
use plotters::prelude::DrawingBackend;
use plotters::style::Color;
use serde::Serialize;

/// Curves over a number.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Lines {
    /// What the horizontal axis counts.
    pub horizontal: String,
    /// How it is divided.
    pub horizontal_scale: Scale,
    /// How its values are written.
    pub horizontal_format: ValueFormat,
    /// What the vertical axis counts.
    pub vertical: String,
    /// How it is divided.
    pub vertical_scale: Scale,
    /// How its values are written.
    pub vertical_format: ValueFormat,
    /// Whether the points of a curve are joined; else each stands alone.
    pub joined: bool,
    /// The curves. Values that are no finite numbers, or not positive on a logarithmic axis, break a curve.
    pub series: Vec<LineSeries>,
}

/// How an axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Equal differences are equally far apart. Vertical axes begin at 0, or below for negative values.
    Linear,
    /// Equal differences are equally far apart, and the axis ends close to the values.
    Close,
    /// Equal ratios are equally far apart.
    Logarithmic,
    /// The same, with powers of two along the axis, for what was doubled from point to point.
    Doubling,
}

/// One curve.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LineSeries {
    /// Its name in the legend.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// The least width of an axis of costs in decades, a factor of 1.2: times that differ by less than a measurement does are not
/// drawn far apart.
const LEAST_DECADES: f64 = 0.08;
/// Sizes of points that stand within one another.
const MAX_NESTED: usize = 3;
/// More points than these are drawn without markers.
const MARKED_POINTS: usize = 30;

impl Scale {
    /// The place of a value on the axis before it is fitted to the sheet; none for what it cannot show.
    fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear | Self::Close => value,
            Self::Logarithmic | Self::Doubling if value > 0.0 => value.log10(),
            Self::Logarithmic | Self::Doubling => return None,
        };
        place.is_finite().then_some(place)
    }

    fn is_of_ratios(self) -> bool {
        matches!(self, Self::Logarithmic | Self::Doubling)
    }

    /// The labels of ticks: of equal differences all with the decimals of the step, of ratios each with its own.
    fn labels(self, format: ValueFormat, ticks: &[f64]) -> Vec<String> {
        let step = ticks.get(1).zip(ticks.first()).map_or(0.0, |(second, first)| second - first);
        let is_even = ticks.windows(2).all(|pair| (pair[1] - pair[0] - step).abs() < 1e-6 * step);
        if self.is_of_ratios() && !is_even {
            ticks.iter().map(|&tick| format.tick(tick)).collect()
        } else {
            format.ticks(ticks)
        }
    }

    /// The values to be written along an axis that shows places `low..=high`.
    fn ticks(self, low: f64, high: f64, count: usize) -> Vec<f64> {
        match self {
            Self::Linear | Self::Close => return ticks(low, high, count),
            Self::Doubling => return doublings(low, high, count),
            Self::Logarithmic => {}
        }
        let decades = (low.floor() as i32..=high.ceil() as i32).map(|power| 10_f64.powi(power));
        let factors: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let round: Vec<f64> = decades
            .flat_map(|decade| factors.iter().map(move |factor| factor * decade))
            .filter(|value| (low - 1e-9..=high + 1e-9).contains(&value.log10()))
            .collect();
        if round.len() > 2 {
            return round;
        }
        // A part of a decade in which ratios differ little from differences.
        ticks(10_f64.powf(low), 10_f64.powf(high), count)
    }
}

/// About `count` powers of two, equally far apart, on an axis that shows the logarithms `low..=high`.
fn doublings(low: f64, high: f64, count: usize) -> Vec<f64> {
    let two = 2_f64.log10();
    let (first, last) = ((low / two - 1e-9).ceil() as i32, (high / two + 1e-9).floor() as i32);
    let step = ((last - first) as usize).div_ceil(count.max(1)).max(1);
    (first..=last).step_by(step).map(|power| 2_f64.powi(power)).collect()
}

impl Lines {
    pub(super) fn names(&self) -> Vec<&str> {
        self.series.iter().map(|series| series.name.as_str()).collect()
    }

    pub(super) fn draw<B: DrawingBackend>(&self, canvas: &Canvas<'_, B>, title: &str) -> Result<(), String> {
        let names = self.names();
        let marked = self.series.iter().all(|series| series.points.len() <= MARKED_POINTS);
        canvas.heading(title, &names, marked)?;
        let Some(([left, right], [low, high])) = self.ranges() else {
            return canvas.text("no values", (canvas.width / 2.0, canvas.height / 2.0), Anchor::Middle, TEXT);
        };
        let vertical_ticks = self.vertical_scale.ticks(low, high, 5);
        let labels = self.vertical_scale.labels(self.vertical_format, &vertical_ticks);
        let mut widest: f64 = 0.0;
        for label in &labels {
            widest = widest.max(canvas.text_width(label)?);
        }
        let start = MARGIN + TEXT + 6.0 + widest + 6.0;
        let end = canvas.width - MARGIN - 14.0;
        let (top, bottom) = (legend(&names).1, canvas.height - 54.0);
        let across = |place: f64| start + (place - left) / (right - left) * (end - start);
        let down = |place: f64| bottom - (place - low) / (high - low) * (bottom - top);

        for (value, label) in vertical_ticks.iter().zip(&labels) {
            let Some(y) = self.vertical_scale.place(*value).map(down) else { continue };
            canvas.grid_line((start, y), (end, y))?;
            canvas.text(label, (start - 6.0, y), Anchor::Right, TEXT)?;
        }
        let values = self.horizontal_scale.ticks(left, right, 6);
        let labels = self.horizontal_scale.labels(self.horizontal_format, &values);
        let place = |value: f64| self.horizontal_scale.place(value).map_or(start, across);
        canvas.horizontal_axis(&values, &labels, place, (top, bottom))?;
        canvas.line(&[(start, bottom), (end, bottom)], INK.to_rgba(), 1.0)?;
        canvas.text(
            &self.horizontal_format.axis_title(&self.horizontal),
            (f64::midpoint(start, end), canvas.height - 14.0),
            Anchor::Middle,
            TEXT,
        )?;
        let title = self.vertical_format.axis_title(&self.vertical);
        canvas.upright_text(&title, (MARGIN + TEXT / 2.0, f64::midpoint(top, bottom)))?;

        // Points that fall together stand within one another, those of the first series on top.
        for (place, series) in self.series.iter().enumerate().rev() {
            let (name, size) = (&series.name, 1.5 + 0.35 * place.min(MAX_NESTED) as f64);
            let mut piece = Vec::new();
            for &(x, y) in &series.points {
                match (self.horizontal_scale.place(x), self.vertical_scale.place(y)) {
                    (Some(x), Some(y)) if self.joined => piece.push((across(x), down(y))),
                    (Some(x), Some(y)) => canvas.marker(name, (across(x), down(y)), size)?,
                    _ => draw_piece(canvas, name, &std::mem::take(&mut piece), marked)?,
                }
            }
            draw_piece(canvas, name, &piece, marked)?;
        }
        Ok(())
    }

    /// The places shown on both axes; none without a single point that can be shown.
    fn ranges(&self) -> Option<([f64; 2], [f64; 2])> {
        let places = self
            .series
            .iter()
            .flat_map(|series| &series.points)
            .filter_map(|&(x, y)| Some((self.horizontal_scale.place(x)?, self.vertical_scale.place(y)?)));
        let none = ([f64::INFINITY, f64::NEG_INFINITY], [f64::INFINITY, f64::NEG_INFINITY]);
        let (mut across, mut down) = places.fold(none, |(across, down), (x, y)| {
            ([across[0].min(x), across[1].max(x)], [down[0].min(y), down[1].max(y)])
        });
        if across[0] > across[1] {
            return None;
        }
        let values = down;
        if self.vertical_scale == Scale::Linear {
            down = [down[0].min(0.0), down[1].max(0.0)];
        }
        let sides = [
            (&mut across, self.horizontal_scale, self.horizontal_format),
            (&mut down, self.vertical_scale, self.vertical_format),
        ];
        for (range, scale, format) in sides {
            if range[0] == range[1] {
                let room = if scale.is_of_ratios() { 0.5 } else { format.room_around(range[0]) };
                *range = [range[0] - room, range[1] + room];
            }
        }
        if self.vertical_scale == Scale::Close {
            down = widened(down, self.vertical_format.least_width());
            down[0] -= 0.06 * (down[1] - down[0]);
        }
        if !self.joined {
            if self.horizontal_scale == Scale::Logarithmic {
                across = widened(across, LEAST_DECADES);
            }
            // A lone point is not put on the edge.
            let room = 0.06 * (across[1] - across[0]);
            across = [across[0] - room, across[1] + room];
        }
        // Room above the highest point.
        down[1] += 0.04 * (down[1] - down[0]);
        if !self.vertical_scale.is_of_ratios() {
            down = self.vertical_format.bounded(down, values);
        }
        Some((across, down))
    }
}

/// A stretch of a curve without gaps.
fn draw_piece<B: DrawingBackend>(
    canvas: &Canvas<'_, B>,
    series: &str,
    points: &[(f64, f64)],
    marked: bool,
) -> Result<(), String> {
    if points.len() > 1 {
        canvas.line(points, canvas.colour(series).to_rgba(), 2.0)?;
    }
    if marked || points.len() == 1 {
        for &point in points {
            canvas.marker(series, point, 1.0)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{LineSeries, Lines, Scale};
    use crate::plots::ValueFormat;

    #[test]
    fn an_axis_of_ratios_has_ticks_however_close_its_ends() {
        assert_eq!(Scale::Logarithmic.ticks(0.0, 3.0, 6), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(Scale::Logarithmic.ticks(0.0, 1.0, 6), [1.0, 2.0, 5.0, 10.0]);
        let close = Scale::Logarithmic.ticks(14.1_f64.log10(), 18.3_f64.log10(), 6);
        assert_eq!(close, [15.0, 16.0, 17.0, 18.0]);
    }

    #[test]
    fn even_ticks_of_ratios_share_their_decimals() {
        let labels = |ticks: &[f64]| Scale::Logarithmic.labels(ValueFormat::Bytes, ticks);
        assert_eq!(labels(&[6.8e6, 7e6, 7.2e6]), ["6.8 MB", "7.0 MB", "7.2 MB"]);
        assert_eq!(labels(&[2e5, 5e5, 1e6]), ["200 kB", "500 kB", "1 MB"]);
        assert_eq!(labels(&[2e5]), ["200 kB"]);
    }

    #[test]
    fn points_that_nearly_agree_are_not_drawn_far_apart() {
        let lines = Lines {
            horizontal: "time".into(),
            horizontal_scale: Scale::Logarithmic,
            horizontal_format: ValueFormat::Milliseconds,
            vertical: "accuracy".into(),
            vertical_scale: Scale::Close,
            vertical_format: ValueFormat::Percent,
            joined: false,
            series: vec![LineSeries { name: "a".into(), points: vec![(1.0, 0.5), (1.01, 0.501)] }],
        };
        let ([left, right], [low, high]) = lines.ranges().unwrap();
        assert!(right - left >= 0.08 && high - low >= 0.02, "{left} {right} {low} {high}");
    }

    #[test]
    fn what_was_doubled_has_powers_of_two() {
        let ticks = |low: f64, high: f64| Scale::Doubling.ticks(low.log10(), high.log10(), 6);
        assert_eq!(ticks(16.0, 512.0), [16.0, 32.0, 64.0, 128.0, 256.0, 512.0]);
        assert_eq!(ticks(1.0, 12.0), [1.0, 2.0, 4.0, 8.0]);
        assert_eq!(ticks(1.0, 128.0), [1.0, 4.0, 16.0, 64.0]);
    }
}
