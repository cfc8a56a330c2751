//! Batch sampler: the position of training among its examples.

use alambic_data::batches::{BatchOptions, CountedTokens, make_batches, merge_small_batches};
use alambic_losses::Term;
use alambic_models::is_padding_computed;

use super::task::TrainingTask;

/// The least number of examples over which every one of some terms is defined.
pub(crate) fn min_examples(terms: &[Term]) -> usize {
    terms.iter().map(|term| term.min_examples).max().unwrap_or(1)
}

/// Examples in batches over which every term is defined, as they are validated.
pub(crate) fn validation_batches(count: usize, size: usize, terms: &[Term]) -> Vec<Vec<usize>> {
    let indices: Vec<usize> = (0..count).collect();
    merge_small_batches(indices.chunks(size).map(<[usize]>::to_vec).collect(), min_examples(terms))
}

/// The order of the examples, epoch by epoch: a function of options, seed and epoch.
#[derive(Debug)]
pub(crate) struct BatchSampler {
    options: BatchOptions,
    counted: CountedTokens,
    /// The fewest examples of a batch.
    min: usize,
    seed: u64,
    epoch: u64,
    /// The next batch of the epoch.
    next: usize,
    order: Vec<Vec<usize>>,
}

impl BatchSampler {
    /// The beginning of the first epoch, in batches over which every term is defined.
    pub(crate) fn new(task: &dyn TrainingTask, terms: &[Term], options: &BatchOptions, seed: u64) -> Self {
        let min = min_examples(terms);
        let counted = if is_padding_computed(terms.iter().any(|term| term.reads_padding)) {
            CountedTokens::WithPadding
        } else {
            CountedTokens::Examples
        };
        let options = options.clone();
        let mut sampler = Self { options, counted, min, seed, epoch: 0, next: 0, order: Vec::new() };
        sampler.order = sampler.order_of(task, 0);
        sampler
    }

    /// The batches of an epoch.
    fn order_of(&self, task: &dyn TrainingTask, epoch: u64) -> Vec<Vec<usize>> {
        let (lengths, place) = (task.lengths(epoch), (self.seed, epoch));
        merge_small_batches(make_batches(&lengths, &self.options, self.counted, place), self.min)
    }

    /// Batches of an epoch.
    pub(crate) fn batches(&self) -> usize {
        self.order.len()
    }

    /// Epoch and next batch, all that a checkpoint has to keep.
    pub(crate) fn position(&self) -> (u64, usize) {
        (self.epoch, self.next)
    }

    /// Goes to a saved position.
    pub(crate) fn seek(&mut self, task: &dyn TrainingTask, (epoch, next): (u64, usize)) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.order = self.order_of(task, epoch);
        }
        self.next = next;
    }

    /// The next batch, of the next epoch if this one is at its end: its epoch, and the indices of its examples.
    pub(crate) fn next_batch(&mut self, task: &dyn TrainingTask) -> (u64, Vec<usize>) {
        if self.next >= self.order.len() {
            self.seek(task, (self.epoch + 1, 0));
        }
        let batch = self.order.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        (self.epoch, batch)
    }
}
