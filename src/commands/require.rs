//! Requirements that a run's result has to meet.

use std::cmp::Ordering;
use std::str::FromStr;

use alambic_files::text::quoted;
use alambic_reports::ReportError;
use alambic_reports::metrics::{Direction, METRICS, PredictionKind, fidelity_metrics, find};
use alambic_reports::outcome::{ModelOutcome, Outcome};
use alambic_reports::transfer::LanguageMeans;
use serde_json::Value;

use crate::failure::Failure;

/// Where a figure is looked for that is named by its last parts.
const PLACES: [&str; 5] = ["", "ratios.", "models.student.metrics.", "models.student.", "fidelity."];

/// Figures other than metrics of which less is better.
const COSTS: [&str; 5] = ["parameters", "bytes", "p50", "p95", "seconds-to-train"];

/// Bound of a figure of `metrics.json`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Requirement {
    /// Its place, or the last parts of it.
    key: String,
    /// Whether it may not be greater; else it may not be less.
    is_most: bool,
    bound: f64,
}

impl FromStr for Requirement {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let how = || format!("`{text}` is no bound: write `retention=0.95`, `accuracy>=0.9` or `cer<=0.1`");
        let (left, right) = text.split_once('=').ok_or_else(how)?;
        let bound = right.trim().parse::<f64>().ok().filter(|bound| bound.is_finite()).ok_or_else(how)?;
        let key = left.trim_end_matches(['<', '>']).trim().to_owned();
        let is_most = match left.chars().last() {
            Some('<') => true,
            Some('>') => false,
            _ => is_better_less(&key),
        };
        if key.is_empty() {
            return Err(how());
        }
        if !may_be_there(&key) {
            return Err(unknown(&key));
        }
        Ok(Self { key, is_most, bound })
    }
}

/// Whether a run may have a figure. Slices, classes and languages are known at its end only, so that of a longer place the first
/// part is looked up alone.
fn may_be_there(key: &str) -> bool {
    let names = METRICS.iter().map(|metric| (metric.name.to_owned(), None));
    let languages = [(String::new(), LanguageMeans::default())].into();
    let student = ModelOutcome { metrics: names.clone().collect(), languages, ..ModelOutcome::default() };
    let mut example = Outcome::new("", Vec::new(), 0, None, Some(student), None);
    example.ratios.retention = names.clone().collect();
    example.ratios.retention_above_trivial_baseline = names.collect();
    let fidelity = PredictionKind::ALL.iter().flat_map(|kind| fidelity_metrics(*kind));
    example.fidelity = fidelity.map(|(_, name)| ((*name).to_owned(), None)).collect();
    let Ok(example) = serde_json::to_value(example) else { return true };
    PLACES.iter().any(|place| match key.split_once('.') {
        Some((first, _)) => {
            let mut parts = place.split('.').filter(|part| !part.is_empty()).chain([first]);
            parts.try_fold(&example, |value, part| value.get(part)).is_some()
        }
        None => figure(&example, &format!("{place}{key}")).is_some(),
    })
}

/// The message on a figure that `metrics.json` does not have.
fn unknown(key: &str) -> String {
    let closest = match find(key.rsplit('.').next().unwrap_or_default()) {
        Err(ReportError::UnknownMetric { suggestion: Some(name), .. }) => format!("; did you mean `{name}`?"),
        _ => "; name one by its place there, as `models.student.metrics.accuracy`".to_owned(),
    };
    format!("metrics.json has no figure `{}`{closest}", quoted(key))
}

/// Whether less of a figure is better.
fn is_better_less(key: &str) -> bool {
    let name = key.rsplit('.').next().unwrap_or_default();
    COSTS.contains(&name) || find(name).is_ok_and(|metric| metric.direction == Direction::Lower)
}

/// Holds a result against requirements.
///
/// # Errors
/// Every one that it does not meet, and those whose figure it does not have.
pub(crate) fn check(requirements: &[Requirement], outcome: &Outcome) -> Result<(), Failure> {
    let result = serde_json::to_value(outcome)?;
    let unmet: Vec<String> = requirements.iter().filter_map(|own| own.fault(&result)).collect();
    if unmet.is_empty() { Ok(()) } else { Err(Failure::message(unmet.join("\nerror: "))) }
}

