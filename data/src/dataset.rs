//! Datasets: the examples of one corpus in their splits, with what was read of it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Debug;
use std::mem;

use indexmap::IndexMap;

use crate::split::{HoldOut, Split, SplitError, SplitOptions, SplitReport};
use crate::statistics::ReadStatistics;

/// Training, validation and test examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits<T> {
    /// Examples to train on; all of them before a corpus is split.
    pub train: Vec<T>,
    /// Examples to choose checkpoints on.
    pub validation: Vec<T>,
    /// Examples to report on.
    pub test: Vec<T>,
}

impl<T> Default for Splits<T> {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl<T> From<Vec<T>> for Splits<T> {
    /// Examples that are not split yet.
    fn from(train: Vec<T>) -> Self {
        Self { train, validation: Vec::new(), test: Vec::new() }
    }
}

impl<T> Splits<T> {
    /// The examples of a split.
    #[must_use]
    pub fn get(&self, split: Split) -> &[T] {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    /// The examples of a split, for a change to them.
    #[must_use]
    pub fn get_mut(&mut self, split: Split) -> &mut Vec<T> {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }

    /// All examples: those of training, validation and test.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.train.iter().chain(&self.validation).chain(&self.test)
    }

    /// All examples, for a change to them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.train.iter_mut().chain(&mut self.validation).chain(&mut self.test)
    }
}

/// Examples that a dataset can hold and split.
pub trait SplitExample: Sized {
    /// Details of a dataset besides its examples: their languages, labels or images.
    type Details: Debug + Clone + PartialEq;

    /// The value of the split column.
    fn split_value(&self) -> Option<&str>;

    /// The key whose hash assigns the example to a split.
    fn split_key<'e>(&'e self, details: &'e Self::Details) -> Cow<'e, str>;

    /// Values of the split column that no example has: those of images without a question.
    fn other_split_values(_details: &Self::Details) -> impl Iterator<Item = Option<&str>> {
        std::iter::empty()
    }

    /// Removes the overlap of two splits from one of them, and what is held out from training and validation. Returns
    /// the number of removed examples, by split and reason.
    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        held_out: &HoldOut,
    ) -> IndexMap<String, usize>;

    /// Codes of the languages of a dataset; none where they are not known.
    fn languages(_details: &Self::Details) -> &[String] {
        &[]
    }

    /// Keys of the test split, by which its examples are found in other corpora; none of examples that are compared
    /// otherwise.
    fn test_keys(_dataset: &Dataset<Self>) -> HashSet<u128> {
        HashSet::new()
    }

    /// Removes from the training and the validation split what has one of these keys, and counts it in the report.
    fn remove_keys(_dataset: &mut Dataset<Self>, _held: &HashSet<u128>) {}

    /// Brings the details and the report of a dataset up to date once it is split.
    fn finish_split(_dataset: &mut Dataset<Self>, _options: &SplitOptions) {}
}

/// Examples of one corpus, read and split.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset<T: SplitExample> {
    /// The examples, in the order of the files; all of them for training until they are split.
    pub splits: Splits<T>,
    /// Details besides the examples.
    pub details: T::Details,
    /// Statistics of reading: what was read and dropped.
    pub statistics: ReadStatistics,
    /// BLAKE3 of the files' bytes, in hexadecimal.
    pub fingerprint: String,
    /// Sizes of the splits and what was removed; nothing until they are split.
    pub report: SplitReport,
}

impl<T: SplitExample> Dataset<T> {
    /// A dataset that is not split yet.
    #[must_use]
    pub fn new(
        examples: Vec<T>,
        details: T::Details,
        statistics: ReadStatistics,
        fingerprint: String,
    ) -> Self {
        Self { splits: examples.into(), details, statistics, fingerprint, report: SplitReport::default() }
    }

    /// Values of the split column.
    pub(crate) fn split_values(&self) -> impl Iterator<Item = &str> {
        self.splits.iter().map(T::split_value).chain(T::other_split_values(&self.details)).flatten()
    }

    /// Splits the examples, by their split values and the hash of their keys, so that no two splits share a name,
    /// a text or an image. What is held out is removed from training and validation.
    ///
    /// # Errors
    /// Where a value of the options matches no example. The dataset is then as it was.
    pub fn split(&mut self, options: &SplitOptions, held_out: &HoldOut) -> Result<(), SplitError> {
        options.check_values(self.split_values(), &self.statistics.source)?;
        let Splits { train, validation, test } = mem::take(&mut self.splits);
        for example in train.into_iter().chain(validation).chain(test) {
            let split = options.assign(example.split_value(), &example.split_key(&self.details));
            self.splits.get_mut(split).push(example);
        }
        let removed = T::remove_overlap(&mut self.splits, options, held_out);
        let mut unnamed = IndexMap::new();
        options.count_unnamed(self.splits.train.iter().map(T::split_value), &mut unnamed);
        self.report = SplitReport {
            train: self.splits.train.len(),
            validation: self.splits.validation.len(),
            test: self.splits.test.len(),
            removed,
            unnamed,
        };
        T::finish_split(self, options);
        Ok(())
    }
}
