use indexmap::IndexMap;

use super::outcome::{LanguageOutcome, MetricOutcome, SuiteModel, TaskOutcome};
use super::spec::{MeanOver, SuiteSpec, TaskSpec};

/// The values of the languages of each metric of each task.
pub(super) type Values = IndexMap<String, IndexMap<String, IndexMap<String, LanguageOutcome>>>;

impl SuiteModel {
    /// The averages of a model's values: task, then metric, then language. Only what the suite has counts, and only whole: an
    /// average over the languages that happen to be there is not the benchmark's.
    #[must_use]
    pub fn new(spec: &SuiteSpec, mut values: Values) -> Self {
        let mut tasks = IndexMap::new();
        for (name, task) in &spec.tasks {
            let Some(metrics) = values.swap_remove(name) else { continue };
            tasks.insert(name.clone(), TaskOutcome::new(spec, task, metrics));
        }
        let score = |name: &str| tasks.get(name).and_then(|task: &TaskOutcome| task.score);
        let groups: IndexMap<String, Option<f64>> = spec
            .groups()
            .into_iter()
            .map(|group| {
                let own = spec.tasks.iter().filter(|(_, task)| task.group.as_deref() == Some(group));
                (group.to_owned(), mean(own.map(|(name, _)| score(name))))
            })
            .collect();
        let all = match spec.mean_over {
            MeanOver::Tasks => mean(spec.tasks.keys().map(|name| score(name))),
            MeanOver::Groups => mean(groups.values().copied()),
            MeanOver::Nothing => None,
        };
        Self { tasks, groups, all }
    }
}

impl TaskOutcome {
    fn new(
        spec: &SuiteSpec,
        task: &TaskSpec,
        mut values: IndexMap<String, IndexMap<String, LanguageOutcome>>,
    ) -> Self {
        let names = task.metrics.iter().chain(&task.shown);
        let metrics: IndexMap<String, MetricOutcome> = names
            .filter_map(|name| {
                Some((name.clone(), MetricOutcome::new(spec, task, values.swap_remove(name)?)))
            })
            .collect();
        let averages = task.metrics.iter().map(|name| metrics.get(name).and_then(|metric| metric.average));
        let score = if task.averages_metrics { mean(averages) } else { None };
        Self { score, metrics }
    }
}

impl MetricOutcome {
    fn new(spec: &SuiteSpec, task: &TaskSpec, languages: IndexMap<String, LanguageOutcome>) -> Self {
        let value = |language: &String| languages.get(language).and_then(|own| own.value);
        let counts = |language: &&String| !spec.average_without.contains(language);
        let average = mean(task.languages.iter().filter(counts).map(value));
        let others = task.languages.iter().filter(counts).filter(|language| **language != spec.source);
        let average_without_source = mean(others.map(value));
        let source = value(&spec.source).filter(|value| *value > 0.0);
        let transfer = average_without_source.zip(source).map(|(others, source)| others / source);
        Self { average, average_without_source, transfer, languages }
    }

    /// The mean over the languages that have a value, and their codes: not the benchmark's where some are missing.
    pub(super) fn partial(&self, spec: &SuiteSpec) -> Option<(f64, Vec<&str>)> {
        let counts = |language: &str| !spec.average_without.iter().any(|own| own == language);
        let there = self.languages.iter().filter(|(language, own)| counts(language) && own.value.is_some());
        let (codes, values): (Vec<&str>, Vec<Option<f64>>) =
            there.map(|(language, own)| (language.as_str(), own.value)).unzip();
        Some((mean(values.into_iter())?, codes))
    }
}

