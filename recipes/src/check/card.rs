//! Checks of what a recipe says for the model card.

use alambic_files::text::quoted;
use alambic_models::{Config, Role};
use alambic_reports::vocabulary::{Axis, Classification, axis};
use alambic_settings::Diagnostic;

use super::checker::{Checker, Depth};
use crate::classification::{add_setting, classify};
use crate::options::card::texts;
use crate::schema::Recipe;
use crate::setting::{SUPERVISED, ZERO_SHOT};

impl Checker<'_> {
    /// Reports axes and values that the vocabulary does not have, several values of an axis that has one, and values that are not
    /// what the program knows of the student.
    pub(super) fn check_card(&mut self, recipe: &Recipe) {
        let student = self.student().map(|student| {
            let config = student.config.clone();
            let known =
                classify(recipe, &self.corpora, &config, Some(&student.tokenizer)).unwrap_or_default();
            (config, known)
        });
        let reads = student.as_ref().map(|(config, _)| Reads::of(config));
        let mut known = student.map(|(_, known)| known).unwrap_or_default();
        // In the head of a table some languages may be missing. A stage or a corpus that is not declared is reported elsewhere.
        if self.depth == Depth::Whole {
            add_setting(&mut known, recipe, &self.corpora).unwrap_or_default();
        }
        for (name, values) in &recipe.card {
            let key = self.places.key_origin(&["card", name]);
            let axis: &Axis = match axis(name) {
                Ok(axis) => axis,
                Err(help) => {
                    let message = format!("model cards have no axis `{}`", quoted(name));
                    self.report(
                        Diagnostic::error("card::axis", message)
                            .label(&key, help)
                            .help("`alambic list vocabulary` shows the axes"),
                    );
                    continue;
                }
            };
            let values = texts(values);
            for value in &values {
                if let Err(help) = axis.value(value) {
                    let message = format!("`card.{name}` has no value `{}`", quoted(value));
                    self.report(
                        Diagnostic::error("card::value", message)
                            .label(&value.origin, help)
                            .help(format!("`alambic explain vocabulary.{name}` shows its values")),
                    );
                }
                if let Some(reason) = contradiction(name, axis, value, reads, &known) {
                    let message = format!("`card.{name}` is `{}`, and {reason}", quoted(value));
                    self.report(
                        Diagnostic::error("card::value", message)
                            .label(&value.origin, "not what the recipe makes")
                            .help("leave it out: the program fills in what it knows"),
                    );
                }
            }
            if axis.several {
                continue;
            }
            if let [_, second, ..] = values.as_slice() {
                let message = format!("`card.{name}` has {} values, and a model has one", values.len());
                self.error("card::value", message, &second.origin, "leave all but one out");
            }
            let filled = known.values(name).and_then(<[String]>::first);
            if let (Some(filled), Some(value)) = (filled, values.first())
                && axis.value(value).is_ok_and(|value| value != *filled)
            {
                let message =
                    format!("`card.{name}` is `{}`, and the student's is `{filled}`", quoted(value));
                self.report(
                    Diagnostic::error("card::value", message)
                        .label(&value.origin, "not what the recipe makes")
                        .help("leave it out: the program fills it in"),
                );
            }
        }
    }
}

/// What a student reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    Texts,
    Images,
    Both,
}

impl Reads {
    fn of(config: &Config) -> Self {
        match (config.role(), config.image_input()) {
            (Role::ImageEncoder | Role::ObjectDetector | Role::ImageTokenizer, _) => Self::Images,
            (_, Some(_)) => Self::Both,
            (_, None) => Self::Texts,
        }
    }
}

/// Why a value cannot be the student's, of an axis that may have several or that the student has nothing of; none where it can.
fn contradiction(
    name: &str,
    axis: &Axis,
    value: &str,
    reads: Option<Reads>,
    known: &Classification,
) -> Option<String> {
    let value = axis.value(value).ok()?;
    if reads == Some(Reads::Texts) && axis.needs_images.contains(&value) {
        return Some("the student reads texts alone".to_owned());
    }
    if reads == Some(Reads::Images) && axis.needs_texts {
        return Some("the student reads no texts".to_owned());
    }
    let own = known.values(name)?;
    let is_all = match name {
        // What the network reads is known whole.
        "visual-input" => true,
        // A model that has seen labels of a language is not without them, and the other way round.
        "setting" => value == ZERO_SHOT || value == SUPERVISED,
        _ => false,
    };
    (is_all && !own.contains(&value)).then(|| format!("the student's is `{}`", own.join("`, `")))
}
