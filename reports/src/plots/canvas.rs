//! Shared parts of all figures: the sheet, the font, the colours, the legend.

use super::styles::Styles;
use alambic_files::text::shortened;
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, DrawingBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontStyle, FontTransform, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle,
    register_font as register,
};

/// The width of every figure, in the units of the SVG: legible when shrunk to a phone.
pub(super) const WIDTH: f64 = 600.0;
/// Dots per unit.
pub(super) const SCALE: f64 = 2.0;
/// Height of plain text.
pub(super) const TEXT: f64 = 19.0;
/// Distance of anything from the edge.
pub(super) const MARGIN: f64 = 10.0;
/// How far below its point a text is put on a bitmap, as a share of its size: plotters centres the font's box there,
/// which reaches higher above small letters than below them.
pub(super) const BITMAP_DROP: f64 = 0.12;

/// Text and axes. No series has this colour, so that it can be replaced by the page's own.
pub(super) const INK: RGBColor = RGBColor(1, 2, 3);
/// The same in SVG.
pub(super) const INK_IN_SVG: &str = "\"#010203\"";

/// The name under which plotters finds the font, and which a browser reads as its own sans-serif.
const FAMILY: &str = "sans-serif";

/// The most characters of a text in a figure.
const MAX_CHARACTERS: usize = 80;

const PALETTE: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(136, 86, 167),
    RGBColor(140, 100, 40),
    RGBColor(110, 160, 40),
    RGBColor(128, 128, 128),
];

/// Makes the font known to plotters, which looks for none in the system.
pub(super) fn register_font() -> Result<(), String> {
    register(FAMILY, FontStyle::Normal, ttf_noto_sans::REGULAR)
        .map_err(|_| "the font cannot be read".to_string())
}

