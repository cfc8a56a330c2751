//! Checks of images with captions.

use alambic_data::Split;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::Diagnostic;

use super::options::CaptionsData;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};

/// Images with captions, as they are counted.
const CAPTIONED_IMAGES: Sort = Sort { key: "images", name: "images with captions" };

impl CaptionsData {
    /// Counts the images of a training that have captions, and reports corpora without any.
    pub(super) fn check_pictures(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut images, mut validation) = (0, 0);
        for (index, options) in self.captions.iter().enumerate() {
            let origin = checker.table_origin(site, "captions", index);
            if !checker.check_captions(&options.data, &origin) {
                return;
            }
            if !checker.check_caption_languages(&options.data, &options.languages) {
                return;
            }
            let count = |split| options.selected(&checker.corpora, split).map_or(0, |found| found.len());
            images += count(Split::Train);
            validation += count(Split::Validation);
        }
        checker.count_images(site, CAPTIONED_IMAGES, images, validation);
    }
}

/// The evaluation of models that find images by captions.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_captions(&evaluation.data, &evaluation.origin) {
        return;
    }
    if !checker.check_caption_languages(&evaluation.data, &evaluation.student_languages) {
        return;
    }
    checker.check_metrics(&[PredictionKind::Ranking.into()]);
    if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| checker.check_declared(teacher)) {
        let known = checker.models.checkpoint(teacher).map(|info| info.config.clone());
        if let Some(config) = known.filter(|config| !config.outline().pairs) {
            let message =
                format!("the teacher is a {} and retrieves no image by a text", config.model_type());
            checker.error("evaluation::answers", message, &teacher.origin, "is evaluated here");
        }
    }
    let pictures = checker.corpora.captioned(&evaluation.data, Split::Test, &evaluation.student_languages);
    let test = pictures.map_or(0, |pictures| pictures.len());
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic = Diagnostic::error(
            "data::empty",
            "the test splits of the evaluation hold no image with a caption",
        );
        let help = "name those of the test split, with `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let images = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(CAPTIONED_IMAGES, images, 0));
}
