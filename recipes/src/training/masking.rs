//! Tokens that are masked, for a model of language to say what they were.

use std::ops::Range;
use std::sync::Arc;

use alambic_losses::Targets;
use alambic_models::Tokenizer;
use alambic_models::text_encoder::TextInput;
use alambic_tensor::Streams;
use rand::Rng;

use crate::error::RunError;
use crate::options::masking::{Compared, MaskOptions, SpanMaskOptions};

/// The epoch that texts of the validation split belong to: they are masked in the same way every time.
pub(crate) const VALIDATION: u64 = u64::MAX;

/// How texts are masked: a function of seed, epoch and text, whatever else is in a batch.
#[derive(Debug, Clone)]
pub(crate) struct Masking {
    options: MaskOptions,
    streams: Streams,
    mask: u32,
    /// Tokens that are not special: what may be masked, and what may stand in its place. Sorted.
    ordinary: Vec<u32>,
    /// Tokens that go on a word, where spans of words are chosen. Sorted.
    continuations: Vec<u32>,
    /// Whether every token is chosen or not by itself.
    is_independent: bool,
}

impl Masking {
    /// Over a vocabulary.
    pub(crate) fn new(options: &MaskOptions, tokenizer: &Tokenizer, seed: u64) -> Result<Self, RunError> {
        Ok(Self {
            options: options.clone(),
            streams: Streams::new(seed),
            mask: tokenizer.mask()?,
            ordinary: tokenizer.ordinary(),
            continuations: options.spans.as_ref().map(|_| tokenizer.continuations()).unwrap_or_default(),
            is_independent: false,
        })
    }

    /// The same, by which every token of a text is chosen or not by itself, so that none may be.
    pub(crate) fn independently(self) -> Self {
        Self { is_independent: true, ..self }
    }

    /// Whether a text has a token that may be masked.
    pub(crate) fn takes(&self, tokens: &[u32]) -> bool {
        tokens.iter().any(|token| self.is_ordinary(*token))
    }

    fn is_ordinary(&self, token: u32) -> bool {
        self.ordinary.binary_search(&token).is_ok()
    }

    /// A text in an epoch: its tokens, some of them masked, and for each token whether it was chosen.
    fn mask(&self, tokens: &[u32], mut random: impl Rng) -> (Vec<u32>, Vec<bool>) {
        let mut places: Vec<usize> =
            (0..tokens.len()).filter(|&place| self.is_ordinary(tokens[place])).collect();
        // Rounded up with the probability of its fraction, so that the mean is what is asked for.
        let wanted = self.options.probability * places.len() as f64;
        let up = random.random_bool(wanted.fract());
        let mut count = (wanted as usize + usize::from(up)).max(1).min(places.len());
        if self.is_independent {
            count = (0..places.len()).filter(|_| random.random_bool(self.options.probability)).count();
        }
        let (mut masked, mut chosen) = (tokens.to_vec(), vec![false; tokens.len()]);
        if let Some(spans) = &self.options.spans {
            for span in self.spans(spans, tokens, count, &mut random) {
                let chance: f64 = random.random();
                for place in span {
                    chosen[place] = true;
                    masked[place] = self.replaced(tokens[place], chance, &mut random);
                }
            }
            return (masked, chosen);
        }
        for index in 0..count {
            let other = random.random_range(index..places.len());
            places.swap(index, other);
            let place = places[index];
            chosen[place] = true;
            let chance: f64 = random.random();
            masked[place] = self.replaced(tokens[place], chance, &mut random);
        }
        (masked, chosen)
    }

    /// What a chosen token becomes by lot.
    fn replaced(&self, token: u32, chance: f64, random: &mut impl Rng) -> u32 {
        if chance < self.options.masked {
            self.mask
        } else if chance < self.options.masked + self.options.random {
            self.ordinary[random.random_range(0..self.ordinary.len())]
        } else {
            token
        }
    }

