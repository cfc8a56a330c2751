//! Labels of texts: whether they tell anything apart, whether those that models are judged by can be learnt, and whether tags
//! mark spans in a way that is known.

use std::collections::{BTreeMap, BTreeSet};

use alambic_data::split::Likeness;
use alambic_data::{Label, Labels, Split, Text};
use alambic_files::text::quoted;
use alambic_losses::Loss;
use alambic_reports::metrics::TagScheme;
use alambic_settings::{At, Diagnostic, IndexMap, Origin};

use super::{Checker, Depth};
use crate::schema::{DataOptions, StageData};

/// What to do about labels that are all the same.
const ONE_CLASS_HELP: &str =
    "was the table filtered, or sorted before it was cut? Is it the right column that the recipe names?";

/// How many classes or values a warning names.
const UNSEEN: usize = 10;

/// A number of things.
fn numbered(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

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

    /// Warns of classes that texts of a part have and those of the training do not: no model can learn them. `found` counts the
    /// labels of a part of some corpora, `trained` is what stages train on.
    pub(super) fn warn_of_unseen(
        &mut self,
        (part, names): (Split, &[At<String>]),
        found: &BTreeMap<u32, usize>,
        trained: &[&At<StageData>],
    ) {
        if self.depth != Depth::Whole {
            return;
        }
        let Ok(Labels::Classes(classes) | Labels::Words(classes)) = self.workshop.corpora.labels(names)
        else {
            return;
        };
        let own = |options| self.workshop.corpora.selected_texts(options, Split::Train).unwrap_or_default();
        let labelled = trained.iter().filter(|data| !data.masks()).flat_map(|data| data.texts.iter());
        let taught = label_counts(labelled.flat_map(own));
        // Where nothing at all is labelled, a teacher's answers are learnt; labels of one class alone are an error of the loss.
        if taught.len() < 2 {
            return;
        }
        let mut unseen = Vec::new();
        for (class, count) in found {
            if let Some(name) = classes.get(*class as usize).filter(|_| !taught.contains_key(class)) {
                unseen.push((quoted(name), *count));
            }
        }
        let Some((first, _)) = unseen.first() else { return };
        let what =
            if matches!(self.workshop.corpora.labels(names), Ok(Labels::Words(_))) { "word" } else { "row" };
        let part = part.name();
        let message = if let [(class, count)] = unseen.as_slice() {
            format!(
                "class `{class}` stands in the {part} part ({}) and not in training",
                numbered(*count, what)
            )
        } else {
            let counts = unseen.iter().take(UNSEEN).map(|(class, count)| format!("`{class}` ({count})"));
            let mut counts: Vec<String> = counts.collect();
            if unseen.len() > UNSEEN {
                counts.push(format!("{} more", unseen.len() - UNSEEN));
            }
            format!(
                "{} classes stand in the {part} part and not in training, by {what}s: {}",
                unseen.len(),
                counts.join(", ")
            )
        };
        // Several stages may train on the same.
        if self.found.list.iter().any(|other| other.message == message) {
            return;
        }
        let origin =
            names.first().map_or(Origin::Default, |name| self.loaded.key_origin(&["data", &name.value]));
        let help = format!(
            "no model learns it from these labels: is `{first}` written otherwise in training, or are the rows sorted by class?"
        );
        self.report(
            Diagnostic::warning("data::classes", message).label(&origin, "classes of this corpus").help(help),
        );
    }

    /// Warns of values of a split that nothing names: their rows are trained on.
    pub(super) fn warn_of_unnamed(
        &mut self,
        name: &str,
        options: &DataOptions,
        unnamed: &IndexMap<String, usize>,
    ) {
        let parting = options.split.keeping(options.corpus.inner().kept_files());
        if unnamed.is_empty() {
            return;
        }
        let counts = unnamed
            .iter()
            .take(UNSEEN)
            .map(|(value, count)| format!("`{}` ({})", quoted(value), numbered(*count, "row")));
        let mut counts: Vec<String> = counts.collect();
        if unnamed.len() > UNSEEN {
            counts.push(format!("{} more", unnamed.len() - UNSEEN));
        }
        let message = format!(
            "data `{name}` has values of its split that no key names, so that their rows are trained on: {}",
            counts.join(", ")
        );
        let key = |split| if split == Split::Test { "split.test-values" } else { "split.validation-values" };
        let advice = unnamed.keys().find_map(|value| {
            let shown = quoted(value);
            Some(match parting.likeness(value)? {
                Likeness::Named(split, other) => {
                    format!(
                        "`{shown}` is much like `{}`: list it in `{}` as well",
                        quoted(&other),
                        key(split)
                    )
                }
                Likeness::Usual(split) => format!(
                    "`{shown}` is what data often call the {} part: list it in `{}`",
                    split.name(),
                    key(split)
                ),
            })
        });
        let help = advice.unwrap_or_else(|| {
            "list them in `split.test-values` or `split.validation-values`, or call them `train` in the data".into()
        });
        let origin = self.loaded.key_origin(&["data", name]);
        let diagnostic = Diagnostic::warning("data::split", message);
        self.report(diagnostic.label(&origin, "a corpus with a split").help(help));
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
