//! Numbers of examples of a training or an evaluation.

use alambic_settings::IndexMap;
use serde::Serialize;

/// So many examples of one sort.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Count {
    /// What they are, such as `labelled pairs`.
    pub what: String,
    /// How many, or the most that come of it.
    pub count: usize,
    /// How many of each direction, where there are directions.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub by_direction: IndexMap<String, usize>,
}

/// How many examples there are.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counts {
    /// Examples by their sort.
    pub(crate) sorts: Vec<Count>,
    /// Examples of the validation split.
    pub(crate) validation: usize,
    /// Texts that teachers write before the training, in addition to those of the examples.
    pub(crate) generated: usize,
    /// Whether the number of examples is known exactly: not where a teacher may drop some.
    pub(crate) is_exact: bool,
}

impl Counts {
    /// So many examples of one sort.
    pub(crate) fn of(what: &str, count: usize, validation: usize) -> Self {
        let mut counts = Self { validation, is_exact: true, ..Self::default() };
        counts.add(what, count);
        counts
    }

    /// Adds examples of a sort.
    pub(crate) fn add(&mut self, what: &str, count: usize) {
        match self.sorts.iter_mut().find(|own| own.what == what) {
            Some(own) => own.count += count,
            None => self.sorts.push(Count { what: what.to_owned(), count, by_direction: IndexMap::new() }),
        }
    }

    /// Adds examples of a sort in a direction.
    pub(crate) fn add_direction(&mut self, what: &str, direction: &str, count: usize) {
        self.add(what, count);
        if let Some(own) = self.sorts.iter_mut().find(|own| own.what == what) {
            *own.by_direction.entry(direction.to_owned()).or_default() += count;
        }
    }

    /// Examples to train on, at most.
    pub(crate) fn examples(&self) -> usize {
        self.sorts.iter().map(|own| own.count).sum()
    }
}
