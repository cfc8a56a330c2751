//! Corpora whose captions are rewritten.

use alambic_data::{Content, DataError, Rewriter};
use alambic_settings::{IndexMap, Origin};

use super::collection::Corpora;
use crate::error::RunError;
use crate::options::data::DataOptions;

/// What keeps the captions of a corpus from being rewritten.
#[derive(Debug)]
pub(crate) struct RewriteProblem {
    /// The corpus.
    pub(crate) name: String,
    /// The place of the option.
    pub(crate) origin: Origin,
    pub(crate) kind: RewriteProblemKind,
}

/// Kind of a problem of rewriting.
#[derive(Debug)]
pub(crate) enum RewriteProblemKind {
    /// A lexicon that cannot be read.
    Lexicon(DataError),
    /// A corpus or an option with which nothing is rewritten, and what to do.
    Option { message: String, help: &'static str },
}

impl RewriteProblem {
    /// The error of a run.
    pub(crate) fn into_error(self) -> RunError {
        match self.kind {
            RewriteProblemKind::Lexicon(error) => RunError::Data(error),
            RewriteProblemKind::Option { message, help } => {
                RunError::Recipe(format!("`data.{}.rewrite`: {message}; {help}", self.name))
            }
        }
    }
}

impl Corpora {
    /// Makes what rewrites the captions of corpora that ask for it, which are split, and says what of it is not possible.
    pub(crate) fn rewrite(&mut self, data: &IndexMap<String, DataOptions>) -> Vec<RewriteProblem> {
        let mut problems = Vec::new();
        for (name, options) in data {
            let Some(rewrite) = &options.rewrite else { continue };
            // What keeps a corpus from being read is reported where that is read.
            let Some(content) = self.find(name) else { continue };
            match of_corpus(name, rewrite, content) {
                Ok(rewriter) => self.insert_rewriter(name, rewriter),
                Err(kind) => {
                    let origin = rewrite.origin.clone();
                    problems.push(RewriteProblem { name: name.clone(), origin, kind });
                }
            }
        }
        problems
    }
}

/// What rewrites the captions of a corpus, or what is wrong with it and what to do.
fn of_corpus(
    name: &str,
    options: &alambic_data::RewriteOptions,
    content: &Content,
) -> Result<Rewriter, RewriteProblemKind> {
    let option = |message: String, help: &'static str| Err(RewriteProblemKind::Option { message, help });
    let Content::Questions(questions) = content else {
        let message =
            format!("data `{name}` holds {}, and captions of images are rewritten", content.kind().name());
        return option(message, "leave `rewrite` out");
    };
    if questions.details.images.iter().all(|picture| picture.captions.is_empty()) {
        let message = format!("the images of data `{name}` have no captions to rewrite");
        return option(
            message,
            "give them captions, as with `captions` of `made-up-scenes`, or leave `rewrite` out",
        );
    }
    if options.levels.is_empty() {
        let message = "`levels` names no level of negatives".to_owned();
        return option(
            message,
            "name some of `sentence`, `phrase` and `word`, or leave `levels` out for all",
        );
    }
    Rewriter::new(options, questions).map_err(RewriteProblemKind::Lexicon)
}
