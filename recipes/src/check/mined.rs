//! Checks of corpora that are mined.

use alambic_data::{ContentKind, Corpus as Format};
use alambic_models::Config;
use alambic_settings::{At, Diagnostic, Origin};

use super::checker::{Checker, list};

impl Checker<'_> {
    /// Whether a corpus is one that only a run mines, so that nobody knows how much it holds.
    pub(crate) fn is_to_be_mined(&self, name: &At<String>) -> bool {
        let options = self.data.get(&name.value);
        options.is_some_and(|options| matches!(options.corpus.value, Format::Mined(_)))
    }

    /// Checks what paraphrases are mined from, and by whom.
    pub(super) fn check_mined(&mut self) {
        for (name, options) in self.data {
            let Format::Mined(mined) = &options.corpus.value else { continue };
            let origin = self.places.origin(&["data", name, "corpus", "mined"]);
            if mined.source.value == mined.target.value {
                let message = "paraphrases are translations out of another language".to_owned();
                self.error(
                    "data::language",
                    message,
                    &mined.target.origin,
                    "the language of the sentences, too",
                );
            }
            if self.check_corpora(&mined.of, &origin, ContentKind::Parallel) {
                let corpora = mined.of.iter().filter_map(|name| self.corpora.get(name).ok());
                let known: Vec<String> = corpora.flat_map(|corpus| corpus.languages().to_vec()).collect();
                for language in [&mined.source, &mined.target] {
                    if !known.contains(&language.value) {
                        let message = format!("no corpus has sentences in `{}`", language.value);
                        let label = format!("they are in {}", list(known.iter().map(String::as_str)));
                        self.error("data::language", message, &language.origin, label);
                    }
                }
            }
            for own in mined.of.iter().filter(|own| self.is_to_be_mined(own)).cloned().collect::<Vec<_>>() {
                let message = format!("corpus `{}` is mined itself", own.value);
                self.error("recipe::data", message, &own.origin, "name parallel sentences");
            }
            if self.check_checkpoint(&mined.teacher) {
                let known = self.models.checkpoint(&mined.teacher);
                if let Some(config) = known.map(|info| info.config.clone()) {
                    check_embeds("teacher", &config, &mined.teacher.origin, self);
                }
            }
        }
    }
}

/// Reports a model that makes no embedding of a text.
pub(crate) fn check_embeds(side: &str, config: &Config, origin: &Origin, checker: &mut Checker<'_>) {
    if config.embedding_width().is_some() {
        return;
    }
    let message = format!("the {side} has no pooling, so no embedding");
    let help = if side == "student" {
        "give the student a `pooling`, or take the layers of a model that pools"
    } else {
        "set how its states are pooled, with `checkpoint.pooling`, or in its folder as sentence-transformers does"
    };
    checker.report(
        Diagnostic::error("evaluation::embedding", message).label(origin, "is evaluated here").help(help),
    );
}
