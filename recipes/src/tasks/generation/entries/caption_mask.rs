//! Captions whose words are masked, for models that write a word in place of a mask.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_losses::Targets;
use alambic_models::text_encoder::TextInput;
use alambic_models::{TaggedRegions, Tokenizer, Tokens};
use alambic_settings::settings;
use alambic_tensor::Streams;
use rand::Rng;

use super::example_set::EncodedVersion;
use crate::error::RunError;

settings! {
    /// Words that are masked in captions, as Oscar has it: of a caption of n tokens, those before and behind it included,
    /// `min(max(round(probability · n), 1), max-masked)` are chosen among all but the first, anew in every epoch, so that a model learns
    /// to end a caption, too.
    pub struct CaptionMaskOptions {
        /// Share of the tokens of a caption that are chosen.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Most tokens of a caption that are chosen.
        #[range(1..=1_048_576)]
        pub max_masked: usize = 3,
        /// Share of the chosen tokens that become the mask.
        #[range(0.0..=1.0)]
        pub masked: f64 = 0.8,
        /// Share of the chosen tokens that become a random token; the others stay as they are.
        #[range(0.0..=1.0)]
        pub random: f64 = 0.1,
    }
}

/// How captions are masked: a function of seed, epoch and example, whatever else is in a batch.
#[derive(Debug)]
pub(super) struct CaptionMasking {
    streams: Streams,
    start: u32,
    mask: u32,
    /// What may stand in the place of a word. Sorted.
    ordinary: Vec<u32>,
}

/// A caption with masks, and where and what was chosen.
#[derive(Debug, PartialEq)]
struct MaskedCaption {
    tokens: Vec<u32>,
    chosen: Vec<(usize, u32)>,
}

impl CaptionMasking {
    /// Over a vocabulary, for captions that begin with a token.
    pub(super) fn new(tokenizer: &Tokenizer, start: u32, seed: u64) -> Result<Self, RunError> {
        let streams = Streams::new(seed);
        Ok(Self { streams, start, mask: tokenizer.mask()?, ordinary: tokenizer.ordinary() })
    }

    /// A caption without its first token, masked.
    fn mask(&self, options: &CaptionMaskOptions, caption: &[u32], mut random: impl Rng) -> MaskedCaption {
        let mut tokens: Vec<u32> = std::iter::once(self.start).chain(caption.iter().copied()).collect();
        let wanted = (options.probability * tokens.len() as f64).round() as usize;
        let count = wanted.max(1).min(options.max_masked).min(caption.len());
        let mut places: Vec<usize> = (1..tokens.len()).collect();
        let mut chosen = Vec::with_capacity(count);
        for index in 0..count {
            let other = random.random_range(index..places.len());
            places.swap(index, other);
            let place = places[index];
            chosen.push((place, tokens[place]));
            let chance: f64 = random.random();
            if chance < options.masked {
                tokens[place] = self.mask;
            } else if chance < options.masked + options.random && !self.ordinary.is_empty() {
                tokens[place] = self.ordinary[random.random_range(0..self.ordinary.len())];
            }
        }
        chosen.sort_unstable();
        MaskedCaption { tokens, chosen }
    }