/// Where a text hangs on its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// A sheet to draw on, in units of the SVG from the top left corner.
pub(super) struct Canvas<'a, B: DrawingBackend> {
    area: &'a DrawingArea<B, Shift>,
    styles: &'a Styles,
    pub(super) width: f64,
    pub(super) height: f64,
    drop: f64,
}

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    pub(super) fn new(
        area: &'a DrawingArea<B, Shift>,
        styles: &'a Styles,
        (width, height): (f64, f64),
        drop: f64,
    ) -> Self {
        Self { area, styles, width, height, drop }
    }

    /// The colour of a series, going round where there are many.
    pub(super) fn colour(&self, series: &str) -> RGBColor {
        PALETTE[self.styles.number(series) % PALETTE.len()]
    }

    pub(super) fn line(&self, points: &[(f64, f64)], colour: RGBAColor, width: f64) -> Result<(), String> {
        let points: Vec<_> = points.iter().map(|&point| dots(point)).collect();
        let style = ShapeStyle { color: colour, filled: false, stroke_width: (width * SCALE) as u32 };
        self.area.draw(&PathElement::new(points, style)).map_err(|error| error.to_string())
    }

    pub(super) fn rectangle(
        &self,
        corner: (f64, f64),
        other: (f64, f64),
        colour: RGBColor,
    ) -> Result<(), String> {
        self.area
            .draw(&Rectangle::new([dots(corner), dots(other)], colour.filled()))
            .map_err(|error| error.to_string())
    }

    /// The mark of a series: shapes differ so that they can be distinguished without colour.
    pub(super) fn marker(&self, series: &str, (x, y): (f64, f64), size: f64) -> Result<(), String> {
        let style = self.colour(series).filled();
        let radius = 4.0 * size;
        let polygon = |points: &[(f64, f64)]| {
            let points: Vec<_> =
                points.iter().map(|(dx, dy)| dots((x + dx * radius, y + dy * radius))).collect();
            self.area.draw(&Polygon::new(points, style))
        };
        let number = self.styles.number(series);
        // Another one each time that the colours have gone round.
        match (number + number / PALETTE.len()) % 4 {
            0 => self.area.draw(&Circle::new(dots((x, y)), radius * SCALE, style)),
            1 => polygon(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
            2 => polygon(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
            _ => polygon(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        }
        .map_err(|error| error.to_string())
    }

    pub(super) fn text(&self, text: &str, at: (f64, f64), anchor: Anchor, size: f64) -> Result<(), String> {
        self.styled_text(text, at, anchor, size, FontTransform::None)
    }

    /// A text on a coloured ground, in the middle of `at`: it keeps its colour whatever the page has.
    pub(super) fn text_on(
        &self,
        ground: RGBColor,
        text: &str,
        at: (f64, f64),
        size: f64,
    ) -> Result<(), String> {
        // Weights of the three colours in what looks light (ITU-R BT.601).
        let light = 0.299 * f64::from(ground.0) + 0.587 * f64::from(ground.1) + 0.114 * f64::from(ground.2);
        let colour = if light > 140.0 { RGBColor(0, 0, 0) } else { RGBColor(255, 255, 255) };
        let style = font(size).color(&colour).pos(Pos::new(HPos::Center, VPos::Center));
        let place = dots((at.0, at.1 + self.drop * size));
        self.area.draw(&Text::new(shown(text), place, style)).map_err(|error| error.to_string())
    }

    /// A text that reads upwards, its middle at `at`.
    pub(super) fn upright_text(&self, text: &str, at: (f64, f64)) -> Result<(), String> {
        self.styled_text(text, at, Anchor::Middle, TEXT, FontTransform::Rotate270)
    }

    fn styled_text(
        &self,
        text: &str,
        at: (f64, f64),
        anchor: Anchor,
        size: f64,
        transform: FontTransform,
    ) -> Result<(), String> {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let at = match transform {
            FontTransform::None => (at.0, at.1 + self.drop * size),
            _ => at,
        };
        let style = font(size).transform(transform).color(&INK).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(shown(text), dots(at), style)).map_err(|error| error.to_string())
    }

    /// How wide a text will be at most, whichever sans-serif a browser takes.
    pub(super) fn text_width(&self, text: &str) -> Result<f64, String> {
        let style: TextStyle<'_> = font(TEXT).into();
        let (width, _) =
            self.area.estimate_text_size(&shown(text), &style).map_err(|error| error.to_string())?;
        Ok(1.15 * f64::from(width) / SCALE)
    }

    /// The title and the name of each series.
    pub(super) fn heading(&self, title: &str, series: &[&str], with_markers: bool) -> Result<(), String> {
        self.text(title, (MARGIN, 18.0), Anchor::Left, TEXT * 1.15)?;
        for (name, (x, y)) in series.iter().zip(legend(series).0) {
            if with_markers {
                self.line(&[(x, y), (x + 16.0, y)], self.colour(name).to_rgba(), 2.0)?;
                self.marker(name, (x + 8.0, y), 1.0)?;
            } else {
                self.rectangle((x, y - 5.0), (x + 16.0, y + 5.0), self.colour(name))?;
            }
            self.text(name, (x + 22.0, y), Anchor::Left, TEXT)?;
        }
        Ok(())
    }

    /// Where an axis may begin beside names that end at it, which have at most half of the sheet.
    pub(super) fn names_end(&self, names: &[String]) -> Result<f64, String> {
        let mut widest: f64 = 0.0;
        for name in names {
            widest = widest.max(self.text_width(name)?);
        }
        Ok((MARGIN + widest + 8.0).min(self.width / 2.0))
    }

    /// Grid lines from `top` to `bottom` at some values, with those labels that do not run into the one before.
    pub(super) fn horizontal_axis(
        &self,
        values: &[f64],
        labels: &[String],
        across: impl Fn(f64) -> f64,
        (top, bottom): (f64, f64),
    ) -> Result<(), String> {
        let mut taken = f64::NEG_INFINITY;
        for (&value, label) in values.iter().zip(labels) {
            let x = across(value);
            self.grid_line((x, top), (x, bottom))?;
            let half = self.text_width(label)? / 2.0;
            if x - half > taken {
                self.text(label, (x, bottom + 15.0), Anchor::Middle, TEXT)?;
                taken = x + half + 4.0;
            }
        }
        Ok(())
    }

    /// A thin line behind the data.
    pub(super) fn grid_line(&self, from: (f64, f64), to: (f64, f64)) -> Result<(), String> {
        self.line(&[from, to], INK.mix(0.15), 1.0)
    }
}

/// Where the name of each series stands, in as many lines as they need, and where the drawing may begin. A single
/// series is named by the title.
pub(super) fn legend(series: &[&str]) -> (Vec<(f64, f64)>, f64) {
    let (mut x, mut y) = (MARGIN, 47.0);
    if series.len() < 2 {
        return (Vec::new(), y);
    }
    let places = series
        .iter()
        .map(|name| {
            // The room is needed before there is a sheet to measure on; letters are half as wide as high.
            let width = 22.0 + 0.55 * TEXT * shown(name).chars().count() as f64 + 14.0;
            if x > MARGIN && x + width > WIDTH {
                (x, y) = (MARGIN, y + 24.0);
            }
            let place = (x, y);
            x += width;
            place
        })
        .collect();
    (places, y + 24.0)
}

/// A text of a figure: in one line, hidden characters shown, and cut where it would reach beyond any sheet.
fn shown(text: &str) -> String {
    shortened(text, MAX_CHARACTERS)
}

fn font(size: f64) -> plotters::style::FontDesc<'static> {
    (FAMILY, size * SCALE).into_font()
}

