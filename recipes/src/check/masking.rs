//! Checks of masked language modelling.

use alambic_settings::{Diagnostic, Origin};

use super::checker::Checker;
use super::model_info::ModelInfo;
use crate::options::masking::MaskOptions;

impl Checker<'_> {
    /// Reports shares of masked tokens that are more than one whole. The places are those of the keys `masked` and `random`.
    pub(crate) fn check_mask_options(&mut self, options: &MaskOptions, [masked, random]: [Origin; 2]) {
        let replaced = options.masked + options.random;
        if replaced > 1.0 + 1e-9 {
            let message = format!("`masked` and `random` together are {replaced} of the chosen tokens");
            let mut diagnostic = Diagnostic::error("recipe::data", message)
                .label(&masked, format!("{} become the mask", options.masked));
            // Where one of the two is a default, its place is that of the table, which need not be shown twice.
            if random != masked {
                diagnostic = diagnostic.label(&random, format!("{} become a random token", options.random));
            }
            self.report(diagnostic.help("they are shares of one whole: lower `masked` or `random`"));
        }
    }

    /// Reports a vocabulary without a mask token where `place` asks for one.
    pub(crate) fn check_mask_token(&mut self, place: &Origin, student: &ModelInfo) {
        if let Err(error) = student.tokenizer.mask() {
            let label = "this vocabulary has no mask token";
            self.error("student::vocabulary", error.to_string(), place, label);
        }
    }
}
