//! The losses of one batch, and their gradients, together or term by term.

use alambic_losses::Term;
use alambic_settings::IndexMap;
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::parameters::Parameters;

use crate::error::RunError;

/// The share of the gradient norm below which a term is warned of.
pub(crate) const MIN_SHARE: f64 = 0.01;

/// The loss of one batch, term by term.
pub(crate) struct Losses {
    terms: Vec<WeightedLoss>,
    /// Their values.
    pub(crate) sum: Sum,
}

/// The loss of a term over a batch, with its graph.
struct WeightedLoss {
    name: &'static str,
    /// Before the weight.
    loss: Tensor,
    /// At the step.
    weight: f64,
    /// The largest of the stage.
    max_weight: f64,
}

/// Values of the terms of a batch or of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sum {
    /// The sum with weights.
    pub(crate) loss: f64,
    /// The value of each term before its weight. Terms of one name are added up.
    pub(crate) values: IndexMap<String, f64>,
}

/// Statistics of one batch of a step. Of a term that does not count over it the numbers are NaN, so that all batches have as many.
#[derive(Debug, Clone)]
pub(crate) struct PartStatistics {
    pub(crate) sum: Sum,
    /// The norm of each term's own gradient, at steps at which they are taken apart.
    pub(crate) norms: IndexMap<String, f64>,
    pub(crate) examples: usize,
}

/// Numbers of terms by name, of all that there are; NaN where there is none.
fn of_all(terms: &[Term], numbers: &IndexMap<String, f64>) -> IndexMap<String, f64> {
    let number = |term: &Term| numbers.get(term.name).copied().unwrap_or(f64::NAN);
    terms.iter().map(|term| (term.name.to_owned(), number(term))).collect()
}

impl PartStatistics {
    /// Statistics of a batch of so many examples: its losses, and the norms where terms were taken apart.
    pub(crate) fn new(
        terms: &[Term],
        sum: &Sum,
        norms: Option<&IndexMap<String, f64>>,
        examples: usize,
    ) -> Self {
        Self {
            sum: Sum { loss: sum.loss, values: of_all(terms, &sum.values) },
            norms: norms.map(|norms| of_all(terms, norms)).unwrap_or_default(),
            examples,
        }
    }

    /// All numbers as bits, which JSON would not keep of infinity and NaN.
    pub(crate) fn words(&self) -> Vec<u64> {
        let numbers = [self.sum.loss].into_iter().chain(self.sum.values.values().copied());
        let numbers = numbers.chain(self.norms.values().copied()).map(f64::to_bits);
        [self.examples as u64].into_iter().chain(numbers).collect()
    }

    /// The statistics of another batch of the same step, whose terms have the same names.
    fn with_words(&self, words: &[u64]) -> Self {
        let mut other = self.clone();
        let mut numbers = words.iter().skip(1).map(|word| f64::from_bits(*word));
        let places = [&mut other.sum.loss].into_iter().chain(other.sum.values.values_mut());
        for (place, number) in places.chain(other.norms.values_mut()).zip(&mut numbers) {
            *place = number;
        }
        other.examples = words.first().map_or(0, |examples| *examples as usize);
        other
    }
}

/// Statistics of one step, over all batches whose gradients it adds up.
#[derive(Debug, Default)]
pub(crate) struct StepStatistics {
    /// A mean over the batches, and of a term over those in which it counts.
    pub(crate) sum: Sum,
    /// The norm of each term's own gradient, at steps at which they are taken apart.
    norms: IndexMap<String, f64>,
    pub(crate) examples: usize,
    /// Of all gradients together, before clipping.
    pub(crate) gradient_norm: f64,
    pub(crate) learning_rate: f64,
    /// What the task measured of it.
    pub(crate) figures: IndexMap<String, f64>,
    pub(crate) seconds: f64,
}

impl StepStatistics {
    /// The statistics of all batches of a step, of which each rank has as many as every other: its own, and by their words those of
    /// all, in the order of ranks.
    pub(crate) fn of(own: &[PartStatistics], all: &[Vec<u64>]) -> Self {
        let width = own.first().map_or(0, |first| first.words().len());
        // Round by round, as one process takes them.
        let rounds = own.iter().enumerate().map(|(round, own)| (own, round * width..(round + 1) * width));
        let parts: Vec<PartStatistics> = rounds
            .flat_map(|(own, round)| {
                all.iter().filter_map(move |words| Some(own.with_words(words.get(round.clone())?)))
            })
            .collect();
        let mut statistics = Self::default();
        let mut counts: IndexMap<String, usize> = IndexMap::new();
        for (name, _) in parts.iter().flat_map(|part| &part.sum.values).filter(|(_, value)| !value.is_nan()) {
            *counts.entry(name.clone()).or_insert(0) += 1;
        }
        for part in &parts {
            statistics.sum.loss += part.sum.loss * (1.0 / parts.len() as f64);
            for (name, value) in part.sum.values.iter().filter(|(_, value)| !value.is_nan()) {
                let share = 1.0 / counts.get(name).copied().unwrap_or(1) as f64;
                *statistics.sum.values.entry(name.clone()).or_insert(0.0) += value * share;
            }
            for (name, norm) in part.norms.iter().filter(|(_, norm)| !norm.is_nan()) {
                *statistics.norms.entry(name.clone()).or_insert(0.0) += norm;
            }
            statistics.examples += part.examples;
        }
        statistics
    }

