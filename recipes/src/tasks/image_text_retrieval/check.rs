//! Checks of images with captions.

use std::collections::HashSet;

use alambic_data::Split;
use alambic_inference::ImageTextMatchingPipeline;
use alambic_losses::{Loss, RELEVANCE, Term};
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic};

use super::options::CaptionsData;
use super::ranker::Ranker;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::corpora::images::captions;
use crate::subsample::subsample;

/// Images with captions, as they are counted.
const CAPTIONED_IMAGES: Sort = Sort { key: "images", name: "images with captions" };

/// Pairs that a model reads in an evaluation, as they are counted.
const PAIRS: Sort = Sort { key: "pairs", name: "pairs of images and captions" };

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

/// The evaluation of models that find images by captions. Of a student that reads each caption with each image the pairs are
/// counted, and not the images.
pub(crate) fn check_retrieval(checker: &mut Checker<'_>, reads_pairs: bool) {
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
        if let Some(config) = known.filter(|config| !Ranker::takes(config)) {
            let message =
                format!("the teacher is a {} and retrieves no image by a text", config.model_type());
            checker.error("evaluation::answers", message, &teacher.origin, "is evaluated here");
        }
    }
    let found = checker.corpora.captioned(&evaluation.data, Split::Test, &evaluation.student_languages);
    let mut pictures = found.unwrap_or_default();
    let test = pictures.len();
    subsample(&mut pictures, evaluation.limit.unwrap_or(usize::MAX));
    let images = evaluation.limit.map_or(test, |limit| test.min(limit));
    let counts = if reads_pairs {
        let texts: HashSet<&str> = pictures
            .iter()
            .take(images)
            .flat_map(|picture| captions(picture, &evaluation.student_languages))
            .map(|caption| caption.text.as_str())
            .collect();
        Counts::of(PAIRS, images * texts.len(), 0)
    } else {
        Counts::of(CAPTIONED_IMAGES, images, 0)
    };
    if checker.depth == Depth::Whole && test == 0 {
        let diagnostic = Diagnostic::error(
            "data::empty",
            "the test splits of the evaluation hold no image with a caption",
        );
        let help = "name those of the test split, with `split.test-values` or `split.test-fraction`";
        checker.report(diagnostic.label(&evaluation.origin, "nothing to be evaluated on").help(help));
    }
    checker.counts.insert("evaluation".to_owned(), counts);
}

/// Reports a term over lists whose teacher does not read texts and images together.
pub(super) fn check_scores_of_teacher(
    site: &Site<'_>,
    loss: &At<Loss>,
    term: &Term,
    checker: &mut Checker<'_>,
) {
    if !term.teacher_taps.iter().any(|tap| tap == RELEVANCE) {
        return;
    }
    let Some(name) = site.teacher else { return };
    let Some(teacher) = checker.models.teacher(name) else { return };
    if ImageTextMatchingPipeline::is_scored_by(&teacher.config) {
        return;
    }
    let message = format!(
        "the loss `{}` learns scores of pairs, and the teacher is a {} that does not read a text and an image together to say whether \
         they match",
        term.name,
        teacher.config.model_type()
    );
    checker.report(
        Diagnostic::error("loss::teacher", message)
            .label(&loss.origin, "this term")
            .label(&name.origin, "with this teacher")
            .help(
                "name a model that was trained on `data.matching`, or take `affinity`, which compares towers",
            ),
    );
}
