//! Which labels of an entry are trained on, and the checks of it.

use std::collections::HashSet;

use alambic_data::{Picture, is_in_labelled_share};
use alambic_settings::{Diagnostic, Origin};

use super::examples::{AboutImage, Version};
use super::options::{GenerationEntry, Written, WrittenData};
use super::teacher_texts::address;
use crate::check::checker::{Checker, Site, list};

impl GenerationEntry {
    /// Whether the label of an image in a language is trained on.
    pub(super) fn is_labelled(&self, picture: &Picture, language: Option<&str>) -> bool {
        self.is_language_labelled(language) && is_in_labelled_share(picture, self.labelled)
    }

    /// Whether labels in a language are trained on.
    pub(super) fn is_language_labelled(&self, language: Option<&str>) -> bool {
        let mut labelled = self.labelled_languages.iter();
        self.labelled_languages.is_empty() || labelled.any(|own| Some(own.as_str()) == language)
    }

    /// Whether the teacher is to write some of the targets.
    pub(super) fn has_unlabelled(&self) -> bool {
        let is_unlabelled = |language| !self.is_language_labelled(language);
        let languages = self.languages.iter();
        self.has_labels_apart()
            && (self.labelled < 1.0 || languages.map(|code| Some(code.as_str())).any(is_unlabelled))
    }

    /// For how many of some examples the teacher is to write.
    pub(super) fn count_unlabelled(&self, examples: &[AboutImage<'_>]) -> usize {
        if self.draws() {
            let unknown = examples.iter().flat_map(|example| {
                let is_unknown = |own: &&Version<'_>| {
                    example.picture.is_some_and(|picture| !self.is_labelled(picture, own.language))
                };
                example.versions.iter().filter(is_unknown).map(|own| own.prompt.as_str())
            });
            return unknown.collect::<HashSet<_>>().len();
        }
        let unlabelled = examples.iter().flat_map(|example| {
            let without = example.versions.iter().filter(|version| version.targets.is_empty());
            without.map(move |version| (address(self, example.picture), version.prompt.as_str()))
        });
        unlabelled.collect::<HashSet<_>>().len()
    }

    /// Whether some of the targets are labels.
    pub(super) fn has_labels(&self) -> bool {
        !self.has_labels_apart() || self.labelled > 0.0
    }

    /// Whether labels are known of images, and not of texts with their translations or spans.
    fn has_labels_apart(&self) -> bool {
        matches!(self.writes, Written::Answer | Written::Caption | Written::ImageTokens)
    }
}

impl WrittenData {
    /// Whether the teacher is to write some of the targets.
    pub(super) fn has_unlabelled(&self) -> bool {
        self.generation.iter().any(GenerationEntry::has_unlabelled)
    }

    /// Reports examples without labels where no teacher writes for them, or where no loss learns from what it writes.
    pub(super) fn check_unlabelled(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        for (index, entry) in self.generation.iter().enumerate() {
            let origin = checker.table_origin(site, "generation", index);
            check_labelled_languages(entry, checker);
            if entry.has_unlabelled() {
                check_teacher(site, &origin, checker);
            }
        }
        let losses = ["sequence", "word-level"];
        let is_learnt = losses.iter().any(|name| checker.places.node(&site.key(&["loss", *name])).is_some());
        if self.has_unlabelled() && site.named_teacher.is_some() && !is_learnt {
            let origin = checker.places.origin(&site.key(&["loss"]));
            let message = "no loss learns from what the teacher writes where there are no labels".to_owned();
            checker.report(
                Diagnostic::error("loss::none", message)
                    .label(&origin, "has no target in these examples")
                    .help("add `loss.sequence = {}`, `loss.word-level = {}`, or both"),
            );
        }
    }
}

/// Reports languages whose labels are to be trained on and that are not asked for.
fn check_labelled_languages(entry: &GenerationEntry, checker: &mut Checker<'_>) {
    for language in entry.labelled_languages.iter() {
        if entry.languages.iter().any(|own| own.value == language.value) {
            continue;
        }
        let message = format!("`{}` is not among the entry's `languages`", language.value);
        let label = if entry.languages.is_empty() {
            "the entry names no languages".to_owned()
        } else {
            format!("it has {}", list(entry.languages.iter().map(|own| own.as_str())))
        };
        checker.error("data::language", message, &language.origin, label);
    }
}

/// Reports a training without a teacher that writes.
fn check_teacher(site: &Site<'_>, entry: &Origin, checker: &mut Checker<'_>) {
    if let Some(teacher) = site.teacher {
        checker.check_checkpoint(teacher);
        return;
    }
    if site.named_teacher.is_some() {
        return;
    }
    if site.is_baseline() {
        let message = "a baseline has no teacher to write where there are no labels".to_owned();
        checker.report(
            Diagnostic::error("recipe::teacher", message)
                .label(entry, "has images or languages without labels")
                .help("name in `languages` those with labels alone, and in place of `labelled` the share as `fraction`"),
        );
        return;
    }
    let stage = checker.places.key_origin(site.path);
    checker.report(
        Diagnostic::error(
            "recipe::teacher",
            format!("stage `{}` has images or languages without labels, which need a teacher", site.name),
        )
        .label(entry, "have no targets")
        .label(&stage, "names no `teacher`"),
    );
}
