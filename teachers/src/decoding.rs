//! Decoding of models that write, as recipes declare it beside the width of the beam and the greatest length.

use alambic_models::{EarlyStopping, GenerationConfig, Sampling};
use alambic_settings::{Either, choices, settings};

choices! {
    /// A search that goes on while it can improve.
    pub enum Unhurried {
        /// A source is done when no longer target could be better, whatever its length.
        Never = "never",
    }
}

settings! {
    /// Rules of decoding, with the meanings that transformers has for them.
    ///
    /// Where one of them is given, `length-penalty` aside, the rules of the model's own `generation_config.json` hold as well:
    /// ids that are forced first and last, sequences that are never written, several ends.
    pub struct DecodingOptions {
        /// Power of the length, the end included, by which the log-probability of a beam's hypothesis is divided.
        #[range(-100.0..=100.0)]
        pub length_penalty: f32 = 1.0,
        /// Number of tokens of which no sequence occurs twice in a target; 0 for no limit.
        #[range(0..=1_048_576)]
        pub no_repeat_ngram: usize = 0,
        /// When beam search is done with a source: `true`, when as many hypotheses as the beam is wide have ended; `false`, when the
        /// best one under way does not score above the worst of these; `"never"`, when it could not even at the greatest length.
        /// Unended ones of the greatest length compete with the others then. Left out: as with `true`, but for unended ones, which count
        /// only where none has ended.
        pub early_stopping: Option<Either<bool, Unhurried>>,
        /// Tokens are drawn by their probability, of logits that are divided by this number, in place of the likeliest. Sampling needs a
        /// `beam` of 1.
        #[range(0.001..=1000.0)]
        pub temperature: Option<f64>,
        /// Number of the likeliest tokens of which one is drawn. Left out: no limit.
        #[range(1..=1_048_576)]
        pub top_k: Option<usize>,
        /// Share of the probability that the likeliest tokens make up of which one is drawn. Left out: all of it.
        #[range(0.0..=1.0)]
        pub top_p: Option<f64>,
        /// Seed of sampling. What is drawn of a text follows from it and the text, whatever others there are.
        pub sampling_seed: Option<u64>,
    }
}

impl DecodingOptions {
    /// Whether all of them are left out, or as if they were.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let plain = GenerationConfig::greedy(1);
        self.generation(plain.beam, plain.max_new_tokens) == plain
    }

    /// Whether tokens are drawn.
    #[must_use]
    pub fn samples(&self) -> bool {
        self.temperature.is_some() || self.top_k.is_some() || self.top_p.is_some()
    }

    /// Decoding by these options.
    #[must_use]
    pub fn generation(&self, beam: usize, max_new_tokens: usize) -> GenerationConfig {
        GenerationConfig {
            beam,
            length_penalty: self.length_penalty,
            early_stopping: self.early_stopping.as_ref().map(|chosen| match chosen {
                Either::First(false) => EarlyStopping::Heuristic,
                Either::First(true) => EarlyStopping::Full,
                Either::Second(Unhurried::Never) => EarlyStopping::Never,
            }),
            no_repeat_ngram: self.no_repeat_ngram,
            sampling: self.samples().then(|| Sampling {
                temperature: self.temperature.unwrap_or(1.0),
                top_k: self.top_k,
                top_p: self.top_p.unwrap_or(1.0),
                seed: self.sampling_seed.unwrap_or(0),
            }),
            ..GenerationConfig::greedy(max_new_tokens)
        }
    }

    /// Options that contradict each other, each with the keys and what to do.
    #[must_use]
    pub fn contradictions(&self, beam: usize) -> Vec<(&'static str, String, &'static str)> {
        let mut found = Vec::new();
        let drawn = ["temperature", "top-k", "top-p"].into_iter().zip([
            self.temperature.is_some(),
            self.top_k.is_some(),
            self.top_p.is_some(),
        ]);
        if let Some((key, _)) = drawn.into_iter().find(|(_, is_given)| *is_given)
            && beam > 1
        {
            let message =
                format!("`{key}` is for sampling, which draws one token at a time, and the beam has {beam}");
            found.push((key, message, "leave out `beam`, or what sampling needs"));
        }
        if self.sampling_seed.is_some() && !self.samples() {
            let message = "`sampling-seed` is there, and nothing is drawn".to_owned();
            found.push(("sampling-seed", message, "name a `temperature`, or leave the seed out"));
        }
        if self.early_stopping.is_some() && beam <= 1 {
            let message = "`early-stopping` is there, and there is no beam to stop".to_owned();
            found.push(("early-stopping", message, "set `beam` above 1, or leave it out"));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use alambic_settings::Setting;

    use super::*;

    fn options() -> DecodingOptions {
        DecodingOptions::when_absent().unwrap()
    }

    #[test]
    fn options_left_out_are_decoding_as_it_was() {
        let plain = options().generation(3, 9);
        assert_eq!(plain, GenerationConfig { beam: 3, ..GenerationConfig::greedy(9) });
        assert!(!plain.follows_transformers());
        assert!(options().contradictions(4).is_empty());
    }

    #[test]
    fn one_key_of_sampling_is_enough_to_sample() {
        for options in [
            DecodingOptions { temperature: Some(0.5), ..options() },
            DecodingOptions { top_k: Some(3), ..options() },
            DecodingOptions { top_p: Some(0.9), ..options() },
        ] {
            let sampling = options.generation(1, 9).sampling.unwrap();
            assert_eq!(
                sampling,
                Sampling {
                    temperature: options.temperature.unwrap_or(1.0),
                    top_k: options.top_k,
                    top_p: options.top_p.unwrap_or(1.0),
                    seed: 0
                }
            );
            assert!(options.contradictions(1).is_empty());
            assert_eq!(options.contradictions(2).len(), 1);
        }
    }

    #[test]
    fn options_without_use_are_contradictions() {
        let seeded = DecodingOptions { sampling_seed: Some(1), ..options() };
        assert_eq!(seeded.contradictions(1)[0].0, "sampling-seed");
        let stopping = DecodingOptions { early_stopping: Some(Either::First(true)), ..options() };
        assert_eq!(stopping.contradictions(1)[0].0, "early-stopping");
        assert!(stopping.contradictions(2).is_empty());
    }
}
