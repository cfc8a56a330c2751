//! `metrics.json`: the result of a run, as data.

use crate::error::{ReportError, Result};
use crate::layers::LayerRetrieval;
use crate::metrics::{BOOTSTRAP_SEED, ClassCounts, Confusion, Direction, METRICS, Scores, is_reference};
use crate::transfer::{ByLanguage, LanguageMeans, LanguageSets, Transfer};
use crate::verdict::Verdict;
use crate::vocabulary::Classification;
use alambic_files::text::json_visible;
use alambic_files::{digests, read, write};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format of `metrics.json` that this crate writes and reads.
pub const SCHEMA: u32 = 1;

/// The key of the teacher among [`Outcome::models`].
pub const TEACHER: &str = "teacher";
/// The key of the student.
pub const STUDENT: &str = "student";
/// The key of the same student trained without a teacher's outputs.
pub const BASELINE: &str = "baseline";
/// The key of the same student trained on labels that its user would not have; no verdict takes it.
pub const UPPER_BOUND: &str = "upper-bound";

/// The result of a run. What has no value is null.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    /// The version of this format, [`SCHEMA`].
    pub schema: u32,
    /// The name of the recipe.
    pub recipe: String,
    /// The seeds that the student was trained with.
    pub seeds: Vec<u64>,
    /// Over how many examples the models were evaluated.
    pub examples: usize,
    /// BLAKE3 hash of the examples and their references, by which runs over different test data are distinguished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_data: Option<String>,
    /// Whether there are right answers to the examples. Without, models have no metrics, and there is no verdict: what is
    /// known is how alike student and teacher are, and what they cost.
    #[serde(default = "labelled")]
    pub labelled: bool,
    /// The languages over which means are taken, where it is known in which language each example is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<LanguageSets>,
    /// [`TEACHER`], [`STUDENT`] and [`BASELINE`], null where there is none, and further models by their name.
    pub models: IndexMap<String, Option<ModelOutcome>>,
    /// What the student is by the axes of the vocabulary of cards.
    #[serde(default, skip_serializing_if = "Classification::is_empty")]
    pub card: Classification,
    /// Retrieval by the states of each layer, by model; empty where it was not asked for.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub layers: IndexMap<String, LayerRetrieval>,
    /// How closely the student follows the teacher, similarities beside their value for shuffled pairs.
    pub fidelity: IndexMap<String, Option<f64>>,
    /// Student to teacher: 1 is parity, more is better for the student.
    pub ratios: Ratios,
    /// Whether the student is better than the baseline; null without a baseline.
    pub verdict: Option<Verdict>,
}

/// What one model is worth and what it costs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ModelOutcome {
    /// Each metric over all examples, a mean over seeds.
    pub metrics: IndexMap<String, Option<f64>>,
    /// The 95 % bootstrap interval over examples of each metric.
    pub intervals: IndexMap<String, Option<[f64; 2]>>,
    /// The values of each metric, one for each seed.
    pub per_seed: IndexMap<String, Vec<Option<f64>>>,
    /// The metrics of each slice of the examples, for instance of each pair of languages.
    pub slices: IndexMap<String, SliceOutcome>,
    /// Means over languages of each metric, where it is known in which language each example is.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub languages: IndexMap<String, LanguageMeans>,
    /// Transfer from one language to others, where models were evaluated in several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
    /// Counts of each class, or of each kind of spans, with the first seed; empty where predictions are something else.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub classes: IndexMap<String, ClassCounts>,
    /// How often each class is predicted in the place of each, with the first seed.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub confusion: Confusion,
    /// How many parameters, those used twice counted once.
    pub parameters: Option<u64>,
    /// How many bytes on disk, those used twice counted once; of what the run trained, in the precision in which the student is
    /// stored.
    pub bytes: Option<u64>,
    /// Time for one example at batch 1.
    pub latency_ms: Option<Latency>,
    /// Wall time of training, of one seed; null for a model that was given.
    pub seconds_to_train: Option<f64>,
}

