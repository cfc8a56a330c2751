//! Examples of sentences: texts by themselves, or pairs with scores or with hard negatives.

use std::collections::HashSet;

use alambic_data::parallel::key;
use alambic_data::texts::subsample;
use alambic_data::{Label, Split, Text};
use alambic_settings::At;
use indexmap::{IndexMap, IndexSet};

use super::options::{SentenceData, SentenceExamples, SentenceTargets, SimilarityData};
use crate::corpora::Corpora;
use crate::error::RunError;

/// The texts of an example, and the score of a pair.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SentenceExample<'c> {
    /// One text, or two of a pair and its hard negatives.
    pub(super) texts: Vec<&'c str>,
    /// From 0 to 1; none where there is none.
    pub(super) score: Option<f32>,
    /// Code of its language, where it is known; of a text that stands in several rows that of the first.
    pub(super) language: Option<&'c str>,
}

/// Examples of one split.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SplitExamples<'c> {
    pub(super) examples: Vec<SentenceExample<'c>>,
    /// Examples that are left out, since a text of theirs is in a validation or test split.
    pub(super) held_out: usize,
}

impl SentenceData {
    /// A score between 0 and 1.
    pub(super) fn scaled(&self, score: f32) -> f32 {
        ((f64::from(score) - self.lowest_score) / (self.highest_score - self.lowest_score)) as f32
    }

    /// The rows of a split.
    pub(super) fn rows<'c>(&self, corpora: &'c Corpora, split: Split) -> Result<Vec<&'c Text>, RunError> {
        Ok(subsample(corpora.texts_of_any_labels(&self.data, split)?, self.fraction))
    }
}

impl SimilarityData {
    /// How examples are made; that of the first table, since all are alike.
    pub(super) fn form(&self) -> SentenceExamples {
        self.sentences.first().map_or(SentenceExamples::Texts, |own| own.examples)
    }

    /// What of a teacher's embeddings is learnt; that of the first table, since all are alike.
    pub(super) fn targets_of_teacher(&self) -> SentenceTargets {
        self.sentences.first().map_or(SentenceTargets::Pooled, |own| own.targets)
    }

    /// The rows of a split, those of all tables one after another.
    pub(super) fn rows<'c>(&self, corpora: &'c Corpora, split: Split) -> Result<Vec<&'c Text>, RunError> {
        let rows = self.sentences.iter().map(|own| own.rows(corpora, split));
        Ok(rows.collect::<Result<Vec<_>, _>>()?.concat())
    }

    /// The texts of the training split, each as often as it stands there.
    pub(super) fn training_texts<'c>(&self, corpora: &'c Corpora) -> Result<Vec<&'c str>, RunError> {
        Ok(self.rows(corpora, Split::Train)?.into_iter().flat_map(Text::texts).collect())
    }

    /// The examples of a split. Those of the training split have no text of a validation or test split.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<SplitExamples<'c>, RunError> {
        let held_out: HashSet<String> =
            if split == Split::Train { corpora.held_out_keys().collect() } else { HashSet::new() };
        let is_held_out = |text: &&str| !held_out.is_empty() && held_out.contains(&key(text));
        let mut found = SplitExamples::default();
        if self.form() == SentenceExamples::Pairs {
            for own in self.sentences.iter() {
                for row in own.rows(corpora, split)? {
                    let texts: Vec<&str> = row.texts().collect();
                    if row.second.is_none() {
                        return Err(RunError::Recipe(format!(
                            "`data.sentences` has pairs for its examples, and a row of {} has no second text",
                            own.data
                                .iter()
                                .map(|name| format!("`{}`", name.value))
                                .collect::<Vec<_>>()
                                .join(", ")
                        )));
                    }
                    if texts.iter().any(is_held_out) {
                        found.held_out += 1;
                        continue;
                    }
                    let score =
                        if let Label::Number(score) = row.label { Some(own.scaled(score)) } else { None };
                    found.examples.push(SentenceExample { texts, score, language: row.language.as_deref() });
                }
            }
            return Ok(found);
        }
        let times = if self.form() == SentenceExamples::Dropout { 2 } else { 1 };
        let rows = self.rows(corpora, split)?;
        let mut texts: IndexMap<&str, Option<&str>> = IndexMap::new();
        for row in rows {
            for text in row.texts() {
                texts.entry(text).or_insert(row.language.as_deref());
            }
        }
        for (text, language) in texts {
            if is_held_out(&text) {
                found.held_out += 1;
            } else {
                found.examples.push(SentenceExample { texts: vec![text; times], score: None, language });
            }
        }
        Ok(found)
    }
}

