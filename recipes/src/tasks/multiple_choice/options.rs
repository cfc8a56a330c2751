//! Keys of the data: questions with choices.

use alambic_settings::{At, OneOrMany, settings};

use crate::tasks::fractions::ScaleFractions;

settings! {
    /// Questions with choices, of which one is right.
    ///
    /// The student reads a prompt with each of its choices, as a pair of texts, and gives it a score; the softmax is over the choices
    /// of a prompt. `cross-entropy` and `logits` are over these distributions, and terms of layers over the pairs.
    pub struct ChoiceData {
        /// Names of corpora.
        pub data: Vec<At<String>>,
        /// Share of the questions; smaller shares lie within larger ones.
        #[range(0.0..=1.0)]
        pub fraction: f64 = 1.0,
        /// Largest number of tokens of a prompt with a choice, the special ones included; what is longer is cut.
        #[range(4..=1_048_576)]
        pub max_length: usize = 128,
    }
}

settings! {
    /// Questions with choices.
    pub struct ChoicesData {
        /// Questions with choices, of which one is right.
        pub choices: OneOrMany<ChoiceData> = OneOrMany(Vec::new()),
    }
}

impl ScaleFractions for ChoicesData {
    fn scale_fractions(&mut self, share: f64) {
        self.choices.0.iter_mut().for_each(|own| own.fraction *= share);
    }
}
