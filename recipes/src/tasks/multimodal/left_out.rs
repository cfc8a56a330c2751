//! Spans that are left out of texts, for a model to write behind them.

use std::sync::Arc;

use alambic_losses::SpanTargets;
use alambic_models::text_encoder::TextInput;
use alambic_models::{EncodedText, Tokens};
use alambic_tensor::Streams;
use rand::Rng;

use super::options::LeftOutOptions;
use crate::tasks::generation::targets::forced_targets;

/// How spans are left out of texts: a function of seed, epoch and example, whatever else is in a batch.
#[derive(Debug, Clone)]
pub(super) struct LeftOutSpans {
    options: LeftOutOptions,
    streams: Streams,
    padding: u32,
    /// Most tokens of a text together with what is written behind it.
    max_length: usize,
}

/// What is read of texts and what is written behind them.
#[derive(Debug, Clone)]
pub(super) struct SplitTexts {
    pub(super) read: TextInput,
    /// What a decoder is given: the first token of the text, and all of what is written but the end.
    pub(super) written: Tokens,
    pub(super) targets: SpanTargets,
}

impl LeftOutSpans {
    pub(super) fn new(options: &LeftOutOptions, seed: u64, padding: u32, max_length: usize) -> Self {
        Self { options: options.clone(), streams: Streams::new(seed), padding, max_length }
    }

    /// The places of a text of so many tokens that are left out.
    fn chosen(&self, tokens: usize, random: &mut impl Rng) -> Vec<bool> {
        let wanted = (self.options.token_fraction * tokens as f64).round() as usize;
        // Something is left to be read.
        let mut left = wanted.max(1).min(tokens.saturating_sub(1));
        let mut chosen = vec![false; tokens];
        while left > 0 {
            let length = random.random_range(1..=self.options.max_tokens.min(left));
            let is_free = |&first: &usize| !chosen[first..first + length].contains(&true);
            let free: Vec<usize> = (0..=tokens - length).filter(is_free).collect();
            // One token has room wherever one is left.
            let Some(&first) = free.get(random.random_range(0..free.len().max(1))) else { continue };
            chosen[first..first + length].fill(true);
            left -= length;
        }
        chosen
    }

    /// A text as it is read, and the spans behind one another; both with the text's last token.
    fn split(&self, text: &[u32], mut random: impl Rng) -> [Vec<u32>; 2] {
        let Some((&end, before)) = text.split_last() else { return [Vec::new(), Vec::new()] };
        // The two parts have a first and a last token each, the last of which is predicted and not read.
        let before = &before[..before.len().min(self.max_length.saturating_sub(2))];
        let (mut read, mut written) = (Vec::new(), Vec::new());
        if let Some((&start, tokens)) = before.split_first() {
            read.push(start);
            for (token, chosen) in tokens.iter().zip(self.chosen(tokens.len(), &mut random)) {
                if chosen { written.push(*token) } else { read.push(*token) }
            }
        }
        read.push(end);
        written.push(end);
        [read, written]
    }

