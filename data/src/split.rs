//! Parting a lexicon so that no name of the test part is seen in training in any language.
//!
//! Entries are assigned by their key, which is that of the English whole name: all languages and all words of
//! a name go to one part. Two things are left that could still leak: a word that several names share
//! (`north`), and two names that one script spells alike. So after the assignment no two parts may share a
//! form in any language; [`Overlap`] says which part yields. What is removed is counted in [`SplitReport`].

use std::collections::{HashMap, HashSet};

use alambic_settings::{choices, settings};
use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

use crate::lexicon::{Entry, Lexicon, NO_PAIR};
use crate::normalise::words;
use crate::stable_hash::unit_interval;

/// A part of a corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// What a model is trained on.
    Train,
    /// What checkpoints are chosen on.
    Validation,
    /// What is reported, and read once at the end.
    Test,
}

impl Split {
    /// The part's name.
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
    /// Which part yields where two parts share a key or a form.
    pub enum Overlap {
        /// The test part and the validation part lose what training holds. Right for words of names, of which
        /// many parts of names are too common to be kept out of training.
        RemoveFromTest = "remove-from-test",
        /// Training loses what the test part and the validation part hold. Right for lexicons that give each
        /// word many romanisations.
        RemoveFromTraining = "remove-from-training",
    }
}

settings! {
    /// How a corpus is parted into training, validation and test.
    ///
    /// An entry is in the test part if its split column says so or its key's hash falls into the fraction. The
    /// hash depends on the salt and the key alone: the parts are the same in every run and on every machine. What another
    /// corpus of the recipe has in its test part is left out of training and validation.
    pub struct SplitOptions {
        /// Values of the corpus's split that mean the test part, besides the files that a corpus is given for it.
        pub test_values: Vec<String> = Vec::new(),
        /// Values of the corpus's split that mean the validation part, besides the files that a corpus is given for it.
        pub validation_values: Vec<String> = Vec::new(),
        /// Fraction of the keys that go to the test part besides.
        #[range(0.0..=1.0)]
        pub test_fraction: f64 = 0.0,
        /// Fraction of the remaining keys that are carved out of training for the validation part.
        #[range(0.0..=1.0)]
        pub validation_fraction: f64 = 0.05,
        /// Another text gives other fractions of the same size.
        pub salt: String = "alambic".to_owned(),
        /// Which part yields where two share a key or a form.
        pub overlap: Overlap = Overlap::RemoveFromTest,
    }
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self {
            test_values: Vec::new(),
            validation_values: Vec::new(),
            test_fraction: 0.0,
            validation_fraction: 0.05,
            salt: "alambic".to_owned(),
            overlap: Overlap::RemoveFromTest,
        }
    }
}

impl SplitOptions {
    /// The same, to which the splits of files that a corpus was given for validation and for the test are known, if there are
    /// such files.
    #[must_use]
    pub fn keeping(&self, [validation, test]: [bool; 2]) -> Self {
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

/// Why a corpus cannot be parted as asked.
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

/// How large the parts are and what was removed from which.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitReport {
    /// Entries to train on.
    pub train: usize,
    /// Entries to choose checkpoints on.
    pub validation: usize,
    /// Entries to report on.
    pub test: usize,
    /// What was removed, by part and reason. `test: hi form seen in training` counts forms, the others count
    /// entries.
    pub removed: IndexMap<String, usize>,
    /// How many to train on have a value of the split that no option names and that does not say that they are for training,
    /// by value.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub unnamed: IndexMap<String, usize>,
}

impl SplitReport {
    /// Of parts of these sizes: training, validation and test.
    pub(crate) fn new(
        [train, validation, test]: [usize; 3],
        removed: IndexMap<String, usize>,
        unnamed: IndexMap<String, usize>,
    ) -> Self {
        Self { train, validation, test, removed, unnamed }
    }
}

/// Examples that are told from others of their kind by keys, none of which two parts have in common.
pub trait Keyed {
    /// What examples are that share a key, in words: `texts`.
    const WHAT: &'static str;

    /// Hashes, since those of a whole corpus are held at once.
    fn keys(&self) -> Vec<u128>;
}

/// A corpus in three parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parted<T> {
    /// Examples to train on.
    pub train: Vec<T>,
    /// Examples to choose checkpoints on.
    pub validation: Vec<T>,
    /// Examples to report on.
    pub test: Vec<T>,
    /// Sizes and removals.
    pub report: SplitReport,
}

