//! Numbers of examples of a training or an evaluation.

use alambic_settings::IndexMap;
use serde_json::{Value, json};

/// A sort of examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    /// Its key in the JSON of a plan.
    pub key: &'static str,
    /// Its name, such as `labelled pairs`.
    pub name: &'static str,
}

/// Number of examples of one sort.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    /// The sort.
    pub sort: Sort,
    /// How many, or the most that come of it.
    pub count: usize,
    /// How many of each direction, where there are directions.
    pub by_direction: IndexMap<String, usize>,
}

impl Count {
    /// The number, or the numbers by direction where there are directions.
    pub(crate) fn json(&self) -> Value {
        if self.by_direction.is_empty() { json!(self.count) } else { json!(self.by_direction) }
    }
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
    pub(crate) fn of(sort: Sort, count: usize, validation: usize) -> Self {
        let mut counts = Self { validation, is_exact: true, ..Self::default() };
        counts.add(sort, count);
        counts
    }

    /// Adds examples of a sort.
    pub(crate) fn add(&mut self, sort: Sort, count: usize) {
        match self.sorts.iter_mut().find(|own| own.sort == sort) {
            Some(own) => own.count += count,
            None => self.sorts.push(Count { sort, count, by_direction: IndexMap::new() }),
        }
    }

    /// Adds examples of a sort in a direction.
    pub(crate) fn add_direction(&mut self, sort: Sort, direction: &str, count: usize) {
        self.add(sort, count);
        if let Some(own) = self.sorts.iter_mut().find(|own| own.sort == sort) {
            *own.by_direction.entry(direction.to_owned()).or_default() += count;
        }
    }

    /// Examples to train on, at most.
    pub(crate) fn examples(&self) -> usize {
        self.sorts.iter().map(|own| own.count).sum()
    }
}
