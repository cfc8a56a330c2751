//! Samples in tokens, and batches of them.

use alambic_losses::Targets;
use alambic_models::{TargetPrefix, Tokenizer, Tokens};
use alambic_teachers::GenerationRequest;

use super::samples::Sample;
use super::targets::forced_targets;
use crate::error::RunError;

/// A sample in the student's tokens.
#[derive(Debug)]
struct Encoded {
    source: Vec<u32>,
    /// Each with the end token.
    targets: Vec<Vec<u32>>,
    /// The decoder's first token.
    start: u32,
    is_teacher_target: bool,
    /// Inputs of the teacher; none without a teacher.
    request: Option<GenerationRequest>,
}

/// One batch as student, teacher and losses want it.
#[derive(Debug)]
pub(crate) struct Seq2SeqBatch {
    pub(crate) source: Tokens,
    /// The target with the start token before it and the end token left out.
    pub(crate) decoder: Tokens,
    pub(crate) targets: Targets,
    /// Inputs of the teacher, row by row; empty without a teacher.
    pub(crate) requests: Vec<GenerationRequest>,
}

/// All samples of a stage in the student's tokens.
#[derive(Debug)]
pub(crate) struct EncodedSamples {
    samples: Vec<Encoded>,
    padding: u32,
    /// Samples that were longer than the student's positions.
    pub(crate) too_long: usize,
}

impl EncodedSamples {
    /// Tokenizes the samples. `start` is the decoder's first token where the language of a target is none, `max_length` the number of the student's positions.
    pub(crate) fn new(
        samples: &[Sample],
        tokenizer: &Tokenizer,
        (start, max_length): (u32, usize),
    ) -> Result<Self, RunError> {
        let mut examples =
            Self { samples: Vec::with_capacity(samples.len()), padding: tokenizer.padding()?, too_long: 0 };
        for sample in samples {
            let source = tokenizer.encode_for(&sample.source, &sample.direction.target)?;
            let mut targets = Vec::with_capacity(sample.targets.len());
            for target in &sample.targets {
                targets.push(tokenizer.encode_target_for(target, &sample.direction.target)?);
            }
            targets.retain(|target| target.len() <= max_length);
            if source.len() > max_length || targets.is_empty() {
                examples.too_long += 1;
                continue;
            }
            let start = match tokenizer.target_prefix(&sample.direction.target)? {
                Some(TargetPrefix::Start(code)) => code,
                _ => start,
            };
            let request = sample.teacher_source.as_ref().map(|text| GenerationRequest {
                text: text.clone(),
                language: sample.direction.target.clone(),
            });
            examples.samples.push(Encoded {
                source,
                targets,
                start,
                is_teacher_target: sample.is_teacher_target,
                request,
            });
        }
        Ok(examples)
    }

    /// Tokens of source and target of each sample.
    pub(crate) fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        self.samples.iter().map(|sample| (sample.source.len(), target(sample, epoch).len())).collect()
    }

    /// How many samples there are.
    pub(crate) fn count(&self) -> usize {
        self.samples.len()
    }

    /// A batch of the samples of these indices.
    pub(crate) fn batch(&self, indices: &[usize], epoch: u64) -> Seq2SeqBatch {
        let rows: Vec<&Encoded> = indices.iter().map(|&index| &self.samples[index]).collect();
        let sources: Vec<&[u32]> = rows.iter().map(|row| row.source.as_slice()).collect();
        let written: Vec<&[u32]> = rows.iter().map(|row| target(row, epoch)).collect();
        let (decoder, targets) =
            forced_targets(&written, |row| rows[row].start, self.padding, |row| rows[row].is_teacher_target);
        Seq2SeqBatch {
            source: Tokens::pad(&sources, self.padding),
            decoder,
            targets,
            requests: rows.iter().filter_map(|row| row.request.clone()).collect(),
        }
    }
}

/// The target of an epoch: the teacher's n best are gone through in turn.
fn target(sample: &Encoded, epoch: u64) -> &[u32] {
    &sample.targets[epoch as usize % sample.targets.len()]
}
