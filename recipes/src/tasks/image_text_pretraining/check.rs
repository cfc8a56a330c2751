//! Checks of texts about images.

use alambic_data::Split;
use alambic_settings::Diagnostic;

use super::options::{ImageTextData, ImageTextsData};
use crate::check::checker::{Checker, Site};
use crate::check::counts::Sort;
use crate::check::model_info::ModelInfo;

/// Texts about images, as they are counted.
const IMAGE_TEXTS: Sort = Sort { key: "image-texts", name: "texts about images" };

impl ImageTextsData {
    /// Counts the texts about images of a training, and reports splits that hold none.
    pub(super) fn check_image_texts(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut texts, mut validation) = (0, 0);
        for (index, options) in self.image_texts.iter().enumerate() {
            let origin = checker.table_origin(site, "image-texts", index);
            if checker.check_answers(&options.data, &origin).is_none() {
                continue;
            }
            if options.captions && !checker.check_caption_languages(&options.data, &options.languages) {
                continue;
            }
            let count = |split| options.examples(&checker.corpora, split).map_or(0, |found| found.len());
            texts += count(Split::Train);
            validation += count(Split::Validation);
        }
        checker.count_images(site, IMAGE_TEXTS, texts, validation);
        self.check_masking(site, checker);
    }

    /// Checks how texts are masked, and that there is one task for all of them.
    fn check_masking(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let task = |options: &ImageTextData| {
            (
                options.mask.clone(),
                options.max_length,
                options.mismatched_second_probability,
                options.mismatched_first_probability,
            )
        };
        let Some(first) = self.image_texts.iter().next() else { return };
        if let Some(other) = self.image_texts.iter().position(|options| task(options) != task(first)) {
            let message = format!("`{}` has different tasks for its texts about images", site.path.join("."));
            let origin = checker.table_origin(site, "image-texts", other);
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(&origin, "not the same as the first")
                    .help("a stage has one task: give all of them the same `mask`, `max-length`, `mismatched-second-probability` and `mismatched-first-probability`, or make it two stages"),
            );
        }
        let path = site.key(&["data", "image-texts", "0", "mask"]);
        let places = ["masked", "random"].map(|key| checker.places.origin(&[&path[..], &[key]].concat()));
        checker.check_mask_options(&first.mask, places);
    }
}

/// Reports a student's vocabulary without a mask token.
pub(super) fn check_mask_token(site: &Site<'_>, student: &ModelInfo, checker: &mut Checker<'_>) {
    let place = checker.places.origin(&site.key(&["data", "image-texts", "0", "mask"]));
    checker.check_mask_token(&place, student);
}
