//! Texts with labels, for classifiers and regressions, and texts alone, for models of language.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

use alambic_settings::Location;
use indexmap::IndexMap;
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::error::DataError;
use crate::examples::places;
use crate::language_code::languages;
use crate::mixing::{Mixer, words_of};
use crate::source::{CorpusFile, CorpusFiles, Extent, TableSource};
use crate::split::{HoldOut, OverlapKeys, SplitOptions, remove_held_keys, remove_shared_keys, test_keys};
use crate::stable_hash::{self, join_fingerprints};
use crate::statistics::ReadStatistics;
pub use crate::tags::OUTSIDE;

/// Label of a text, of a pair of texts or of the words of a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Label {
    /// There is none.
    None,
    /// One of the classes, by its index.
    Class(u32),
    /// A number.
    Number(f32),
    /// One of the classes for each word of the text.
    Words(Vec<u32>),
}

/// A text or a pair of texts, with its label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// The text; where labels are by word, its words with single spaces between.
    pub first: String,
    /// The second text of a pair.
    pub second: Option<String>,
    /// Texts that do not belong to the first, as like it as they are: hard negatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub negatives: Vec<String>,
    /// The label.
    pub label: Label,
    /// The value of the table's column of ids, by which a recorded teacher's answers can be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Code of its language, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The value of the table's split column, or of the file that it comes from.
    pub split: Option<String>,
    /// The line of the file, counted from 1; the row in a format without lines.
    pub line: usize,
    /// How it is mixed with words of other languages, anew in every epoch of a training; none: it is not.
    #[serde(skip)]
    pub mixer: Option<Arc<Mixer>>,
}

impl Text {
    /// All its texts: the first, the second of a pair, and negatives.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let pair = std::iter::once(&self.first).chain(&self.second);
        pair.chain(&self.negatives).map(String::as_str)
    }

    /// The text with its label, mixed with words of other languages by what is drawn from `random`; none where it is not to be
    /// mixed.
    #[must_use]
    pub fn mixed(&self, random: &mut impl Rng) -> Option<Self> {
        let mixer = self.mixer.as_ref()?;
        let language = self.language.as_deref();
        let mut mixed = Self { mixer: None, ..self.clone() };
        if let Label::Words(classes) = &self.label {
            let (words, classes) = mixer.mix_words(&self.first, classes, language, random);
            (mixed.first, mixed.label) = (words, Label::Words(classes));
        } else {
            let texts = [Some(self.first.as_str()), self.second.as_deref()];
            let [first, second] = mixer.mix_texts(texts, language, random);
            (mixed.first, mixed.second) = (first.unwrap_or_default(), second);
        }
        Some(mixed)
    }

    /// The words that a mixer may replace.
    #[must_use]
    pub fn words_to_mix<'t>(&'t self, mixer: &'t Mixer) -> Vec<&'t str> {
        if !mixer.takes(self.language.as_deref()) {
            return Vec::new();
        }
        match &self.label {
            Label::Words(classes) => mixer.words_to_mix(&self.first, classes).collect(),
            _ => std::iter::once(&self.first).chain(&self.second).flat_map(|text| words_of(text)).collect(),
        }
    }

    /// Whether it, or one of a pair, is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.texts().any(str::is_empty)
    }

    /// Key of a text: all of it but its label and its negatives.
    fn key(&self) -> Cow<'_, str> {
        match &self.second {
            None => Cow::Borrowed(&self.first),
            // A tab is in no text of a table of ours.
            Some(second) => Cow::Owned(format!("{}\t{second}", self.first)),
        }
    }
}

/// Labels of a corpus: none, classes, numbers, or classes of words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Labels {
    /// There are none.
    None,
    /// Classes of texts, by name.
    Classes(Vec<String>),
    /// Numbers.
    Numbers,
    /// Classes of words, by name; empty where no tag is read, and the classes are those of other corpora.
    Words(Vec<String>),
}

