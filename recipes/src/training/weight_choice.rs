//! Choice of a part of a model's weights.

use std::cmp::Ordering;

use alambic_models::is_layer_matrix;
use alambic_tensor::WeightMasks;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::Weights;
use rand::Rng;

use crate::error::RunError;
use crate::options::sparse::Scope;

/// The numbers of some parameters, each with a score by which some of them are chosen; none where one is not to be chosen.
pub(crate) struct Scored {
    parameters: Vec<ScoredParameter>,
}

struct ScoredParameter {
    name: String,
    shape: Vec<usize>,
    scores: Vec<Option<f32>>,
}

/// Whether a parameter is one of those that `parts` of names name; left out, a matrix of a layer or of the pooler.
pub(crate) fn is_prunable(name: &str, shape: &[usize], parts: &[String]) -> bool {
    if parts.is_empty() {
        is_layer_matrix(name, shape)
    } else {
        parts.iter().any(|part| name.contains(part.as_str()))
    }
}

impl Scored {
    /// Numbers that are still trained, by their magnitude.
    pub(crate) fn by_magnitude(
        weights: &Weights,
        masks: Option<&WeightMasks>,
        is_candidate: impl Fn(&str, &[usize]) -> bool,
    ) -> Result<Self, RunError> {
        Self::new(weights, is_candidate, |name, tensor| {
            let left = masks.map(|masks| masks.get(name)).transpose()?.flatten();
            let values = numbers(tensor)?;
            Ok(match left {
                None => values.into_iter().map(|value| Some(value.abs())).collect(),
                Some(left) => {
                    values.into_iter().zip(left).map(|(value, left)| left.then_some(value.abs())).collect()
                }
            })
        })
    }

    /// Numbers that were not chosen before, by how far they are from what they were.
    pub(crate) fn by_change(
        weights: &Weights,
        before: &Weights,
        chosen: Option<&WeightMasks>,
        is_candidate: impl Fn(&str, &[usize]) -> bool,
    ) -> Result<Self, RunError> {
        Self::new(
            weights,
            |name, shape| before.contains_key(name) && is_candidate(name, shape),
            |name, tensor| {
                let taken = chosen.map(|chosen| chosen.get(name)).transpose()?.flatten();
                let (now, then) = (numbers(tensor)?, numbers(&before[name])?);
                let change = now.into_iter().zip(then).map(|(now, then)| (now - then).abs());
                Ok(match taken {
                    None => change.map(Some).collect(),
                    Some(taken) => {
                        change.zip(taken).map(|(change, taken)| (!taken).then_some(change)).collect()
                    }
                })
            },
        )
    }

    /// Numbers in the order of lots.
    pub(crate) fn by_lot(
        weights: &Weights,
        mut random: impl Rng,
        is_candidate: impl Fn(&str, &[usize]) -> bool,
    ) -> Result<Self, RunError> {
        Self::new(weights, is_candidate, |_, tensor| {
            Ok((0..tensor.elem_count()).map(|_| Some(random.random::<f32>())).collect())
        })
    }

    fn new(
        weights: &Weights,
        is_candidate: impl Fn(&str, &[usize]) -> bool,
        mut score: impl FnMut(&str, &Tensor) -> Result<Vec<Option<f32>>, RunError>,
    ) -> Result<Self, RunError> {
        let mut parameters = Vec::new();
        for (name, tensor) in weights.iter().filter(|(name, tensor)| is_candidate(name, tensor.dims())) {
            parameters.push(ScoredParameter {
                name: name.clone(),
                shape: tensor.dims().to_vec(),
                scores: score(name, tensor)?,
            });
        }
        Ok(Self { parameters })
    }

    /// How many numbers there are to choose from.
    pub(crate) fn count(&self) -> usize {
        self.parameters.iter().map(|own| own.scores.iter().flatten().count()).sum()
    }

