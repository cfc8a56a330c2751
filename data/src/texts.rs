//! Texts with labels, for classifiers and regressions, and texts alone, for models of language.

use std::collections::HashSet;

use alambic_settings::{Location, OneOrMany};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::examples::places;
use crate::lexicon::{Reading, of_all};
use crate::source::{Extent, Source, files};
use crate::split::{Keyed, Parted, SplitError, SplitOptions, SplitReport, assign, check_values, strip};
use crate::stable_hash;

/// What a text, a pair of texts or a token is said to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Label {
    /// Nothing is said.
    None,
    /// One of the classes, by its index.
    Class(u32),
    /// A number.
    Number(f32),
    /// One of the classes for each word of the text.
    Words(Vec<u32>),
}

/// The tag of a word in no span.
pub const OUTSIDE: &str = "O";

/// A text or a pair of texts, with what is said of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text; where labels are by word, its words with single spaces between.
    pub first: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// What is said of it.
    pub label: Label,
    /// The value of the table's split column, or of the file that it comes from.
    pub split: Option<String>,
    /// The line of the file, counted from 1; the row in a format without lines.
    pub line: usize,
}

impl Text {
    /// Whether it, or one of a pair, is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_empty() || self.second.as_ref().is_some_and(String::is_empty)
    }

    /// What tells a text from another, its label aside.
    fn key(&self) -> String {
        match &self.second {
            None => self.first.clone(),
            // A tab is in no text of a table of ours.
            Some(second) => format!("{}\t{second}", self.first),
        }
    }
}

/// What the labels of a corpus are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Labels {
    /// There are none.
    None,
    /// Classes of texts, by name.
    Classes(Vec<String>),
    /// Numbers.
    Numbers,
    /// Classes of words, by name.
    Words(Vec<String>),
}

/// A corpus of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// What its labels are.
    pub labels: Labels,
    /// Whether its texts are pairs.
    pub pairs: bool,
    /// The texts in the order of the files.
    pub texts: Vec<Text>,
    /// What was dropped and why.
    pub reading: Reading,
    /// BLAKE3 of the files' bytes, in hexadecimal.
    pub fingerprint: String,
}

/// A corpus of texts in three parts that share no text.
pub type TextSplits = Parted<Text>;

impl Keyed for Text {
    const WHAT: &'static str = "texts";

    fn keys(&self) -> Vec<u128> {
        vec![stable_hash::key(&[&self.key()])]
    }
}

/// Parts the texts of a corpus, by split values and by the hash of each text; equal texts go to one part, and no part that
/// is trained on holds a text of one that is not. `source` names the corpus in errors.
///
/// # Errors
/// Where a value of the options matches no text.
pub fn split_texts(texts: Vec<Text>, source: &str, options: &SplitOptions) -> Result<TextSplits, SplitError> {
    let values = texts.iter().map(|text| text.split.as_deref());
    check_values(values, source, options)?;
    let mut parts: [Vec<Text>; 3] = Default::default();
    for text in texts {
        parts[assign(text.split.as_deref(), &text.key(), options) as usize].push(text);
    }
    let removed = strip(&mut parts, options.overlap, Text::WHAT, Text::keys);
    let [train, validation, test] = parts;
    let unnamed = options.unnamed(train.iter().map(|text| text.split.as_deref()));
    let sizes = [train.len(), validation.len(), test.len()];
    let report = SplitReport::new(sizes, removed, unnamed);
    Ok(TextSplits { train, validation, test, report })
}

/// A share of texts, chosen by their hash: ⌈fraction · n⌉ of n, in their order. Smaller shares lie within larger ones.
#[must_use]
pub fn share(texts: Vec<&Text>, fraction: f64) -> Vec<&Text> {
    if fraction >= 1.0 {
        return texts;
    }
    let keys: Vec<String> = texts.iter().map(|text| text.key()).collect();
    places(&keys, fraction, "texts").into_iter().map(|index| texts[index]).collect()
}

/// A collection in the making, which counts what it drops.
#[derive(Debug, Default)]
pub(crate) struct Collecting {
    texts: Vec<Text>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    reading: Reading,
}