impl Labels {
    /// Whether no tag of words is read, and the classes are those of other corpora.
    #[must_use]
    pub fn are_open(&self) -> bool {
        matches!(self, Self::Words(classes) if classes.is_empty())
    }

    /// Whether corpora with these labels can be read together: they are the same, or one of them leaves open which tags words have.
    #[must_use]
    pub fn agree_with(&self, other: &Self) -> bool {
        let are_of_words = [self, other].iter().all(|labels| matches!(labels, Self::Words(_)));
        self == other || are_of_words && (self.are_open() || other.are_open())
    }
}

/// Details of a dataset of texts: their labels and languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDetails {
    /// Its labels.
    pub labels: Labels,
    /// Whether its texts are pairs.
    pub pairs: bool,
    /// Codes of the languages of its texts, in the order in which they first come; none where they are not known.
    pub languages: Vec<String>,
}

impl OverlapKeys for Text {
    const WHAT: &'static str = "texts";

    fn overlap_keys(&self) -> Vec<u128> {
        vec![stable_hash::key(&[&self.key()])]
    }
}

/// Equal texts go to one split, whatever their labels.
impl SplitExample for Text {
    type Details = TextDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, _: &'e TextDetails) -> Cow<'e, str> {
        self.key()
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &TextDetails) -> &[String] {
        &details.languages
    }

    fn test_keys(dataset: &Dataset<Self>) -> HashSet<u128> {
        test_keys(&dataset.splits)
    }

    fn remove_keys(dataset: &mut Dataset<Self>, held: &HashSet<u128>) {
        remove_held_keys(dataset, held);
    }
}

/// A share of texts, chosen by their hash: ⌈fraction · n⌉ of n, in their order. Smaller shares lie within larger ones.
#[must_use]
pub fn subsample(texts: Vec<&Text>, fraction: f64) -> Vec<&Text> {
    if fraction >= 1.0 {
        return texts;
    }
    let keys: Vec<String> = texts.iter().map(|text| text.key().into_owned()).collect();
    places(&keys, fraction, "texts").into_iter().map(|index| texts[index]).collect()
}

/// Builder of a dataset of texts, which counts what it drops.
#[derive(Debug, Default)]
pub(crate) struct TextsBuilder {
    texts: Vec<Text>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    statistics: ReadStatistics,
}

impl TextsBuilder {
    /// Reads files one after another. The others are read where one is faulty, too, to report the faults of all.
    pub(crate) fn read(
        &mut self,
        files: &CorpusFiles<'_>,
        open: impl Fn(&Location) -> Result<TableSource, DataError>,
        mut rows: impl FnMut(&TableSource, &CorpusFile, &mut ReadStatistics) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut faults: Option<DataError> = None;
        for file in files.resolve()? {
            let read = open(&file.location).and_then(|source| {
                self.add_source(&source.name, source.fingerprint());
                rows(&source, &file, &mut self.statistics)
            });
            DataError::note(&mut faults, read);
        }
        faults.map_or(Ok(()), Err)
    }

    /// Notes a file that is read.
    pub(crate) fn add_source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Takes a row, unless one of its texts is empty.
    pub(crate) fn push(&mut self, text: Text) {
        self.statistics.rows += 1;
        if text.is_empty() {
            *self.statistics.dropped.entry("rows without a text".into()).or_default() += 1;
        } else {
            self.texts.push(text);
        }
    }