    /// Masks that leave out what is not to be chosen and, of the rest, the share with the lowest scores, rounded to whole numbers; of
    /// equal ones the first.
    pub(crate) fn without_lowest(&self, fraction: f64, scope: Scope) -> Result<WeightMasks, RunError> {
        let mut left: Vec<Vec<bool>> = self.taken(Option::is_some);
        let share = |count: usize| (fraction * count as f64).round() as usize;
        match scope {
            Scope::All => {
                for (parameter, place) in lowest(self.places(), share(self.count())) {
                    left[parameter as usize][place as usize] = false;
                }
            }
            Scope::Each => {
                for (parameter, own) in self.parameters.iter().enumerate() {
                    let places: Vec<_> = own.places(parameter as u32).collect();
                    let count = share(places.len());
                    for (_, place) in lowest(places, count) {
                        left[parameter][place as usize] = false;
                    }
                }
            }
        }
        self.masks(&left)
    }

    /// Masks that hold so many numbers with the highest scores, of equal ones the first, and what is not to be chosen because it was
    /// before.
    pub(crate) fn with_highest(&self, number: usize) -> Result<WeightMasks, RunError> {
        let mut chosen = self.taken(Option::is_none);
        let places = self.places().into_iter().map(|(score, place)| (-score, place)).collect();
        for (parameter, place) in lowest(places, number) {
            chosen[parameter as usize][place as usize] = true;
        }
        self.masks(&chosen)
    }

    fn taken(&self, is_taken: impl Fn(&Option<f32>) -> bool) -> Vec<Vec<bool>> {
        self.parameters.iter().map(|own| own.scores.iter().map(&is_taken).collect()).collect()
    }

    fn places(&self) -> Vec<(f32, (u32, u32))> {
        self.parameters.iter().zip(0..).flat_map(|(own, parameter)| own.places(parameter)).collect()
    }

    fn masks(&self, trained: &[Vec<bool>]) -> Result<WeightMasks, RunError> {
        let mut masks = WeightMasks::new();
        for (own, trained) in self.parameters.iter().zip(trained) {
            masks.insert(&own.name, trained, &own.shape)?;
        }
        Ok(masks)
    }
}

impl ScoredParameter {
    /// Scores with the places of what may be chosen, in a parameter of this number.
    fn places(&self, parameter: u32) -> impl Iterator<Item = (f32, (u32, u32))> {
        self.scores.iter().zip(0..).filter_map(move |(score, place)| Some(((*score)?, (parameter, place))))
    }
}

/// The places of the lowest scores, of equal ones the first.
fn lowest(mut places: Vec<(f32, (u32, u32))>, number: usize) -> Vec<(u32, u32)> {
    let order = |one: &(f32, (u32, u32)), other: &(f32, (u32, u32))| -> Ordering {
        one.0.total_cmp(&other.0).then(one.1.cmp(&other.1))
    };
    if number < places.len() {
        places.select_nth_unstable_by(number, order);
        places.truncate(number);
    }
    places.into_iter().map(|(_, place)| place).collect()
}

/// The changes of the numbers that masks name, by parameter: `NAME.indices`, the places in row-major order `[chosen]`, and
/// `NAME.values`, by how much each is larger now `[chosen]`.
pub(crate) fn changes(masks: &WeightMasks, before: &Weights, now: &Weights) -> Result<Weights, RunError> {
    let mut changes = Weights::new();
    for name in masks.names() {
        let (Some(trained), Some(before), Some(now)) = (masks.get(name)?, before.get(name), now.get(name))
        else {
            continue;
        };
        let (before, now) = (numbers(before)?, numbers(now)?);
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        for (place, _) in trained.iter().enumerate().filter(|(_, trained)| **trained) {
            indices.push(place as u32);
            values.push(now[place] - before[place]);
        }
        if indices.is_empty() {
            continue;
        }
        let count = indices.len();
        changes.insert(format!("{name}.indices"), Tensor::from_vec(indices, count, &Device::Cpu)?);
        changes.insert(format!("{name}.values"), Tensor::from_vec(values, count, &Device::Cpu)?);
    }
    Ok(changes)
}