    /// Spans of whole words that have so many tokens together, or less where the next word would be more; one word at least.
    fn spans(
        &self,
        options: &SpanMaskOptions,
        tokens: &[u32],
        count: usize,
        random: &mut impl Rng,
    ) -> Vec<Range<usize>> {
        let mut words: Vec<Range<usize>> = Vec::new();
        for place in (0..tokens.len()).filter(|&place| self.is_ordinary(tokens[place])) {
            let goes_on = self.continuations.binary_search(&tokens[place]).is_ok();
            match words.last_mut().filter(|word| goes_on && word.end == place) {
                Some(word) => word.end += 1,
                None => words.push(place..place + 1),
            }
        }
        let mut is_free = vec![true; words.len()];
        let (mut spans, mut left) = (Vec::new(), count);
        while left > 0 {
            // Of the words that are left and no longer than what is; the first of all may be.
            let fits = |word: &usize| is_free[*word] && (words[*word].len() <= left || left == count);
            let free: Vec<usize> = (0..words.len()).filter(fits).collect();
            if free.is_empty() {
                break;
            }
            let length = options.length(random.random());
            let first = free[random.random_range(0..free.len())];
            let mut end = first;
            while end < words.len()
                && end - first < length
                && is_free[end]
                && (end == first || words[end].start == words[end - 1].end && words[end].len() <= left)
            {
                is_free[end] = false;
                left = left.saturating_sub(words[end].len());
                end += 1;
            }
            spans.push(words[first].start..words[end - 1].end);
        }
        spans
    }

    /// A batch of texts in an epoch, which student and teacher read alike. The targets are a row for each token whose
    /// logits are wanted.
    pub(crate) fn batch(&self, input: TextInput, epoch: u64) -> (TextInput, Targets) {
        self.batch_by(input, |_, tokens| self.streams.masking(epoch, tokens))
    }

    /// The same of the texts of examples, of which those of one text are masked in their own ways.
    pub(crate) fn batch_of_examples(
        &self,
        input: TextInput,
        epoch: u64,
        examples: &[usize],
    ) -> (TextInput, Targets) {
        self.batch_by(input, |row, _| self.streams.masking_of_example(epoch, examples[row] as u64))
    }

    /// The same with the random stream of each row's tokens.
    fn batch_by<R: Rng>(
        &self,
        mut input: TextInput,
        stream: impl Fn(usize, &[u32]) -> R,
    ) -> (TextInput, Targets) {
        let (original, length) = (Arc::clone(&input.tokens.ids), input.tokens.length);
        let mut ids = original.to_vec();
        let (mut selected, mut classes, mut labelled) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..input.tokens.batch {
            let start = row * length;
            let real: usize =
                input.tokens.mask[start..start + length].iter().map(|&real| usize::from(real)).sum();
            let text = start..start + real;
            let own = &original[text.clone()];
            let (masked, chosen) = self.mask(own, stream(row, own));
            ids[text.clone()].copy_from_slice(&masked);
            for (place, chosen) in text.zip(chosen) {
                if chosen || self.options.logits == Compared::All {
                    selected.push(place as u32);
                    classes.push(original[place]);
                    labelled.push(f32::from(u8::from(chosen)));
                }
            }
        }
        if selected.is_empty() {
            // Logits have a row, which does not count.
            (selected, classes, labelled) = (vec![0], vec![original[0]], vec![0.0]);
        }
        let targets = Targets {
            teacher_mask: Arc::new(labelled.iter().map(|_| 1.0).collect()),
            classes: Arc::new(classes),
            labelled: Arc::new(labelled),
            ..Targets::default()
        };
        input.tokens.ids = Arc::new(ids);
        input.selected = Some(Arc::new(selected));
        (input, targets)
    }
}

#[cfg(test)]
mod tests {
    use alambic_models::EncodedText;

    use super::*;

    fn tokenizer() -> Tokenizer {
        Tokenizer::train_words(["one two three four five six seven eight nine ten eleven twelve"], 200)
            .unwrap()
    }

    /// What is left out in a recipe is as BERT has it.
    fn published() -> MaskOptions {
        alambic_settings::Setting::when_absent().unwrap()
    }

