//! Errors of reading data: all problems of the files of a corpus at once.

use std::fmt;

use super::fault::Fault;
use super::place::Place;

/// Number of problems of one file that are listed; further ones are counted.
const LISTED: usize = 20;

/// Number of problems of all files of a corpus that are listed.
const LISTED_OF_ALL: usize = 50;

/// A fault with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}\n  help: {}", self.place, self.fault, self.fault.help())
    }
}

/// Everything found wrong with a corpus, in the order of the lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.render())]
pub struct DataError {
    /// The first problems: at least one, at most twenty of each file, and fifty of all.
    pub problems: Vec<Problem>,
    /// Number of further problems.
    pub more: usize,
}

impl DataError {
    /// One problem.
    #[must_use]
    pub fn new(place: Place, fault: Fault) -> Self {
        Self { problems: vec![Problem { place, fault }], more: 0 }
    }

    /// Notes how the reading of one file of several ended. The others are read all the same, to report the faults of
    /// all.
    pub fn note(faults: &mut Option<Self>, read: Result<(), Self>) {
        match (read, faults) {
            (Ok(()), _) => {}
            (Err(error), faults @ None) => *faults = Some(error),
            (Err(error), Some(faults)) => faults.extend(error),
        }
    }

    /// Adds what is wrong with another file.
    pub(crate) fn extend(&mut self, other: Self) {
        let room = LISTED_OF_ALL.saturating_sub(self.problems.len());
        self.more += other.more + other.problems.len().saturating_sub(room);
        self.problems.extend(other.problems.into_iter().take(room));
    }

    fn render(&self) -> String {
        let mut lines: Vec<String> = self.problems.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            lines.push(format!("and {} more like these", self.more));
        }
        lines.join("\n")
    }
}

/// Collects problems, so that a user sees all of a file's at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    listed: Vec<Problem>,
    more: usize,
}

impl Problems {
    pub(crate) fn push(&mut self, place: Place, fault: Fault) {
        if self.listed.len() < LISTED {
            self.listed.push(Problem { place, fault });
        } else {
            self.more += 1;
        }
    }

    /// Notes a problem where there is none yet.
    pub(crate) fn push_if_none(&mut self, place: Place, fault: Fault) {
        if self.listed.is_empty() {
            self.push(place, fault);
        }
    }

    pub(crate) fn extend(&mut self, error: DataError) {
        for problem in error.problems {
            self.push(problem.place, problem.fault);
        }
        self.more += error.more;
    }

    /// Whether none was found.
    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The value, or all that was collected, in the order of the lines.
    pub(crate) fn or<T>(mut self, value: T) -> Result<T, DataError> {
        self.listed.sort_by_key(|problem| problem.place.line);
        if self.listed.is_empty() {
            Ok(value)
        } else {
            Err(DataError { problems: self.listed, more: self.more })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_it_does_not_list() {
        let mut problems = Problems::default();
        for line in 1..=25 {
            problems.push(Place::line("names.tsv", line), Fault::ColumnCount { found: 1, expected: 4 });
        }
        let error = problems.or(()).unwrap_err();
        assert_eq!(error.problems.len(), LISTED);
        assert_eq!(error.more, 5);
        let text = error.to_string();
        assert!(text.starts_with("names.tsv:1: 1 column where 4 are expected\n  help: "), "{text}");
        assert!(text.ends_with("and 5 more like these"), "{text}");
    }
}
