use super::outcome::{LanguageOutcome, MetricOutcome, SuiteModel, SuiteOutcome};
use super::spec::SuiteSpec;
use crate::numbers::metric_title;

/// A row of the table of averages: a metric of a task of a model, or a mean of several tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct AverageRow {
    /// The model.
    pub model: String,
    /// The task; of a mean `group NAME` or `all`.
    pub task: String,
    /// The metric as a title; `mean` of several.
    pub metric: String,
    /// The average.
    pub average: Option<f64>,
    /// The average without the source.
    pub without_source: Option<f64>,
    /// The value of the source.
    pub source: Option<f64>,
    /// The transfer ratio.
    pub transfer: Option<f64>,
    /// How many languages have a value, and how many the average is of.
    pub languages: Option<[usize; 2]>,
}

/// A row of the table of languages: the values of a language in each column of [`SuiteOutcome::columns`].
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageRow {
    /// The model.
    pub model: String,
    /// Code of the language.
    pub language: String,
    /// The values, one a column.
    pub values: Vec<Option<LanguageOutcome>>,
}

impl SuiteOutcome {
    /// The averages of each metric of each task, then the groups, then the mean over all tasks, of each model in turn.
    #[must_use]
    pub fn averages(&self, spec: &SuiteSpec) -> Vec<AverageRow> {
        self.models.iter().flat_map(|(name, model)| model.averages(spec, name)).collect()
    }

    /// The columns of the table of languages: each counted metric that a model has of a task, and its title.
    #[must_use]
    pub fn columns<'s>(&'s self, spec: &'s SuiteSpec) -> Vec<(&'s str, &'s str, String)> {
        let mut columns: Vec<(&str, &str)> = Vec::new();
        for model in self.models.values() {
            for column in counted_metrics(spec, model) {
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        columns.into_iter().map(|column| (column.0, column.1, column_title(spec, column))).collect()
    }

    /// The values by language, of each model in turn; the source comes first.
    #[must_use]
    pub fn by_language(&self, spec: &SuiteSpec) -> Vec<LanguageRow> {
        let columns = self.columns(spec);
        let rows = self.models.iter().flat_map(|(name, model)| {
            let columns = &columns;
            languages(&self.source, model).into_iter().map(move |language| LanguageRow {
                model: name.clone(),
                language: language.to_owned(),
                values: columns
                    .iter()
                    .map(|(task, metric, _)| {
                        model.tasks.get(*task)?.metrics.get(*metric)?.languages.get(language).copied()
                    })
                    .collect(),
            })
        });
        rows.collect()
    }
}

impl SuiteOutcome {
    /// Means over the languages that have a value, of tasks that lack others, in words: they are not the benchmark's averages.
    #[must_use]
    pub fn partial_means(&self, spec: &SuiteSpec) -> Vec<String> {
        let mut means = Vec::new();
        for (name, model) in &self.models {
            for (task, metric) in counted_metrics(spec, model) {
                let own = model.tasks.get(task).and_then(|task| task.metrics.get(metric));
                let own = own.filter(|own| own.average.is_none()).and_then(|own| own.partial(spec));
                means.extend(own.map(|(mean, languages)| {
                    format!(
                        "{name}, {}: {:.2} over {}, which is not the benchmark's average",
                        column_title(spec, (task, metric)),
                        100.0 * mean,
                        languages.join(", ")
                    )
                }));
            }
        }
        means
    }
}

impl SuiteModel {
    fn averages(&self, spec: &SuiteSpec, name: &str) -> Vec<AverageRow> {
        let mut rows = Vec::new();
        let mean = |task: String, value: Option<f64>| AverageRow {
            model: name.to_owned(),
            task,
            metric: "mean".to_owned(),
            average: value,
            without_source: None,
            source: None,
            transfer: None,
            languages: None,
        };
        for (task, outcome) in &self.tasks {
            rows.extend(outcome.metrics.iter().map(|(metric, own)| own.row(spec, name, task, metric)));
            if spec.tasks.get(task).is_some_and(|own| own.averages_metrics && own.metrics.len() > 1) {
                rows.push(mean(task.clone(), outcome.score));
            }
        }
        rows.extend(self.groups.iter().map(|(group, value)| mean(format!("group {group}"), *value)));
        rows.push(mean("all".to_owned(), self.all));
        rows
    }
}

impl MetricOutcome {
    fn row(&self, spec: &SuiteSpec, model: &str, task: &str, metric: &str) -> AverageRow {
        let counts = |language: &&String| !spec.average_without.contains(language);
        let expected = spec.tasks.get(task).map_or(0, |own| own.languages.iter().filter(counts).count());
        let there = self.languages.iter().filter(|(language, own)| counts(language) && own.value.is_some());
        AverageRow {
            model: model.to_owned(),
            task: task.to_owned(),
            metric: metric_title(metric),
            average: self.average,
            without_source: self.average_without_source,
            source: self.languages.get(&spec.source).and_then(|own| own.value),
            transfer: self.transfer,
            languages: Some([there.count(), expected]),
        }
    }
}

/// The metrics that count, of the tasks that a model has, in the order of the suite.
pub(super) fn counted_metrics<'s>(spec: &'s SuiteSpec, model: &SuiteModel) -> Vec<(&'s str, &'s str)> {
    let mut columns = Vec::new();
    for (name, task) in &spec.tasks {
        let Some(outcome) = model.tasks.get(name) else { continue };
        let metrics = task.metrics.iter().filter(|metric| outcome.metrics.contains_key(*metric));
        columns.extend(metrics.map(|metric| (name.as_str(), metric.as_str())));
    }
    columns
}

/// The title of a column: the task, and the metric where the task has several.
pub(super) fn column_title(spec: &SuiteSpec, (task, metric): (&str, &str)) -> String {
    let several = spec.tasks.get(task).is_some_and(|own| own.metrics.len() > 1);
    if several { format!("{task} {}", metric_title(metric)) } else { task.to_owned() }
}

/// The languages of a model's values: the source, then the others in the order of the alphabet.
pub(super) fn languages<'m>(source: &str, model: &'m SuiteModel) -> Vec<&'m str> {
    let metrics = model.tasks.values().flat_map(|task| task.metrics.values());
    let mut all: Vec<&str> = metrics.flat_map(|metric| metric.languages.keys()).map(String::as_str).collect();
    all.sort_unstable_by_key(|language| (*language != source, *language));
    all.dedup();
    all
}
