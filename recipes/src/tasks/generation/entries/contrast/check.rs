//! Checks of pairs that are contrasted.

use alambic_data::Split;
use alambic_settings::{At, Diagnostic, Origin};

use super::super::check_texts::{check_known, check_text_corpora};
use super::options::ContrastEntry;
use crate::check::checker::{Checker, Depth};

impl ContrastEntry {
    /// Checks the entry, whose table is at `origin`, and its corpora, or those of the evaluation; false if they are not as they have
    /// to be.
    pub(in super::super) fn check(
        &self,
        data: &[At<String>],
        origin: &Origin,
        checker: &mut Checker<'_>,
    ) -> bool {
        if !self.is_sound() {
            let message = format!(
                "`{}` and `{}` are no pair of which one belongs to the other",
                self.left.name(),
                self.right.name()
            );
            checker.report(
                Diagnostic::error("recipe::data", message)
                    .label(origin, "pairs these")
                    .help("pair `image` with `text`, or `text` with `translation`"),
            );
            return false;
        }
        if !check_text_corpora(data, self.reads_images(), origin, checker) {
            return false;
        }
        let before = checker.found.count();
        for (place, language) in self.languages.iter().enumerate() {
            if self.languages[..place].iter().any(|other| other.value == language.value) {
                let message = format!("`{}` is named twice", language.value);
                checker.error("data::language", message, &language.origin, "named before");
            }
        }
        for name in data {
            let Ok(content) = checker.corpora.get(name) else { continue };
            let known = content.languages().to_vec();
            check_known(&self.languages, name, &known, checker);
            let count = if self.languages.is_empty() { known.len() } else { self.languages.len() };
            if !self.reads_images() && count < 2 {
                let message = "there is one language alone, and a translation is in another";
                let place = self.languages.first().map_or(&name.origin, |only| &only.origin);
                checker.error("data::language", message.to_owned(), place, "name two or more");
            }
        }
        checker.found.count() == before
    }

    /// How many pairs there are in the training and in the validation splits; a training split without one is reported.
    pub(in super::super) fn count(&self, origin: &Origin, checker: &mut Checker<'_>) -> [usize; 2] {
        let count = |split| self.examples(&checker.corpora, split).map_or(0, |examples| examples.len());
        let counts = [Split::Train, Split::Validation].map(count);
        if counts[0] == 0 && checker.depth == Depth::Whole && self.fraction > 0.0 {
            let message = "no pair in the training splits of these corpora".to_owned();
            checker.error("data::empty", message, origin, "has nothing to contrast");
        }
        counts
    }

    /// How many pairs of an evaluation there are.
    pub(in super::super) fn count_test(&self, checker: &Checker<'_>) -> usize {
        let data = &checker.evaluation.data;
        self.examples_of(data, &checker.corpora, Split::Test, 1.0).map_or(0, |examples| examples.len())
    }
}
