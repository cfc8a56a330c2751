//! Stages that choose a part of their student's weights, by rounds of training.
//!
//! Each round is a training of its own, with a name, a folder and checkpoints of its own, so that a run that was killed goes on in the
//! round in which it was; what is chosen follows from finished trainings and is not stored.

use std::path::{Path, PathBuf};

use alambic_models::{Config, ModelFolder, is_head};
use alambic_reports::metrics::{Direction, find};
use alambic_reports::record::EventLog;
use alambic_tensor::parameters::Weights;
use alambic_tensor::{Streams, WeightMasks};

use super::stage::{Masked, Rest, Training, initial_model, train};
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::layout::finished_folder;
use crate::names::{DENSE, ROUND, SEED, SPARSE};
use crate::observer::Observer;
use crate::options::sparse::{ChangeOptions, Keep, MagnitudeOptions, RandomOptions, Rewind, Sparse};
use crate::training::output::TrainOutput;
use crate::training::weight_choice::{Scored, is_prunable};

/// Trains the rounds of a stage, or takes what is finished of them; none if it was interrupted. The last output is that of the
/// stage itself.
pub(crate) fn train_rounds(
    context: &RunContext<'_>,
    training: Training<'_>,
    sparse: &Sparse,
    events: &mut EventLog,
    observer: &mut dyn Observer,
) -> Result<Option<Vec<TrainOutput>>, RunError> {
    let mut rounds = Rounds { context, training, events, observer, outputs: Vec::new() };
    let finished = match sparse {
        Sparse::Magnitude(options) => rounds.magnitude(options)?,
        Sparse::Change(options) => rounds.change(options)?,
        Sparse::Random(options) => rounds.random(options)?,
    };
    Ok(finished.then_some(rounds.outputs))
}

/// The name of a round's training: the number stands before the seed of a repetition.
pub(crate) fn round_label(label: &str, round: &str, number: usize) -> String {
    match label.rsplit_once(SEED) {
        Some((stage, seed)) => format!("{stage}{round}{number}{SEED}{seed}"),
        None => format!("{label}{round}{number}"),
    }
}

/// Names of the trainings of a stage that chooses weights, in their order, without those that take no step.
pub(crate) fn round_labels(stage: &str, sparse: &Sparse) -> Vec<String> {
    match sparse {
        Sparse::Magnitude(options) => {
            (1..=options.rounds).map(|number| round_label(stage, ROUND, number)).collect()
        }
        Sparse::Change(options) => (1..=options.iterations)
            .flat_map(|number| {
                let is_last = number == options.iterations;
                let own = if is_last { stage.to_owned() } else { round_label(stage, SPARSE, number) };
                [round_label(stage, DENSE, number), own]
            })
            .collect(),
        Sparse::Random(_) => Vec::new(),
    }
}

/// How many weights a round of magnitude pruning leaves.
pub(crate) fn left_of(count: usize, fraction: f64) -> usize {
    count - (fraction * count as f64).round() as usize
}

/// How many weights each iteration chooses: an equal part, the last one what is over.
pub(crate) fn portions(number: usize, iterations: usize) -> Vec<usize> {
    let part = number / iterations;
    (1..=iterations)
        .map(|own| if own == iterations { number - part * (iterations - 1) } else { part })
        .collect()
}

struct Rounds<'a, 'c, 'e> {
    context: &'a RunContext<'c>,
    training: Training<'a>,
    events: &'e mut EventLog,
    observer: &'e mut dyn Observer,
    outputs: Vec<TrainOutput>,
}

/// A round's training, as far as it differs from the stage's.
struct Round<'m> {
    label: String,
    masked: Option<Masked<'m>>,
    changed_from: Option<&'m Weights>,
    from: Option<PathBuf>,
    steps: Option<usize>,
}

