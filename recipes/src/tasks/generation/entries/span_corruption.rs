//! Spans that are left out of texts, for a model to write.

use alambic_models::{Tokenizer, sentinel};
use alambic_tensor::Streams;
use rand::Rng;
use rand::seq::index::sample;

use super::options::GenerationEntry;
use crate::error::RunError;

/// How spans are left out of texts: a function of seed, epoch and text, whatever else is in a batch.
///
/// Span corruption (Raffel et al., 2020, section 3.1.4): of n tokens, `noise-density · n` are left out, at least one and not all, in
/// `noise-density · n / mean-span-length` spans, at least one. How many tokens each span has, and each stretch between, is drawn evenly
/// among all ways to cut both; a text begins with a stretch that stays. Each span leaves a sentinel in its place, `<extra_id_0>` and on,
/// and the target is each sentinel with the tokens of its span behind it, and one sentinel more at the end.
#[derive(Debug, Clone)]
pub(super) struct SpanCorruption {
    density: f64,
    mean_length: f64,
    sentinels: Vec<u32>,
    end: u32,
    streams: Streams,
}

/// The numbers of tokens and of spans that are left out of a text of so many tokens, of which there are two or more.
fn counts(tokens: usize, density: f64, mean_length: f64) -> (usize, usize) {
    let noise = ((tokens as f64 * density).round() as usize).clamp(1, tokens.saturating_sub(1).max(1));
    let spans = ((noise as f64 / mean_length).round() as usize).max(1);
    // Each span has a token, and so has each stretch before one.
    (noise, spans.min(noise).min(tokens.saturating_sub(noise).max(1)))
}

/// The numbers of tokens of so many stretches of one token or more, evenly among all ways to cut them.
fn cut(tokens: usize, stretches: usize, random: &mut impl Rng) -> Vec<usize> {
    let mut ends = sample(random, tokens - 1, stretches - 1).into_vec();
    ends.sort_unstable();
    let ends = ends.into_iter().map(|end| end + 1).chain([tokens]);
    let mut before = 0;
    ends.map(|end| end - std::mem::replace(&mut before, end)).collect()
}

impl GenerationEntry {
    /// How many sentinels texts of the longest length need.
    pub(super) fn sentinels(&self) -> usize {
        counts(self.max_length, self.noise_density, self.mean_span_length).1 + 1
    }
}

impl SpanCorruption {
    /// Fewest tokens of a text of which a span is left out.
    pub(super) const MIN_TOKENS: usize = 2;

    /// That of an entry over a vocabulary.
    ///
    /// # Errors
    /// When the vocabulary has no sentinels.
    pub(super) fn new(entry: &GenerationEntry, tokenizer: &Tokenizer, seed: u64) -> Result<Self, RunError> {
        let sentinels = (0..entry.sentinels()).map(|index| tokenizer.id(&sentinel(index)));
        Ok(Self {
            density: entry.noise_density,
            mean_length: entry.mean_span_length,
            sentinels: sentinels.collect::<Result<_, _>>()?,
            end: tokenizer.end()?,
            streams: Streams::new(seed),
        })
    }

