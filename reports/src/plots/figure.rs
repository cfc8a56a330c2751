use std::io::Cursor;
use std::path::Path;

use alambic_files::write;
use image::{DynamicImage, ImageFormat, RgbImage};
use plotters::prelude::{BitMapBackend, DrawingBackend, IntoDrawingArea, SVGBackend, WHITE};
use serde::Serialize;

use super::bars::Bars;
use super::canvas::{self, Canvas};
use super::dots::Dots;
use super::heatmap::Heatmap;
use super::lines::Lines;
use super::styles::Styles;
use super::svg::{Placement, with_page_colours};
use crate::error::{ReportError, Result};

/// The most characters of the name of a file, without its ending.
const MAX_STEM: usize = 100;

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
    /// Groups of points on a horizontal axis.
    Dots(Dots),
    /// Values by rows and columns, each a coloured cell.
    Heatmap(Heatmap),
}

impl Drawing {
    fn names(&self) -> Vec<&str> {
        match self {
            Self::Lines(lines) => lines.names(),
            Self::Bars(bars) => bars.names(),
            Self::Dots(dots) => dots.names(),
            // Colours are those of values.
            Self::Heatmap(_) => Vec::new(),
        }
    }
}

impl Figure {
    /// The figure as SVG with a transparent background.
    ///
    /// # Errors
    /// [`ReportError::Plot`].
    pub fn svg(&self, placement: Placement) -> Result<String> {
        self.styled_svg(placement, &Styles::of(self.names()))
    }

    /// The same in the styles of a page.
    pub(crate) fn styled_svg(&self, placement: Placement, styles: &Styles) -> Result<String> {
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, self.pixels()), styles, false)?;
        Ok(with_page_colours(&text, &self.alternative, self.size(), self.pixels(), placement))
    }

    /// Writes `NAME.svg` and `NAME.png` into a folder, in the styles of a page.
    ///
    /// # Errors
    /// [`ReportError::Plot`] or [`ReportError::File`].
    pub(crate) fn write(&self, folder: &Path, styles: &Styles) -> Result<()> {
        let stem = self.stem();
        write::write(
            &folder.join(format!("{stem}.svg")),
            self.styled_svg(Placement::Alone, styles)?.as_bytes(),
        )?;
        write::write(&folder.join(format!("{stem}.png")), &self.png(styles)?)?;
        Ok(())
    }

    /// The figure as PNG on white.
    fn png(&self, styles: &Styles) -> Result<Vec<u8>> {
        let (width, height) = self.pixels();
        let mut dots = vec![0; 3 * width as usize * height as usize];
        self.draw(BitMapBackend::with_buffer(&mut dots, (width, height)), styles, true)?;
        let image = RgbImage::from_raw(width, height, dots).ok_or_else(|| self.error("it has no dots"))?;
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::ImageRgb8(image)
            .write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| self.error(&error.to_string()))?;
        Ok(bytes.into_inner())
    }

    /// The names of its series.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.drawing.names()
    }

    /// What its files are called: its name, with an underscore for what may not stand in the name of a file. A name may come
    /// from the results of somebody else's run.
    pub(crate) fn stem(&self) -> String {
        let is_plain = |character: char| character.is_alphanumeric() || "-_ ".contains(character);
        self.name.chars().take(MAX_STEM).map(|own| if is_plain(own) { own } else { '_' }).collect()
    }

    /// Width and height in the units of the SVG.
    fn size(&self) -> (f64, f64) {
        match &self.drawing {
            Drawing::Lines(_) => (canvas::WIDTH, 380.0),
            Drawing::Bars(bars) => (canvas::WIDTH, bars.height()),
            Drawing::Dots(dots) => (canvas::WIDTH, dots.height()),
            Drawing::Heatmap(heatmap) => (canvas::WIDTH, heatmap.height()),
        }
    }

    /// Width and height in dots: figures are drawn finer than they are shown, since plotters rounds to dots.
    fn pixels(&self) -> (u32, u32) {
        let (width, height) = self.size();
        ((width * canvas::SCALE) as u32, (height * canvas::SCALE) as u32)
    }

    fn draw<B: DrawingBackend>(&self, backend: B, styles: &Styles, on_white: bool) -> Result<()> {
        canvas::register_font().map_err(|reason| self.error(&reason))?;
        let area = backend.into_drawing_area();
        if on_white {
            area.fill(&WHITE).map_err(|error| self.error(&error.to_string()))?;
        }
        let canvas =
            Canvas::new(&area, styles, self.size(), if on_white { canvas::BITMAP_DROP } else { 0.0 });
        let drawn = match &self.drawing {
            Drawing::Lines(lines) => lines.draw(&canvas, &self.title),
            Drawing::Bars(bars) => bars.draw(&canvas, &self.title),
            Drawing::Dots(dots) => dots.draw(&canvas, &self.title),
            Drawing::Heatmap(heatmap) => heatmap.draw(&canvas, &self.title),
        };
        drawn.map_err(|reason| self.error(&reason))?;
        area.present().map_err(|error| self.error(&error.to_string()))
    }

    fn error(&self, reason: &str) -> ReportError {
        ReportError::Plot { name: self.name.clone(), reason: reason.to_string() }
    }
}

/// The name of a stage, or of a key, as a part of the stem of a file.
pub(super) fn stem(name: &str) -> String {
    name.chars().map(|character| if character.is_alphanumeric() { character } else { '-' }).collect()
}