impl Rounds<'_, '_, '_> {
    /// Trains a round; whether it came to its end.
    fn round(&mut self, round: Round<'_>) -> Result<bool, RunError> {
        let own = &self.training;
        let training = Training {
            label: round.label,
            masked: round.masked,
            changed_from: round.changed_from,
            from: round.from,
            steps: round.steps,
            cache: own.cache.clone(),
            detector: own.detector.clone(),
            re_ranker: own.re_ranker.clone(),
            ..*own
        };
        let output = train(self.context, &training, self.events, self.observer)?;
        let is_finished = output.is_some();
        self.outputs.extend(output);
        Ok(is_finished)
    }

    fn folder(&self, label: &str) -> PathBuf {
        finished_folder(self.context.folder.path(), label)
    }

    /// Ends a stage that prunes: the student before it, or as the last round left it, with zeros.
    fn pruned(&mut self, masks: &WeightMasks, from: Option<PathBuf>) -> Result<bool, RunError> {
        self.round(Round {
            label: self.training.label.clone(),
            masked: Some(Masked { masks, rest: Rest::Zero }),
            changed_from: None,
            from,
            steps: Some(0),
        })
    }

    fn magnitude(&mut self, options: &MagnitudeOptions) -> Result<bool, RunError> {
        let mut masks: Option<WeightMasks> = None;
        let mut best: Option<(f64, WeightMasks)> = None;
        let mut from = self.training.from.clone();
        for number in 1..=options.rounds {
            let label = round_label(&self.training.label, ROUND, number);
            let masked = masks.as_ref().map(|masks| Masked { masks, rest: Rest::Zero });
            let round = Round {
                label: label.clone(),
                masked,
                changed_from: None,
                from: from.clone(),
                steps: self.training.steps,
            };
            if !self.round(round)? {
                return Ok(false);
            }
            let folder = self.folder(&label);
            let is_candidate = |name: &str, shape: &[usize]| is_prunable(name, shape, &options.parameters);
            let scored = Scored::by_magnitude(&weights(&folder)?, masks.as_ref(), is_candidate)?;
            let pruned = scored.without_lowest(options.prune_fraction, options.scope)?;
            if options.keep == Keep::Best
                && let Some(output) = self.outputs.last()
                && let Some((_, value)) = output.best
            {
                let error = match find(&output.metric)?.direction {
                    Direction::Lower => value,
                    Direction::Higher => -value,
                };
                if best.as_ref().is_none_or(|(lowest, _)| error < *lowest) {
                    best = Some((error, pruned.clone()));
                }
            }
            masks = Some(pruned);
            if options.rewind == Rewind::Nothing {
                from = Some(folder);
            }
        }
        let Some(masks) = best.map(|(_, masks)| masks).or(masks) else {
            return Err(RunError::Recipe("a stage that prunes has no round".into()));
        };
        self.pruned(&masks, from)
    }

    fn random(&mut self, options: &RandomOptions) -> Result<bool, RunError> {
        let weights = initial_model(self.context, &self.training)?.weights;
        let is_candidate = |name: &str, shape: &[usize]| is_prunable(name, shape, &options.parameters);
        let scored = Scored::by_lot(&weights, Streams::new(self.training.seed).pruning(), is_candidate)?;
        let masks = scored.without_lowest(options.fraction, options.scope)?;
        self.pruned(&masks, self.training.from.clone())
    }

    fn change(&mut self, options: &ChangeOptions) -> Result<bool, RunError> {
        let start = initial_model(self.context, &self.training)?.weights;
        let mut before = start.clone();
        let mut chosen: Option<WeightMasks> = None;
        let mut from = self.training.from.clone();
        for iteration in 1..=options.iterations {
            let dense = round_label(&self.training.label, DENSE, iteration);
            let round = Round {
                label: dense.clone(),
                masked: None,
                changed_from: None,
                from: from.clone(),
                steps: self.training.steps,
            };
            if !self.round(round)? {
                return Ok(false);
            }
            let is_candidate = |name: &str, _: &[usize]| is_changeable(name, &options.parameters);
            let scored =
                Scored::by_change(&weights(&self.folder(&dense))?, &before, chosen.as_ref(), is_candidate)?;
            let all = Scored::by_change(&before, &before, None, is_candidate)?.count();
            let number = portions(chosen_of(options, all), options.iterations)[iteration - 1];
            let masks = scored.with_highest(number)?;
            let is_last = iteration == options.iterations;
            let label = if is_last {
                self.training.label.clone()
            } else {
                round_label(&self.training.label, SPARSE, iteration)
            };
            let round = Round {
                label: label.clone(),
                masked: Some(Masked { masks: &masks, rest: Rest::Held }),
                changed_from: is_last.then_some(&start),
                from: from.clone(),
                steps: self.training.steps,
            };
            if !self.round(round)? {
                return Ok(false);
            }
            let folder = self.folder(&label);
            before = weights(&folder)?;
            from = Some(folder);
            chosen = Some(masks);
        }
        Ok(true)
    }
}

/// Whether weights of a parameter may be chosen: those that `parts` of names name; left out, all but heads.
pub(crate) fn is_changeable(name: &str, parts: &[String]) -> bool {
    if parts.is_empty() { !is_head(name) } else { parts.iter().any(|part| name.contains(part.as_str())) }
}

/// How many of so many weights are chosen in all.
pub(crate) fn chosen_of(options: &ChangeOptions, count: usize) -> usize {
    let share = options.fraction.map(|fraction| (fraction * count as f64).round() as usize);
    options.number.or(share).unwrap_or_default().min(count)
}

/// The weights of a finished training.
fn weights(folder: &Path) -> Result<Weights, RunError> {
    let folder = ModelFolder::open(folder)?;
    Ok(Config::open(&folder)?.weights(&folder)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rounds_and_their_parts() {
        assert_eq!(round_label("prune", ROUND, 2), "prune.round-2");
        assert_eq!(round_label("prune.seed-7", ROUND, 2), "prune.round-2.seed-7");
        assert_eq!(portions(10, 3), [3, 3, 4]);
        assert_eq!((1..=5).fold(1000, |left, _| left_of(left, 0.1)), 590);
    }
}
