//! Checks of images with captions that match or not.

use alambic_data::Split;
use alambic_settings::Diagnostic;

use super::options::{MatchingData, MatchingsData};
use crate::check::checker::{Checker, Site};
use crate::check::counts::Sort;

/// Captions with images, as they are counted.
const CAPTIONED_IMAGES: Sort = Sort { key: "captions", name: "captions with their images" };

impl MatchingsData {
    /// Counts the captions of a training, and reports corpora without any, or with those of a single image.
    pub(super) fn check_captions(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut captions, mut validation) = (0, 0);
        for (index, options) in self.matching.iter().enumerate() {
            let origin = checker.table_origin(site, "matching", index);
            if !checker.check_captions(&options.data, &origin)
                || !checker.check_caption_languages(&options.data, &options.languages)
            {
                return;
            }
            let count = |split| options.examples(&checker.corpora, split).map_or(0, |found| found.len());
            captions += count(Split::Train);
            validation += count(Split::Validation);
        }
        checker.count_images(site, CAPTIONED_IMAGES, captions, validation);
        let task =
            |options: &MatchingData| (options.max_length, options.mismatched_caption_probability.to_bits());
        let Some(first) = self.matching.iter().next() else { return };
        if let Some(other) = self.matching.iter().position(|options| task(options) != task(first)) {
            let message = format!("`{}` draws the pairs of its captions differently", site.path.join("."));
            let origin = checker.table_origin(site, "matching", other);
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(&origin, "not the same as the first")
                    .help("give all of them the same `max-length` and `mismatched-caption-probability`, or make it two stages"),
            );
        }
    }
}
