//! Options of a split: which examples are for validation and the test, and which yield where two splits overlap.

use alambic_settings::{choices, settings};
use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::stable_hash::unit_interval;

/// A split of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Examples to train on.
    Train,
    /// Examples to choose checkpoints on.
    Validation,
    /// Examples to report on, which are read once at the end.
    Test,
}

impl Split {
    /// The split's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

choices! {
    /// Overlap of splits: which split yields where two share a key or a form.
    pub enum Overlap {
        /// The test and the validation split lose what training holds. Right for words of names, of which
        /// many parts of names are too common to be kept out of training.
        RemoveFromTest = "remove-from-test",
        /// Training loses what the test and the validation split hold. Right for lexicons that give each
        /// word many romanisations.
        RemoveFromTraining = "remove-from-training",
    }
}

/// Usual fraction of the validation split.
const VALIDATION_FRACTION: f64 = 0.05;

settings! {
    /// Split of a corpus into training, validation and test.
    ///
    /// An example is in the test split if its split column has such a value or its key's hash falls into the fraction. The
    /// hash depends only on the salt and the key: the splits are the same in every run and on every machine. What another
    /// corpus of the recipe has in its test split is removed from training and validation.
    pub struct SplitOptions {
        /// Values of the corpus's split that mean the test split, in addition to the files that a corpus is given for it.
        pub test_values: Vec<String> = Vec::new(),
        /// Values of the corpus's split that mean the validation split, in addition to the files that a corpus is given for it.
        pub validation_values: Vec<String> = Vec::new(),
        /// Fraction of the keys that go to the test split in addition. Left out: a tenth, where no corpus of the evaluation has
        /// files or values for the test, else none.
        #[range(0.0..=1.0)]
        pub test_fraction: Option<f64>,
        /// Fraction of the remaining keys that are carved out of training for the validation split. Left out: a twentieth, where the
        /// corpus has no files or values for the validation, else none.
        #[range(0.0..=1.0)]
        pub validation_fraction: Option<f64>,
        /// Another text gives other fractions of the same size.
        pub salt: String = "alambic".to_owned(),
        /// The split that yields where two share a key or a form.
        pub overlap: Overlap = Overlap::RemoveFromTest,
    }
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            test_values: Vec::new(),
            validation_values: Vec::new(),
            test_fraction: None,
            validation_fraction: None,
            salt: "alambic".to_owned(),
            overlap: Overlap::RemoveFromTest,
        }
    }
}

impl SplitOptions {
    /// Whether they say which examples are for the test.
    #[must_use]
    pub fn names_test_split(&self) -> bool {
        self.test_fraction.is_some() || !self.test_values.is_empty()
    }

    /// Fraction of the keys that are carved out of training for the validation split: as asked, or by default none of a corpus that
    /// brings a validation split of its own.
    fn validation_fraction(&self) -> f64 {
        let usual = if self.validation_values.is_empty() { VALIDATION_FRACTION } else { 0.0 };
        self.validation_fraction.unwrap_or(usual)
    }

    /// Options with `validation` and `test` among their values, where a corpus is given files for these splits.
    #[must_use]
    pub fn with_split_files(&self, [validation, test]: [bool; 2]) -> Self {
        let mut options = self.clone();
        for (given, split, values) in [
            (validation, Split::Validation, &mut options.validation_values),
            (test, Split::Test, &mut options.test_values),
        ] {
            if given && !values.iter().any(|value| value == split.name()) {
                values.push(split.name().to_owned());
            }
        }
        options
    }
}

/// The error that a corpus cannot be split as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A value in `test-values` or `validation-values` that no entry has.
    #[error("no entry of {corpus} has the split `{value}`; the splits there are: {}", list(.found))]
    NoSuchValue {
        /// The file.
        corpus: String,
        /// The value asked for.
        value: String,
        /// The values there are.
        found: Vec<String>,
    },
}

fn list(values: &[String]) -> String {
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

/// Guess of the split that is meant by a value which the options do not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SplitGuess {
    /// The same as another value, which is named for this split.
    Named(Split, String),
    /// This split, which data often call so.
    Usual(Split),
}

impl SplitOptions {
    /// The values that it names.
    fn named(&self) -> impl Iterator<Item = &String> {
        self.test_values.iter().chain(&self.validation_values)
    }

