//! Metrics over several languages: a value a language, means over them, and transfer from one to the others.
//!
//! The value of a language is the metric over the examples of that language alone. A mean gives each language the same weight,
//! however many examples it has. Intervals are percentiles of the bootstrap over all test examples, as everywhere in a report:
//! each resample gives each language its value anew, and the means follow.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::metrics::bootstrap::{percentiles, resample};
use crate::metrics::{BOOTSTRAP_SEED, Direction, Scores};

/// Name of the mean over all languages.
pub const AVERAGE: &str = "average";
/// Name of the mean over the languages that are not left out.
pub const AVERAGE_WITHOUT: &str = "average-without";
/// Name of the transfer ratio.
pub const TRANSFER: &str = "transfer";

/// Which means over languages are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LanguageSets {
    /// The language that models learnt the task in, with which the others are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Languages that the second mean leaves out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub average_without: Vec<String>,
    /// Groups of languages, each with a mean of its own.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub groups: IndexMap<String, Vec<String>>,
}

/// A figure for each of some means over languages, by their names.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[serde(bound(deserialize = "T: serde::de::DeserializeOwned"))]
pub struct OverLanguages<T> {
    /// [`AVERAGE`], and where they are wanted [`AVERAGE_WITHOUT`] and [`TRANSFER`].
    #[serde(flatten)]
    pub means: IndexMap<String, Option<T>>,
    /// The mean over each group.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub groups: IndexMap<String, Option<T>>,
}

/// Means of a metric over languages; null where one of their languages has no value.
///
/// `average` is the mean over all languages, `average-without` that over the languages that are not left out, and `transfer` the
/// mean over all languages but the source to the source's value, the other way round for metrics of which less is better: 1
/// is parity.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LanguageMeans {
    /// The values, means over seeds.
    #[serde(flatten)]
    pub values: OverLanguages<f64>,
    /// Their 95 % bootstrap intervals over examples.
    pub intervals: OverLanguages<[f64; 2]>,
}

/// A metric in the slices of several languages, compared with that of one of them, the source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Transfer {
    /// The metric.
    pub metric: String,
    /// The source's slice.
    pub source: String,
    /// The mean over all slices, each counting as much.
    pub average: f64,
    /// The same without the source's.
    pub average_without_source: f64,
    /// By how much each other slice's value is below the source's.
    pub gaps: IndexMap<String, f64>,
}

impl Transfer {
    /// Of the values of all slices; none where one has no value, or there is no other than the source's.
    pub(crate) fn of<'s>(
        values: impl Iterator<Item = (&'s str, Option<f64>)>,
        source: &str,
        metric: &str,
    ) -> Option<Self> {
        let values: IndexMap<&str, f64> =
            values.map(|(name, value)| Some((name, value?))).collect::<Option<_>>()?;
        let own = *values.get(source)?;
        let others: Vec<(&str, f64)> = values.into_iter().filter(|(name, _)| *name != source).collect();
        let sum: f64 = others.iter().map(|(_, value)| value).sum();
        (!others.is_empty()).then(|| Self {
            metric: metric.to_owned(),
            source: source.to_owned(),
            average: (sum + own) / (others.len() + 1) as f64,
            average_without_source: sum / others.len() as f64,
            gaps: others.iter().map(|(name, value)| ((*name).to_owned(), own - value)).collect(),
        })
    }
}

/// A metric by language: its means, and the interval of each language.
pub(crate) struct ByLanguage {
    pub(crate) means: LanguageMeans,
    pub(crate) intervals: IndexMap<String, Option<[f64; 2]>>,
}

impl ByLanguage {
    /// Of the scores of all seeds together, and the language of each example.
    ///
    /// # Errors
    /// When there is not one label for each example.
    pub(crate) fn of<L: AsRef<str>>(scores: &Scores, labels: &[L], sets: &LanguageSets) -> Result<Self> {
        Ok(Languages::of(scores, labels)?.means(sets))
    }
}

/// The scores of a model by language.
struct Languages<'s> {
    scores: &'s Scores,
    /// The languages, in the order in which they first come.
    names: Vec<String>,
    /// The place of each example's language among them.
    of_example: Vec<usize>,
}

impl<'s> Languages<'s> {
    /// Of scores, and the language of each example.
    fn of<L: AsRef<str>>(scores: &'s Scores, labels: &[L]) -> Result<Self> {
        // Its check of the lengths holds for the rest, too.
        let names: Vec<String> = scores.by_slice(labels)?.into_keys().collect();
        let places: IndexMap<&str, usize> =
            names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
        let of_example = labels.iter().filter_map(|label| places.get(label.as_ref()).copied()).collect();
        Ok(Self { scores, names, of_example })
    }

