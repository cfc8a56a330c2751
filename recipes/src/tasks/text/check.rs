//! Checks of the texts of a training.

use alambic_data::{Labels, Split};
use alambic_settings::Diagnostic;

use super::options::TextsData;
use crate::check::checker::{Checker, Depth, Site};
use crate::check::counts::{Counts, Sort};
use crate::tasks::task::Task;

/// Texts, as they are counted.
pub(super) const TEXTS: Sort = Sort { key: "texts", name: "texts" };
/// Texts that come of augmentation.
const AUGMENTED_TEXTS: Sort = Sort { key: "augmented-texts", name: "augmented texts" };

impl TextsData {
    /// Counts the texts of a training, and reports splits that hold none.
    pub(super) fn check_texts(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let (mut texts, mut augmented, mut validation) = (0, 0, 0);
        let mut all: Option<Labels> = None;
        for (index, options) in self.texts.iter().enumerate() {
            let origin = checker.table_origin(site, "texts", index);
            let Some(labels) = checker.check_text_labels(&options.data, &origin) else { continue };
            if all.as_ref().is_some_and(|all| !all.agree_with(&labels)) {
                let message = format!("the corpora of `{}` have different labels", site.path.join("."));
                checker.error("recipe::data", message, &origin, "other labels than the texts before it");
            }
            if options.label_all_tokens && !matches!(labels, Labels::Words(_)) {
                let message = "`label-all-tokens` is about tags of words, and these texts have none";
                checker.error("recipe::data", message.to_owned(), &origin, "texts without tagged words");
            }
            all = all.filter(|all| !all.are_open()).or(Some(labels));
            let count = |split| {
                let texts = checker.corpora.texts_of_share(&options.data, split, options.fraction);
                texts.map_or(0, |texts| texts.len())
            };
            let own = count(Split::Train);
            texts += own;
            augmented += own * options.augment.as_ref().map_or(0, |augment| augment.variants);
            validation += count(Split::Validation);
        }
        if all.as_ref().is_some_and(Labels::are_open) && !self.is_masked() {
            let origin = checker.data_origin(site);
            let message = format!("no corpus of `{}` says which tags its words have", site.path.join("."));
            checker.report(
                Diagnostic::error("data::classes", message)
                    .label(&origin, "all of these are `unlabelled`")
                    .help(
                        "list them in `classes`, in the teacher's order, or name a corpus with tags as well",
                    ),
            );
        }
        if checker.depth == Depth::Whole && all.is_some() {
            checker.check_splits(site, texts, validation);
            self.check_trained_classes(site, checker);
        }
        checker.check_max_length(site, "texts", self.texts.iter().map(|options| options.max_length));
        let mut counts = Counts::of(TEXTS, texts, validation);
        if augmented > 0 {
            counts.add(AUGMENTED_TEXTS, augmented);
            counts.is_exact = false;
        }
        checker.counts.insert(site.name.to_owned(), counts);
    }
}
