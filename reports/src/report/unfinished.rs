//! The page of a run that goes on.

use std::path::Path;

use super::content::{CorpusReading, StageSummary};
use super::sections::{data, training};
use super::settings::settings;
use crate::document::{Block, Document, Section, Tone};
use crate::error::Result;
use crate::plots::Figure;

/// Seconds after which a browser loads the page of a run that goes on anew.
const REFRESH: u32 = 30;

/// What is known of a run that goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Unfinished {
    /// The name of the recipe.
    pub recipe: String,
    /// What the recipe is for, one paragraph.
    pub description: String,
    /// How far it is and when this was written, one sentence.
    pub state: String,
    /// The trainings that have begun, in order.
    pub stages: Vec<StageSummary>,
    /// The corpora that were read.
    pub corpora: Vec<CorpusReading>,
    /// Curves of the validations and losses so far.
    pub figures: Vec<Figure>,
}

impl Unfinished {
    /// The page as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        let mut blocks = vec![Block::Callout(Tone::Neutral, self.state.clone())];
        blocks.extend(training(&self.stages, &self.figures));
        let sections = [
            Section::new("Under way", blocks),
            Section::new("Settings", settings(&self.stages)),
            Section::new("Data", data(&self.corpora)),
        ];
        Document {
            title: format!("Report of {}, not finished", self.recipe),
            lead: Some(self.description.clone()).into_iter().filter(|text| !text.is_empty()).collect(),
            sections: sections.into_iter().flatten().collect(),
        }
    }

    /// Writes `report.html` into the folder of the run; a browser loads it anew every 30 seconds. The finished report replaces
    /// it.
    ///
    /// # Errors
    /// [`crate::ReportError::Plot`] or [`crate::ReportError::File`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.document().write_unfinished(folder, "report", REFRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::Unfinished;

    #[test]
    fn page_of_a_run_that_goes_on_is_loaded_anew() {
        let folder = tempfile::tempdir().unwrap();
        let page = Unfinished {
            recipe: "names".into(),
            description: String::new(),
            state: "Step 120 of 360 of collapse, 2026-11-29 09:00 UTC.".into(),
            stages: Vec::new(),
            corpora: Vec::new(),
            figures: Vec::new(),
        };
        page.write(folder.path()).unwrap();
        let html = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
        assert!(html.contains(r#"http-equiv="refresh" content="30""#) && html.contains("Step 120 of 360"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