    /// Fails where a value that it names is none of those that a corpus has.
    pub(crate) fn check_values<'a>(
        &self,
        values: impl Iterator<Item = &'a str>,
        corpus: &str,
    ) -> Result<(), SplitError> {
        let found: IndexSet<&str> = values.collect();
        match self.named().find(|value| !found.contains(value.as_str())) {
            None => Ok(()),
            Some(value) => Err(SplitError::NoSuchValue {
                corpus: corpus.to_owned(),
                value: value.clone(),
                found: found.into_iter().map(str::to_owned).collect(),
            }),
        }
    }

    /// The split of what has this value in the split column and this key.
    pub(crate) fn assign(&self, value: Option<&str>, key: &str) -> Split {
        let among = |values: &[String]| value.is_some_and(|value| values.iter().any(|own| own == value));
        let below = |split: Split, fraction: f64| self.place_of(split, key) < fraction;
        if among(&self.test_values) || below(Split::Test, self.test_fraction.unwrap_or_default()) {
            Split::Test
        } else if among(&self.validation_values) || below(Split::Validation, self.validation_fraction()) {
            Split::Validation
        } else {
            Split::Train
        }
    }

    /// Where a key lies between 0 and 1 as a split is carved out: those below its fraction go to it.
    pub(crate) fn place_of(&self, split: Split, key: &str) -> f64 {
        unit_interval(&[&self.salt, split.name(), key])
    }

    /// Counts, among the values of training examples, those that it does not name and that do not say that they are for
    /// training.
    pub(crate) fn count_unnamed<'a>(
        &self,
        values: impl Iterator<Item = Option<&'a str>>,
        unnamed: &mut IndexMap<String, usize>,
    ) {
        for value in values.flatten() {
            if let Some(count) = unnamed.get_mut(value) {
                *count += 1;
            } else if !is_for_training(value) && !self.named().any(|named| named == value) {
                unnamed.insert(value.to_owned(), 1);
            }
        }
    }

    /// Guess of the split that is meant by a value which the options do not name: it is like one that they name, or data often
    /// call the validation or the test split so.
    #[must_use]
    pub fn guess_split(&self, value: &str) -> Option<SplitGuess> {
        let plain = |text: &str| -> String {
            text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let usual = |value: &str| match value.trim_end_matches(|last: char| last.is_ascii_digit()) {
            "dev" | "devel" | "development" | "val" | "valid" | "validation" | "devtest" => {
                Some(Split::Validation)
            }
            "test" | "tst" | "testing" | "eval" | "evaluation" | "heldout" => Some(Split::Test),
            _ => None,
        };
        let own = plain(value);
        let named = [(Split::Test, &self.test_values), (Split::Validation, &self.validation_values)];
        for (split, values) in named {
            let is_alike = |other: &&String| {
                let other = plain(other);
                other == own || (usual(&own).is_some() && usual(&other) == usual(&own))
            };
            if let Some(other) = values.iter().find(is_alike) {
                return Some(SplitGuess::Named(split, other.clone()));
            }
        }
        usual(&own).map(SplitGuess::Usual)
    }
}

/// Whether a value of a split is for training: `train`, `training` or `train2014`, and what Karpathy's splits
/// call what everybody trains on of COCO's validation split.
fn is_for_training(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let rest = value.strip_prefix("training").or_else(|| value.strip_prefix("train"));
    value == "restval" || rest.is_some_and(|rest| !rest.contains(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the validation split among a thousand for training and ten of the corpus's own.
    fn validation(options: &SplitOptions) -> usize {
        let keys =
            (0..1000).map(|key| (None, key)).chain((0..10).map(|key| (Some("validation"), 5000 + key)));
        keys.filter(|(value, key)| options.assign(*value, &key.to_string()) == Split::Validation).count()
    }

    #[test]
    fn corpus_with_a_validation_split_loses_none_of_training() {
        let usual = SplitOptions::default();
        assert!((30..80).contains(&validation(&usual)), "a twentieth, and nothing says what `validation` is");
        assert_eq!(validation(&usual.with_split_files([true, false])), 10);
        let values = SplitOptions { validation_values: vec!["validation".into()], ..usual.clone() };
        assert_eq!(validation(&values), 10);
        let asked = SplitOptions { validation_fraction: Some(0.5), ..usual.with_split_files([true, false]) };
        assert!(validation(&asked) > 400, "as asked");
    }
}
