//! Texts whose tokens are masked.

use alambic_settings::Diagnostic;

use super::Checker;
use super::models::Sketch;
use crate::schema::{CacheMode, StageData};

impl Checker<'_> {
    /// Checks how the texts of a stage are masked. `path` leads to the table that holds `data`.
    pub(super) fn masking(&mut self, path: &[&str], data: &StageData, student: Option<&Sketch>) {
        let origin = |checker: &Self, index: usize, key: &[&str]| {
            let index = index.to_string();
            checker.loaded.origin(&[path, &["data", "texts", &index, "mask"], key].concat())
        };
        let masks: Vec<_> = data.texts.iter().map(|texts| texts.mask.as_ref()).collect();
        let Some((first, Some(options))) = masks.iter().enumerate().find(|(_, mask)| mask.is_some()) else {
            return;
        };
        if masks.iter().any(|mask| *mask != Some(options)) {
            let message = format!("`{}` masks its texts in different ways", path.join("."));
            let label = "not the same for all texts of the stage";
            let help = "a stage has one task: give all its texts the same `mask`, or part it in two stages";
            let diagnostic = Diagnostic::error("recipe::data", message);
            self.report(diagnostic.label(&origin(self, first, &[]), label).help(help));
        }
        if self.recipe.cache.mode == CacheMode::Required {
            let message = format!("the teacher's outputs for `{}` cannot be kept", path.join("."));
            let mode = self.loaded.origin(&["cache", "mode"]);
            let diagnostic = Diagnostic::error("recipe::cache", message);
            self.report(
                diagnostic
                    .label(&origin(self, first, &[]), "masked anew in every epoch")
                    .label(&mode, "asks for them to be kept")
                    .help("`auto` keeps those of other stages"),
            );
        }
        let replaced = options.masked + options.random;
        if replaced > 1.0 + 1e-9 {
            let message = format!("`masked` and `random` together are {replaced} of the chosen tokens");
            let (masked, random) = (origin(self, first, &["masked"]), origin(self, first, &["random"]));
            let mut diagnostic = Diagnostic::error("recipe::data", message)
                .label(&masked, format!("{} become the mask", options.masked));
            // Where one of the two is a default, its place is that of the table, which need not be shown twice.
            if random != masked {
                diagnostic = diagnostic.label(&random, format!("{} become a random token", options.random));
            }
            self.report(diagnostic.help("they are shares of one whole: lower `masked` or `random`"));
        }
        if let Some(error) = student.and_then(|sketch| sketch.tokenizer.mask().err()) {
            let label = "this vocabulary has no token for what is masked";
            self.error("student::vocabulary", error.to_string(), &origin(self, first, &[]), label);
        }
    }

    /// Reports a baseline that would not learn what it is judged by.
    pub(super) fn baseline_masks(&mut self, data: &StageData) {
        let masked = data.texts.iter().position(|texts| texts.mask.is_some());
        if let Some(index) = masked {
            let origin = self.loaded.origin(&["baseline", "data", "texts", &index.to_string(), "mask"]);
            let message =
                "a baseline is judged by what it says of texts, and not by masked tokens".to_owned();
            self.error("recipe::data", message, &origin, "leave `mask` out here");
        }
    }
}