/// A lexicon in three parts without a common key, and without a common form in any language.
pub type Splits = Parted<Entry>;

impl<T> Parted<T> {
    /// The examples of a part.
    #[must_use]
    pub fn part(&self, part: Split) -> &[T] {
        match part {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

impl<T: Keyed> Parted<T> {
    /// What its test part holds, by which it is told in other corpora.
    #[must_use]
    pub fn test_keys(&self) -> HashSet<u128> {
        self.test.iter().flat_map(T::keys).collect()
    }

    /// Takes out of the training and the validation part what another corpus keeps for its test.
    pub fn leave_out(&mut self, held: &HashSet<u128>) {
        leave_out([&mut self.train, &mut self.validation], held, T::WHAT, T::keys, &mut self.report);
    }
}

impl Splits {
    /// Takes out of the training and the validation part what another corpus keeps for its test.
    pub fn hold_out(&mut self, HoldOut(held): &HoldOut) {
        let report = &mut self.report;
        for (part, entries, size) in [
            ("train", &mut self.train, &mut report.train),
            ("validation", &mut self.validation, &mut report.validation),
        ] {
            held.strip(entries, Match::Words, &mut Removals::new(part, HELD_OUT, &mut report.removed));
            *size = entries.len();
        }
    }
}

/// Names and words that must never be in the training of another corpus.
#[derive(Debug, Clone, Default)]
pub struct HoldOut(Seen);

impl HoldOut {
    /// Holds out the names, and each form, of some entries: usually a test part.
    #[must_use]
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut hold_out = Self::default();
        hold_out.add(entries);
        hold_out
    }

    /// Holds out more.
    pub fn add<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        self.0.extend(entries);
    }

    /// Whether nothing is held out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.keys.is_empty()
    }

    /// Whether this whole name, by its key, is held out.
    #[must_use]
    pub fn holds_key(&self, key: &str) -> bool {
        self.0.keys.contains(key)
    }

    /// Whether this form of a language, or a word of it, is held out.
    #[must_use]
    pub fn holds_form(&self, code: &str, form: &str) -> bool {
        self.0.has(code, form, Match::Words)
    }
}

/// Parts a lexicon. Entries of `hold_out` are taken out of training and validation first.
///
/// # Errors
/// Where a value of the options matches no entry.
pub fn split(
    lexicon: &Lexicon,
    options: &SplitOptions,
    hold_out: Option<&HoldOut>,
) -> Result<Splits, SplitError> {
    check_values(
        lexicon.entries.iter().map(|entry| entry.split.as_deref()),
        &lexicon.reading.source,
        options,
    )?;
    let (mut train, mut validation, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for entry in &lexicon.entries {
        match assign(entry.split.as_deref(), &entry.key, options) {
            Split::Train => train.push(entry.clone()),
            Split::Validation => validation.push(entry.clone()),
            Split::Test => test.push(entry.clone()),
        }
    }
    let mut removed = IndexMap::new();
    if let Some(HoldOut(held)) = hold_out {
        held.strip(&mut train, Match::Words, &mut Removals::new("train", "held out", &mut removed));
        held.strip(&mut validation, Match::Words, &mut Removals::new("validation", "held out", &mut removed));
    }
    match options.overlap {
        Overlap::RemoveFromTest => {
            let mut seen = Seen::of(&train);
            seen.strip(&mut validation, Match::Whole, &mut Removals::new("validation", SEEN, &mut removed));
            seen.extend(&validation);
            seen.strip(&mut test, Match::Whole, &mut Removals::new("test", SEEN, &mut removed));
        }
        Overlap::RemoveFromTraining => {
            let mut kept = Seen::of(&test);
            kept.strip(&mut validation, Match::Whole, &mut Removals::new("validation", KEPT, &mut removed));
            kept.extend(&validation);
            kept.strip(&mut train, Match::Whole, &mut Removals::new("train", KEPT, &mut removed));
        }
    }
    for (part, entries) in [("train", &mut train), ("validation", &mut validation), ("test", &mut test)] {
        let before = entries.len();
        remove_repeats(entries);
        count(&mut removed, format!("{part}: entries that repeat an earlier one"), before - entries.len());
    }
    let unnamed = options.unnamed(train.iter().map(|entry| entry.split.as_deref()));
    let sizes = [train.len(), validation.len(), test.len()];
    let report = SplitReport::new(sizes, removed, unnamed);
    Ok(Splits { train, validation, test, report })
}

const SEEN: &str = "seen in training";
const KEPT: &str = "kept for evaluation";
const HELD_OUT: &str = "kept for the test of another corpus";

/// Fails where a value of the options is none of those that a corpus has.
pub(crate) fn check_values<'a>(
    values: impl Iterator<Item = Option<&'a str>>,
    corpus: &str,
    options: &SplitOptions,
) -> Result<(), SplitError> {
    let found: IndexSet<&str> = values.flatten().collect();
    match options.named().find(|value| !found.contains(value.as_str())) {
        None => Ok(()),
        Some(value) => Err(SplitError::NoSuchValue {
            corpus: corpus.to_owned(),
            value: value.clone(),
            found: found.into_iter().map(str::to_owned).collect(),
        }),
    }
}

