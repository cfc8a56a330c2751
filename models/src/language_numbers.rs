//! Languages that a model is told by their numbers.

use alambic_files::text::quoted;
use indexmap::IndexMap;

use crate::ModelError;

/// Most codes that a message lists.
const LISTED: usize = 120;

/// Languages of a model that has an embedding of each: `lang2id` of XLM's configuration (Conneau and Lample, 2019).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageNumbers {
    /// Rows of the table of languages.
    count: usize,
    by_code: IndexMap<String, u32>,
}

impl LanguageNumbers {
    /// Of a table of so many rows, and the row of each code; without codes, languages are named by their numbers.
    #[must_use]
    pub fn new(count: usize, by_code: IndexMap<String, u32>) -> Self {
        Self { count, by_code }
    }

    /// Whether the configuration names the languages, and not their number alone.
    #[must_use]
    pub fn are_named(&self) -> bool {
        !self.by_code.is_empty()
    }

    /// The number of a language, by its code or by that without script and region; of a model that names no languages, by the
    /// number in digits.
    ///
    /// # Errors
    /// When the model has no embedding of the language; the message lists those that it has.
    pub fn number(&self, language: &str) -> Result<u32, ModelError> {
        if !self.are_named() {
            let number = language.parse::<u32>().ok().filter(|number| (*number as usize) < self.count);
            return number.ok_or_else(|| {
                ModelError::Configuration(format!(
                    "the model has embeddings of {} languages and its `config.json` no `lang2id`, which names them; `{}` is not \
                     a number from 0 to {}",
                    self.count,
                    quoted(language),
                    self.count.saturating_sub(1)
                ))
            });
        }
        let whole = language.to_lowercase();
        let first = whole.split(['-', '_']).next().unwrap_or_default();
        let found = [whole.as_str(), first].into_iter().find_map(|code| self.by_code.get(code));
        found.copied().ok_or_else(|| {
            let known: Vec<String> = self.by_code.keys().take(LISTED).map(|code| quoted(code)).collect();
            ModelError::Configuration(format!(
                "the model has no embedding of the language `{}`; it has {}",
                quoted(language),
                known.join(", ")
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_is_found_by_its_code_or_refused_with_those_there_are() {
        let own = LanguageNumbers::new(2, [("en".to_owned(), 1), ("hi".to_owned(), 0)].into());
        assert_eq!((own.number("hi").unwrap(), own.number("EN-gb").unwrap()), (0, 1));
        let said = own.number("ta").unwrap_err().to_string();
        assert_eq!(said, "the model has no embedding of the language `ta`; it has en, hi");
        let unnamed = LanguageNumbers::new(2, IndexMap::new());
        assert_eq!(unnamed.number("1").unwrap(), 1);
        for wrong in ["2", "en", "-1", ""] {
            assert!(unnamed.number(wrong).unwrap_err().to_string().contains("`lang2id`"), "{wrong}");
        }
    }
}