    /// Builds the dataset: texts that say the same again are dropped. It is an error if nothing of a whole corpus is left.
    pub(crate) fn build(
        self,
        labels: Labels,
        pairs: bool,
        extent: Extent,
    ) -> Result<Dataset<Text>, DataError> {
        let Self { mut texts, sources, fingerprints, mut statistics } = self;
        let mut seen = HashSet::new();
        let before = texts.len();
        texts.retain(|text| {
            let label = format!("{:?}", text.label);
            let told = (text.key().into_owned(), text.negatives.clone(), label);
            seen.insert((told, text.language.clone(), text.split.clone()))
        });
        if texts.len() < before {
            statistics.dropped.insert("rows that repeat an earlier one".into(), before - texts.len());
        }
        let source = sources.join(", ");
        if texts.is_empty() && extent == Extent::Whole {
            return Err(statistics.nothing_kept(&source));
        }
        let languages = languages(&source, texts.iter().map(|text| text.language.as_deref()))?;
        statistics = ReadStatistics { source, kept: texts.len(), ..statistics };
        let details = TextDetails { labels, pairs, languages };
        Ok(Dataset::new(texts, details, statistics, join_fingerprints(&fingerprints)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::Overlap;

    fn dataset(rows: &[(&str, u32, Option<&str>)]) -> Dataset<Text> {
        let mut builder = TextsBuilder::default();
        builder.add_source("made-up.tsv", "0".into());
        for (line, (first, class, split)) in rows.iter().enumerate() {
            builder.push(Text {
                first: (*first).into(),
                second: None,
                negatives: Vec::new(),
                label: Label::Class(*class),
                id: None,
                language: None,
                split: split.map(str::to_owned),
                line: line + 2,
                mixer: None,
            });
        }
        let labels = Labels::Classes(vec!["no".into(), "yes".into()]);
        builder.build(labels, false, Extent::Whole).unwrap()
    }

    #[test]
    fn repeats_and_empty_rows_are_counted() {
        let read = dataset(&[("a", 0, None), ("", 1, None), ("a", 0, None), ("a", 1, None)]);
        assert_eq!((read.statistics.rows, read.statistics.kept), (4, 2));
        assert_eq!(read.statistics.dropped["rows without a text"], 1);
        assert_eq!(read.statistics.dropped["rows that repeat an earlier one"], 1);
    }

    #[test]
    fn no_text_is_in_two_splits() {
        let read = dataset(&[("a", 0, None), ("b", 1, None), ("a", 1, Some("dev")), ("c", 0, Some("dev"))]);
        let options = |overlap| SplitOptions {
            test_values: vec!["dev".into()],
            validation_fraction: Some(0.0),
            overlap,
            ..SplitOptions::default()
        };
        let texts = |split: &[Text]| split.iter().map(|text| text.first.clone()).collect::<Vec<_>>();
        let split = |options: &SplitOptions| {
            let mut dataset = read.clone();
            dataset.split(options, &HoldOut::default()).map(|()| dataset)
        };
        let Dataset { splits, report, .. } = split(&options(Overlap::RemoveFromTest)).unwrap();
        assert_eq!(
            (texts(&splits.train), texts(&splits.test)),
            (vec!["a".into(), "b".into()], vec!["c".into()])
        );
        assert_eq!(report.removed["test: texts seen in training"], 1);
        let splits = split(&options(Overlap::RemoveFromTraining)).unwrap().splits;
        assert_eq!(
            (texts(&splits.train), texts(&splits.test)),
            (vec!["b".into()], vec!["a".into(), "c".into()])
        );
        let wrong = SplitOptions { test_values: vec!["test".into()], ..SplitOptions::default() };
        assert!(split(&wrong).unwrap_err().to_string().contains("dev"));
    }

    #[test]
    fn fractions_are_of_texts_and_stay_the_same() {
        let rows: Vec<(String, u32)> = (0..1000).map(|index| (format!("text {index}"), index % 2)).collect();
        let rows: Vec<(&str, u32, Option<&str>)> =
            rows.iter().map(|(text, class)| (text.as_str(), *class, None)).collect();
        let options = SplitOptions {
            test_fraction: Some(0.2),
            validation_fraction: Some(0.1),
            ..SplitOptions::default()
        };
        let split = |rows: &[(&str, u32, Option<&str>)]| {
            let mut dataset = dataset(rows);
            dataset.split(&options, &HoldOut::default()).unwrap();
            dataset.splits
        };
        let all = split(&rows);
        assert!((150..250).contains(&all.test.len()) && (50..110).contains(&all.validation.len()));
        let fewer = split(&rows[..500]);
        assert!(fewer.test.iter().all(|text| all.test.iter().any(|other| other.first == text.first)));
    }
}