impl Requirement {
    /// Why a result does not meet it; none if it does.
    fn fault(&self, result: &Value) -> Option<String> {
        let Self { key, is_most, bound } = self;
        let key = quoted(key);
        let side = if *is_most { "at most" } else { "at least" };
        match PLACES.iter().find_map(|place| figure(result, &format!("{place}{}", self.key))) {
            None => Some(format!("`--require`: {}", unknown(&self.key))),
            Some(Value::Null) => Some(format!("`{key}` has no value, and {side} {bound} is required")),
            Some(value) => {
                let value = value.as_f64().unwrap_or_default();
                let wrong = if *is_most { Ordering::Greater } else { Ordering::Less };
                (value.total_cmp(bound) == wrong)
                    .then(|| format!("`{key}` is {value}, and {side} {bound} is required"))
            }
        }
    }
}

/// The number or null at a dotted place: of a table by metrics that of the metric by which models are compared, which comes first
/// among the student's. None where there is no such place.
fn figure<'r>(result: &'r Value, place: &str) -> Option<&'r Value> {
    let mut found = place.split('.').try_fold(result, |value, key| value.get(key))?;
    if let Value::Object(members) = found {
        let metrics = result["models"]["student"]["metrics"].as_object()?;
        found = metrics.keys().find_map(|metric| members.get(metric))?;
    }
    (found.is_null() || found.is_number()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Option<String> {
        let model = |accuracy: f64, cer: Option<f64>| ModelOutcome {
            metrics: [("accuracy".to_owned(), Some(accuracy)), ("cer".to_owned(), cer)].into(),
            parameters: Some(1000),
            ..ModelOutcome::default()
        };
        let (teacher, student) = (model(1.0, Some(0.1)), model(0.9, None));
        let outcome = Outcome::new("recipe", vec![1], 100, Some(teacher), Some(student), None);
        match check(&[text.parse().unwrap()], &outcome) {
            Ok(()) => None,
            Err(Failure::Failed(error)) => Some(error.to_string()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn figure_is_found_by_its_last_parts() {
        assert_eq!(said("retention=0.9"), None);
        assert_eq!(said("retention=0.95").unwrap(), "`retention` is 0.9, and at least 0.95 is required");
        assert_eq!(said("retention.accuracy=0.9"), None);
        assert_eq!(said("models.teacher.metrics.accuracy>=1"), None);
        assert!(said("f1=0.5").unwrap().contains("no figure `f1`"));
    }

    #[test]
    fn less_is_better_for_errors_and_costs() {
        assert_eq!(said("parameters=1000"), None);
        assert_eq!(said("parameters=999").unwrap(), "`parameters` is 1000, and at most 999 is required");
        assert_eq!(said("models.teacher.metrics.cer=0.1"), None);
        assert!(said("accuracy<=0.5").unwrap().contains("at most 0.5"));
        assert_eq!(said("cer=0.1").unwrap(), "`cer` has no value, and at most 0.1 is required");
    }

    #[test]
    fn name_that_no_run_has_is_refused_before_the_run() {
        let fault = |text: &str| text.parse::<Requirement>().err();
        assert_eq!(
            fault("acuracy=0.5").unwrap(),
            "metrics.json has no figure `acuracy`; did you mean `accuracy`?"
        );
        assert!(fault("stuff.accuracy=0.5").unwrap().contains("models.student.metrics.accuracy"));
        for known in [
            "retention",
            "speedup",
            "agreement",
            "fidelity.cosine-mean-hi",
            "slices.hi.cer",
            "latency-ms.p50",
        ] {
            assert_eq!(fault(&format!("{known}=0.5")), None, "{known}");
        }
    }

    #[test]
    fn bound_that_is_none_is_refused() {
        for text in ["retention", "retention=", "retention=much", "=0.5", "retention=nan"] {
            assert!(text.parse::<Requirement>().is_err(), "{text}");
        }
    }
}
