//! Labels of texts: whether they tell anything apart, and whether tags mark spans in a way that is known.

use std::collections::BTreeSet;

use alambic_data::{Label, Labels, Split, Text};
use alambic_files::text::quoted;
use alambic_losses::Loss;
use alambic_reports::metrics::TagScheme;
use alambic_settings::{At, Diagnostic, Origin};

use super::{Checker, Depth};
use crate::schema::StageData;

/// What to do about labels that are all the same.
const ONE_CLASS_HELP: &str =
    "was the table filtered, or sorted before it was cut? Is it the right column that the recipe names?";

impl Checker<'_> {
    /// Reports labels of one class alone, and tags that are no single words.
    pub(super) fn must_tell_apart(&mut self, names: &[At<String>], labels: &Labels) {
        let (Labels::Classes(classes) | Labels::Words(classes)) = labels else { return };
        // Corpora that are used together have the same labels, so that the first speaks for all.
        let Some(name) = names.first() else { return };
        let origin = self.loaded.key_origin(&["data", &name.value]);
        if let (Labels::Words(_), Some(tag)) =
            (labels, classes.iter().find(|tag| tag.contains(char::is_whitespace)))
        {
            let message = format!("the tag `{}` holds white space", quoted(tag));
            self.report(
                Diagnostic::error("data::tags", message)
                    .label(&origin, "a tag of this corpus")
                    .help("tags are written beside each other, separated by spaces: rename it"),
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
        self.must_be_several(names, "labels", classes);
    }

    /// Reports labels or answers of one class alone.
    pub(super) fn must_be_several(&mut self, names: &[At<String>], what: &str, classes: &[String]) {
        // In the head of a table that is sorted by its labels there is one class alone.
        let ([name, ..], [class], Depth::Whole) = (names, classes, self.depth) else { return };
        let origin = self.loaded.key_origin(&["data", &name.value]);
        let message =
            format!("all {what} are of one class, `{}`: there is nothing to tell apart", quoted(class));
        self.report(
            Diagnostic::error("data::classes", message)
                .label(&origin, format!("{what} of this corpus"))
                .help(ONE_CLASS_HELP),
        );
    }

    /// Reports a loss on labels where those to be trained on are of one class alone.
    pub(super) fn must_teach_classes(&mut self, loss: &At<Loss>, data: &StageData) {
        if self.depth != Depth::Whole || !matches!(loss.value, Loss::CrossEntropy(_)) || data.masks() {
            return;
        }
        let names: Vec<At<String>> = data.texts.iter().flat_map(|own| own.data.clone()).collect();
        let Ok(Labels::Classes(classes) | Labels::Words(classes)) = self.workshop.corpora.labels(&names)
        else {
            return;
        };
        // Where there is no other class at all, that is said of the data.
        if classes.len() < 2 {
            return;
        }
        let own = |options| self.workshop.corpora.selected_texts(options, Split::Train).unwrap_or_default();
        let Some(class) = only_class(data.texts.iter().flat_map(own), classes) else { return };
        let message = format!(
            "the loss `{}` has labels of one class alone to train on, `{}`: nothing is learnt to be told apart",
            loss.name(),
            quoted(&class)
        );
        self.report(
            Diagnostic::error("loss::classes", message)
                .label(&loss.origin, "counts on the labels of the training part")
                .help(ONE_CLASS_HELP),
        );
    }

    /// Reports tags by which models are to be judged and that mark spans in no scheme that is known.
    pub(super) fn must_have_scheme(&mut self, labels: &Labels, origin: &Origin) {
        let Labels::Words(tags) = labels else { return };
        let metrics = &self.recipe.evaluation.metrics;
        let asked = metrics.iter().find(|name| name.as_str() == "span-f1");
        let marks_spans = tags.iter().any(|tag| TagScheme::is_of_span(tag));
        if asked.is_none() && !(marks_spans && metrics.is_empty()) {
            return;
        }
        if let Err(reason) = TagScheme::of(tags) {
            let message = format!("spans cannot be told from these tags: {reason}");
            self.report(
                Diagnostic::error("evaluation::tags", message)
                    .label(asked.map_or(origin, |name| &name.origin), "F1 of spans is asked for")
                    .help("write the tags in one of these schemes, or have `metrics = [\"token-accuracy\"]` alone"),
            );
        }
    }
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
