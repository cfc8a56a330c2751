//! Keys of masked language modelling.

use alambic_settings::{choices, settings};

settings! {
    /// Masked language modelling (Devlin et al., 2019): some tokens are masked, and the student predicts them.
    ///
    /// Of a text with n tokens that are not special, `probability · n` are chosen, rounded up or down at random, and at
    /// least one; anew in every epoch, and always the same for validation. `cross-entropy` counts the chosen tokens, the
    /// original ones being its labels; `logits` compares student and teacher, which read the same masked text, where
    /// `logits` names; losses over layers see every token. Checkpoints are chosen by the perplexity over the chosen
    /// tokens of the validation split.
    pub struct MaskOptions {
        /// Share of the tokens that are chosen.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Share of the chosen tokens that become the mask.
        #[range(0.0..=1.0)]
        pub masked: f64 = 0.8,
        /// Share of the chosen tokens that become a random token; the others stay as they are.
        #[range(0.0..=1.0)]
        pub random: f64 = 0.1,
        /// Spans of whole words in place of single tokens. Left out: each token is chosen by itself.
        pub spans: Option<SpanMaskOptions>,
        /// At which tokens student and teacher give logits of the vocabulary.
        pub logits: Compared = Compared::Masked,
    }
}

settings! {
    /// Spans of whole words (`SpanBERT`, Joshi et al., 2020), all tokens of one of which become the mask, random tokens, or stay as they
    /// are, until the share of tokens is chosen. A span has n words with a probability in proportion to `p (1 - p)^(n - 1)`, n being at
    /// most `max-words`: 3.8 words in the mean with p 0.2 and 10 words. Words that are chosen already, special tokens and the share of
    /// tokens cut it short.
    pub struct SpanMaskOptions {
        /// The p of the lengths.
        #[range(0.01..=1.0)]
        pub end_probability: f64 = 0.2,
        /// Most words of a span.
        #[range(1..=100)]
        pub max_words: usize = 10,
    }
}

impl SpanMaskOptions {
    /// The words of a span by a number that is drawn from 0 to 1, itself not among them.
    pub(crate) fn length(&self, chance: f64) -> usize {
        let goes_on = 1.0 - self.end_probability;
        let mut part = self.end_probability;
        let whole: f64 =
            (0..self.max_words).map(|word| self.end_probability * goes_on.powi(word as i32)).sum();
        let mut left = chance * whole;
        for length in 1..self.max_words {
            if left < part {
                return length;
            }
            left -= part;
            part *= goes_on;
        }
        self.max_words
    }
}

choices! {
    /// At which tokens logits are compared.
    pub enum Compared {
        /// At the chosen ones.
        Masked = "masked",
        /// At all of them, as DistilBERT's published code does by default; that costs as much more as there
        /// are more tokens.
        All = "all",
    }
}