    /// Texts of examples in an epoch.
    pub(super) fn batch(&self, texts: &[&EncodedText], (epoch, examples): (u64, &[usize])) -> SplitTexts {
        let split = |(text, &example): (&&EncodedText, &usize)| {
            self.split(&text.ids, self.streams.leaving_out(epoch, example as u64))
        };
        let split: Vec<[Vec<u32>; 2]> = texts.iter().zip(examples).map(split).collect();
        let read: Vec<&[u32]> = split.iter().map(|[read, _]| read.as_slice()).collect();
        let written: Vec<&[u32]> = split.iter().map(|[_, written]| written.as_slice()).collect();
        let start = |row: usize| texts[row].ids.first().copied().unwrap_or(self.padding);
        let (decoder, targets) = forced_targets(&written, start, self.padding, |_| false);
        // Of a text in which nothing is left out, the end alone says nothing.
        let says = |index: usize| f32::from(u8::from(written[index / decoder.length.max(1)].len() > 1));
        let counted = targets.labelled.iter().enumerate().map(|(index, counted)| counted * says(index));
        SplitTexts {
            read: TextInput::new(Tokens::pad(&read, self.padding)),
            targets: SpanTargets { tokens: targets.classes, counted: Arc::new(counted.collect()) },
            written: decoder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(token_fraction: f64, max_tokens: usize, max_length: usize) -> LeftOutSpans {
        LeftOutSpans::new(&LeftOutOptions { token_fraction, max_tokens }, 3, 0, max_length)
    }

    /// A text of so many tokens between a first and a last one, all of them different.
    fn text(tokens: u32) -> Vec<u32> {
        [2].into_iter().chain(100..100 + tokens).chain([3]).collect()
    }

    fn encoded(tokens: u32) -> EncodedText {
        let ids = text(tokens);
        EncodedText { segments: Vec::new(), ids, truncated: false, language: None }
    }

    #[test]
    fn both_parts_are_the_text_and_a_share_of_it_is_written() {
        let own = spans(0.25, 8, 512);
        for (tokens, expected) in [(2, 1), (4, 1), (5, 1), (6, 2), (40, 10), (100, 25)] {
            for example in 0..40 {
                let [read, written] = own.split(&text(tokens), own.streams.leaving_out(0, example));
                assert_eq!(written.len() - 1, expected, "{tokens}");
                assert_eq!((read[0], read.last(), written.last()), (2, Some(&3), Some(&3)));
                let mut both: Vec<u32> =
                    read[1..read.len() - 1].iter().chain(&written[..written.len() - 1]).copied().collect();
                both.sort_unstable();
                assert_eq!(both, (100..100 + tokens).collect::<Vec<_>>());
                assert!(written[..written.len() - 1].is_sorted());
            }
        }
    }

    #[test]
    fn lengths_and_places_are_even() {
        let own = spans(0.25, 8, 512);
        let (mut runs, mut places) = (Vec::new(), [0usize; 100]);
        for example in 0..2000 {
            let chosen = own.chosen(100, &mut own.streams.leaving_out(1, example));
            let ends = |place: &usize| chosen[*place] && !chosen.get(place + 1).copied().unwrap_or(false);
            runs.push((0..100).filter(ends).count());
            for (count, chosen) in places.iter_mut().zip(chosen) {
                *count += usize::from(chosen);
            }
        }
        // 25 tokens in spans of 4.5 tokens in the mean, the last of which is cut; some meet.
        let mean = runs.iter().sum::<usize>() as f64 / 2000.0;
        assert!((4.5..7.0).contains(&mean), "{mean}");
        // Places within reach of the edges are in fewer spans.
        assert!(places[10..90].iter().all(|count| (400..650).contains(count)), "{places:?}");
        let single = spans(0.25, 1, 512).chosen(40, &mut own.streams.leaving_out(1, 1));
        assert_eq!(single.iter().filter(|chosen| **chosen).count(), 10);
    }

    #[test]
    fn what_is_split_fits_into_the_model_and_nothing_of_too_little_is_written() {
        let own = spans(0.25, 8, 12);
        let [read, written] = own.split(&text(30), own.streams.leaving_out(0, 0));
        assert_eq!(read.len() + written.len(), 12);
        assert_eq!((read[0], read.last(), written.last()), (2, Some(&3), Some(&3)));
        for tokens in [0, 1] {
            let [read, written] = own.split(&text(tokens), own.streams.leaving_out(0, 0));
            assert_eq!((read, written), (text(tokens), vec![3]));
        }
        assert_eq!(own.split(&[], own.streams.leaving_out(0, 0)), [Vec::<u32>::new(), Vec::new()]);
    }

    #[test]
    fn targets_are_what_is_left_out_and_the_end() {
        let own = spans(0.5, 8, 64);
        let texts = [encoded(4), encoded(1), encoded(8)];
        let rows: Vec<&EncodedText> = texts.iter().collect();
        let SplitTexts { read, written, targets } = own.batch(&rows, (0, &[5, 6, 7]));
        assert_eq!((read.tokens.batch, written.batch, written.length), (3, 3, 5));
        // Two tokens and an end, none of one token alone, and four tokens and an end.
        let counted: Vec<f32> = targets.counted.chunks(5).map(|row| row.iter().sum()).collect();
        assert_eq!(counted, [3.0, 0.0, 5.0]);
        let row = |row: usize| &written.ids[row * 5..(row + 1) * 5];
        let target = |row: usize| &targets.tokens[row * 5..(row + 1) * 5];
        assert_eq!((row(0)[0], row(2)[0], target(2)[4]), (2, 2, 3));
        assert_eq!((&row(2)[1..], &row(0)[1..3]), (&target(2)[..4], &target(0)[..2]));
        let alone = own.batch(&rows[2..], (0, &[7]));
        assert_eq!(
            (alone.targets.tokens.as_slice(), alone.written.ids.as_slice()),
            (target(2), row(2)),
            "whatever else is in a batch"
        );
        assert_ne!(own.batch(&rows[2..], (1, &[7])).targets.tokens, alone.targets.tokens);
    }
}
