//! Checks of corpora whose training images are augmented or whose captions are rewritten, and of those that are drawn from corpora of images.

use alambic_data::Extent;
use alambic_inference::ImageProcessor;
use alambic_settings::{At, Diagnostic};

use super::checker::{Checker, Depth};
use super::model_info::ModelInfo;
use crate::corpora::augmentation::AugmentationProblem;
use crate::corpora::rewriting::RewriteProblemKind;

impl Checker<'_> {
    /// Gives images what they are augmented by, and reports what of it is not possible.
    pub(super) fn check_augmentation(&mut self) {
        for AugmentationProblem { key, message, label, help } in self.corpora.augment(self.data) {
            let keys: Vec<&str> = key.iter().map(String::as_str).collect();
            let origin = self.places.key_origin(&keys);
            self.report(Diagnostic::error("data::augment", message).label(&origin, label).help(help));
        }
    }

    /// Makes what rewrites captions, and reports what of it is not possible.
    pub(super) fn check_rewriting(&mut self) {
        for problem in self.corpora.rewrite(self.data) {
            match problem.kind {
                RewriteProblemKind::Lexicon(error) => self.file_faults(&error, &problem.origin, "lexicon"),
                RewriteProblemKind::Option { message, help } => self.report(
                    Diagnostic::error("data::rewrite", message)
                        .label(&problem.origin, "is to be rewritten")
                        .help(help),
                ),
            }
        }
    }

    /// Draws the questions of corpora that are made of others, and reports what of it is not possible.
    pub(super) fn check_picture_choices(&mut self) {
        let extent = if self.depth == Depth::Whole { Extent::Whole } else { Extent::Head };
        for problem in self.corpora.draw_picture_choices(self.data, extent) {
            let declared = self.places.origin(&["data", &problem.name, "corpus", "picture-choice"]);
            let origin = problem.origin.unwrap_or(declared);
            self.report(
                Diagnostic::error("data::picture-choice", problem.message)
                    .label(&origin, problem.label)
                    .help(problem.help),
            );
        }
    }

    /// Reports corpora whose images are to be augmented where a model reads regions, which a detector found in the images as they
    /// are.
    pub(crate) fn check_augmented_regions(
        &mut self,
        model: &ModelInfo,
        declared: &str,
        corpora: &[At<String>],
    ) {
        if !matches!(ImageProcessor::new(&model.config, None), Ok(ImageProcessor::Regions(_))) {
            return;
        }
        for name in corpora {
            if self.data.get(&name.value).is_none_or(|options| options.augment.is_none()) {
                continue;
            }
            let message = format!(
                "model `{declared}` reads regions, and images of data `{}` are augmented",
                name.value
            );
            let origin = self.places.key_origin(&["data", &name.value, "augment"]);
            let own = self.places.key_origin(&["model", declared]);
            self.report(
                Diagnostic::error("data::augment", message)
                    .label(&origin, "changes pixels")
                    .label(&own, "reads what a detector found in the image as it is")
                    .help("leave `augment` out, or take a student that reads pixels"),
            );
        }
    }
}
