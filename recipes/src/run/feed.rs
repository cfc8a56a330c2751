//! Where training stands among its examples.

use alambic_data::batches::{BatchOptions, batches};

use super::lesson::Lesson;

/// The order of the examples, epoch by epoch: a function of options, seed and epoch.
#[derive(Debug)]
pub(crate) struct Feed {
    options: BatchOptions,
    seed: u64,
    epoch: u64,
    /// The next batch of the epoch.
    next: usize,
    order: Vec<Vec<usize>>,
}

impl Feed {
    /// The beginning of the first epoch.
    pub(crate) fn new(lesson: &dyn Lesson, options: &BatchOptions, seed: u64) -> Self {
        let order = batches(&lesson.lengths(0), options, seed, 0);
        Self { options: options.clone(), seed, epoch: 0, next: 0, order }
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
    pub(crate) fn seek(&mut self, lesson: &dyn Lesson, (epoch, next): (u64, usize)) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.order = batches(&lesson.lengths(epoch), &self.options, self.seed, epoch);
        }
        self.next = next;
    }

    /// The next batch, of the next epoch if this one is at its end: its epoch, and the indices of its examples.
    pub(crate) fn next_batch(&mut self, lesson: &dyn Lesson) -> (u64, Vec<usize>) {
        if self.next >= self.order.len() {
            self.seek(lesson, (self.epoch + 1, 0));
        }
        let batch = self.order.get(self.next).cloned().unwrap_or_default();
        self.next += 1;
        (self.epoch, batch)
    }
}