    /// What is read of a text in an epoch and what is written, each with the end.
    pub(super) fn corrupt(&self, tokens: &[u32], epoch: u64) -> [Vec<u32>; 2] {
        let random = &mut self.streams.masking(epoch, tokens);
        let (noise, spans) = counts(tokens.len(), self.density, self.mean_length);
        // One sentinel is left for the end of the target.
        let spans = spans.min(self.sentinels.len() - 1);
        let (left_out, kept) = (cut(noise, spans, random), cut(tokens.len() - noise, spans, random));
        let (mut read, mut written) = (Vec::new(), Vec::new());
        let mut rest = tokens;
        for ((left_out, kept), &sentinel) in left_out.into_iter().zip(kept).zip(&self.sentinels) {
            let (stays, behind) = rest.split_at(kept);
            let (goes, behind) = behind.split_at(left_out);
            read.extend_from_slice(stays);
            read.push(sentinel);
            written.push(sentinel);
            written.extend_from_slice(goes);
            rest = behind;
        }
        read.push(self.end);
        written.extend([self.sentinels[spans], self.end]);
        [read, written]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corruption(density: f64, mean_length: f64, sentinels: u32) -> SpanCorruption {
        SpanCorruption {
            density,
            mean_length,
            sentinels: (0..sentinels).map(|index| 1000 + index).collect(),
            end: 1,
            streams: Streams::new(7),
        }
    }

    /// The text that both parts are of.
    fn restored([read, written]: &[Vec<u32>; 2]) -> Vec<u32> {
        let is_sentinel = |token: &u32| (1000..1100).contains(token);
        let spans: Vec<Vec<u32>> =
            written[..written.len() - 1].split(is_sentinel).map(<[u32]>::to_vec).collect();
        let mut text = Vec::new();
        for token in &read[..read.len() - 1] {
            if is_sentinel(token) {
                text.extend(&spans[(*token - 1000) as usize + 1]);
            } else {
                text.push(*token);
            }
        }
        text
    }

    #[test]
    fn numbers_of_tokens_and_spans_are_those_of_the_paper() {
        // 512 tokens: 15 % are 77, in spans of 3.
        assert_eq!(counts(512, 0.15, 3.0), (77, 26));
        assert_eq!(counts(20, 0.15, 3.0), (3, 1));
        // At least one token, and never all.
        assert_eq!(counts(2, 0.15, 3.0), (1, 1));
        assert_eq!(counts(3, 0.99, 3.0), (2, 1));
        // Spans of one token need as many stretches between.
        assert_eq!(counts(10, 0.8, 1.0), (8, 2));
    }

    #[test]
    fn sentinels_stand_for_spans_and_both_parts_make_the_text() {
        for length in 2..200u32 {
            let text: Vec<u32> = (2..2 + length).collect();
            for epoch in 0..4 {
                let own = corruption(0.15, 3.0, 30);
                let parts = own.corrupt(&text, epoch);
                assert_eq!(restored(&parts), text, "{parts:?}");
                let (noise, spans) = counts(text.len(), 0.15, 3.0);
                let [read, written] = &parts;
                assert_eq!(read.len(), text.len() - noise + spans + 1);
                assert_eq!(written.len(), noise + spans + 2);
                assert_eq!(read[0], text[0], "it begins with what stays");
                assert_eq!(written[..1], [1000], "and its target with a sentinel");
                assert_eq!(written[written.len() - 2..], [1000 + spans as u32, 1]);
            }
        }
    }

    #[test]
    fn spans_are_drawn_anew_in_each_epoch_and_the_same_for_a_seed() {
        let text: Vec<u32> = (2..80).collect();
        let own = corruption(0.15, 3.0, 30);
        assert_eq!(own.corrupt(&text, 3), own.corrupt(&text, 3));
        assert_ne!(own.corrupt(&text, 3), own.corrupt(&text, 4));
    }

    #[test]
    fn stretches_are_drawn_evenly() {
        // Five tokens in three stretches: six ways.
        let mut random = Streams::new(1).masking(0, &[]);
        let mut ways = std::collections::HashMap::new();
        for _ in 0..6000 {
            *ways.entry(cut(5, 3, &mut random)).or_insert(0) += 1;
        }
        assert_eq!(ways.len(), 6);
        assert!(
            ways.iter().all(|(way, count)| way.iter().sum::<usize>() == 5 && (850..1150).contains(count))
        );
    }

    #[test]
    fn too_few_sentinels_leave_fewer_spans() {
        let text: Vec<u32> = (2..102).collect();
        let [read, written] = corruption(0.15, 3.0, 3).corrupt(&text, 0);
        assert_eq!(read.iter().filter(|token| **token >= 1000).count(), 2);
        assert_eq!(restored(&[read, written]), text);
    }
}
