//! Languages of an evaluation: a slice each, and the means over them.

use alambic_reports::transfer::LanguageSets;
use alambic_settings::At;

use super::evaluator::TestSet;
use crate::error::RunError;
use crate::options::evaluation::EvaluationOptions;

/// The language of each of some test examples, which are its slices; none where no language is known.
///
/// # Errors
/// When the languages of some are known and those of others are not.
pub(crate) fn language_slices<'e>(
    languages: impl Iterator<Item = Option<&'e str>> + Clone,
) -> Result<Vec<String>, RunError> {
    if languages.clone().all(|language| language.is_none()) {
        return Ok(Vec::new());
    }
    let known: Option<Vec<String>> = languages.map(|language| language.map(str::to_owned)).collect();
    known.ok_or_else(|| {
        RunError::Recipe(
            "some examples of the evaluation have a language and others have none: give their corpora `language`, \
             `language-column` or `paths` by language"
                .into(),
        )
    })
}

/// The means over languages that an evaluation asks for; none where its slices are no languages. Without `source-language` the
/// source is that of the task, and without `average-without` the second mean leaves out the source.
pub(crate) fn language_sets(options: &EvaluationOptions, test_set: &TestSet) -> Option<LanguageSets> {
    let has_languages = test_set.has_languages && !test_set.slices.is_empty();
    let named = options.source_language.as_ref().map(|source| source.value.clone());
    let source = named.or_else(|| test_set.source_language.clone());
    let mut average_without: Vec<String> =
        options.average_without.iter().map(|language| language.value.clone()).collect();
    if average_without.is_empty() {
        average_without.extend(source.clone());
    }
    let codes =
        |languages: &Vec<At<String>>| languages.iter().map(|language| language.value.clone()).collect();
    let groups = options.language_groups.iter().map(|(name, languages)| (name.clone(), codes(languages)));
    has_languages.then(|| LanguageSets { source, average_without, groups: groups.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_languages_where_all_are_known() {
        let slices = |languages: &[Option<&'static str>]| language_slices(languages.iter().copied());
        assert_eq!(slices(&[Some("en"), Some("es"), Some("en")]).unwrap(), ["en", "es", "en"]);
        assert!(slices(&[None, None]).unwrap().is_empty() && slices(&[]).unwrap().is_empty());
        let said = slices(&[Some("en"), None]).unwrap_err().to_string();
        assert!(said.contains("`language-column`"), "{said}");
    }
}
