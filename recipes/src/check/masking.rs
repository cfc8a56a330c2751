//! Texts whose tokens are masked.

use alambic_settings::{Diagnostic, Origin};

use super::Checker;
use super::models::Sketch;
use crate::schema::{CacheMode, ImageTextData, MaskOptions, StageData};

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
        let place = |key: &[&str]| origin(self, first, key);
        let places = [place(&[]), place(&["masked"]), place(&["random"])];
        self.masks(options, places, student);
    }

    /// Checks how the texts about images of a stage are masked, and that there is one task for all of them.
    pub(super) fn masking_of_image_texts(
        &mut self,
        path: &[&str],
        data: &StageData,
        student: Option<&Sketch>,
    ) {
        let task = |options: &ImageTextData| {
            (options.mask.clone(), options.longest, options.other_second, options.other_first)
        };
        let Some(first) = data.image_texts.iter().next() else { return };
        let origin = |checker: &Self, index: usize, key: &[&str]| {
            let index = index.to_string();
            checker.loaded.origin(&[path, &["data", "image-texts", &index], key].concat())
        };
        if let Some(other) = data.image_texts.iter().position(|options| task(options) != task(first)) {
            let message = format!("`{}` has different tasks for its texts about images", path.join("."));
            self.report(
                Diagnostic::error("recipe::data", message)
                    .label(&origin(self, other, &[]), "not the same as the first")
                    .help("a stage has one task: give all of them the same `mask`, `longest`, `other-second` and `other-first`, or part it in two stages"),
            );
        }
        let place = |key: &[&str]| origin(self, 0, &[&["mask"], key].concat());
        let places = [place(&[]), place(&["masked"]), place(&["random"])];
        self.masks(&first.mask, places, student);
    }

    /// Reports shares of masked tokens that are more than one whole, and a vocabulary without a mask. The places are those of
    /// the options and of their keys `masked` and `random`.
    fn masks(&mut self, options: &MaskOptions, places: [Origin; 3], student: Option<&Sketch>) {
        let [place, masked, random] = places;
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
        if let Some(error) = student.and_then(|sketch| sketch.tokenizer.mask().err()) {
            let label = "this vocabulary has no token for what is masked";
            self.error("student::vocabulary", error.to_string(), &place, label);
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