    fn masking(options: &MaskOptions, seed: u64) -> Masking {
        Masking::new(options, &tokenizer(), seed).unwrap()
    }

    /// Texts of `length` words with special tokens around them, and one that is not in the vocabulary.
    fn texts(length: usize, count: usize) -> Vec<EncodedText> {
        let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"];
        let text = |number: usize| {
            let word =
                |place: usize| words[(number / words.len().pow(place as u32 % 4) + place) % words.len()];
            let words: Vec<&str> = (0..length).map(word).collect();
            tokenizer().encode_text(&format!("{} ξ", words.join(" ")), None).unwrap()
        };
        (0..count).map(text).collect()
    }

    #[test]
    fn a_share_is_chosen_and_of_that_four_fifths_are_masked() {
        for length in [7, 10, 40] {
            let masking = masking(&published(), 1);
            let texts = texts(length, 4000 / length);
            let (mut chosen_all, mut masks, mut others) = (0, 0, 0);
            for text in &texts {
                let (masked, chosen) = masking.mask(&text.ids, masking.streams.masking(0, &text.ids));
                for ((&token, &now), chosen) in text.ids.iter().zip(&masked).zip(chosen) {
                    assert!(chosen || token == now, "what is not chosen is kept");
                    assert!(!chosen || masking.is_ordinary(token), "a special token is chosen");
                    chosen_all += usize::from(chosen);
                    masks += usize::from(now == masking.mask);
                    others += usize::from(now != token && now != masking.mask);
                    assert!(now == token || now == masking.mask || masking.is_ordinary(now));
                }
            }
            let share = chosen_all as f64 / (texts.len() * length) as f64;
            // One token at least: of seven that is a little more than 15 %.
            assert!((share - f64::max(0.15, 1.05 / length as f64)).abs() < 0.012, "{length}: {share}");
            let of_chosen = |count: usize| count as f64 / chosen_all as f64;
            assert!((of_chosen(masks) - 0.8).abs() < 0.05, "{length}: {}", of_chosen(masks));
            assert!((of_chosen(others) - 0.1).abs() < 0.04, "{length}: {}", of_chosen(others));
        }
    }

    #[test]
    fn masks_depend_on_seed_epoch_and_text_alone() {
        let (options, texts) = (published(), texts(20, 8));
        let all = |seed: u64, epoch: u64| -> Vec<_> {
            let own = masking(&options, seed);
            let mask = |text: &EncodedText| own.mask(&text.ids, own.streams.masking(epoch, &text.ids));
            texts.iter().map(mask).collect()
        };
        assert_eq!(all(1, 3), all(1, 3));
        assert_ne!(all(1, 3), all(1, 4));
        assert_ne!(all(1, 3), all(2, 3));
        let rows: Vec<&EncodedText> = texts.iter().collect();
        let ids = |rows: &[&EncodedText]| masking(&options, 1).batch(TextInput::pad(rows, 0), 3).0.tokens.ids;
        let (together, length) = (ids(&rows), texts[5].ids.len());
        assert_eq!(ids(&rows[5..6])[..], together[5 * length..6 * length]);
    }

    #[test]
    fn targets_are_the_tokens_that_were_masked() {
        let (long, short) = (texts(20, 1), texts(3, 1));
        let rows = [&long[0], &short[0]];
        let input = TextInput::pad(&rows, 0);
        let original = Arc::clone(&input.tokens.ids);
        for logits in [Compared::Masked, Compared::All] {
            let options = MaskOptions { logits, masked: 1.0, random: 0.0, ..published() };
            let masking = masking(&options, 1);
            let (own, targets) = masking.batch(input.clone(), 0);
            let selected = own.selected.unwrap();
            assert_eq!(targets.classes.len(), selected.len());
            for ((&place, &class), &chosen) in selected.iter().zip(&*targets.classes).zip(&*targets.labelled)
            {
                assert_eq!(original[place as usize], class);
                assert_eq!(own.tokens.ids[place as usize] == masking.mask, chosen == 1.0);
            }
            let chosen = own.tokens.ids.iter().filter(|&&token| token == masking.mask).count();
            assert_eq!(targets.labelled.iter().sum::<f32>(), chosen as f32);
            let expected =
                if logits == Compared::All { rows.iter().map(|row| row.ids.len()).sum() } else { chosen };
            assert_eq!(selected.len(), expected, "padding has no logits");
        }
    }

