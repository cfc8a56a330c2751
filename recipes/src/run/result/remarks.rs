//! Warnings of a report: a weak teacher, metrics without a value.

use alambic_reports::metrics::{Direction, find};
use alambic_reports::numbers::{is_zero, metric_title, metric_value, percent, times};
use alambic_reports::outcome::{BASELINE, Latency, ModelOutcome, Outcome, STUDENT, TEACHER};

use super::results::Results;
use crate::error::RunError;
use crate::evaluation::evaluator::OF_REAL_TOKENS;

impl Results<'_> {
    /// Warnings: a weak teacher, classes that a model never predicts, and metrics that have no value, and why.
    pub(super) fn remarks(&self, outcome: &Outcome) -> Result<Vec<String>, RunError> {
        let mut remarks = Vec::new();
        if let Some([accuracy, majority]) = self.evaluation.teacher_accuracies()? {
            remarks.extend(of_teacher(accuracy, majority));
        }
        remarks.extend(self.compared_by.and_then(|metric| of_baseline(outcome, metric)));
        remarks.extend(outcome.model(STUDENT).and_then(|student| of_speedup(student.latency_ms?)));
        for (name, model) in outcome.present() {
            let never: Vec<&str> = never_predicted(model);
            if (name == TEACHER || name == STUDENT) && !never.is_empty() {
                remarks.push(format!("the {name} never predicts {}", never.join(", ")));
            }
        }
        let names = self.evaluation.metrics();
        // Of these rows nobody expects all metrics: no model makes the trivial ones, and what is drawn of captions equals no image.
        let trivial = self.evaluation.trivial().iter().map(|own| own.name);
        let made_again = self.evaluation.input_changes().iter().filter(|change| change.has_real_tokens());
        let (trivial, made_again): (Vec<&str>, Vec<&str>) =
            (trivial.collect(), made_again.map(|change| change.row()).collect());
        let is_expected = |model: &str, metric: &str| {
            let is_of_others = !made_again.is_empty() && OF_REAL_TOKENS.contains(&metric);
            !trivial.contains(&model) && (!is_of_others || made_again.contains(&model))
        };
        for metric in names.iter().filter_map(|name| find(name).ok()) {
            let without: Vec<&str> = outcome
                .present()
                .filter(|(_, model)| model.metrics.get(metric.name).is_some_and(Option::is_none))
                .map(|(name, _)| name)
                .filter(|name| is_expected(name, metric.name))
                .collect();
            if !without.is_empty() {
                remarks.push(format!(
                    "{} has no value for {}: {}",
                    metric_title(metric.name),
                    without.join(", "),
                    metric.undefined
                ));
            }
        }
        Ok(remarks)
    }
}

/// Warning about a teacher that the baseline beats.
fn of_baseline(outcome: &Outcome, metric: &str) -> Option<String> {
    let value = |name: &str| outcome.model(name)?.metric(metric);
    let (teacher, baseline) = (value(TEACHER)?, value(BASELINE)?);
    let lead = match find(metric).ok()?.direction {
        Direction::Higher => baseline - teacher,
        Direction::Lower => teacher - baseline,
    };
    (lead > 0.0 && !is_zero(metric, lead)).then(|| {
        format!(
            "the baseline beats the teacher: {} {} against {}; train the teacher longer, until validation no longer improves \
             (`patience`), or take a better one",
            metric_title(metric),
            metric_value(metric, Some(baseline)),
            metric_value(metric, Some(teacher))
        )
    })
}

/// Quartiles of a speed-up that are this many times as large as each other make it uncertain.
const WIDE: f64 = 1.5;

/// Warning about a speed-up that differs from turn to turn.
fn of_speedup(latency: Latency) -> Option<String> {
    let [low, high] = latency.speedup_quartiles?;
    (high > WIDE * low).then(|| {
        format!(
            "the speed-up differs from turn to turn: in a quarter of them it is at most {}, in a quarter at least {}; measure \
             again on a machine at rest, or with more `evaluation.timed-examples`",
            times(Some(low)),
            times(Some(high))
        )
    })
}

/// Classes that examples have and that a model never predicts.
fn never_predicted(model: &ModelOutcome) -> Vec<&str> {
    let missed = model.classes.iter().filter(|(_, counts)| counts.support > 0 && counts.predicted == 0);
    missed.map(|(class, _)| class.as_str()).collect()
}

/// Warning about a teacher that gives the right answer no more often than one that always gives the commonest.
fn of_teacher(accuracy: f64, majority: f64) -> Option<String> {
    if accuracy > majority {
        return None;
    }
    Some(if majority >= 1.0 {
        "the test split has one class alone, so that its figures do not distinguish models".to_owned()
    } else {
        format!(
            "the teacher is no better than the majority: {} of its answers are right, and {} would be if it always gave \
             the commonest one; a student can learn little from it",
            percent(accuracy),
            percent(majority)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baseline_that_beats_its_teacher_is_remarked_on() {
        let model = |value: f64| {
            let metrics = ["accuracy", "cer"].map(|name| (name.to_owned(), Some(value)));
            Some(ModelOutcome { metrics: metrics.into(), ..ModelOutcome::default() })
        };
        let remark = |teacher: f64, baseline: f64, metric: &str| {
            of_baseline(&Outcome::new("a", vec![1], 9, model(teacher), model(0.5), model(baseline)), metric)
        };
        assert!(
            remark(0.6, 0.7, "accuracy").is_some_and(|said| said.contains("accuracy 70.0 % against 60.0 %"))
        );
        assert!(remark(0.7, 0.6, "cer").is_some() && remark(0.6, 0.7, "cer").is_none());
        assert_eq!(remark(0.7, 0.6, "accuracy"), None);
        assert_eq!(remark(0.7, 0.7001, "accuracy"), None);
    }

    #[test]
    fn speed_up_that_differs_from_turn_to_turn_is_remarked_on() {
        let of = |own: &[f64]| {
            let teacher = vec![4.0; own.len()];
            of_speedup(Latency::of(own.to_vec())?.beside_teacher(own, &teacher))
        };
        assert_eq!(of(&[2.0, 2.1, 1.9, 2.0]), None);
        let said = of(&[1.0, 1.0, 4.0, 4.0]).unwrap_or_default();
        assert!(said.contains("at most 1.00") && said.contains("at least 4.00"), "{said}");
    }

    #[test]
    fn teacher_no_better_than_the_majority_is_remarked_on() {
        assert_eq!(of_teacher(0.7, 0.6), None);
        for accuracy in [0.6, 0.3] {
            let remark = of_teacher(accuracy, 0.6).unwrap_or_default();
            assert!(remark.contains("no better than the majority") && remark.contains("60.0 %"), "{remark}");
        }
        assert!(of_teacher(1.0, 1.0).is_some_and(|remark| remark.contains("has one class alone")));
    }
}