    /// Each term's share in the sum of the norms.
    pub(crate) fn shares(&self) -> IndexMap<String, f64> {
        let sum: f64 = self.norms.values().sum();
        let share = |norm: f64| if sum > 0.0 { norm / sum } else { 0.0 };
        self.norms.iter().map(|(name, norm)| (name.clone(), share(*norm))).collect()
    }
}

/// Gradients of one batch.
pub(crate) struct StepGradients {
    pub(crate) gradients: Gradients,
    /// The norm of each term's own gradient, where terms were taken apart.
    pub(crate) norms: IndexMap<String, f64>,
}

impl Losses {
    /// Takes the losses of terms at a step, counted from 1, and at its progress in the stage.
    ///
    /// # Errors
    /// When there is none, or one is no number.
    pub(crate) fn new(losses: Vec<(&Term, Tensor)>, step: usize, progress: f64) -> Result<Self, RunError> {
        let mut sum = Sum::default();
        let mut terms = Vec::with_capacity(losses.len());
        for (term, loss) in losses {
            let value = f64::from(loss.to_scalar::<f32>()?);
            if !value.is_finite() {
                return Err(RunError::Diverged { term: term.name, step, value });
            }
            let (weight, max_weight) = (term.weight.at(progress), term.weight.max());
            sum.loss += weight * value;
            *sum.values.entry(term.name.to_owned()).or_insert(0.0) += value;
            terms.push(WeightedLoss { name: term.name, loss, weight, max_weight });
        }
        Ok(Self { terms, sum })
    }

    /// The gradients of the sum. `apart` takes one backward pass a term to learn what each of them adds.
    pub(crate) fn backward(self, parameters: &Parameters, apart: bool) -> Result<StepGradients, RunError> {
        let (mut gradients, mut norms) = (Gradients::default(), IndexMap::new());
        if apart {
            for term in self.terms {
                let own = Gradients::of(&(term.loss * term.weight)?, parameters)?;
                *norms.entry(term.name.to_owned()).or_insert(0.0) += own.norm()?;
                gradients.add(own)?;
            }
            return Ok(StepGradients { gradients, norms });
        }
        gradients = self.gradients(parameters, |term| term.weight)?;
        Ok(StepGradients { gradients, norms })
    }

    /// The gradients of the sum in which each term has the largest weight of the stage: what they reach is trained at some step.
    pub(crate) fn max_gradients(&self, parameters: &Parameters) -> Result<Gradients, RunError> {
        self.gradients(parameters, |term| term.max_weight)
    }

    fn gradients(
        &self,
        parameters: &Parameters,
        weight: impl Fn(&WeightedLoss) -> f64,
    ) -> Result<Gradients, RunError> {
        let mut losses = self.terms.iter().map(|term| &term.loss * weight(term));
        let Some(first) = losses.next() else { return Ok(Gradients::default()) };
        let mut total = first?;
        for loss in losses {
            total = (total + loss?)?;
        }
        Ok(Gradients::of(&total, parameters)?)
    }
}

#[cfg(test)]
mod tests {
    use alambic_losses::Loss;
    use alambic_losses::recorded::parse;
    use alambic_models::Outline;
    use alambic_settings::{AddedKinds, Kind};
    use alambic_tensor::candle::Device;

    use super::*;

