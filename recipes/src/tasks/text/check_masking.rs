//! Checks of texts whose tokens are masked.

use alambic_settings::Diagnostic;

use super::options::TextsData;
use crate::check::checker::{Checker, Site};
use crate::check::model_info::ModelInfo;
use crate::options::cache::CacheMode;

impl TextsData {
    /// Checks how the texts of a stage are masked.
    pub(super) fn check_masking(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let masks: Vec<_> = self.texts.iter().map(|texts| texts.mask.as_ref()).collect();
        let Some((first, Some(options))) = masks.iter().enumerate().find(|(_, mask)| mask.is_some()) else {
            return;
        };
        let index = first.to_string();
        let path = site.key(&["data", "texts", &index, "mask"]);
        let place = |key: &[&str], checker: &Checker<'_>| checker.places.origin(&[&path, key].concat());
        if site.is_baseline() {
            let message =
                "a baseline is evaluated by its predictions for texts, not by masked tokens".to_owned();
            return checker.error("recipe::data", message, &place(&[], checker), "leave `mask` out here");
        }
        if masks.iter().any(|mask| *mask != Some(options)) {
            let message = format!("`{}` masks its texts in different ways", site.path.join("."));
            let label = "not the same for all texts of the stage";
            let help = "a stage has one task: give all its texts the same `mask`, or make it two stages";
            let diagnostic = Diagnostic::error("recipe::data", message);
            checker.report(diagnostic.label(&place(&[], checker), label).help(help));
        }
        if checker.cache.mode == CacheMode::Required {
            let message = format!("the teacher's outputs for `{}` cannot be cached", site.path.join("."));
            let mode = checker.places.origin(&["cache", "mode"]);
            let diagnostic = Diagnostic::error("recipe::cache", message);
            checker.report(
                diagnostic
                    .label(&place(&[], checker), "masked anew in every epoch")
                    .label(&mode, "asks for them to be cached")
                    .help("`auto` caches those of other stages"),
            );
        }
        let places = [place(&["masked"], checker), place(&["random"], checker)];
        checker.check_mask_options(options, places);
    }

    /// Reports a student's vocabulary without a mask token where texts are masked.
    pub(super) fn check_mask_token(&self, site: &Site<'_>, student: &ModelInfo, checker: &mut Checker<'_>) {
        if let Some(index) = self.texts.iter().position(|texts| texts.mask.is_some()) {
            let index = index.to_string();
            let place = checker.places.origin(&site.key(&["data", "texts", &index, "mask"]));
            checker.check_mask_token(&place, student);
        }
    }
}
