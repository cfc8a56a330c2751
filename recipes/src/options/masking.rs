//! Keys of masked language modelling.

use alambic_settings::{choices, settings};

settings! {
    /// Masked language modelling (Devlin et al., 2019): some tokens are masked, and the student predicts them.
    ///
    /// Of a text with n tokens that are not special, `probability · n` are chosen, rounded up or down at random, and at
    /// least one; anew in every epoch, and always the same for validation. `cross-entropy` counts the chosen tokens, the
    /// original ones being its labels; `logits` compares student and teacher, which read the same masked text, at the
    /// tokens that the key `logits` names; losses over layers see every token. Checkpoints are chosen by the perplexity over the chosen
    /// tokens of the validation split.
    pub struct MaskOptions {
        /// Share of the tokens that are chosen.
        #[range(0.001..=1.0)]
        pub probability: f64 = 0.15,
        /// Share of the chosen tokens that become the mask.
        #[range(0.0..=1.0)]
        pub masked: f64 = 0.8,
        /// Share of the chosen tokens that become a random token; what is left is kept as it is.
        #[range(0.0..=1.0)]
        pub random: f64 = 0.1,
        /// At which tokens student and teacher give logits of the vocabulary.
        pub logits: Compared = Compared::Masked,
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
