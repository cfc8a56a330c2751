//! Checks of labels of texts: whether there are several classes, whether those that are evaluated can be learnt, and whether
//! tags mark spans in a scheme that is known.

use std::collections::{BTreeMap, BTreeSet};

use alambic_data::{ContentKind, Label, Labels, Split, Text};
use alambic_files::text::quoted;
use alambic_losses::{Loss, TargetKind, Term};
use alambic_reports::metrics::TagScheme;
use alambic_reports::numbers::counted;
use alambic_settings::{At, Diagnostic, Origin};

use super::options::TextsData;
use crate::check::checker::{Checker, Depth, Site};
use crate::corpora::Corpora;
use crate::tasks::task::Task;

/// Help for labels that are all the same.
const ONE_CLASS_HELP: &str =
    "was the table filtered, or sorted before it was cut? Is it the right column that the recipe names?";

/// How many classes a warning names.
const MAX_SHOWN: usize = 10;

impl Checker<'_> {
    /// Checks the names of corpora of texts, and that their labels agree. What they are is given back.
    pub(crate) fn check_text_labels(&mut self, names: &[At<String>], origin: &Origin) -> Option<Labels> {
        if !self.check_corpora(names, origin, ContentKind::Texts) {
            return None;
        }
        let labels = self.corpora.labels(names).cloned();
        let labels = self.agreed(labels, origin)?;
        self.check_classes(names, &labels);
        Some(labels)
    }

    /// Reports labels of one class alone, and tags that are no single words.
    fn check_classes(&mut self, names: &[At<String>], labels: &Labels) {
        let (Labels::Classes(classes) | Labels::Words(classes)) = labels else { return };
        // Corpora that are used together have the same labels, so that the first stands for all.
        let Some(name) = names.first() else { return };
        let origin = self.places.key_origin(&["data", &name.value]);
        if let (Labels::Words(_), Some(tag)) =
            (labels, classes.iter().find(|tag| tag.contains(char::is_whitespace)))
        {
            let message = format!("the tag `{}` holds white space", quoted(tag));
            self.report(
                Diagnostic::error("data::tags", message)
                    .label(&origin, "a tag of this corpus")
                    .help("tags are written in one line, separated by spaces: rename it"),
            );
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = classes.iter().find(|class| !seen.insert(class.as_str())) {
            let message =
                format!("the class `{}` is named twice, and one of the two is never right", quoted(twice));
            self.report(
                Diagnostic::error("data::classes", message)
                    .label(&origin, "classes of this corpus")
                    .help("name each class once"),
            );
        }
        self.check_several(names, "labels", classes);
    }

    /// Reports labels or answers of one class alone.
    pub(crate) fn check_several(&mut self, names: &[At<String>], what: &str, classes: &[String]) {
        // In the head of a table that is sorted by its labels there is one class alone.
        let ([name, ..], [class], Depth::Whole) = (names, classes, self.depth) else { return };
        let origin = self.places.key_origin(&["data", &name.value]);
        let message =
            format!("all {what} are of one class, `{}`: there is nothing to classify", quoted(class));
        self.report(
            Diagnostic::error("data::classes", message)
                .label(&origin, format!("{what} of this corpus"))
                .help(ONE_CLASS_HELP),
        );
    }

    /// Warns of classes that texts of a split have and those of the training have not: no model can learn them. `found` counts
    /// the labels of a split of some corpora, `trained` those of the texts that are trained on.
    pub(crate) fn warn_of_unseen_classes(
        &mut self,
        (split, names): (Split, &[At<String>]),
        found: &BTreeMap<u32, usize>,
        trained: &BTreeMap<u32, usize>,
    ) {
        let Ok(labels @ (Labels::Classes(classes) | Labels::Words(classes))) = self.corpora.labels(names)
        else {
            return;
        };
        // Where nothing is labelled, a teacher's predictions are learnt; labels of one class alone are an error of the loss.
        if self.depth != Depth::Whole || trained.len() < 2 {
            return;
        }
        let mut unseen = Vec::new();
        for (class, count) in found {
            if let Some(name) = classes.get(*class as usize).filter(|_| !trained.contains_key(class)) {
                unseen.push((quoted(name), *count));
            }
        }
        let Some((first, _)) = unseen.first() else { return };
        let (what, split) = (if matches!(labels, Labels::Words(_)) { "word" } else { "row" }, split.name());
        let message = if let [(class, count)] = unseen.as_slice() {
            let rows = counted(*count, what, &format!("{what}s"));
            format!("class `{class}` is in the {split} split ({rows}) and not in training")
        } else {
            let counts = unseen.iter().take(MAX_SHOWN).map(|(class, count)| format!("`{class}` ({count})"));
            let mut counts: Vec<String> = counts.collect();
            if unseen.len() > MAX_SHOWN {
                counts.push(format!("{} more", unseen.len() - MAX_SHOWN));
            }
            format!(
                "{} classes are in the {split} split and not in training, by {what}s: {}",
                unseen.len(),
                counts.join(", ")
            )
        };
        // Several stages may train on the same.
        if self.found.list.iter().any(|other| other.message == message) {
            return;
        }
        let origin =
            names.first().map_or(Origin::Default, |name| self.places.key_origin(&["data", &name.value]));
        let help = format!(
            "no model learns it from these labels: is `{first}` spelled differently in training, or are the rows sorted by class?"
        );
        self.report(
            Diagnostic::warning("data::classes", message).label(&origin, "classes of this corpus").help(help),
        );
    }

    /// Reports tags by which models are to be evaluated and that mark spans in no scheme that is known.
    pub(super) fn check_scheme(&mut self, labels: &Labels, origin: &Origin) {
        let Labels::Words(tags) = labels else { return };
        let metrics = &self.evaluation.metrics;
        let asked = metrics.iter().find(|name| name.as_str() == "span-f1");
        let marks_spans = tags.iter().any(|tag| TagScheme::is_of_span(tag));
        if asked.is_none() && !(marks_spans && metrics.is_empty()) {
            return;
        }
        if let Err(reason) = TagScheme::of(tags) {
            let message = format!("these tags mark no spans: {reason}");
            self.report(
                Diagnostic::error("evaluation::tags", message)
                    .label(asked.map_or(origin, |name| &name.origin), "F1 of spans is asked for")
                    .help("write the tags in one of these schemes, or have `metrics = [\"token-accuracy\"]` alone"),
            );
        }
    }
}

