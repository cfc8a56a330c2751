use std::path::Path;

use alambic_files::{digests, write};

use super::content::{Block, Document};
use super::{html, markdown};
use crate::error::Result;
use crate::plots::{Figure, Styles};

/// The folder of figures, beside the page.
pub const PLOTS: &str = "plots";

impl Document {
    /// The page as HTML: no script, no font or file from elsewhere, light and dark by the reader's scheme.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`] when a figure cannot be drawn.
    pub fn html(&self) -> Result<String> {
        html::page(self, None)
    }

    /// Writes `STEM.html` alone, of something that is under way: a browser loads it anew after so many seconds.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`] or [`crate::ReportError::File`].
    pub fn write_unfinished(&self, folder: &Path, stem: &str, refresh: u32) -> Result<()> {
        let page = html::page(self, Some(refresh))?;
        Ok(write::write(&folder.join(format!("{stem}.html")), page.as_bytes())?)
    }

    /// The page as Markdown; figures are images of `plots/NAME.svg`, see [`Document::write`].
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::page(self)
    }

    /// Writes `STEM.html`, `STEM.md` and the figures as SVG and PNG under `plots/` into a folder that is there; earlier figures
    /// make way.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`], [`crate::ReportError::File`], and when `plots/` holds what is no figure of ours.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<()> {
        let plots = folder.join(PLOTS);
        let partial = write::partial(&plots);
        write::begin_folder(&partial)?;
        let styles = self.styles();
        for figure in self.figures() {
            figure.write(&partial, &styles)?;
        }
        digests::publish(&partial, &plots)?;
        write::write(&folder.join(format!("{stem}.html")), self.html()?.as_bytes())?;
        Ok(write::write(&folder.join(format!("{stem}.md")), self.markdown().as_bytes())?)
    }

    /// The styles of the series of all figures.
    pub(super) fn styles(&self) -> Styles {
        Styles::of(self.figures().flat_map(Figure::names))
    }

    fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.blocks).flat_map(|block| match block {
            Block::Figures(figures) => figures.as_slice(),
            _ => &[],
        })
    }
}
