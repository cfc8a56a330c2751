//! Files of a corpus: lists of them, or lists by the language of their texts.

use alambic_settings::{Either, IndexMap, Location, Node, OneOrMany, Reader, Setting, Type, Value};

use super::pattern::files;
use crate::error::{DataError, LanguageFault, Place};
use crate::language_code::{check_code, is_same_language};

/// Files of a corpus.
#[derive(Debug, Clone, PartialEq)]
pub enum Files {
    /// A file or several.
    List(OneOrMany<Location>),
    /// The file or files of each language, by language code.
    ByLanguage(IndexMap<String, OneOrMany<Location>>),
}

/// Files as they are written: a path or a list of paths, or a table of such.
type Written = Either<OneOrMany<Location>, IndexMap<String, OneOrMany<Location>>>;

impl Files {
    /// No file.
    #[must_use]
    pub fn none() -> Self {
        Self::List(OneOrMany(Vec::new()))
    }

    /// Whether there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::List(list) => list.is_empty(),
            Self::ByLanguage(lists) => lists.values().all(|list| list.is_empty()),
        }
    }

    /// The lists, each with its language where the files have one.
    fn lists(&self) -> Vec<(Option<&str>, &[Location])> {
        match self {
            Self::List(list) => vec![(None, list)],
            Self::ByLanguage(lists) => {
                lists.iter().map(|(language, list)| (Some(language.as_str()), &**list)).collect()
            }
        }
    }
}

impl From<OneOrMany<Location>> for Files {
    fn from(list: OneOrMany<Location>) -> Self {
        Self::List(list)
    }
}

impl Setting for Files {
    fn describe() -> Type {
        Written::describe()
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        Written::read(node, reader).map(|written| match written {
            Either::First(list) => Self::List(list),
            Either::Second(lists) => Self::ByLanguage(lists),
        })
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::List(list) => list.to_value(),
            Self::ByLanguage(lists) => lists.to_value(),
        }
    }
}

/// A file of a corpus with what the recipe says of its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CorpusFile {
    /// The file.
    pub(crate) location: Location,
    /// The split of all of its texts; none where the file may say it.
    pub(crate) split: Option<&'static str>,
    /// The language of all of its texts, where the recipe says it.
    pub(crate) language: Option<String>,
}

/// The files of a corpus for training, for validation and for the test, and what a recipe says of their languages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CorpusFiles<'a> {
    /// `paths`, `validation-paths` and `test-paths`.
    pub(crate) lists: [&'a Files; 3],
    /// The language of all files.
    pub(crate) language: Option<&'a str>,
    /// The column of the language of each row.
    pub(crate) language_column: Option<&'a str>,
}

/// The key of each list of files, and the split of their texts.
const LISTS: [(&str, Option<&str>); 3] =
    [("paths", None), ("validation-paths", Some("validation")), ("test-paths", Some("test"))];

