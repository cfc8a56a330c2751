//! Checks of images with objects.

use alambic_data::{ContentKind, Split};
use alambic_settings::Diagnostic;

use super::options::ObjectsData;
use crate::check::checker::{Checker, Site};
use crate::check::counts::Sort;

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