/// The metrics of one slice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SliceOutcome {
    /// How many examples the slice holds.
    pub examples: usize,
    /// The 95 % bootstrap interval over examples of each metric, where slices are languages.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub intervals: IndexMap<String, Option<[f64; 2]>>,
    /// Each metric over them, a mean over seeds.
    #[serde(flatten)]
    pub metrics: IndexMap<String, Option<f64>>,
}

/// Milliseconds for one example.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Latency {
    /// The median.
    pub p50: f64,
    /// The 95th percentile.
    pub p95: f64,
    /// Quartiles of the teacher's time over this one, turn by turn, where the two took turns over the same examples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speedup_quartiles: Option<[f64; 2]>,
}

impl Latency {
    /// Median and 95th percentile (nearest rank) of measured times; none without any.
    #[must_use]
    pub fn of(mut milliseconds: Vec<f64>) -> Option<Self> {
        milliseconds.sort_by(f64::total_cmp);
        let of_share = |share| nearest_rank(&milliseconds, share);
        Some(Self { p50: of_share(0.5)?, p95: of_share(0.95)?, speedup_quartiles: None })
    }

    /// The same with the quartiles of the speed-up over the teacher's times of the same turns.
    #[must_use]
    pub fn beside_teacher(mut self, own: &[f64], teacher: &[f64]) -> Self {
        let mut speedups: Vec<f64> = teacher.iter().zip(own).map(|(teacher, own)| teacher / own).collect();
        speedups.sort_by(f64::total_cmp);
        self.speedup_quartiles =
            nearest_rank(&speedups, 0.25).zip(nearest_rank(&speedups, 0.75)).map(<[f64; 2]>::from);
        self
    }
}

/// The number at a share of sorted ones, by nearest rank.
fn nearest_rank(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// Student to teacher, so that 1 is parity and more is better for the student.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Ratios {
    /// For each metric student / teacher, or teacher / student where lower is better.
    pub retention: IndexMap<String, Option<f64>>,
    /// The same of what is above the model that sees no input of interest, such as the question without the image: for each
    /// metric (student - trivial) / (teacher - trivial). Empty without such a model.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub retention_above_trivial_baseline: IndexMap<String, Option<f64>>,
    /// Bytes of the teacher over bytes of the student.
    pub compression: Option<f64>,
    /// Median time of the teacher over that of the student, one example at batch 1.
    pub speedup: Option<f64>,
}

impl ModelOutcome {
    /// The metrics of a model from its scores: one map of metric to scores for each seed, all over the same
    /// examples, and one slice label an example. Costs are left for the caller to fill in.
    ///
    /// # Errors
    /// [`ReportError::Comparison`] when the seeds have different metrics, [`ReportError::Length`] when lists
    /// that go together differ in length.
    pub fn from_scores<L: AsRef<str>>(seeds: &[IndexMap<String, Scores>], labels: &[L]) -> Result<Self> {
        let mut outcome = Self::default();
        for name in seeds.first().into_iter().flat_map(IndexMap::keys) {
            let scores = seeds.iter().map(|seed| seed.get(name).cloned()).collect::<Option<Vec<_>>>();
            let scores = scores.ok_or_else(|| ReportError::Comparison {
                metric: name.clone(),
                reason: "not every seed was scored with it".to_string(),
            })?;
            let mean = Scores::mean_over_seeds(&scores)?;
            outcome.metrics.insert(name.clone(), mean.value());
            outcome.intervals.insert(name.clone(), mean.interval(BOOTSTRAP_SEED));
            outcome.per_seed.insert(name.clone(), scores.iter().map(Scores::value).collect());
            // Without labels there are no slices.
            let slices = if labels.is_empty() { IndexMap::new() } else { mean.by_slice(labels)? };
            for (label, slice) in slices {
                let entry = outcome.slices.entry(label).or_default();
                entry.examples = slice.examples;
                entry.metrics.insert(name.clone(), slice.value);
            }
        }
        Ok(outcome)
    }

