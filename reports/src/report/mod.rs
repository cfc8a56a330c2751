//! The report of one run: plain data, written as `report.html`, `report.md` and `plots/`.

mod by_layer;
mod classes;
mod content;
mod headline;
mod languages;
mod model_table;
mod sections;
mod settings;
mod slices;
#[cfg(test)]
mod tests;
mod unfinished;

pub use content::{
    AugmentationNotes, CorpusReading, IllustratedExample, IllustratedExamples, Noun, PipelineExample,
    PipelineNotes, Report, Sample, StageSummary, Text,
};
pub use headline::images_stored;
pub(crate) use languages::{LanguageRow, language_tables, named_means};
pub(crate) use model_table::ModelTable;
pub(crate) use slices::slice_tables;
pub use unfinished::Unfinished;
