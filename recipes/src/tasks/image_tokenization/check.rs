//! Checks of images that are made again.

use alambic_data::{ContentKind, Split};
use alambic_models::Config;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic, Origin};

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
        check_sides(&names, Split::Train, (student, &model), checker);
    }
}

/// Reports the first of some corpora whose images have another size than a model reads.
fn check_sides(
    names: &[At<String>],
    split: Split,
    (model, declared): (&ModelInfo, &Origin),
    checker: &mut Checker<'_>,
) {
    let Config::ImageTokenizer(config) = &model.config else { return };
    let side = config.image_size;
    // Whole corpora are compared when they are read; the first image shows what was meant.
    let size_of_first = |name: &At<String>| {
        let pictures = checker.corpora.pictures(std::slice::from_ref(name), split).ok()?;
        let first = pictures.first()?.load().ok()?;
        Some((first.width, first.height))
    };
    let other = names.iter().find_map(|name| {
        let size = size_of_first(name)?;
        (size != (side, side)).then_some((name, size))
    });
    let Some((name, (width, height))) = other else { return };
    let message = format!(
        "an image tokenizer reads images of {side} × {side} pixels, and those of `{}` have {width} × {height}",
        name.value
    );
    let help = if width == height {
        format!("set the model's `image` to {width}, or bring the images to {side} pixels a side")
    } else {
        format!("bring the images to {side} pixels a side: only squares are read")
    };
    let images = checker.places.key_origin(&["data", &name.value]);
    checker.report(
        Diagnostic::error("student::images", message)
            .label(declared, format!("reads {side} × {side}"))
            .label(&images, "has these images")
            .help(help),
    );
}

/// The evaluation of models that make images of their tokens again.
pub(super) fn check_evaluation(checker: &mut Checker<'_>) {
    let evaluation = checker.evaluation;
    if !checker.check_corpora(&evaluation.data, &evaluation.origin, ContentKind::Questions) {
        return;
    }
    checker.check_metrics(&[PredictionKind::Image.into()]);
    if let Some(teacher) = &evaluation.teacher {
        let message = "an image tokenizer is evaluated without a teacher".to_owned();
        checker.error("evaluation::teacher", message, &teacher.origin, "leave it out");
    }
    if let Some(student) = checker.student().cloned() {
        check_sides(&evaluation.data, Split::Test, (&student, &evaluation.origin), checker);
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
