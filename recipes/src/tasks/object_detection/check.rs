//! Checks of images with objects.

use alambic_data::{ContentKind, Split};
use alambic_reports::metrics::PredictionKind;
use alambic_settings::Diagnostic;

use super::options::ObjectsData;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};

/// Images with objects, as they are counted.
const OBJECT_IMAGES: Sort = Sort { key: "images", name: "images with objects" };

impl ObjectsData {
    /// Counts the images of a training of a detector, and reports corpora that do not say where objects are.
    pub(super) fn check_objects(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        for (index, options) in self.objects.iter().enumerate() {
            let origin = checker.table_origin(site, "objects", index);
            if !checker.check_corpora(&options.data, &origin, ContentKind::Questions) {
                continue;
            }
            if checker.corpora.tags(&options.data).is_ok_and(|tags| tags.is_empty()) {
                let message = "these corpora have no boxes of objects".to_owned();
                let help = "`made-up-scenes` do; for photographs use features of a published detector";
                checker.report(
                    Diagnostic::error("data::objects", message)
                        .label(&origin, "has nothing to detect")
                        .help(help),
                );
                return;
            }
        }
        let count = |split| self.selected(&checker.corpora, split).map_or(0, |found| found.len());
        let (images, validation) = (count(Split::Train), count(Split::Validation));
        checker.count_images(site, OBJECT_IMAGES, images, validation);
    }
}

/// The evaluation of models that find objects.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Questions) {
        return;
    }
    checker.check_metrics(&[PredictionKind::Objects.into()]);
    if let Some(teacher) = &evaluation.teacher {
        let message = "a detector is evaluated without a teacher".to_owned();
        checker.error("evaluation::teacher", message, &teacher.origin, "leave it out");
    }
    let pictures = checker.corpora.pictures(&evaluation.data, Split::Test).unwrap_or_default();
    let test = pictures.len();
    if checker.depth == Depth::Whole && !pictures.iter().any(|picture| !picture.objects.is_empty()) {
        let diagnostic = Diagnostic::error(
            "data::empty",
            "the test splits of the evaluation hold no image with the boxes of objects".to_owned(),
        );
        let help = "name those of the test split, with `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    let images = evaluation.limit.map_or(test, |limit| test.min(limit));
    checker.counts.insert("evaluation".to_owned(), Counts::of(OBJECT_IMAGES, images, 0));
}