fn dots((x, y): (f64, f64)) -> (i32, i32) {
    ((x * SCALE).round() as i32, (y * SCALE).round() as i32)
}

/// A range, widened on both sides where it is narrower than `least`.
pub(super) fn widened([low, high]: [f64; 2], least: f64) -> [f64; 2] {
    let room = ((least - (high - low)) / 2.0).max(0.0);
    [low - room, high + room]
}

/// Round numbers that divide `low..=high` into about `count` parts, all inside.
pub(super) fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let raw = (high - low) / count.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return vec![low];
    }
    let magnitude = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude);
    let step = step.into_iter().find(|&step| step >= raw * 0.999).unwrap_or(10.0 * magnitude);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|multiple| multiple as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::{MARGIN, legend, ticks, widened};
    use crate::plots::{LineSeries, Placement, ValueFormat, metric_against};

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks(0.0, 0.45, 4), [0.0, 0.2, 0.4]);
        assert_eq!(ticks(3.0, 17.0, 4), [5.0, 10.0, 15.0]);
        assert_eq!(ticks(1.0, 1.0, 4), [1.0]);
        assert_eq!(ticks(f64::NAN, 1.0, 4).len(), 1);
    }

    #[test]
    fn narrow_range_is_widened_around_its_middle() {
        assert_eq!(widened([1.0, 2.0], 3.0), [0.0, 3.0]);
        assert_eq!(widened([1.0, 2.0], 0.5), [1.0, 2.0]);
    }

    #[test]
    fn a_long_legend_takes_several_lines() {
        assert_eq!(legend(&["student"]).0.len(), 0);
        let (places, short) = legend(&["teacher", "student", "baseline"]);
        assert!(places.windows(2).all(|pair| pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0));
        let (places, long) = legend(&["hidden states of all layers"; 4]);
        assert!(long > short && places.iter().any(|&(x, y)| x == MARGIN && y > 50.0));
    }

    #[test]
    fn names_of_series_are_text_in_a_figure() {
        let name = "<b>\"'&\u{202e}\u{e0041}\u{ffff}\n</svg>".to_owned();
        let series = vec![LineSeries { name, points: vec![(1.0, 0.5), (2.0, 0.7)] }; 2];
        let svg =
            metric_against("cer", "milliseconds", ValueFormat::Plain, series).svg(Placement::Alone).unwrap();
        assert_eq!((svg.matches("</svg>").count(), svg.contains("<b>")), (1, false), "{svg}");
        assert!(!svg.contains(['\u{202e}', '\u{e0041}', '\u{ffff}', '\u{fffd}']), "{svg}");
        assert!(svg.contains("\\u{202e}\\u{e0041}\\u{ffff}"), "{svg}");
    }
}
