//! Settings in which models are trained and asked.

use alambic_settings::choices;

choices! {
    /// Settings in which models are trained and asked in many languages.
    pub enum Setting {
        /// Trained in the source alone, asked in every language.
        ZeroShot = "zero-shot",
        /// As zero-shot, and then trained with a few examples of the language that it is asked in.
        FewShot = "few-shot",
        /// Trained in the source, and asked about machine translations into the source.
        TranslateTest = "translate-test",
        /// Trained in each language on machine translations of the source's training part.
        TranslateTrain = "translate-train",
    }
}
