//! Warnings of a report: a weak teacher, metrics without a value.

use alambic_reports::metrics::find;
use alambic_reports::numbers::{metric_title, percent};
use alambic_reports::outcome::{ModelOutcome, Outcome, STUDENT, TEACHER};

use super::results::Results;
use crate::error::RunError;

impl Results<'_> {
    /// Warnings: a weak teacher, and metrics that have no value, and why.
    pub(super) fn remarks(&self, outcome: &Outcome) -> Result<Vec<String>, RunError> {
        let mut remarks = Vec::new();
        if let Some([accuracy, majority]) = self.evaluation.teacher_accuracies()? {
            remarks.extend(of_teacher(accuracy, majority));
        }
        for (name, model) in outcome.present() {
            let never: Vec<&str> = never_predicted(model);
            if (name == TEACHER || name == STUDENT) && !never.is_empty() {
                remarks.push(format!("the {name} never predicts {}", never.join(", ")));
            }
        }
        let names = self.evaluation.metrics();
        for metric in names.iter().filter_map(|name| find(name).ok()) {
            let without: Vec<&str> = outcome
                .present()
                .filter(|(_, model)| model.metrics.get(metric.name).is_some_and(Option::is_none))
                .map(|(name, _)| name)
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
    fn teacher_no_better_than_the_majority_is_remarked_on() {
        assert_eq!(of_teacher(0.7, 0.6), None);
        for accuracy in [0.6, 0.3] {
            let remark = of_teacher(accuracy, 0.6).unwrap_or_default();
            assert!(remark.contains("no better than the majority") && remark.contains("60.0 %"), "{remark}");
        }
        assert!(of_teacher(1.0, 1.0).is_some_and(|remark| remark.contains("has one class alone")));
    }
}
