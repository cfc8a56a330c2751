//! Figures: plain data, drawn by plotters as SVG and PNG.
//!
//! One file a plot, each a function from results to a [`Figure`]. A figure names what it shows in words
//! ([`Figure::alternative`]) for those who cannot see it. SVG takes the text colour of the page around it, and
//! follows the reader's light or dark scheme where it stands alone; PNG is on white. Series colours are those
//! of Okabe and Ito (2008) that stand out on both, told apart without colour by order and marker.

mod against;
mod bars;
mod by_length;
mod by_slice;
mod canvas;
mod curve;
mod lines;
mod losses;
mod time;

use crate::error::{ReportError, Result};
use crate::numbers;
pub use against::metric_against;
use alambic_files::write;
pub use bars::{Bar, BarSeries, Bars};
pub use by_length::metric_by_length;
pub use by_slice::metric_by_slice;
use canvas::Canvas;
pub use curve::metric_over;
use image::{DynamicImage, ImageFormat, RgbImage};
pub use lines::{LineSeries, Lines, Scale};
pub use losses::losses_over_steps;
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend, WHITE};
use serde::Serialize;
use std::io::Cursor;
use std::path::Path;
pub use time::time_per_example;

/// The most characters of the name of a file, without its ending.
const LONGEST_STEM: usize = 100;

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Figure {
    /// The stem of its files, in kebab-case.
    pub name: String,
    /// What stands above it.
    pub title: String,
    /// What it shows, in words.
    pub alternative: String,
    /// The data.
    pub drawing: Drawing,
}

/// The kinds of figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Drawing {
    /// Curves over a number.
    Lines(Lines),
    /// Groups of horizontal bars.
    Bars(Bars),
}

/// How the values of a figure are written on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValueFormat {
    /// Shares of 1 in per cent.
    Percent,
    /// Milliseconds.
    Milliseconds,
    /// Bytes.
    Bytes,
    /// As they are.
    Plain,
}

impl ValueFormat {
    /// The format of a metric's values.
    #[must_use]
    pub fn of_metric(name: &str) -> Self {
        if crate::metrics::find(name).is_ok_and(|metric| metric.share) { Self::Percent } else { Self::Plain }
    }

    /// A value along an axis, whose unit its title gives.
    fn tick(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} %", plain((1000.0 * value).round() / 10.0)),
            Self::Bytes => numbers::bytes(value.round() as u64),
            Self::Milliseconds | Self::Plain => plain(value),
        }
    }

    fn text(self, value: f64) -> String {
        match self {
            Self::Percent => numbers::percent(value),
            Self::Milliseconds => numbers::milliseconds(value),
            Self::Bytes => numbers::bytes(value.round() as u64),
            Self::Plain => plain(value),
        }
    }
}

fn plain(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_string(),
        1_000_000.0.. => {
            let text = format!("{:.1}", value / 1e6);
            format!("{}M", text.trim_end_matches('0').trim_end_matches('.'))
        }
        10_000.0.. => format!("{:.0}k", value / 1000.0),
        10.0.. => format!("{value:.0}"),
        0.001.. => {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        }
        _ => format!("{value:.0e}"),
    }
}

/// Where an SVG will stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// Inside a page, whose text colour it takes.
    Inline,
    /// In a file of its own, with the reader's light or dark scheme.
    Alone,
}

impl Figure {
    /// The figure as SVG with a transparent background.
    ///
    /// # Errors
    /// [`ReportError::Plot`].
    pub fn svg(&self, placement: Placement) -> Result<String> {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, self.pixels()), false)?;
        Ok(canvas::themed(&text, self, placement))
    }

    /// Writes `NAME.svg` and `NAME.png` into a folder.
    ///
    /// # Errors
    /// [`ReportError::Plot`] or [`ReportError::File`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let stem = self.stem();
        write::write(&folder.join(format!("{stem}.svg")), self.svg(Placement::Alone)?.as_bytes())?;
        write::write(&folder.join(format!("{stem}.png")), &self.png()?)?;
        Ok(())
    }

    /// The figure as PNG on white.
    fn png(&self) -> Result<Vec<u8>> {
        let (width, height) = self.pixels();
        let mut dots = vec![0; 3 * width as usize * height as usize];
        self.draw(BitMapBackend::with_buffer(&mut dots, (width, height)), true)?;
        let image = RgbImage::from_raw(width, height, dots).ok_or_else(|| self.error("it has no dots"))?;
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image)
            .write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| self.error(&error.to_string()))?;
        Ok(bytes.into_inner())
    }

    /// What its files are called: its name, with an underscore for what may not stand in the name of a file. A name may come
    /// from the results of somebody else's run.
    pub(crate) fn stem(&self) -> String {
        let is_plain = |character: char| character.is_alphanumeric() || "-_ ".contains(character);
        self.name.chars().take(LONGEST_STEM).map(|own| if is_plain(own) { own } else { '_' }).collect()
    }

    /// Width and height in the units of the SVG.
    fn size(&self) -> (f64, f64) {
        match &self.drawing {
            Drawing::Lines(_) => (canvas::WIDTH, 380.0),
            Drawing::Bars(bars) => (canvas::WIDTH, bars.height()),
        }
    }

    /// Width and height in dots: figures are drawn finer than they are shown, since plotters rounds to dots.
    fn pixels(&self) -> (u32, u32) {
        let (width, height) = self.size();
        ((width * canvas::SCALE) as u32, (height * canvas::SCALE) as u32)
    }

    fn draw<B: DrawingBackend>(&self, backend: B, on_white: bool) -> Result<()> {
        canvas::register_font().map_err(|reason| self.error(&reason))?;
        let area = backend.into_drawing_area();
        if on_white {
            area.fill(&WHITE).map_err(|error| self.error(&error.to_string()))?;
        }
        let canvas = Canvas::new(&area, self.size(), if on_white { canvas::BITMAP_DROP } else { 0.0 });
        let drawn = match &self.drawing {
            Drawing::Lines(lines) => lines.draw(&canvas, &self.title),
            Drawing::Bars(bars) => bars.draw(&canvas, &self.title),
        };
        drawn.map_err(|reason| self.error(&reason))?;
        area.present().map_err(|error| self.error(&error.to_string()))
    }

    fn error(&self, reason: &str) -> ReportError {
        ReportError::Plot { name: self.name.clone(), reason: reason.to_string() }
    }
}