    /// The value of each language over some examples, by their indices.
    fn values(&self, examples: &[usize]) -> Vec<Option<f64>> {
        let mut by_language: Vec<Vec<usize>> = vec![Vec::new(); self.names.len()];
        for &example in examples {
            by_language[self.of_example[example]].push(example);
        }
        by_language.iter().map(|own| self.scores.value_over(own)).collect()
    }

    /// The mean over the languages that are chosen; none without any, or where one has no value.
    fn mean(&self, values: &[Option<f64>], is_chosen: impl Fn(&str) -> bool) -> Option<f64> {
        let chosen = self.names.iter().zip(values).filter(|(name, _)| is_chosen(name));
        let values: Vec<f64> = chosen.map(|(_, value)| *value).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The means over languages, out of the value of each.
    fn over(&self, values: &[Option<f64>], sets: &LanguageSets) -> OverLanguages<f64> {
        let mut means = IndexMap::from([(AVERAGE.to_owned(), self.mean(values, |_| true))]);
        if !sets.average_without.is_empty() {
            let is_left_out = |name: &str| sets.average_without.iter().any(|other| other == name);
            means.insert(AVERAGE_WITHOUT.to_owned(), self.mean(values, |name| !is_left_out(name)));
        }
        if let Some(source) = &sets.source {
            let others = self.mean(values, |name| name != source);
            let own = self.mean(values, |name| name == source);
            means.insert(TRANSFER.to_owned(), others.zip(own).and_then(|both| self.ratio(both)));
        }
        let group = |(name, languages): (&String, &Vec<String>)| {
            // A group of which a language is not there would be another than its name says.
            let is_whole = languages.iter().all(|language| self.names.contains(language));
            let mean = self.mean(values, |name| languages.iter().any(|language| language == name));
            (name.clone(), mean.filter(|_| is_whole))
        };
        OverLanguages { means, groups: sets.groups.iter().map(group).collect() }
    }

    /// Transfer from the source to the mean of the others; none where the one that is divided by is nothing or less.
    fn ratio(&self, (others, source): (f64, f64)) -> Option<f64> {
        let (numerator, denominator) = match self.scores.metric().direction {
            Direction::Higher => (others, source),
            Direction::Lower => (source, others),
        };
        (denominator > 0.0).then(|| numerator / denominator)
    }

    /// The means over languages with their intervals, and the interval of each language.
    fn means(&self, sets: &LanguageSets) -> ByLanguage {
        let figures = |examples: &[usize]| {
            let values = self.values(examples);
            let over = self.over(&values, sets);
            (values, over)
        };
        let (values, over) = figures(&(0..self.scores.examples()).collect::<Vec<_>>());
        let in_one = |(values, over): &(Vec<Option<f64>>, OverLanguages<f64>)| -> Vec<Option<f64>> {
            values.iter().chain(over.means.values()).chain(over.groups.values()).copied().collect()
        };
        let resamples: Vec<Vec<Option<f64>>> =
            resample(self.scores.examples(), BOOTSTRAP_SEED, |drawn| Some(in_one(&figures(drawn))));
        let own = in_one(&(values, over.clone()));
        let mut intervals = own.iter().enumerate().map(|(place, value)| {
            value.and_then(|_| percentiles(resamples.iter().filter_map(|figures| figures[place]).collect()))
        });
        let mut next = |names: &mut dyn Iterator<Item = &String>| -> IndexMap<String, Option<[f64; 2]>> {
            names.map(|name| (name.clone(), intervals.next().flatten())).collect()
        };
        let of_languages = next(&mut self.names.iter());
        let means = next(&mut over.means.keys());
        let groups = next(&mut over.groups.keys());
        let means = LanguageMeans { values: over, intervals: OverLanguages { means, groups } };
        ByLanguage { means, intervals: of_languages }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::examples::texts;
    use crate::metrics::score_all;
    use crate::outcome::{ModelOutcome, SliceOutcome};

    const LABELS: [&str; 10] = ["en", "en", "en", "en", "es", "es", "fr", "fr", "fr", "fr"];

    fn seed(predictions: &str) -> IndexMap<String, Scores> {
        let predictions: Vec<&str> = predictions.split(' ').collect();
        let references = texts(&vec!["a"; predictions.len()]);
        score_all(&["word-accuracy", "cer"], &texts(&predictions), &references, 1).unwrap()
    }

    fn sets() -> LanguageSets {
        LanguageSets {
            source: Some("en".into()),
            average_without: vec!["fr".into()],
            groups: [("held", vec!["es", "fr"]), ("gone", vec!["fr", "ru"])]
                .map(|(name, codes)| (name.to_owned(), codes.into_iter().map(str::to_owned).collect()))
                .into(),
        }
    }

    fn close(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn languages_count_alike_in_means_over_languages_and_seeds() {
        // By the first seed en 4 of 4, es 1 of 2, fr 1 of 4; by the second 2 of 4, 1 of 2, 3 of 4.
        let twice = |predictions: &str| seed(&format!("{predictions} {predictions}"));
        let (seeds, labels) =
            ([twice("a a a a a b a b b b"), twice("a a b b a b a a a b")], LABELS.repeat(2));
        let model = ModelOutcome::from_scores(&seeds, &labels).unwrap();
        let model = model.with_languages(&seeds, &labels, &sets()).unwrap();
        let LanguageMeans { values, intervals } = &model.languages["word-accuracy"];
        let (en, es, fr) = (0.75, 0.5, 0.5);
        assert!(close(values.means["average"], (en + es + fr) / 3.0), "not {}", 11.0 / 20.0);
        assert!(close(values.means["average-without"], 0.625));
        assert!(close(values.means["transfer"], 0.5 / en));
        assert!(close(values.groups["held"], 0.5));
        assert_eq!(values.groups["gone"], None, "`ru` is not there");
        assert_eq!(intervals.groups["gone"], None);
        let [low, high] = intervals.means["average"].unwrap();
        assert!(low < (en + es + fr) / 3.0 && (en + es + fr) / 3.0 < high && high <= 1.0);
        // Less is better: the source's errors to those of the others.
        let errors = &model.languages["cer"].values.means;
        assert!(close(errors["transfer"], 0.25 / 0.5), "{errors:?}");
        let [low, high] = model.slices["fr"].intervals["word-accuracy"].unwrap();
        assert!((0.0..0.5).contains(&low) && high > 0.5);
    }

    #[test]
    fn language_that_many_resamples_lack_has_no_interval() {
        // Both examples of one language are missing in a tenth of the resamples.
        let seeds = [seed("a b a b a b a b b b")];
        let model = ModelOutcome::from_scores(&seeds, &LABELS).unwrap();
        let model = model.with_languages(&seeds, &LABELS, &LanguageSets::default()).unwrap();
        assert_eq!(model.slices["es"].intervals["word-accuracy"], None);
        assert!(model.slices["en"].intervals["word-accuracy"].is_some());
        let means = &model.languages["word-accuracy"];
        assert!(means.values.means["average"].is_some() && means.intervals.means["average"].is_none());
    }

    #[test]
    fn interval_of_one_language_is_that_of_its_examples() {
        let seeds = [seed("a b a b a b a b b b")];
        let labels = ["en"; 10];
        let model = ModelOutcome::from_scores(&seeds, &labels).unwrap();
        let model = model.with_languages(&seeds, &labels, &LanguageSets::default()).unwrap();
        let average = &model.languages["word-accuracy"];
        assert_eq!(average.values.means["average"], model.metrics["word-accuracy"]);
        assert_eq!(average.intervals.means["average"], model.intervals["word-accuracy"]);
        assert_eq!(average.values.means.len(), 1);
        let sets = LanguageSets { source: Some("en".into()), ..LanguageSets::default() };
        let alone = model.with_languages(&seeds, &labels, &sets).unwrap();
        assert_eq!(alone.languages["cer"].values.means["transfer"], None);
    }

    #[test]
    fn means_are_read_as_they_are_written() {
        let (seeds, labels) = ([seed(&["a a a a a b a b b b"; 2].join(" "))], LABELS.repeat(2));
        let model = ModelOutcome::from_scores(&seeds, &labels).unwrap();
        let model = model.with_languages(&seeds, &labels, &sets()).unwrap();
        let written = serde_json::to_value(&model).unwrap();
        let own = &written["languages"]["word-accuracy"];
        assert_eq!(own["groups"]["held"], 0.375);
        assert!(own["groups"]["gone"].is_null() && own["intervals"]["average"].is_array(), "{own}");
        assert!(written["slices"]["fr"]["intervals"]["cer"].is_array(), "{written}");
        assert_eq!(serde_json::from_value::<ModelOutcome>(written).unwrap(), model);
        assert!(model.with_languages(&seeds, &["en"], &sets()).is_err());
    }

    #[test]
    fn other_languages_are_compared_with_the_source() {
        let slice = |value: f64| SliceOutcome {
            examples: 10,
            metrics: [("accuracy".to_string(), Some(value))].into(),
            ..SliceOutcome::default()
        };
        let slices = [("en", 0.9), ("hi", 0.6), ("ja", 0.8)];
        let model = ModelOutcome {
            slices: slices.map(|(name, value)| (name.to_string(), slice(value))).into(),
            ..ModelOutcome::default()
        };
        let transfer = model.clone().with_transfer("en", "accuracy").transfer.unwrap();
        assert!((transfer.average - 2.3 / 3.0).abs() < 1e-9);
        assert!((transfer.average_without_source - 0.7).abs() < 1e-9);
        assert!((transfer.gaps["hi"] - 0.3).abs() < 1e-9 && transfer.gaps.len() == 2);
        assert!(model.clone().with_transfer("ta", "accuracy").transfer.is_none());
        assert!(model.with_transfer("en", "f1").transfer.is_none());
    }
}