/// Whether a value of a split says that a row is for training: `train`, `training` or `train2014`, and what Karpathy's splits
/// call the part of COCO's validation that everybody trains on.
fn is_for_training(value: &str) -> bool {
    let value = value.trim().to_lowercase();
    let rest = value.strip_prefix("training").or_else(|| value.strip_prefix("train"));
    value == "restval" || rest.is_some_and(|rest| !rest.contains(char::is_alphabetic))
}

/// What a value of a split most likely means, and is not named for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Likeness {
    /// The same as another value, which is named for this part.
    Named(Split, String),
    /// This part, which data often call so.
    Usual(Split),
}

impl SplitOptions {
    /// The values that it names.
    fn named(&self) -> impl Iterator<Item = &String> {
        self.test_values.iter().chain(&self.validation_values)
    }

    /// Counts, among the values of what is trained on, those that it does not name and that do not say that they are for
    /// training.
    pub(crate) fn unnamed<'a>(
        &self,
        trained: impl Iterator<Item = Option<&'a str>>,
    ) -> IndexMap<String, usize> {
        let mut unnamed: IndexMap<String, usize> = IndexMap::new();
        for value in trained.flatten() {
            if let Some(count) = unnamed.get_mut(value) {
                *count += 1;
            } else if !is_for_training(value) && !self.named().any(|named| named == value) {
                unnamed.insert(value.to_owned(), 1);
            }
        }
        unnamed
    }

    /// What a value that none of the options names is likely to mean, if it is like one that they name, or is what data often
    /// call the validation or the test part.
    #[must_use]
    pub fn likeness(&self, value: &str) -> Option<Likeness> {
        let plain = |text: &str| -> String {
            text.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let part = |value: &str| match value.trim_end_matches(|last: char| last.is_ascii_digit()) {
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
                other == own || (part(&own).is_some() && part(&other) == part(&own))
            };
            if let Some(other) = values.iter().find(is_alike) {
                return Some(Likeness::Named(split, other.clone()));
            }
        }
        part(&own).map(Likeness::Usual)
    }
}

/// The part of what has this value in the split column and this key.
pub(crate) fn assign(split: Option<&str>, key: &str, options: &SplitOptions) -> Split {
    let among = |values: &[String]| split.is_some_and(|split| values.iter().any(|value| value == split));
    let below = |part: &str, fraction: f64| unit_interval(&[&options.salt, part, key]) < fraction;
    if among(&options.test_values) || below("test", options.test_fraction) {
        Split::Test
    } else if among(&options.validation_values) || below("validation", options.validation_fraction) {
        Split::Validation
    } else {
        Split::Train
    }
}

