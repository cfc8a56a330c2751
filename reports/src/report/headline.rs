//! The result of a run in one sentence.

use super::content::Report;
use crate::metrics::{Direction, find};
use crate::numbers;
use crate::outcome::{ModelOutcome, STUDENT, TEACHER, UPPER_BOUND};
use crate::verdict::Verdict;

/// A larger share of the teacher's metric says more of a weak teacher than of the student: both values stand in its place.
const MAX_RETENTION: f64 = 1.2;

/// The setting of times in which a dual encoder finds images encoded: `batch 1, images stored`.
#[must_use]
pub fn images_stored(setting: &str) -> String {
    format!("{setting}, images stored")
}

impl Report {
    /// What the student keeps of its teacher, at what cost, and what the teacher was good for; none without a student, or where
    /// there is nothing to say of it.
    #[must_use]
    pub fn headline(&self) -> Option<String> {
        let student = self.outcome.model(STUDENT)?;
        let Some(metric) = self.metric(student) else {
            let parts = [Some(self.closeness()?), self.cost()];
            return Some(format!("{}.", parts.into_iter().flatten().collect::<Vec<_>>().join(", ")));
        };
        let quality = self.quality(metric, student)?;
        let parts = [Some(quality), self.cost(), self.gain(metric)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Some(format!("{}.", parts.join(", ")))
    }

    /// The metric by which models are compared.
    pub(super) fn metric<'r>(&'r self, student: &'r ModelOutcome) -> Option<&'r str> {
        let compared = self.comparison.as_ref().map(|comparison| comparison.metric.as_str());
        compared.or_else(|| student.metrics.keys().next().map(String::as_str))
    }

    fn quality(&self, metric: &str, student: &ModelOutcome) -> Option<String> {
        let title = numbers::metric_title(metric);
        let own = student.metric(metric)?;
        let value = numbers::metric_value(metric, Some(own));
        let Some(teacher) = self.outcome.model(TEACHER).and_then(|teacher| teacher.metric(metric)) else {
            return Some(format!("The student's {title} is {value}"));
        };
        let retention = self.outcome.ratios.retention.get(metric).copied().flatten();
        let is_lower = find(metric).is_ok_and(|metric| metric.direction == Direction::Lower);
        Some(match retention {
            Some(retention) if !is_lower && retention <= MAX_RETENTION => {
                let verb = if retention <= 1.0 { "keeps" } else { "reaches" };
                format!("The student {verb} {:.0} % of the teacher's {title}", 100.0 * retention)
            }
            _ => format!(
                "The student's {title} is {value}, the teacher's {}",
                numbers::metric_value(metric, Some(teacher))
            ),
        })
    }

    /// How near the student's vectors are to the teacher's, where nothing is right or wrong.
    fn closeness(&self) -> Option<String> {
        let value = |name: &str| self.outcome.fidelity.get(name).copied().flatten();
        let neighbours = value("common-neighbours").map(|share| {
            format!(
                "the student's vectors share {} of their nearest neighbours with the teacher's",
                numbers::percent(share)
            )
        });
        let cosine = value("cosine-mean").map(|cosine| match &neighbours {
            Some(_) => format!("their mean cosine is {cosine:.3}"),
            None => format!("the mean cosine of the student's vectors to the teacher's is {cosine:.3}"),
        });
        let parts: Vec<String> = neighbours.into_iter().chain(cosine).collect();
        let mut text = (!parts.is_empty()).then(|| parts.join(", "))?;
        text.replace_range(..1, "T");
        Some(text)
    }

    /// `at 0.50 of its time (0.08 where images are encoded before) and 0.77 of its size`.
    fn cost(&self) -> Option<String> {
        let ratios = &self.outcome.ratios;
        let part = |ratio: Option<f64>, what: &str| Some(format!("{:.2} of its {what}", 1.0 / ratio?));
        let stored = self.timings.get(&images_stored("batch 1")).and_then(|times| {
            let share = times.get(STUDENT)?.p50 / times.get(TEACHER)?.p50;
            Some(format!("time ({share:.2} where images are encoded before)"))
        });
        let time = stored.unwrap_or_else(|| "time".to_owned());
        let parts: Vec<String> =
            [part(ratios.speedup, &time), part(ratios.compression, "size")].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("at {}", parts.join(" and ")))
    }

    /// `1.0 points above training without a teacher`.
    fn gain(&self, metric: &str) -> Option<String> {
        let comparison = self.comparison.as_ref()?;
        let is_lower = find(metric).is_ok_and(|metric| metric.direction == Direction::Lower);
        let side = match (comparison.improvement >= 0.0, is_lower) {
            _ if numbers::is_zero(metric, comparison.improvement) => {
                return Some("equal to training without a teacher".to_owned());
            }
            (true, false) => "above",
            (false, false) => "below",
            (true, true) => "better than",
            (false, true) => "worse than",
        };
        let points = numbers::points(metric, comparison.improvement.abs());
        let doubt = match comparison.verdict {
            Verdict::Inconclusive => " (within chance)",
            Verdict::Better | Verdict::NotBetter => "",
        };
        Some(format!("{points} {side} training without a teacher{doubt}"))
    }

    /// What the upper bound has more than the student; none where none was trained.
    pub(super) fn bound_in_words(&self) -> Option<String> {
        let student = self.outcome.model(STUDENT)?;
        let metric = self.metric(student)?;
        let (own, bound) = (student.metric(metric)?, self.outcome.model(UPPER_BOUND)?.metric(metric)?);
        let is_lower = find(metric).is_ok_and(|metric| metric.direction == Direction::Lower);
        let lead = if is_lower { own - bound } else { bound - own };
        let compared = if numbers::is_zero(metric, lead) {
            "as much as the student has".to_owned()
        } else {
            let side = if lead > 0.0 { "better" } else { "worse" };
            format!("{} {side} than the student", numbers::points(metric, lead.abs()))
        };
        Some(format!(
            "Upper bound: the same network on labels that a user of this recipe would not have reaches {} {}, {compared}. \
             It takes no part in the verdict.",
            numbers::metric_title(metric),
            numbers::metric_value(metric, Some(bound)),
        ))
    }
}