impl Collecting {
    /// Reads files one after another, each list with the split of its rows. The others are read where one is faulty,
    /// too, to report the faults of all.
    pub(crate) fn read(
        &mut self,
        lists: [(&OneOrMany<Location>, Option<&'static str>); 3],
        open: impl Fn(&Location) -> Result<Source, DataError>,
        mut rows: impl FnMut(&Source, Option<&'static str>, &mut Reading) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut faults: Option<DataError> = None;
        for (paths, split) in lists {
            for location in files(paths)? {
                let read = open(&location).and_then(|source| {
                    self.source(&source.name, source.fingerprint());
                    rows(&source, split, &mut self.reading)
                });
                DataError::note(&mut faults, read);
            }
        }
        faults.map_or(Ok(()), Err)
    }

    /// Notes a file that is read.
    pub(crate) fn source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Takes a row, unless one of its texts is empty.
    pub(crate) fn push(&mut self, text: Text) {
        self.reading.rows += 1;
        if text.is_empty() {
            *self.reading.dropped.entry("rows without a text".into()).or_default() += 1;
        } else {
            self.texts.push(text);
        }
    }

    /// Ends the collection: texts that say the same again are dropped. It is an error if nothing of a whole corpus is
    /// left.
    pub(crate) fn finish(self, labels: Labels, pairs: bool, extent: Extent) -> Result<Collection, DataError> {
        let Self { mut texts, sources, fingerprints, mut reading } = self;
        let mut seen = HashSet::new();
        let before = texts.len();
        texts.retain(|text| seen.insert((text.key(), format!("{:?}", text.label), text.split.clone())));
        if texts.len() < before {
            reading.dropped.insert("rows that repeat an earlier one".into(), before - texts.len());
        }
        let source = sources.join(", ");
        if texts.is_empty() && extent == Extent::Whole {
            return Err(reading.nothing_kept(&source));
        }
        let fingerprint = of_all(&fingerprints);
        reading = Reading { source, kept: texts.len(), ..reading };
        Ok(Collection { labels, pairs, texts, reading, fingerprint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::Overlap;

    fn collection(rows: &[(&str, u32, Option<&str>)]) -> Collection {
        let mut collecting = Collecting::default();
        collecting.source("made-up.tsv", "0".into());
        for (line, (first, class, split)) in rows.iter().enumerate() {
            collecting.push(Text {
                first: (*first).into(),
                second: None,
                label: Label::Class(*class),
                split: split.map(str::to_owned),
                line: line + 2,
            });
        }
        let labels = Labels::Classes(vec!["no".into(), "yes".into()]);
        collecting.finish(labels, false, Extent::Whole).unwrap()
    }

    #[test]
    fn repeats_and_empty_rows_are_counted() {
        let read = collection(&[("a", 0, None), ("", 1, None), ("a", 0, None), ("a", 1, None)]);
        assert_eq!((read.reading.rows, read.reading.kept), (4, 2));
        assert_eq!(read.reading.dropped["rows without a text"], 1);
        assert_eq!(read.reading.dropped["rows that repeat an earlier one"], 1);
    }

    #[test]
    fn no_text_is_in_two_parts() {
        let read =
            collection(&[("a", 0, None), ("b", 1, None), ("a", 1, Some("dev")), ("c", 0, Some("dev"))]);
        let options = |overlap| SplitOptions {
            test_values: vec!["dev".into()],
            validation_fraction: 0.0,
            overlap,
            ..SplitOptions::default()
        };
        let texts = |part: &[Text]| part.iter().map(|text| text.first.clone()).collect::<Vec<_>>();
        let parts = split_texts(read.texts.clone(), "", &options(Overlap::RemoveFromTest)).unwrap();
        assert_eq!(
            (texts(&parts.train), texts(&parts.test)),
            (vec!["a".into(), "b".into()], vec!["c".into()])
        );
        assert_eq!(parts.report.removed["test: texts seen in training"], 1);
        let parts = split_texts(read.texts.clone(), "", &options(Overlap::RemoveFromTraining)).unwrap();
        assert_eq!(
            (texts(&parts.train), texts(&parts.test)),
            (vec!["b".into()], vec!["a".into(), "c".into()])
        );
        let wrong = SplitOptions { test_values: vec!["test".into()], ..SplitOptions::default() };
        assert!(split_texts(read.texts, "", &wrong).unwrap_err().to_string().contains("dev"));
    }

    #[test]
    fn what_another_corpus_keeps_for_its_test_is_left_out() {
        let parted = |rows: &[(&str, u32, Option<&str>)]| {
            let options = SplitOptions {
                test_values: vec!["test".into()],
                validation_values: vec!["dev".into()],
                validation_fraction: 0.0,
                ..SplitOptions::default()
            };
            split_texts(collection(rows).texts, "", &options).unwrap()
        };
        let judged = parted(&[("x", 0, Some("dev")), ("a", 0, Some("test")), ("b", 0, Some("test"))]);
        let mut trained = parted(&[
            ("a", 0, None),
            ("c", 0, None),
            ("x", 1, None),
            ("b", 1, Some("dev")),
            ("a b", 0, Some("test")),
        ]);
        trained.leave_out(&judged.test_keys());
        let texts = |part: &[Text]| part.iter().map(|text| text.first.clone()).collect::<Vec<_>>();
        assert_eq!(
            (texts(&trained.train), texts(&trained.validation)),
            (vec!["c".into(), "x".into()], vec![])
        );
        assert_eq!((trained.report.train, trained.report.validation, trained.report.test), (2, 0, 1));
        let reason = "texts kept for the test of another corpus";
        assert_eq!(trained.report.removed[&format!("train: {reason}")], 1);
        assert_eq!(trained.report.removed[&format!("validation: {reason}")], 1);
    }

    #[test]
    fn fractions_are_of_texts_and_stay_the_same() {
        let rows: Vec<(String, u32)> = (0..1000).map(|index| (format!("text {index}"), index % 2)).collect();
        let rows: Vec<(&str, u32, Option<&str>)> =
            rows.iter().map(|(text, class)| (text.as_str(), *class, None)).collect();
        let options =
            SplitOptions { test_fraction: 0.2, validation_fraction: 0.1, ..SplitOptions::default() };
        let parts = split_texts(collection(&rows).texts, "", &options).unwrap();
        assert!((150..250).contains(&parts.test.len()) && (50..110).contains(&parts.validation.len()));
        let fewer = split_texts(collection(&rows[..500]).texts, "", &options).unwrap();
        assert!(fewer.test.iter().all(|text| parts.test.iter().any(|other| other.first == text.first)));
    }
}