    /// The same with means over languages, and with intervals of its slices, which are one a language: from the scores of
    /// each seed, and the language of each example.
    ///
    /// # Errors
    /// As [`Self::from_scores`].
    pub fn with_languages<L: AsRef<str>>(
        mut self,
        seeds: &[IndexMap<String, Scores>],
        labels: &[L],
        sets: &LanguageSets,
    ) -> Result<Self> {
        for name in seeds.first().into_iter().flat_map(IndexMap::keys) {
            let scores: Vec<Scores> = seeds.iter().filter_map(|seed| seed.get(name).cloned()).collect();
            let ByLanguage { means, intervals } =
                ByLanguage::of(&Scores::mean_over_seeds(&scores)?, labels, sets)?;
            for (language, interval) in intervals {
                self.slices.entry(language).or_default().intervals.insert(name.clone(), interval);
            }
            self.languages.insert(name.clone(), means);
        }
        Ok(self)
    }

    /// The same with the slices of other languages compared with that of the source; nothing where a slice has no value.
    #[must_use]
    pub fn with_transfer(mut self, source: &str, metric: &str) -> Self {
        let value = |slice: &SliceOutcome| slice.metrics.get(metric).copied().flatten();
        let values = self.slices.iter().map(|(name, slice)| (name.as_str(), value(slice)));
        self.transfer = Transfer::of(values, source, metric);
        self
    }

    /// Bits in which each of its weights is stored, by bytes and parameters; none where they are stored in several ways.
    #[must_use]
    pub fn weight_bits(&self) -> Option<u32> {
        let bits = 8.0 * self.bytes? as f64 / self.parameters.filter(|count| *count > 0)? as f64;
        // Beside the weights a file has their names.
        [8, 16, 32].into_iter().find(|&whole| (f64::from(whole)..1.1 * f64::from(whole)).contains(&bits))
    }

    /// The value of a metric over all examples.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.get(name).copied().flatten()
    }
}

impl Outcome {
    /// The result of a run: the ratios follow from the models.
    #[must_use]
    pub fn new(
        recipe: &str,
        seeds: Vec<u64>,
        examples: usize,
        teacher: Option<ModelOutcome>,
        student: Option<ModelOutcome>,
        baseline: Option<ModelOutcome>,
    ) -> Self {
        let ratios = match (&teacher, &student) {
            (Some(teacher), Some(student)) => Ratios::of(student, teacher),
            _ => Ratios::default(),
        };
        let models = [(TEACHER, teacher), (STUDENT, student), (BASELINE, baseline)];
        Self {
            schema: SCHEMA,
            recipe: recipe.to_string(),
            seeds,
            examples,
            test_data: None,
            labelled: true,
            languages: None,
            models: models.into_iter().map(|(name, model)| (name.to_string(), model)).collect(),
            card: Classification::default(),
            layers: IndexMap::new(),
            fidelity: IndexMap::new(),
            ratios,
            verdict: None,
        }
    }