    #[test]
    fn spans_are_of_whole_words_and_one_thing_becomes_of_each() {
        let spans = SpanMaskOptions { end_probability: 0.2, max_words: 10 };
        let options = MaskOptions { probability: 0.3, spans: Some(spans), ..published() };
        let masking = masking(&options, 1);
        let continuations = tokenizer().continuations();
        let (mut chosen_all, mut tokens, mut runs, mut mixed) = (0, 0, 0, 0);
        for text in texts(20, 300) {
            let (masked, chosen) = masking.mask(&text.ids, masking.streams.masking(0, &text.ids));
            for place in 1..text.ids.len() {
                if continuations.contains(&text.ids[place]) && masking.is_ordinary(text.ids[place - 1]) {
                    assert_eq!(chosen[place], chosen[place - 1], "a word is cut");
                }
                let is_mask = |place: usize| masked[place] == masking.mask;
                runs += usize::from(chosen[place] && !chosen[place - 1]);
                mixed +=
                    usize::from(chosen[place] && chosen[place - 1] && is_mask(place) != is_mask(place - 1));
            }
            chosen_all += chosen.iter().filter(|chosen| **chosen).count();
            tokens += text.ids.iter().filter(|token| masking.is_ordinary(**token)).count();
        }
        let share = chosen_all as f64 / tokens as f64;
        assert!((share - 0.3).abs() < 0.03, "{share}");
        // Runs are longer than those of tokens by themselves, which have 1.4; where two spans meet they may differ.
        assert!(chosen_all as f64 / runs as f64 > 2.0, "{chosen_all} in {runs}");
        assert!((mixed as f64) < 0.2 * chosen_all as f64, "{mixed} of {chosen_all}");
    }

    #[test]
    fn lengths_of_spans_are_geometric_and_no_longer_than_the_longest() {
        let options = SpanMaskOptions { end_probability: 0.2, max_words: 10 };
        let mut random = Streams::new(5).masking(0, &[1]);
        let mut counts = [0usize; 11];
        for _ in 0..40_000 {
            counts[options.length(random.random())] += 1;
        }
        let mean = counts.iter().enumerate().map(|(length, count)| length * count).sum::<usize>() as f64;
        // As published: 3.8 words (Joshi et al., 2020, section 3.1).
        assert!((mean / 40_000.0 - 3.797).abs() < 0.05, "{}", mean / 40_000.0);
        let share = |length: usize| counts[length] as f64 / 40_000.0;
        assert!((share(1) - 0.2 / (1.0 - 0.8f64.powi(10))).abs() < 0.01, "{}", share(1));
        assert!((share(10) / share(9) - 0.8).abs() < 0.1 && counts[0] == 0);
        for chance in [0.0, 0.5, 1.0 - f64::EPSILON] {
            assert_eq!(SpanMaskOptions { end_probability: 1.0, max_words: 10 }.length(chance), 1);
            assert_eq!(SpanMaskOptions { end_probability: 0.2, max_words: 1 }.length(chance), 1);
        }
        assert_eq!(options.length(1.0 - f64::EPSILON), 10);
    }

    #[test]
    fn a_text_of_special_tokens_alone_is_not_taken() {
        let masking = masking(&published(), 1);
        let unknown = tokenizer().encode_text("ξ ξ", None).unwrap();
        assert!(!masking.takes(&unknown.ids) && masking.takes(&texts(1, 1)[0].ids));
        assert_eq!(
            masking.mask(&unknown.ids, masking.streams.masking(0, &unknown.ids)),
            (unknown.ids.clone(), vec![false; unknown.ids.len()])
        );
    }
}
