//! Checks of what a recipe says for the model card.

use alambic_files::text::quoted;
use alambic_reports::vocabulary::{Axis, axis};
use alambic_settings::Diagnostic;

use super::checker::Checker;
use crate::classification::classify;
use crate::options::card::texts;
use crate::schema::Recipe;

impl Checker<'_> {
    /// Reports axes and values that the vocabulary does not have, several values of an axis that has one, and values that are not
    /// what the program knows of the student.
    pub(super) fn check_card(&mut self, recipe: &Recipe) {
        let known = self
            .student()
            .and_then(|student| classify(recipe, &self.corpora, &student.config, &student.tokenizer).ok())
            .unwrap_or_default();
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
