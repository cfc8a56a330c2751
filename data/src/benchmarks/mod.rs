//! Test parts of published benchmarks: the labels as each publishes them, one file a format and one line in the list of
//! [`Benchmark`], and predictions in the layouts of their submissions ([`Layout`]).
//!
//! Labels are read of XTREME's prepared files, of the raw downloads, of the repositories of IGLUE and of the datasets of
//! `IndicXTREME`, and of files that hold labels alone, as XTREME's submissions are scored with. What is read is a
//! [`References`], and the [`Predictions`] for it are checked against it as they are read: a value never comes of files that
//! do not belong together.

mod bucc;
mod classes;
mod copa;
mod files;
mod flores;
mod format;
mod images;
mod indic;
mod inputs;
mod languages;
pub mod layouts;
mod marvl;
mod massive;
mod mlqa;
mod naamapadam;
mod own;
mod panx;
mod pawsx;
mod python;
mod references;
mod rows;
mod squad_files;
mod tatoeba;
mod tydiqa;
mod udpos;
mod universal_dependencies;
mod wit;
mod xflickrco;
mod xgqa;
mod xnli;
mod xquad;
mod xvnli;

pub use bucc::XtremeBucc;
pub use copa::{IndicCopa, Xcopa};
pub use files::{BenchmarkFiles, LanguageFile};
pub use flores::Flores;
pub use format::{Benchmark, BenchmarkFormat};
pub use images::{BenchmarkImages, BenchmarkRegions};
pub use indic::{IndicParaphrase, IndicQa, IndicSentiment, IndicXnli};
pub use inputs::{
    ChoiceExample, Examples, IdentifiedSentence, ImageCaption, ImageSet, Part, PassageExample,
    SentenceExample, TextExample, VisualQuestion,
};
pub use layouts::Layout;
pub use marvl::Marvl;
pub use massive::{MassiveIntent, MassiveSlots};
pub use mlqa::XtremeMlqa;
pub use naamapadam::Naamapadam;
pub use own::{BitextTable, GroupBy, LanguageColumns, MadeUp, MadeUpContent, TaggedWords, TextTable};
pub use panx::XtremePanx;
pub use pawsx::XtremePawsx;
pub use python::{is_space, split, strip};
pub use references::{Gold, PieceTag, Predictions, References};
pub use tatoeba::XtremeTatoeba;
pub use tydiqa::XtremeTydiqa;
pub use udpos::XtremeUdpos;
pub use wit::Wit;
pub use xflickrco::XFlickrCo;
pub use xgqa::Xgqa;
pub use xnli::XtremeXnli;
pub use xquad::XtremeXquad;
pub use xvnli::Xvnli;