/// Takes out of parts what shares a key with a part that goes before them: `parts` are training, validation and test, and
/// `overlap` says which yields. `what` says what examples are that share one. What was taken out is counted, by part and
/// reason. Keys are hashes, since all of them are held at once.
pub(crate) fn strip<T>(
    parts: &mut [Vec<T>; 3],
    overlap: Overlap,
    what: &str,
    keys: impl Fn(&T) -> Vec<u128>,
) -> IndexMap<String, usize> {
    let mut removed = IndexMap::new();
    let (reason, order) = match overlap {
        Overlap::RemoveFromTest => (SEEN, [Split::Train, Split::Validation, Split::Test]),
        Overlap::RemoveFromTraining => (KEPT, [Split::Test, Split::Validation, Split::Train]),
    };
    let mut seen: HashSet<u128> = HashSet::new();
    for part in order {
        let examples = &mut parts[part as usize];
        let before = examples.len();
        examples.retain(|example| !keys(example).iter().any(|key| seen.contains(key)));
        seen.extend(examples.iter().flat_map(&keys));
        count(&mut removed, format!("{}: {what} {reason}", part.name()), before - examples.len());
    }
    removed
}

/// Takes out of the training and the validation part what shares a key with the test part of another corpus.
pub(crate) fn leave_out<T>(
    [train, validation]: [&mut Vec<T>; 2],
    held: &HashSet<u128>,
    what: &str,
    keys: impl Fn(&T) -> Vec<u128>,
    report: &mut SplitReport,
) {
    for (part, examples) in [(Split::Train, train), (Split::Validation, validation)] {
        let before = examples.len();
        examples.retain(|example| !keys(example).iter().any(|key| held.contains(key)));
        let size = if part == Split::Train { &mut report.train } else { &mut report.validation };
        *size -= before - examples.len();
        count(&mut report.removed, format!("{}: {what} {HELD_OUT}", part.name()), before - examples.len());
    }
}

/// The same forms under several names: `north` of many names teaches and tests once.
fn remove_repeats(entries: &mut Vec<Entry>) {
    let mut seen = HashSet::new();
    entries.retain(|entry| {
        let forms: Vec<_> = entry.forms.iter().map(|(code, form)| (code.clone(), form.clone())).collect();
        seen.insert(forms)
    });
}

fn count(removed: &mut IndexMap<String, usize>, reason: String, number: usize) {
    if number > 0 {
        *removed.entry(reason).or_default() += number;
    }
}

/// How a form is compared with those seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    /// As a whole.
    Whole,
    /// As a whole or any of its words.
    Words,
}

/// Keys and forms of some entries. The sets are only asked, never walked through, so their order cannot show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    keys: HashSet<String>,
    forms: HashMap<String, HashSet<String>>,
}

impl Seen {
    pub(crate) fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut seen = Self::default();
        seen.extend(entries);
        seen
    }

    fn extend<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            self.keys.insert(entry.key.clone());
            for (code, form) in &entry.forms {
                self.forms.entry(code.clone()).or_default().insert(form.clone());
            }
        }
    }

    fn has(&self, code: &str, form: &str, by: Match) -> bool {
        self.forms.get(code).is_some_and(|forms| {
            forms.contains(form)
                || by == Match::Words && words(form).into_iter().any(|word| forms.contains(word))
        })
    }

    /// Removes entries whose key or English form was seen, and single forms of other languages that were;
    /// then entries left with fewer than two forms.
    pub(crate) fn strip(&self, entries: &mut Vec<Entry>, by: Match, removals: &mut Removals<'_>) {
        entries.retain_mut(|entry| {
            if self.keys.contains(&entry.key) {
                removals.count("names");
                return false;
            }
            if entry.forms.get("en").is_some_and(|form| self.has("en", form, by)) {
                removals.count("English words");
                return false;
            }
            entry.forms.retain(|code, form| {
                let keep = !self.has(code, form, by);
                if !keep {
                    removals.count(&format!("{code} form"));
                }
                keep
            });
            if entry.forms.len() < 2 {
                removals.left_alone();
            }
            entry.forms.len() >= 2
        });
    }
}

/// Where [`Seen::strip`] counts.
#[derive(Debug)]
pub(crate) struct Removals<'a> {
    part: &'static str,
    reason: &'static str,
    counts: &'a mut IndexMap<String, usize>,
}

impl<'a> Removals<'a> {
    pub(crate) fn new(
        part: &'static str,
        reason: &'static str,
        counts: &'a mut IndexMap<String, usize>,
    ) -> Self {
        Self { part, reason, counts }
    }

    fn count(&mut self, what: &str) {
        count(self.counts, format!("{}: {what} {}", self.part, self.reason), 1);
    }

    fn left_alone(&mut self) {
        count(self.counts, format!("{}: {NO_PAIR}", self.part), 1);
    }
}