/// The mean of values; none of none, or where one is none.
fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let values = values.collect::<Option<Vec<f64>>>()?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A suite of two groups, of which the first has a task with two metrics, and the second one without a source.
    pub(in super::super) fn spec() -> SuiteSpec {
        let task = |group: &str, languages: &[&str], metrics: &[&str]| TaskSpec {
            group: Some(group.to_owned()),
            languages: languages.iter().map(ToString::to_string).collect(),
            metrics: metrics.iter().map(ToString::to_string).collect(),
            averages_metrics: true,
            ..TaskSpec::default()
        };
        SuiteSpec {
            name: "two".to_owned(),
            source: "en".to_owned(),
            mean_over: MeanOver::Tasks,
            average_without: Vec::new(),
            tasks: [
                ("qa".to_owned(), task("answers", &["en", "hi"], &["squad-exact-match", "squad-f1"])),
                ("nli".to_owned(), task("texts", &["en", "hi", "ta"], &["accuracy"])),
                ("pairs".to_owned(), task("texts", &["hi"], &["accuracy"])),
            ]
            .into_iter()
            .collect(),
        }
    }

    pub(in super::super) fn languages(values: &[(&str, f64)]) -> IndexMap<String, LanguageOutcome> {
        let own = |value| LanguageOutcome {
            value: Some(value),
            interval: Some([value - 0.1, value]),
            examples: Some(10),
        };
        values.iter().map(|(language, value)| ((*language).to_owned(), own(*value))).collect()
    }

    pub(in super::super) fn values(pairs: bool) -> Values {
        let mut values: Values = IndexMap::new();
        let qa = [
            ("squad-exact-match".to_owned(), languages(&[("en", 0.6), ("hi", 0.2)])),
            ("squad-f1".to_owned(), languages(&[("en", 0.8), ("hi", 0.4)])),
        ];
        values.insert("qa".to_owned(), qa.into_iter().collect());
        let nli = [("accuracy".to_owned(), languages(&[("en", 0.8), ("hi", 0.6), ("ta", 0.4)]))];
        values.insert("nli".to_owned(), nli.into_iter().collect());
        if pairs {
            let own = [("accuracy".to_owned(), languages(&[("hi", 0.1)]))];
            values.insert("pairs".to_owned(), own.into_iter().collect());
        }
        values
    }

    fn near(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-12)
    }

    #[test]
    fn averages_are_those_of_the_benchmark() {
        let model = SuiteModel::new(&spec(), values(true));
        assert!(near(model.tasks["qa"].score, 0.5) && near(model.tasks["nli"].score, 0.6));
        let nli = &model.tasks["nli"].metrics["accuracy"];
        assert!(near(nli.average_without_source, 0.5) && near(nli.transfer, 0.625));
        assert_eq!(model.tasks["pairs"].metrics["accuracy"].transfer, None);
        assert!(near(model.groups["texts"], 0.35) && near(model.groups["answers"], 0.5));
        assert!(near(model.all, 0.4), "the mean is over tasks: {model:?}");
        let groups = SuiteSpec { mean_over: MeanOver::Groups, ..spec() };
        assert!(near(SuiteModel::new(&groups, values(true)).all, 0.425));
        assert_eq!(
            SuiteModel::new(&SuiteSpec { mean_over: MeanOver::Nothing, ..spec() }, values(true)).all,
            None
        );
    }

    #[test]
    fn languages_that_are_left_out_count_in_no_average() {
        let spec = SuiteSpec { average_without: vec!["en".to_owned()], ..spec() };
        let nli = &SuiteModel::new(&spec, values(true)).tasks["nli"].metrics["accuracy"];
        assert!(near(nli.average, 0.5) && near(nli.average_without_source, 0.5) && near(nli.transfer, 0.625));
    }

    #[test]
    fn means_of_what_is_not_whole_are_none() {
        let model = SuiteModel::new(&spec(), values(false));
        assert_eq!((model.groups["texts"], model.all), (None, None));
        let mut values = values(true);
        values["nli"]["accuracy"]["ta"].value = None;
        let nli = &SuiteModel::new(&spec(), values).tasks["nli"];
        assert_eq!(
            (nli.score, nli.metrics["accuracy"].average, nli.metrics["accuracy"].transfer),
            (None, None, None)
        );
        let (mean, codes) = nli.metrics["accuracy"].partial(&spec()).unwrap();
        assert!((mean - 0.7).abs() < 1e-12 && codes == ["en", "hi"]);
        let one = SuiteSpec { tasks: spec().tasks, ..spec() };
        let mut task = one;
        task.tasks["qa"].averages_metrics = false;
        assert_eq!(SuiteModel::new(&task, super::tests::values(true)).tasks["qa"].score, None);
    }
}