/// A text by itself, as one that is encoded or that a teacher is asked about.
pub(super) fn single(text: &str) -> Text {
    Text {
        first: text.to_owned(),
        second: None,
        negatives: Vec::new(),
        label: Label::None,
        id: None,
        language: None,
        split: None,
        line: 0,
        mixer: None,
    }
}

/// The distinct texts of the test splits of corpora.
pub(super) fn test_texts<'c>(
    corpora: &'c Corpora,
    names: &[At<String>],
) -> Result<IndexSet<&'c str>, RunError> {
    Ok(corpora.texts_of_any_labels(names, Split::Test)?.into_iter().flat_map(Text::texts).collect())
}

#[cfg(test)]
mod tests {
    use alambic_data::corpora::ReadCorpus;
    use alambic_data::{Content, Extent, HoldOut, SplitOptions};
    use alambic_settings::{Node, read};

    use super::*;

    /// A corpus of rows of two texts and a score, of which those of the split `dev` are for the test.
    fn corpora(folder: &std::path::Path, rows: &str) -> Corpora {
        let path = folder.join("pairs.tsv");
        std::fs::write(&path, format!("text\tother\tscore\tsplit\n{rows}")).unwrap();
        let text = format!("paths = {:?}\nsecond = \"other\"\nnumber = \"score\"", path.to_str().unwrap());
        let options: alambic_data::corpora::Texts = read(&Node::parse("options", &text).unwrap()).unwrap();
        let mut content: Content = options.read(Extent::Whole).unwrap();
        let split = SplitOptions {
            test_values: vec!["dev".into()],
            validation_fraction: Some(0.0),
            ..SplitOptions::default()
        };
        content.split(&split, &HoldOut::default()).unwrap();
        [("sts".to_owned(), content)].into_iter().collect()
    }

    fn data(text: &str) -> SimilarityData {
        read(&Node::parse("options", text).unwrap()).unwrap()
    }

    #[test]
    fn texts_of_test_pairs_are_never_trained_on() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "A cat.\tA dog.\t1\ttrain\na cat\tA cow.\t2\ttrain\nA hen.\tA cow.\t5\ttrain\nA DOG\tA fox.\t3\tdev\n";
        let corpora = corpora(folder.path(), rows);
        let of = |text: &str| data(text).examples(&corpora, Split::Train).unwrap();
        let texts = of("sentences = { data = [\"sts\"] }");
        let read: Vec<&str> = texts.examples.iter().flat_map(|example| example.texts.clone()).collect();
        assert_eq!((read, texts.held_out), (vec!["A cat.", "a cat", "A cow.", "A hen."], 1));
        let pairs = of("sentences = { data = [\"sts\"], examples = \"pairs\", highest-score = 5.0 }");
        let scores: Vec<Option<f32>> = pairs.examples.iter().map(|example| example.score).collect();
        assert_eq!((scores, pairs.held_out), (vec![Some(0.4), Some(1.0)], 1));
        let dropout = of("sentences = { data = [\"sts\"], examples = \"dropout\" }");
        assert_eq!((dropout.examples.len(), dropout.examples[1].texts.clone()), (4, vec!["a cat", "a cat"]));
    }
}
