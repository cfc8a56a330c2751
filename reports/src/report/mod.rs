//! The report of one run: plain data, written as `report.html`, `report.md` and `plots/`.

mod content;
mod model_table;
mod sections;
mod slices;
#[cfg(test)]
mod tests;

pub use content::{
    AugmentationNotes, CorpusReading, IllustratedExample, IllustratedExamples, Noun, PipelineExample,
    PipelineNotes, Report, Sample, StageSummary, Text,
};
pub(crate) use model_table::ModelTable;
pub(crate) use slices::slice_tables;
