//! Samples as token batches.

use std::sync::Arc;

use alambic_data::batches::{BatchOptions, batches};
use alambic_losses::Targets;
use alambic_models::{Tokenizer, Tokens};
use alambic_teachers::Request;

use super::RunError;
use super::samples::Sample;

/// A sample in the student's tokens.
#[derive(Debug)]
struct Encoded {
    source: Vec<u32>,
    /// Each with the end token.
    targets: Vec<Vec<u32>>,
    taught: bool,
    /// What the teacher reads; none without a teacher.
    request: Option<Request>,
}

/// One batch as student, teacher and losses want it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) source: Tokens,
    /// The target with the start token before it and the end token left out.
    pub(crate) decoder: Tokens,
    pub(crate) targets: Targets,
    /// What the teacher reads, row by row; empty without a teacher.
    pub(crate) requests: Vec<Request>,
}

/// All samples of a stage, and where training stands among them.
#[derive(Debug)]
pub(crate) struct Feed {
    samples: Vec<Encoded>,
    options: BatchOptions,
    seed: u64,
    start: u32,
    padding: u32,
    epoch: u64,
    /// The next batch of the epoch.
    next: usize,
    order: Vec<Vec<usize>>,
    /// Samples that were longer than the student's positions.
    pub(crate) too_long: usize,
}

impl Feed {
    /// Tokenizes the samples.
    pub(crate) fn new(
        samples: &[Sample],
        tokenizer: &Tokenizer,
        (start, longest): (u32, usize),
        options: &BatchOptions,
        seed: u64,
    ) -> Result<Self, RunError> {
        let mut feed = Self {
            samples: Vec::with_capacity(samples.len()),
            options: options.clone(),
            seed,
            start,
            padding: tokenizer.padding()?,
            epoch: 0,
            next: 0,
            order: Vec::new(),
            too_long: 0,
        };
        for sample in samples {
            let source = tokenizer.encode_for(&sample.source, &sample.direction.target)?;
            let mut targets = Vec::with_capacity(sample.targets.len());
            for target in &sample.targets {
                targets.push(tokenizer.encode(target)?);
            }
            targets.retain(|target| target.len() <= longest);
            if source.len() > longest || targets.is_empty() {
                feed.too_long += 1;
                continue;
            }
            let request = sample
                .read_by_teacher
                .as_ref()
                .map(|text| Request { text: text.clone(), language: sample.direction.target.clone() });
            feed.samples.push(Encoded { source, targets, taught: sample.taught, request });
        }
        feed.arrange();
        Ok(feed)
    }

    fn arrange(&mut self) {
        let lengths: Vec<(usize, usize)> =
            self.samples.iter().map(|sample| (sample.source.len(), self.target(sample).len())).collect();
        self.order = batches(&lengths, &self.options, self.seed, self.epoch);
    }

    /// The target of this epoch: the teacher's n best are gone through in turn.
    fn target<'a>(&self, sample: &'a Encoded) -> &'a [u32] {
        &sample.targets[self.epoch as usize % sample.targets.len()]
    }

    /// How many samples there are.
    pub(crate) fn samples(&self) -> usize {
        self.samples.len()
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
    pub(crate) fn seek(&mut self, (epoch, next): (u64, usize)) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.arrange();
        }
        self.next = next;
    }

    /// The next batch, of the next epoch if this one is at its end.
    pub(crate) fn next_batch(&mut self) -> Batch {
        if self.next >= self.order.len() {
            self.seek((self.epoch + 1, 0));
        }
        let rows: Vec<&Encoded> = self.order[self.next].iter().map(|&index| &self.samples[index]).collect();
        self.next += 1;
        let sources: Vec<&[u32]> = rows.iter().map(|row| row.source.as_slice()).collect();
        let written: Vec<&[u32]> = rows.iter().map(|row| self.target(row)).collect();
        let inputs: Vec<Vec<u32>> = written
            .iter()
            .map(|target| [self.start].iter().chain(&target[..target.len() - 1]).copied().collect())
            .collect();
        let (decoder, tokens) = (Tokens::pad(&inputs, self.padding), Tokens::pad(&written, self.padding));
        let weights = |taught: bool| {
            let row = |(index, kept): (usize, &u8)| {
                f32::from(u8::from(rows[index / tokens.length].taught == taught) * kept)
            };
            Arc::new(tokens.mask.iter().enumerate().map(row).collect())
        };
        Batch {
            source: Tokens::pad(&sources, self.padding),
            decoder,
            targets: Targets {
                labelled: weights(false),
                taught: weights(true),
                classes: tokens.ids.clone(),
                ..Targets::default()
            },
            requests: rows.iter().filter_map(|row| row.request.clone()).collect(),
        }
    }
}
