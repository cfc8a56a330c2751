use alambic_settings::{choices, settings};

use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part, SentenceExample, TextExample};
use super::super::references::{Gold, References};
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::order::shuffled;
use crate::content::Content;
use crate::corpora::{MadeUpOrders, MadeUpTranslations, ReadCorpus};
use crate::error::{BenchmarkFault, DataError, Place};
use crate::scenes::SceneLanguage;
use crate::source::Extent;
use crate::texts::{Label, Labels};

choices! {
    /// What made-up data are about.
    pub enum MadeUpContent {
        /// Sentences in three languages, each a question or a statement.
        Sentences = "sentences",
        /// Orders in English whose goods, people and places are tagged.
        Orders = "orders",
        /// Sentences in English and their translations.
        Translations = "translations",
    }
}

settings! {
    /// Made-up data, for trying a suite without data. Scores here do not carry over to real texts.
    pub struct MadeUp {
        /// What they are about.
        pub content: MadeUpContent,
        /// Examples of each part.
        #[range(1..=50_000)]
        pub size: usize = 400,
        /// Another number gives other examples.
        pub seed: u64 = 1,
    }
}

/// The name that stands for a file's.
const NAME: &str = "made-up";

/// Classes of sentences.
const CLASSES: [&str; 2] = ["question", "statement"];

/// They lie in no folder.
const NO_FILES: BenchmarkFiles = BenchmarkFiles { folder: None, file: None };

impl BenchmarkFormat for MadeUp {
    fn files(&self) -> &BenchmarkFiles {
        &NO_FILES
    }

    fn names(&self) -> &'static [&'static str] {
        &[]
    }

    fn layout(&self) -> Layout {
        match self.content {
            MadeUpContent::Sentences => Layout::Classes,
            MadeUpContent::Orders => Layout::Tags,
            MadeUpContent::Translations => Layout::Places,
        }
    }

    fn classes(&self) -> Vec<&str> {
        if self.content == MadeUpContent::Sentences { CLASSES.to_vec() } else { Vec::new() }
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        Err(DataError::new(
            Place::file(NAME),
            BenchmarkFault::UnknownLanguage(files[0].language.to_owned()).into(),
        ))
    }

    fn is_made_up(&self) -> bool {
        true
    }

    fn made_up(&self, language: &str, part: Part) -> Result<Option<(Examples, References)>, DataError> {
        // Files for the validation part would be another third; it is carved out of training.
        if part == Part::Validation {
            return Ok(None);
        }
        let unknown =
            || DataError::new(Place::file(NAME), BenchmarkFault::UnknownLanguage(language.to_owned()).into());
        let references = |classes: Vec<String>, gold| References { source: NAME.to_owned(), classes, gold };
        match self.content {
            MadeUpContent::Orders if language != "en" => Err(unknown()),
            MadeUpContent::Orders => {
                let (sentences, tags) = self.orders(part)?;
                let gold = Gold::Tags(sentences.iter().filter_map(|own| own.tags.clone()).collect());
                Ok(Some((Examples::Sentences(sentences), references(tags, gold))))
            }
            content => {
                let known = SceneLanguage::ALL.iter().any(|own| own.name() == language);
                let pairs = if known { self.sentences(language, part)? } else { return Err(unknown()) };
                if content == MadeUpContent::Translations {
                    let (queries, others): (Vec<String>, Vec<String>) = pairs.into_iter().unzip();
                    let (candidates, places) = shuffled(&others);
                    return Ok(Some((
                        Examples::Bitext { queries, candidates },
                        references(Vec::new(), Gold::Places(places)),
                    )));
                }
                let class = |english: &str| CLASSES[usize::from(!english.ends_with('?'))].to_owned();
                let labels: Vec<String> = pairs.iter().map(|(english, _)| class(english)).collect();
                let text = |((_, first), label): ((String, String), &String)| TextExample {
                    first,
                    second: None,
                    label: Some(label.clone()),
                };
                let texts = pairs.into_iter().zip(&labels).map(text).collect();
                let classes = CLASSES.map(str::to_owned).to_vec();
                Ok(Some((Examples::Texts(texts), references(classes, Gold::Classes(labels)))))
            }
        }
    }
}

impl MadeUp {
    /// The place of the first example of a part, among those of all parts.
    fn begin(&self, part: Part) -> usize {
        if part == Part::Train { 0 } else { self.size }
    }

    /// Sentences in English with the same in a language.
    fn sentences(&self, language: &str, part: Part) -> Result<Vec<(String, String)>, DataError> {
        let corpus = MadeUpTranslations {
            questions: true,
            size: 2 * self.size,
            seed: self.seed,
            languages: SceneLanguage::ALL.to_vec(),
        };
        let Content::Parallel(all) = corpus.read(Extent::Whole)? else { return Ok(Vec::new()) };
        let texts = all.splits.train.into_iter().skip(self.begin(part)).take(self.size);
        Ok(texts
            .filter_map(|own| Some((own.texts.get("en")?.clone(), own.texts.get(language)?.clone())))
            .collect())
    }

    /// Orders, and all tags.
    fn orders(&self, part: Part) -> Result<(Vec<SentenceExample>, Vec<String>), DataError> {
        let corpus = MadeUpOrders { size: 2 * self.size, seed: self.seed };
        let Content::Texts(all) = corpus.read(Extent::Whole)? else { return Ok(Default::default()) };
        let Labels::Words(tags) = &all.details.labels else { return Ok(Default::default()) };
        let tag = |index: &u32| tags.get(*index as usize).cloned().unwrap_or_default();
        let sentences = all.splits.train.iter().skip(self.begin(part)).take(self.size).map(|own| {
            let own_tags = match &own.label {
                Label::Words(tags) => tags.iter().map(tag).collect(),
                _ => Vec::new(),
            };
            SentenceExample { words: own.first.split(' ').map(str::to_owned).collect(), tags: Some(own_tags) }
        });
        Ok((sentences.collect(), tags.clone()))
    }
}
