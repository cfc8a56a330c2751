//! Checks of images that are made again.

use alambic_data::{ContentKind, Split};
use alambic_models::Config;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic};

use super::options::ImagesData;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::check::model_info::ModelInfo;

/// Images, as they are counted.
const IMAGES: Sort = Sort { key: "images", name: "images" };

impl ImagesData {
    /// Counts the images of a training, and reports corpora without any.
    pub(super) fn check_images(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        for (index, options) in self.images.iter().enumerate() {
            let origin = checker.table_origin(site, "images", index);
            if !checker.check_corpora(&options.data, &origin, ContentKind::Questions) {
                return;
            }
        }
        let count = |split| self.selected(&checker.corpora, split).map_or(0, |found| found.len());
        let (images, validation) = (count(Split::Train), count(Split::Validation));
        checker.count_images(site, IMAGES, images, validation);
    }

    /// Reports corpora whose images have another size than the student reads.
    pub(super) fn check_student_sides(&self, declared: &str, student: &ModelInfo, checker: &mut Checker<'_>) {
        let model = checker.places.key_origin(&["model", declared]);
        let names: Vec<At<String>> = self.images.iter().flat_map(|own| own.data.iter().cloned()).collect();
        if let Config::ImageTokenizer(config) = &student.config {
            checker.check_image_sides(&names, Split::Train, config.image_size, &model);
        }
    }
}

/// The evaluation of models that make images of their tokens again.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Questions) {
        return;
    }
    checker.check_metrics(&[PredictionKind::Image.into()]);
    checker.check_scorer();
    if let Some(teacher) = &evaluation.teacher {
        let message = "an image tokenizer is evaluated without a teacher".to_owned();
        checker.error("evaluation::teacher", message, &teacher.origin, "leave it out");
    }
    if let Some(Config::ImageTokenizer(config)) = checker.student().map(|student| student.config.clone()) {
        checker.check_image_sides(&evaluation.data, Split::Test, config.image_size, &evaluation.origin);
    }
    let test = checker.corpora.pictures(&evaluation.data, Split::Test).map_or(0, |found| found.len());
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic =
            Diagnostic::error("data::empty", "the test splits of the evaluation hold no image".to_owned());
        let help = "name those of the test split, with `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let images = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(IMAGES, images, 0));
}