fn numbers(tensor: &Tensor) -> Result<Vec<f32>, RunError> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?)
}

#[cfg(test)]
mod tests {
    use alambic_tensor::Streams;

    use super::*;

    fn weights(a: [[f32; 2]; 2], b: [[f32; 2]; 1]) -> Result<Weights, RunError> {
        let a = Tensor::new(&a, &Device::Cpu)?;
        let b = Tensor::new(&b, &Device::Cpu)?;
        Ok([("layer.0.a.weight".to_owned(), a), ("layer.1.b.weight".to_owned(), b)].into_iter().collect())
    }

    fn masks_of(masks: &WeightMasks) -> Result<Vec<bool>, RunError> {
        let mut all = Vec::new();
        for name in ["layer.0.a.weight", "layer.1.b.weight"] {
            all.extend(masks.get(name)?.unwrap_or_default());
        }
        Ok(all)
    }

    #[test]
    fn rounds_prune_the_smallest_of_what_is_left() -> Result<(), RunError> {
        let trained = weights([[1.0, -0.1], [0.2, 3.0]], [[-0.05, 0.3]])?;
        let one = Scored::by_magnitude(&trained, None, is_layer_matrix)?.without_lowest(0.5, Scope::All)?;
        assert_eq!(masks_of(&one)?, [true, false, false, true, false, true]);
        // What is pruned stays so, whatever its magnitude.
        let other = weights([[1.0, 9.0], [9.0, 0.5]], [[9.0, 2.0]])?;
        let two =
            Scored::by_magnitude(&other, Some(&one), is_layer_matrix)?.without_lowest(0.34, Scope::All)?;
        assert_eq!(masks_of(&two)?, [true, false, false, false, false, true]);
        let each = Scored::by_magnitude(&trained, None, is_layer_matrix)?.without_lowest(0.5, Scope::Each)?;
        assert_eq!(masks_of(&each)?, [true, false, false, true, false, true]);
        Ok(())
    }

    #[test]
    fn equal_scores_are_taken_in_order() -> Result<(), RunError> {
        let same = weights([[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0]])?;
        let masks = Scored::by_magnitude(&same, None, is_layer_matrix)?.without_lowest(0.5, Scope::All)?;
        assert_eq!(masks_of(&masks)?, [false, false, false, true, true, true]);
        Ok(())
    }

    #[test]
    fn the_largest_changes_are_chosen_and_added_to_the_earlier_ones() -> Result<(), RunError> {
        let before = weights([[0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0]])?;
        let after = weights([[0.1, -0.9], [0.2, 0.3]], [[0.8, 0.0]])?;
        let one = Scored::by_change(&after, &before, None, is_layer_matrix)?.with_highest(2)?;
        assert_eq!(masks_of(&one)?, [false, true, false, false, true, false]);
        let two = Scored::by_change(&after, &before, Some(&one), is_layer_matrix)?.with_highest(1)?;
        assert_eq!(masks_of(&two)?, [false, true, false, true, true, false]);
        Ok(())
    }

    #[test]
    fn lots_leave_the_share() -> Result<(), RunError> {
        let weights = weights([[1.0, 1.0], [1.0, 1.0]], [[1.0, 1.0]])?;
        let draw = |seed| {
            let lots = Scored::by_lot(&weights, Streams::new(seed).pruning(), is_layer_matrix)?;
            masks_of(&lots.without_lowest(0.5, Scope::All)?)
        };
        assert_eq!(draw(1)?.iter().filter(|&&left| left).count(), 3);
        assert_eq!(draw(1)?, draw(1)?);
        assert!((2..9).any(|seed| draw(seed).ok() != draw(1).ok()));
        Ok(())
    }
}