impl TextsData {
    /// Counts the labels that it trains on, by class; none where tokens are masked.
    pub(super) fn training_labels(&self, corpora: &Corpora) -> BTreeMap<u32, usize> {
        if self.is_masked() {
            return BTreeMap::new();
        }
        label_counts(self.selected(corpora, Split::Train).unwrap_or_default().into_iter().flatten())
    }

    /// Warns of classes of its validation split that its training has not, and notes those that a stage trains on.
    pub(super) fn check_trained_classes(&self, site: &Site<'_>, checker: &mut Checker<'_>) {
        let validation = self.selected(&checker.corpora, Split::Validation).unwrap_or_default();
        let found = label_counts(validation.into_iter().flatten());
        let trained = self.training_labels(&checker.corpora);
        checker.warn_of_unseen_classes((Split::Validation, &self.names()), &found, &trained);
        if !site.is_baseline() {
            for (class, count) in trained {
                *checker.trained_classes.entry(class).or_default() += count;
            }
        }
    }

    /// Reports a loss on labels where those to be trained on are of one class alone.
    pub(super) fn check_training_classes(&self, loss: &At<Loss>, term: &Term, checker: &mut Checker<'_>) {
        let is_of_classes = term.targets.contains(&TargetKind::Classes);
        if checker.depth != Depth::Whole || !is_of_classes || self.texts.iter().any(|own| own.mask.is_some())
        {
            return;
        }
        let Ok(Labels::Classes(classes) | Labels::Words(classes)) = checker.corpora.labels(&self.names())
        else {
            return;
        };
        // Where there is no other class at all, that is reported of the data.
        if classes.len() < 2 {
            return;
        }
        let texts = self.selected(&checker.corpora, Split::Train).unwrap_or_default();
        let Some(class) = only_class(texts.into_iter().flatten(), classes) else { return };
        let message = format!(
            "the loss `{}` has labels of one class alone to train on, `{}`: there is nothing to classify",
            loss.name(),
            quoted(&class)
        );
        checker.report(
            Diagnostic::error("loss::classes", message)
                .label(&loss.origin, "is over the labels of the training split")
                .help(ONE_CLASS_HELP),
        );
    }
}

/// How many labels of each class there are, by index.
pub(super) fn label_counts<'t>(texts: impl IntoIterator<Item = &'t Text>) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    for text in texts {
        let labels = match &text.label {
            Label::Class(class) => std::slice::from_ref(class),
            Label::Words(tags) => tags,
            Label::Number(_) | Label::None => &[],
        };
        for label in labels {
            *counts.entry(*label).or_default() += 1;
        }
    }
    counts
}

/// The class that all labels are of; none where there are several, or no label.
fn only_class<'t>(texts: impl Iterator<Item = &'t Text>, classes: &[String]) -> Option<String> {
    let mut found = BTreeSet::new();
    for text in texts {
        match &text.label {
            Label::Class(class) => drop(found.insert(*class)),
            Label::Words(tags) => found.extend(tags),
            Label::Number(_) | Label::None => {}
        }
        if found.len() > 1 {
            return None;
        }
    }
    classes.get(found.first().copied()? as usize).cloned()
}
