//! Texts that are varied, and the models that vary them.

use alambic_models::Config;
use alambic_models::bert::Head;
use alambic_settings::{At, Diagnostic, Origin};

use super::Checker;
use crate::run::texts::augment::neighbours_of;
use crate::schema::StageData;

impl Checker<'_> {
    /// Checks who varies the texts of a training. `path` leads to the table that holds `data`; `position` is that of its
    /// stage; `teacher` is the one that its losses look to.
    pub(super) fn augmented(
        &mut self,
        path: &[&str],
        position: usize,
        data: &StageData,
        teacher: Option<&At<String>>,
    ) {
        for (index, texts) in data.texts.iter().enumerate() {
            let Some(augment) = &texts.augment else { continue };
            let key = ["data", "texts", &index.to_string(), "augment"];
            let origin = self.loaded.origin(&[path, &key].concat());
            if let Some(name) = &augment.model
                && let Some(config) = self.varies(name, &name.origin, position)
                && config.bert().is_ok_and(|config| config.head != Head::MaskedLanguage)
            {
                let message = format!("`{}` has no masked-language head", name.value);
                let help = "leave `model` out: the input embeddings of `teacher` need no head";
                self.report(
                    Diagnostic::error("teacher::head", message)
                        .label(&name.origin, "cannot say what may stand for a word")
                        .help(help),
                );
            }
            match neighbours_of(augment, teacher) {
                None => {
                    let message = format!("`{}` varies texts and has no teacher", path.join("."));
                    self.report(
                        Diagnostic::error("recipe::teacher", message)
                            .label(&origin, "nobody says which words are near one another")
                            .help("name a checkpoint as `teacher`, for its input embeddings, or as `model`"),
                    );
                }
                // Looked at above.
                Some(name) if augment.model.as_ref() == Some(name) => {}
                Some(name) => {
                    let place = if augment.teacher.is_some() { &name.origin } else { &origin };
                    self.varies(name, place, position);
                }
            }
        }
    }

    /// Reports a model that is no checkpoint that reads, over whole words, or is not there yet. Its form, as far as it
    /// is known.
    fn varies(&mut self, name: &At<String>, place: &Origin, position: usize) -> Option<Config> {
        if !self.must_be_checkpoint(name) {
            return None;
        }
        self.must_come_earlier(name, position);
        let sketch = self.sketches.checkpoint(self.recipe, name)?.clone();
        let problem = match &sketch.config {
            Config::Marian(_) => "writes, and a model that reads is needed to vary texts",
            Config::Bert(_) if sketch.tokenizer.whole_words().is_empty() => {
                "has no whole words in its vocabulary to put in the place of others; BERT's WordPiece has"
            }
            Config::Bert(_) => return Some(sketch.config),
            _ => "looks at images as well, and a model of texts alone is needed to vary them",
        };
        let message = format!("model `{}` {problem}", name.value);
        self.error("teacher::augment", message, place, "varies these texts");
        None
    }
}