    /// Captions of examples in an epoch, masked, with the tags of their images behind them, and what is to be predicted.
    pub(super) fn batch(
        &self,
        options: &[&CaptionMaskOptions],
        (epoch, rows, versions): (u64, &[usize], &[Cow<'_, EncodedVersion>]),
        image: &TaggedRegions,
        padding: u32,
    ) -> (TextInput, Targets) {
        let (mut captions, mut selected, mut classes) = (Vec::new(), Vec::new(), Vec::new());
        let mut of_teacher = Vec::new();
        for (index, (version, (row, options))) in versions.iter().zip(rows.iter().zip(options)).enumerate() {
            let random = self.streams.masking_of_example(epoch, *row as u64);
            let MaskedCaption { tokens, chosen } = self.mask(options, &version.target, random);
            captions.push(tokens);
            for (place, class) in chosen {
                selected.push((index, place));
                classes.push(class);
                of_teacher.push(f32::from(u8::from(version.is_teacher_target)));
            }
        }
        let text = image.behind(&Tokens::pad(&captions, padding), Some(&selected));
        let targets = Targets {
            labelled: Arc::new(of_teacher.iter().map(|weight| 1.0 - weight).collect()),
            // The teacher reads the same masks, of labels as of what it wrote.
            teacher_mask: Arc::new(vec![1.0; classes.len()]),
            teacher_written: Arc::new(of_teacher),
            classes: Arc::new(classes),
            ..Targets::default()
        };
        (text, targets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masking() -> (Tokenizer, CaptionMasking) {
        let words = "one two three four five six seven eight nine ten eleven twelve";
        let tokenizer = Tokenizer::train_words([words], 200).unwrap();
        let start = tokenizer.id("[CLS]").unwrap();
        let masking = CaptionMasking::new(&tokenizer, start, 1).unwrap();
        (tokenizer, masking)
    }

    fn published() -> CaptionMaskOptions {
        alambic_settings::Setting::when_absent().unwrap()
    }

    #[test]
    fn count_is_a_share_of_all_tokens_and_at_least_one_and_at_most_three() {
        let (_, masking) = masking();
        let options = published();
        // Tokens of a caption with its first one, and how many are chosen.
        for (count, expected) in [(2, 1), (9, 1), (10, 2), (16, 2), (17, 3), (40, 3)] {
            let caption: Vec<u32> = (0..count - 1).map(|place| 5 + place as u32 % 12).collect();
            for example in 0..20 {
                let random = masking.streams.masking_of_example(0, example);
                let masked = masking.mask(&options, &caption, random);
                assert_eq!(masked.chosen.len(), expected, "{count}");
                assert_eq!((masked.tokens.len(), masked.tokens[0]), (count, masking.start));
                for (place, class) in &masked.chosen {
                    assert_eq!(caption[place - 1], *class);
                }
            }
        }
    }

    #[test]
    fn every_token_but_the_first_is_chosen_alike_and_four_fifths_are_masked() {
        let (tokenizer, masking) = masking();
        let caption: Vec<u32> = tokenizer.encode_target("one two three four").unwrap()[1..].to_vec();
        let (mut counts, mut masks, mut others, mut all) = ([0usize; 6], 0, 0, 0);
        for example in 0..6000 {
            let random = masking.streams.masking_of_example(0, example);
            let masked = masking.mask(&published(), &caption, random);
            for (place, class) in masked.chosen {
                counts[place] += 1;
                all += 1;
                masks += usize::from(masked.tokens[place] == masking.mask);
                others += usize::from(![class, masking.mask].contains(&masked.tokens[place]));
            }
        }
        assert_eq!((counts[0], all), (0, 6000));
        for count in &counts[1..] {
            assert!((*count as f64 / 1200.0 - 1.0).abs() < 0.1, "{counts:?}");
        }
        let share = |count: usize| count as f64 / f64::from(all as u32);
        assert!((share(masks) - 0.8).abs() < 0.02, "{}", share(masks));
        // One word of twelve is drawn in its own place.
        assert!((share(others) - 0.1).abs() < 0.02, "{}", share(others));
    }

    #[test]
    fn masks_are_those_of_seed_epoch_and_example() {
        let (_, masking) = masking();
        let caption: Vec<u32> = (5..16).collect();
        let of = |epoch: u64, example: u64| {
            masking.mask(&published(), &caption, masking.streams.masking_of_example(epoch, example))
        };
        assert_eq!(of(3, 4), of(3, 4));
        assert_ne!(of(3, 4), of(4, 4));
        assert_ne!(of(3, 4), of(3, 5));
    }
}