    /// A model by its key, none where it is null.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelOutcome> {
        self.models.get(name)?.as_ref()
    }

    /// The models that there are, in order.
    pub fn present(&self) -> impl Iterator<Item = (&str, &ModelOutcome)> {
        self.models.iter().filter_map(|(name, model)| Some((name.as_str(), model.as_ref()?)))
    }

    /// Writes `metrics.json` into the folder of the run.
    ///
    /// # Errors
    /// [`ReportError::File`] or [`ReportError::Json`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| ReportError::Json { what: "metrics.json".to_string(), source })?;
        Ok(write::write(&folder.join("metrics.json"), format!("{}\n", json_visible(&text)).as_bytes())?)
    }

    /// Reads the `metrics.json` of a run.
    ///
    /// # Errors
    /// [`ReportError::NotARun`] when the folder holds no result that can be read, saying why; when the result is not as it was
    /// written.
    pub fn read(folder: &Path) -> Result<Self> {
        let no_run = |reason: String| ReportError::NotARun { path: folder.to_path_buf(), reason };
        if !folder.is_dir() {
            return Err(no_run("there is no such folder".to_string()));
        }
        let path = folder.join("metrics.json");
        if path.is_file() {
            digests::check_listed(&path)?;
        }
        if !path.exists() {
            let started =
                folder.join("events.jsonl").exists() || folder.join("recipe.resolved.toml").exists();
            return Err(no_run(if started {
                "it was started and holds no metrics.json yet; let it end, or go on with it by `--resume`"
                    .into()
            } else {
                "it holds no metrics.json".into()
            }));
        }
        let text = read::state(&path)?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| no_run(format!("its metrics.json is no JSON: {error}")))?;
        if value["schema"] != SCHEMA {
            let reason = format!(
                "its metrics.json has schema {}, this program reads schema {SCHEMA}",
                value["schema"]
            );
            return Err(no_run(reason));
        }
        serde_json::from_str(&text)
            .map_err(|error| no_run(format!("its metrics.json has an unknown form: {error}")))
    }

    /// Adds a trivial baseline, which does not read all of the input, and the ratios of what student and teacher have above it;
    /// none where the teacher has nothing above it.
    pub fn add_trivial_baseline(&mut self, name: &str, baseline: ModelOutcome) {
        if let (Some(student), Some(teacher)) = (self.model(STUDENT), self.model(TEACHER)) {
            let above = |metric: &String| {
                let trivial = baseline.metric(metric)?;
                let lead = Some(teacher.metric(metric)? - trivial).filter(|lead| *lead > 0.0);
                ratio(Some(student.metric(metric)? - trivial), lead)
            };
            let metrics = self.ratios.retention.keys();
            self.ratios.retention_above_trivial_baseline =
                metrics.map(|metric| (metric.clone(), above(metric))).collect();
        }
        self.models.insert(name.to_owned(), Some(baseline));
    }
}

impl Ratios {
    /// The ratios of a student to its teacher.
    #[must_use]
    pub fn of(student: &ModelOutcome, teacher: &ModelOutcome) -> Self {
        let retention = METRICS
            .iter()
            .filter(|metric| !is_reference(metric.name))
            .filter(|metric| student.metrics.contains_key(metric.name))
            .filter(|metric| teacher.metrics.contains_key(metric.name))
            .map(|metric| {
                let student = student.metric(metric.name);
                let teacher = teacher.metric(metric.name);
                let retention = match metric.direction {
                    // Of what is not above nothing, nothing is kept: two negative numbers would make a good ratio.
                    Direction::Higher => ratio(student, teacher.filter(|teacher| *teacher > 0.0)),
                    Direction::Lower => ratio(teacher, student),
                };
                (metric.name.to_string(), retention)
            });
        Self {
            retention: retention.collect(),
            retention_above_trivial_baseline: IndexMap::new(),
            compression: ratio(
                teacher.bytes.map(|bytes| bytes as f64),
                student.bytes.map(|bytes| bytes as f64),
            ),
            speedup: ratio(
                teacher.latency_ms.map(|latency| latency.p50),
                student.latency_ms.map(|latency| latency.p50),
            ),
        }
    }
}

/// What files of an earlier version do not say.
fn labelled() -> bool {
    true
}