impl CorpusFiles<'_> {
    /// The files one by one, patterns of names replaced by what they name.
    ///
    /// # Errors
    /// Where no file fits a pattern, a code is none of a language, a language or a file of two languages is given twice, or
    /// languages are given in two ways.
    pub(crate) fn resolve(&self) -> Result<Vec<CorpusFile>, DataError> {
        self.check_languages()?;
        let mut resolved: Vec<CorpusFile> = Vec::new();
        for ((key, split), list) in LISTS.into_iter().zip(self.lists) {
            for (language, locations) in list.lists() {
                for location in files(locations)? {
                    let language = language.or(self.language).map(str::to_owned);
                    let other = resolved
                        .iter()
                        .find(|other| other.location == location && other.language != language);
                    if let Some((other, own)) =
                        other.and_then(|other| other.language.clone().zip(language.clone()))
                    {
                        let place = Place::file(&format!("{key}.{own}"));
                        let file = location.to_string();
                        let fault = LanguageFault::FileOfTwo { file, languages: [other, own] };
                        return Err(DataError::new(place, fault.into()));
                    }
                    resolved.push(CorpusFile { location, split, language });
                }
            }
        }
        Ok(resolved)
    }

    /// Checks the codes, all of which are reported, and that each language is given in one way.
    fn check_languages(&self) -> Result<(), DataError> {
        let mut faults: Option<DataError> = None;
        let mut note = |key: &str, fault| {
            DataError::note(&mut faults, Err(DataError::new(Place::file(key), fault)));
        };
        if let Some(Err(fault)) = self.language.map(check_code) {
            note("language", fault);
        }
        let mut known: Vec<&str> = Vec::new();
        for ((key, _), list) in LISTS.into_iter().zip(self.lists) {
            for code in list.lists().into_iter().filter_map(|(language, _)| language) {
                if let Err(fault) = check_code(code) {
                    note(&format!("{key}.{code}"), fault);
                } else if let Some(other) =
                    known.iter().find(|other| **other != code && is_same_language(other, code))
                {
                    let codes = [(*other).to_owned(), code.to_owned()];
                    note(&format!("{key}.{code}"), LanguageFault::Duplicate(codes).into());
                } else {
                    known.push(code);
                }
            }
        }
        let is_by_language = |list: &&Files| matches!(list, Files::ByLanguage(_));
        let by_language = LISTS.into_iter().zip(&self.lists).find(|(_, list)| is_by_language(list));
        let keys = [
            self.language.map(|_| "language"),
            self.language_column.map(|_| "language-column"),
            by_language.map(|((key, _), _)| key),
        ];
        let given: Vec<&str> = keys.into_iter().flatten().collect();
        if let [first, second, ..] = given.as_slice() {
            let fault = LanguageFault::SaidTwice { key: (*first).to_owned(), other: (*second).to_owned() };
            note(first, fault.into());
        }
        faults.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Fault;

    fn list(paths: &[&str]) -> OneOrMany<Location> {
        OneOrMany(paths.iter().map(|path| Location::File((*path).into())).collect())
    }

    fn by_language(lists: &[(&str, &[&str])]) -> Files {
        Files::ByLanguage(lists.iter().map(|(code, paths)| ((*code).to_owned(), list(paths))).collect())
    }

    fn resolve(
        lists: [&Files; 3],
        language: Option<&str>,
        language_column: Option<&str>,
    ) -> Result<Vec<CorpusFile>, Vec<(String, Fault)>> {
        let resolved = CorpusFiles { lists, language, language_column }.resolve();
        resolved.map_err(|error| {
            error.problems.into_iter().map(|problem| (problem.place.source, problem.fault)).collect()
        })
    }

    #[test]
    fn files_have_the_split_and_the_language_of_their_list() {
        let none = Files::none();
        let train = by_language(&[("en", &["a.tsv", "b.tsv"]), ("es", &["c.tsv"])]);
        // A language has files of several splits.
        let test = by_language(&[("es", &["d.tsv"])]);
        let files = resolve([&train, &none, &test], None, None).unwrap();
        let found: Vec<_> = files.iter().map(|file| (file.split, file.language.as_deref())).collect();
        assert_eq!(
            found,
            [(None, Some("en")), (None, Some("en")), (None, Some("es")), (Some("test"), Some("es"))]
        );
        let plain: Files = list(&["a.tsv"]).into();
        let files = resolve([&plain, &plain, &none], Some("es"), None).unwrap();
        assert!(files.iter().all(|file| file.language.as_deref() == Some("es")));
        assert_eq!(files[1].split, Some("validation"));
        let files = resolve([&plain, &none, &none], None, Some("lang")).unwrap();
        assert_eq!(files[0].language, None);
        assert!(by_language(&[("en", &[])]).is_empty() && !train.is_empty());
    }

    #[test]
    fn language_that_is_given_twice_or_in_two_ways_is_refused_at_its_key() {
        let none = Files::none();
        let twice = by_language(&[("pt-BR", &["a.tsv"]), ("pt-br", &["b.tsv"])]);
        let codes = ["pt-BR".to_owned(), "pt-br".to_owned()];
        let refused = |lists, language, column| resolve(lists, language, column).unwrap_err();
        assert_eq!(
            refused([&twice, &none, &none], None, None),
            [("paths.pt-br".to_owned(), LanguageFault::Duplicate(codes).into())]
        );
        let wrong = by_language(&[("English", &["a.tsv"]), ("zh_Hant", &["b.tsv"])]);
        let said = refused([&none, &none, &wrong], None, None);
        let places: Vec<&str> = said.iter().map(|(place, _)| place.as_str()).collect();
        assert_eq!(places, ["test-paths.English", "test-paths.zh_Hant"]);
        let same = by_language(&[("en", &["a.tsv"]), ("es", &["a.tsv"])]);
        let said = refused([&same, &none, &none], None, None);
        assert!(
            matches!(&said[..], [(place, Fault::Language(LanguageFault::FileOfTwo { .. }))] if place == "paths.es")
        );
        let sound = by_language(&[("en", &["a.tsv"])]);
        let plain: Files = list(&["a.tsv"]).into();
        for (files, language, column) in
            [(&sound, Some("es"), None), (&plain, Some("es"), Some("lang")), (&sound, None, Some("lang"))]
        {
            let said = refused([files, &none, &none], language, column);
            assert!(matches!(&said[..], [(_, Fault::Language(LanguageFault::SaidTwice { .. }))]), "{said:?}");
        }
    }
}
