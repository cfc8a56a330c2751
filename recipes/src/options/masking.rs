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
    /// Spans of whole words of geometric lengths (`SpanBERT`, Joshi et al., 2020), all tokens of one of which become the mask, random
    /// tokens, or stay as they are, until the share of tokens is chosen.
    pub struct SpanMaskOptions {
        /// Probability that a span ends behind a word.
        #[range(0.01..=1.0)]
        pub end_probability: f64 = 0.2,
        /// Most words of a span.
        #[range(1..=100)]
        pub max_words: usize = 10,
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
