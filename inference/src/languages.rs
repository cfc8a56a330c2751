//! Languages of texts, for models that are told them (`langs` of XLM).

use std::collections::BTreeMap;

use alambic_models::{Config, LanguageNumbers, Tokenizer};

use crate::InferenceError;

/// Pipeline whose model may have an embedding of each language, and is told that of its texts.
pub trait LanguageInput: Sized {
    /// Languages that its model is told by their numbers; none where it has no embedding of them.
    fn languages(&self) -> Option<LanguageNumbers>;

    /// The same pipeline over texts of a language, by its code.
    ///
    /// # Errors
    /// When the model has no embedding of languages, or none of this one; the message lists those that it has.
    fn in_language(&self, language: &str) -> Result<Self, InferenceError>;
}

/// The tokenizer of a model over texts of a language.
pub(crate) fn tokenizer_in(
    config: &Config,
    tokenizer: &Tokenizer,
    language: &str,
) -> Result<Tokenizer, InferenceError> {
    let languages = config.outline().languages.ok_or_else(|| {
        InferenceError::Unsupported("the model has no embedding of languages, and is not told them".into())
    })?;
    Ok(tokenizer.with_language(Some(languages.number(language)?)))
}

/// What `ask` gives for each example, in their order. A model that has an embedding of each language is told that of the examples,
/// those of one language at a time; where the language of one is not known, or to another model, none is told.
///
/// # Errors
/// When the model has no embedding of a language, or `ask` fails.
pub fn ask_by_language<P: LanguageInput, E, T, F: From<InferenceError>>(
    pipeline: &P,
    examples: &[E],
    language: impl Fn(&E) -> Option<&str>,
    ask: impl Fn(&P, &[&E]) -> Result<Vec<T>, F>,
) -> Result<Vec<T>, F> {
    let codes: Option<Vec<&str>> = examples.iter().map(&language).collect();
    let Some(codes) = codes.filter(|_| pipeline.languages().is_some()) else {
        return ask(pipeline, &examples.iter().collect::<Vec<_>>());
    };
    let mut by_language: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, code) in codes.into_iter().enumerate() {
        by_language.entry(code).or_default().push(place);
    }
    let mut placed: Vec<(usize, T)> = Vec::with_capacity(examples.len());
    for (code, places) in by_language {
        let own: Vec<&E> = places.iter().map(|&place| &examples[place]).collect();
        let found = ask(&pipeline.in_language(code)?, &own)?;
        placed.extend(places.into_iter().zip(found));
    }
    placed.sort_unstable_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, own)| own).collect())
}