    #[test]
    fn terms_of_one_name_count_with_their_own_weights() {
        let loss = Loss::default_kind("cross-entropy").unwrap();
        let outline = Outline { classes: 2, ..Outline::default() };
        let term = |weight: f64| {
            let mut term = loss.inner().bind(&outline, None).unwrap();
            term.weight = weight.into();
            term
        };
        let (once, thrice) = (term(1.0), term(3.0));
        let value = |value: f32| Tensor::new(value, &Device::Cpu).unwrap();
        let losses = Losses::new(vec![(&once, value(2.0)), (&thrice, value(0.5))], 1, 0.0).unwrap();
        assert_eq!(losses.sum.values, [("cross-entropy".to_owned(), 2.5)].into());
        assert!((losses.sum.loss - 3.5).abs() < 1e-12);
        let part = PartStatistics::new(&[term(1.0)], &losses.sum, None, 4);
        let mean =
            StepStatistics::of(&[part.clone(), part.clone()], &[[part.words(), part.words()].concat()]);
        assert_eq!((mean.sum, mean.examples), (losses.sum, 8));
    }

    #[test]
    fn term_counts_in_the_batches_that_have_it() {
        let bind = |name: &str, outline: &Outline| {
            Loss::default_kind(name).unwrap().inner().bind(outline, None).unwrap()
        };
        let terms = ["cross-entropy", "binary-cross-entropy"]
            .map(|name| bind(name, &Outline { classes: 2, ..Outline::default() }));
        let value = |value: f32| Tensor::new(value, &Device::Cpu).unwrap();
        let part = |values: Vec<(usize, f32)>| {
            let losses = values.into_iter().map(|(term, own)| (&terms[term], value(own))).collect();
            let sum = Losses::new(losses, 1, 0.0).unwrap().sum;
            let norms = sum.values.clone();
            PartStatistics::new(&terms, &sum, Some(&norms), 1)
        };
        let parts = [part(vec![(0, 1.0), (1, 5.0)]), part(vec![(0, 3.0)])];
        let words = parts.iter().flat_map(PartStatistics::words).collect();
        let mean = StepStatistics::of(&parts, &[words]);
        assert_eq!(mean.sum.loss, 4.5);
        assert_eq!(
            mean.sum.values,
            [("cross-entropy".to_owned(), 2.0), ("binary-cross-entropy".to_owned(), 5.0)].into()
        );
        assert_eq!(mean.shares()["cross-entropy"], 4.0 / 9.0);
        let alone = StepStatistics::of(&parts[1..], &[parts[1].words()]);
        assert_eq!(alone.shares().keys().collect::<Vec<_>>(), ["cross-entropy"]);
    }

    #[test]
    fn term_that_still_has_no_weight_reaches_what_it_will_train() {
        let loss = parse(
            "cross-entropy",
            &["weight={ linear = { start = 0, end = 2 } }".to_owned()],
            &AddedKinds::default(),
        );
        let term = loss.unwrap().unwrap().inner().bind(&Outline::default(), None).unwrap();
        let weights = [("x".to_owned(), Tensor::new(&[3.0f32], &Device::Cpu).unwrap())].into();
        let parameters = Parameters::from_weights(&weights).unwrap();
        let square = || parameters.tracked()["x"].sqr().unwrap().sum_all().unwrap();
        let norms = [0.0, 0.5].map(|progress| {
            let losses = Losses::new(vec![(&term, square())], 1, progress).unwrap();
            assert_eq!(losses.sum.loss, 9.0 * 2.0 * progress);
            let max = losses.max_gradients(&parameters).unwrap().norm().unwrap();
            let step = losses.backward(&parameters, false).unwrap();
            // candle leaves out what is multiplied by 0, so its gradient tells nothing of what is reached.
            assert_eq!(step.gradients.is_empty(), progress == 0.0);
            (step.gradients.norm().unwrap(), max)
        });
        assert_eq!(norms, [(0.0, 12.0), (6.0, 12.0)]);
    }

    #[test]
    fn statistics_of_a_step_are_the_same_on_any_number_of_ranks() {
        let part = |number: usize| {
            let value = 1.0 / (number as f64 + 3.0);
            let sum =
                Sum { loss: value, values: [("one".into(), value * 7.0), ("other".into(), f64::NAN)].into() };
            PartStatistics { sum, norms: [("one".into(), value * 3.0)].into(), examples: number }
        };
        let shown = |statistics: &StepStatistics| format!("{statistics:?}");
        let words = |own: &[PartStatistics]| own.iter().flat_map(PartStatistics::words).collect::<Vec<_>>();
        let all: Vec<PartStatistics> = (0..6).map(part).collect();
        let one = StepStatistics::of(&all, &[words(&all)]);
        for count in [2, 3] {
            let own = |rank: usize| {
                (0..6).filter(move |number| number % count == rank).map(part).collect::<Vec<_>>()
            };
            let said: Vec<Vec<u64>> = (0..count).map(|rank| words(&own(rank))).collect();
            for rank in 0..count {
                assert_eq!(shown(&StepStatistics::of(&own(rank), &said)), shown(&one), "{count} ranks");
            }
        }
    }
}
