//! Choice of the examples whose outputs a report shows.

use alambic_reports::metrics::Prediction;
use alambic_reports::numbers::thousands;
use alambic_reports::outcome::{STUDENT, TEACHER};
use alambic_reports::report::Sample;
use alambic_settings::IndexMap;

use super::results::{Baseline, Results};

/// Examples of a group that are shown.
const OF_GROUP: usize = 8;
/// Examples that are shown where nothing is right or wrong.
const UNGROUPED: usize = 24;

/// The groups in the order in which they are shown, the most telling first.
const GROUPS: [&str; 6] = [
    "student wrong, teacher right",
    "both wrong",
    "student right, teacher wrong",
    "student wrong",
    "both right",
    "student right",
];

impl Results<'_> {
    /// Some examples with the outputs of each model: of each group some, and in it of each class or slice.
    pub(super) fn samples(&self) -> Vec<Sample> {
        if self.compared_by.is_none() {
            return Vec::new();
        }
        let (references, count) = (self.evaluation.references(), self.evaluation.examples());
        let student = &self.evaluation.student[0];
        let teacher = self.evaluation.teacher_predictions();
        let mut groups: IndexMap<&str, Vec<usize>> =
            GROUPS.iter().map(|group| (*group, Vec::new())).collect();
        for index in 0..count {
            let right = |prediction: &Prediction| prediction.is_right(&references[index]);
            let group = group(right(&student[index]), teacher.and_then(|teacher| right(&teacher[index])));
            groups.entry(group).or_default().push(index);
        }
        let kind = |index: usize| match references[index].class() {
            Some(class) => class,
            None => self.evaluation.slices().get(index).map_or("", String::as_str),
        };
        let chosen = groups.iter().flat_map(|(group, members)| {
            let (most, label) = if group.is_empty() {
                (UNGROUPED, String::new())
            } else {
                let of_all = format!("{} of {}", thousands(members.len() as u64), thousands(count as u64));
                (OF_GROUP, format!("{group} ({of_all})"))
            };
            spread(members, kind, most).into_iter().map(move |index| (index, label.clone()))
        });
        chosen.map(|(index, group)| self.sample(index, group)).collect()
    }

    fn sample(&self, index: usize, group: String) -> Sample {
        let mut outputs = IndexMap::new();
        let mut show = |name: &str, prediction: &Prediction| {
            outputs.insert(name.to_owned(), self.evaluation.shown(index, prediction));
        };
        if let Some(teacher) = self.evaluation.teacher_predictions() {
            show(TEACHER, &teacher[index]);
        }
        show(STUDENT, &self.evaluation.student[0][index]);
        for Baseline { name, predictions, .. } in &self.baselines {
            show(name, &predictions[0][index]);
        }
        Sample {
            group,
            slice: self.evaluation.slices().get(index).cloned().unwrap_or_default(),
            source: self.evaluation.source(index),
            reference: Some(self.evaluation.shown(index, &self.evaluation.references()[index])),
            outputs,
        }
    }
}

/// The group of an example, by whether student and teacher are right; none of numbers.
fn group(student: Option<bool>, teacher: Option<bool>) -> &'static str {
    match (student, teacher) {
        (Some(false), Some(true)) => GROUPS[0],
        (Some(false), Some(false)) => GROUPS[1],
        (Some(true), Some(false)) => GROUPS[2],
        (Some(false), None) => GROUPS[3],
        (Some(true), Some(true)) => GROUPS[4],
        (Some(true), None) => GROUPS[5],
        (None, _) => "",
    }
}

/// At most `most` of some examples, of each kind in turn and evenly spread within it.
fn spread<'k>(members: &[usize], kind: impl Fn(usize) -> &'k str, most: usize) -> Vec<usize> {
    let mut kinds: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for &index in members {
        kinds.entry(kind(index)).or_default().push(index);
    }
    let rounds = most.div_ceil(kinds.len().max(1));
    let mut chosen = Vec::new();
    for round in 0..rounds {
        for own in kinds.values() {
            // Of few examples none is taken twice.
            let place = if own.len() > rounds { round * own.len() / rounds } else { round };
            chosen.extend(own.get(place));
        }
    }
    chosen.truncate(most);
    chosen
}

#[cfg(test)]
mod tests {
    use super::{group, spread};

    #[test]
    fn kinds_take_turns_in_a_choice() {
        let kind = |index: usize| if index < 90 { "common" } else { "rare" };
        let members: Vec<usize> = (0..92).collect();
        assert_eq!(spread(&members, kind, 4), [0, 90, 45, 91]);
        assert_eq!(spread(&members[..90], kind, 3), [0, 30, 60]);
        assert_eq!(spread(&members[90..], kind, 3), [90, 91]);
        assert_eq!(spread(&[], kind, 3), [0; 0]);
    }

    #[test]
    fn wrong_students_are_grouped_by_their_teacher() {
        assert_eq!(group(Some(false), Some(true)), "student wrong, teacher right");
        assert_eq!(group(Some(true), None), "student right");
        assert_eq!(group(None, Some(true)), "");
    }
}