/// None where a side is missing or the quotient is no number: no error to keep, or none left to compare with.
fn ratio(numerator: Option<f64>, denominator: Option<f64>) -> Option<f64> {
    Some(numerator? / denominator?).filter(|ratio| ratio.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::examples::texts;
    use crate::metrics::score_all;

    fn model(cer: f64, accuracy: f64, bytes: u64, p50: f64) -> ModelOutcome {
        ModelOutcome {
            metrics: [("cer".to_string(), Some(cer)), ("word-accuracy".to_string(), Some(accuracy))].into(),
            bytes: Some(bytes),
            latency_ms: Some(Latency { p50, p95: p50 * 2.0, ..Latency::default() }),
            ..ModelOutcome::default()
        }
    }

    #[test]
    fn ratios_are_more_than_one_where_the_student_is_better() {
        let ratios = Ratios::of(&model(0.1, 0.5, 10, 1.0), &model(0.2, 0.4, 30, 2.5));
        assert_eq!(ratios.retention["cer"], Some(2.0));
        assert_eq!(ratios.retention["word-accuracy"], Some(1.25));
        assert_eq!((ratios.compression, ratios.speedup), (Some(3.0), Some(2.5)));
        let perfect = Ratios::of(&model(0.0, 0.5, 10, 1.0), &model(0.2, 0.0, 30, 2.5));
        assert_eq!(perfect.retention["cer"], None);
        assert_eq!(perfect.retention["word-accuracy"], None);
    }

    #[test]
    fn the_file_has_the_shape_that_others_rely_on() {
        let seeds = [
            score_all(&["cer"], &texts(&["ab", "c"]), &texts(&["ab", "d"]), 1).unwrap(),
            score_all(&["cer"], &texts(&["ab", "d"]), &texts(&["ab", "d"]), 1).unwrap(),
        ];
        let mut student = ModelOutcome::from_scores(&seeds, &["hi-ta", "ta-hi"]).unwrap();
        student.latency_ms = Latency::of(vec![3.0, 1.0, 2.0]);
        let outcome = Outcome::new("names", vec![1, 2], 2, None, Some(student), None);
        let value = serde_json::to_value(&outcome).unwrap();
        assert_eq!(
            value,
            serde_json::json!({
                "schema": 1, "recipe": "names", "seeds": [1, 2], "examples": 2, "labelled": true,
                "models": {
                    "teacher": null,
                    "student": {
                        "metrics": {"cer": 0.25}, "intervals": {"cer": [0.0, 0.5]}, "per-seed": {"cer": [0.5, 0.0]},
                        "slices": {"hi-ta": {"examples": 1, "cer": 0.0}, "ta-hi": {"examples": 1, "cer": 0.5}},
                        "parameters": null, "bytes": null, "latency-ms": {"p50": 2.0, "p95": 3.0},
                        "seconds-to-train": null,
                    },
                    "baseline": null,
                },
                "fidelity": {},
                "ratios": {"retention": {}, "compression": null, "speedup": null},
                "verdict": null,
            })
        );
        let folder = tempfile::tempdir().unwrap();
        outcome.write(folder.path()).unwrap();
        assert_eq!(Outcome::read(folder.path()).unwrap(), outcome);
    }

    #[test]
    fn folder_that_is_no_run_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let message = || Outcome::read(folder.path()).unwrap_err().to_string();
        assert!(message().contains("holds no metrics.json"));
        std::fs::write(folder.path().join("events.jsonl"), "").unwrap();
        assert!(message().contains("--resume"));
        std::fs::write(folder.path().join("metrics.json"), "{\"schema\": 1,\n \"recipe\": }").unwrap();
        assert!(message().contains("line 2"), "{}", message());
        std::fs::write(folder.path().join("metrics.json"), "{\"schema\": 7}").unwrap();
        assert!(message().contains("schema 7"), "{}", message());
        std::fs::write(folder.path().join("metrics.json"), "{\"schema\": 1}").unwrap();
        assert!(message().contains("missing field `recipe`"), "{}", message());
        let none = Outcome::read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(none.contains("no such folder"), "{none}");
    }

    #[test]
    fn bits_of_weights_follow_from_bytes_and_parameters() {
        let bits = |bytes: u64| {
            ModelOutcome { bytes: Some(bytes), parameters: Some(1000), ..ModelOutcome::default() }
                .weight_bits()
        };
        assert_eq!((bits(4100), bits(2000), bits(1050), bits(3000)), (Some(32), Some(16), Some(8), None));
        assert_eq!(ModelOutcome::default().weight_bits(), None);
    }

    #[test]
    fn two_negative_values_make_no_ratio() {
        let model = |value: f64| ModelOutcome {
            metrics: [("pearson".to_owned(), Some(value))].into(),
            ..ModelOutcome::default()
        };
        let retention = |student, teacher| Ratios::of(&model(student), &model(teacher)).retention["pearson"];
        assert_eq!(retention(-0.4, -0.2), None);
        assert_eq!(retention(0.4, 0.0), None);
        assert_eq!(retention(0.4, 0.8), Some(0.5));
    }
}
