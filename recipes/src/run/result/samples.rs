//! Choice of the examples whose outputs a report shows.

use std::path::Path;

use alambic_reports::metrics::Prediction;
use alambic_reports::outcome::{STUDENT, TEACHER};
use alambic_reports::report::Sample;
use alambic_settings::IndexMap;

use super::results::{Baseline, Results};
use crate::error::RunError;

/// Examples that are shown.
const SAMPLES: usize = 24;

/// Part of the golden section, whose multiples lie evenly between whole numbers.
const GOLDEN: f64 = 0.618_034;

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
    /// Some examples with the outputs of each model, of each group some, and in it of each class or slice; and how many of all
    /// examples each group has.
    pub(super) fn samples(&self) -> Result<(Vec<Sample>, IndexMap<String, u64>), RunError> {
        if self.compared_by.is_none() {
            return Ok(Default::default());
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
        groups.retain(|_, members| !members.is_empty());
        let sizes: Vec<usize> = groups.values().map(Vec::len).collect();
        let mut chosen: Vec<(usize, &str)> = Vec::new();
        for ((group, members), most) in groups.iter().zip(allotted(&sizes, SAMPLES)) {
            // Where a group shows fewer examples than there are kinds, it begins with those that the one before left out.
            let first = chosen.len();
            chosen.extend(spread(members, kind, most, first).into_iter().map(|index| (index, *group)));
        }
        let models = self.sampled_models(&chosen.iter().map(|(index, _)| *index).collect::<Vec<_>>())?;
        let sample =
            |(place, (index, group)): (usize, &(usize, &str))| self.sample(*index, group, place, &models);
        let samples = chosen.iter().enumerate().map(sample).collect::<Result<_, RunError>>()?;
        let counts = groups.iter().filter(|(group, _)| !group.is_empty());
        Ok((samples, counts.map(|(group, all)| ((*group).to_owned(), all.len() as u64)).collect()))
    }

    /// The models whose outputs are shown, with the probabilities that they give to those for some examples.
    fn sampled_models(&self, examples: &[usize]) -> Result<Vec<SampledModel<'_>>, RunError> {
        let mut models = Vec::new();
        let mut add = |name, predictions, folder: Option<&Path>| -> Result<(), RunError> {
            let probabilities = self.evaluation.probabilities(folder, examples)?;
            models.push(SampledModel { name, predictions, probabilities });
            Ok(())
        };
        if let Some(teacher) = self.evaluation.teacher_predictions() {
            add(TEACHER, teacher, None)?;
        }
        add(STUDENT, &self.evaluation.student[0], Some(&self.student().folder))?;
        for Baseline { name, predictions, run, .. } in &self.baselines {
            add(name, &predictions[0], Some(&run.folder))?;
        }
        Ok(models)
    }

    /// The sample of an example, which stands at a place among the chosen ones.
    fn sample(
        &self,
        index: usize,
        group: &str,
        place: usize,
        models: &[SampledModel<'_>],
    ) -> Result<Sample, RunError> {
        let shown = |prediction: &Prediction| {
            let image = self.evaluation.shown_image(index, prediction)?;
            Ok::<_, RunError>(self.evaluation.shown(index, prediction).with_image(image))
        };
        let output = |model: &SampledModel<'_>| {
            let probability = model.probabilities.get(place).copied().flatten();
            let note = probability.map(|probability| format!("{:.0} %", 100.0 * probability));
            Ok((model.name.to_owned(), shown(&model.predictions[index])?.with_note(note)))
        };
        Ok(Sample {
            group: group.to_owned(),
            slice: self.evaluation.slices().get(index).cloned().unwrap_or_default(),
            source: self.evaluation.source(index).with_image(self.evaluation.source_image(index)?),
            reference: Some(shown(&self.evaluation.references()[index])?),
            outputs: models.iter().map(output).collect::<Result<_, RunError>>()?,
        })
    }
}

/// A model whose outputs are shown.
struct SampledModel<'a> {
    name: &'a str,
    /// One an example.
    predictions: &'a [Prediction],
    /// One a chosen example; none where the model gives none.
    probabilities: Vec<Option<f64>>,
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

/// How many of each group are shown of `all`: as many of each, and of those that have more what others leave.
fn allotted(sizes: &[usize], all: usize) -> Vec<usize> {
    let mut shares = vec![0; sizes.len()];
    let mut left = all.min(sizes.iter().sum());
    while left > 0 {
        for (share, size) in shares.iter_mut().zip(sizes) {
            if left > 0 && *share < *size {
                *share += 1;
                left -= 1;
            }
        }
    }
    shares
}

/// At most `most` of some examples, of each kind in turn and evenly spread within it. The kinds begin with the one of number
/// `first`, counted around.
fn spread<'k>(members: &[usize], kind: impl Fn(usize) -> &'k str, most: usize, first: usize) -> Vec<usize> {
    let mut kinds: IndexMap<&str, Vec<usize>> = IndexMap::new();
    for &index in members {
        kinds.entry(kind(index)).or_default().push(index);
    }
    let mut kinds: Vec<Vec<usize>> = kinds.into_values().collect();
    let first = first % kinds.len().max(1);
    kinds.rotate_left(first);
    let sizes: Vec<usize> = kinds.iter().map(Vec::len).collect();
    let shares = allotted(&sizes, most);
    let mut chosen = Vec::new();
    for round in 0..shares.iter().copied().max().unwrap_or_default() {
        for (number, (own, share)) in kinds.iter().zip(&shares).enumerate() {
            if round < *share {
                // Kinds whose examples lie in one order, as names in several directions, show different ones.
                let place = (round as f64 + (number as f64 * GOLDEN).fract()) / *share as f64;
                chosen.push(own[(place * own.len() as f64) as usize]);
            }
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::{allotted, group, spread};

    #[test]
    fn groups_that_have_more_get_what_others_leave() {
        assert_eq!(allotted(&[2, 100, 9], 24), [2, 13, 9]);
        assert_eq!(allotted(&[3, 4], 24), [3, 4]);
        assert_eq!(allotted(&[], 24), [0; 0]);
    }

    #[test]
    fn kinds_take_turns_in_a_choice() {
        let kind = |index: usize| if index < 90 { "common" } else { "rare" };
        let members: Vec<usize> = (0..92).collect();
        assert_eq!(spread(&members, kind, 4, 0), [0, 90, 45, 91]);
        assert_eq!(spread(&members[..90], kind, 3, 0), [0, 30, 60]);
        assert_eq!(spread(&members[90..], kind, 3, 0), [90, 91]);
        assert_eq!(spread(&members[..91], kind, 4, 0), [0, 90, 30, 60]);
        assert_eq!(spread(&[], kind, 3, 7), [0; 0]);
        let direction = |index: usize| ["hi-ta", "ta-hi"][index / 10];
        assert_eq!(spread(&(0..20).collect::<Vec<_>>(), direction, 2, 0), [0, 16]);
        assert_eq!(spread(&(0..20).collect::<Vec<_>>(), direction, 1, 0), [0]);
        assert_eq!(spread(&(0..20).collect::<Vec<_>>(), direction, 1, 1), [10]);
    }

    #[test]
    fn wrong_students_are_grouped_by_their_teacher() {
        assert_eq!(group(Some(false), Some(true)), "student wrong, teacher right");
        assert_eq!(group(Some(true), None), "student right");
        assert_eq!(group(None, Some(true)), "");
    }
}
