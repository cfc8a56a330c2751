//! A recipe under examination, as the checks of tasks see it.

use std::collections::BTreeMap;

use alambic_files::text::quoted;
use alambic_reports::outcome::{BASELINE, UPPER_BOUND};
use alambic_settings::reader::nearest;
use alambic_settings::{At, Diagnostic, Diagnostics, IndexMap, Origin};
use alambic_teachers::EndpointEstimate;

use super::counts::Counts;
use super::model_info::{ModelInfo, ModelInfos};
use crate::corpora::Corpora;
use crate::options::cache::CacheOptions;
use crate::options::data::DataOptions;
use crate::options::evaluation::EvaluationOptions;
use crate::places::Places;

/// How much of the data to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The heads of tables.
    Quick,
    /// Tables from end to end, and what comes of them for each direction.
    Whole,
}

/// A recipe under examination.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) places: Places<'a>,
    pub(crate) depth: Depth,
    pub(crate) found: Diagnostics,
    /// The corpora that could be read.
    pub(crate) corpora: Corpora,
    /// All corpora that the recipe declares.
    pub(crate) data: &'a IndexMap<String, DataOptions>,
    pub(crate) models: ModelInfos<'a>,
    /// The tables of the recipe that train the student without a teacher.
    pub(crate) baselines: Vec<&'static str>,
    /// The stages in their order.
    pub(crate) stages: &'a [At<String>],
    pub(crate) evaluation: &'a At<EvaluationOptions>,
    pub(crate) cache: &'a CacheOptions,
    /// How many labels of each class the stages checked so far train on.
    pub(crate) trained_classes: BTreeMap<u32, usize>,
    /// What models behind an API have still to be asked, by the name of their teacher.
    pub(crate) requests: IndexMap<String, EndpointEstimate>,
    /// Examples by stage; those of the baseline, the upper bound and the evaluation under these names.
    pub(crate) counts: IndexMap<String, Counts>,
}

/// A training that is checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'s> {
    /// The stage, `baseline` or `upper-bound`.
    pub(crate) name: &'s str,
    /// The keys that lead to the table which holds `data`.
    pub(crate) path: &'s [&'s str],
    /// The stages that come before it.
    pub(crate) position: usize,
    /// The teacher that it names and that is declared.
    pub(crate) teacher: Option<&'s At<String>>,
    /// The teacher that it names, declared or not.
    pub(crate) named_teacher: Option<&'s At<String>>,
}

impl Site<'_> {
    /// Whether it trains the student without a teacher: the baseline, or the upper bound.
    pub(crate) fn is_baseline(&self) -> bool {
        self.path == [BASELINE] || self.path == [UPPER_BOUND]
    }

    /// The path of a key below the table.
    pub(crate) fn key<'k>(&'k self, keys: &[&'k str]) -> Vec<&'k str> {
        [self.path, keys].concat()
    }
}

impl Checker<'_> {
    /// The last stage's student, as far as it is known.
    pub(crate) fn student(&self) -> Option<&ModelInfo> {
        self.stages.last().and_then(|last| self.models.stages.get(&last.value))
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Reports an error at one place.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        message: String,
        origin: &Origin,
        label: impl Into<String>,
    ) {
        self.report(Diagnostic::error(code, message).label(origin, label));
    }

    /// Reports a name that stands for nothing.
    pub(crate) fn unknown(&mut self, what: &str, table: &str, name: &At<String>, known: &[&str]) {
        let message = format!("there is no {what} `{}`", quoted(name));
        let label = match nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("the recipe has no table `{table}`"),
            None => format!("known: {}", list(known.iter().copied())),
        };
        let help = format!("declare it as `[{table}.{}]`", quoted(name));
        self.report(Diagnostic::error("recipe::reference", message).label(&name.origin, label).help(help));
    }

    /// The place of a table of a stage's data, by its key and number.
    pub(crate) fn table_origin(&self, site: &Site<'_>, key: &str, index: usize) -> Origin {
        self.places.origin(&site.key(&["data", key, &index.to_string()]))
    }

    /// Where the data of a training were written: what they hold, since dotted keys of several files can make up `data`.
    pub(crate) fn data_origin(&self, site: &Site<'_>) -> Origin {
        let data = self.places.node(&site.key(&["data"]));
        let held = data.and_then(|data| data.members()).and_then(|members| members.values().next());
        held.map(|member| &member.node).or(data).map_or(Origin::Default, |node| node.origin.clone())
    }
}

/// The most names of a list that a message holds.
const MAX_NAMES: usize = 30;

/// Names between backticks, with commas; of many the first, and how many more there are.
pub(crate) fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let mut names = names.into_iter();
    let mut shown: Vec<String> =
        names.by_ref().take(MAX_NAMES).map(|name| format!("`{}`", quoted(name))).collect();
    match names.count() {
        0 => {}
        more => shown.push(format!("{more} more")),
    }
    shown.join(", ")
}
