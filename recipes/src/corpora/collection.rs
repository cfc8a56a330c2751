//! The corpora of a recipe by name.

use std::sync::OnceLock;

use alambic_data::corpora::ReadCorpus;
use alambic_data::split::SplitGuess;
use alambic_data::{
    Content, ContentKind, Corpus, Dataset, Example, Extent, HoldOut, Rewriter, Split, SplitOptions,
    SplitReport, embedded, remove_test_overlap,
};
use alambic_reports::numbers::thousands;
use alambic_settings::{At, IndexMap};

use super::mixing::MixingProblem;
use crate::error::RunError;
use crate::options::data::DataOptions;
use crate::options::dictionary::DictionaryOptions;

/// All corpora of a recipe.
#[derive(Debug, Default)]
pub(crate) struct Corpora {
    read: IndexMap<String, Content>,
    /// What takes the place of a corpus that only a run mines, once it is there.
    mined: IndexMap<String, OnceLock<Content>>,
    /// What rewrites the captions of corpora that ask for it.
    rewriters: IndexMap<String, Rewriter>,
}

/// Reads a corpus as far as asked, with the regions of its images. Nothing of it is split.
pub(crate) fn read(options: &DataOptions, extent: Extent) -> Result<Content, RunError> {
    let mut content = options.corpus.value.read(extent)?;
    if let Some(regions) = &options.regions {
        let Content::Questions(questions) = &mut content else {
            return Err(RunError::Recipe("`regions` belong to a corpus of questions about images".into()));
        };
        regions.attach(questions, extent)?;
    }
    Ok(content)
}

/// Fraction of the corpora of an evaluation that is for the test where nothing says which of their examples are.
const DEFAULT_TEST_FRACTION: f64 = 0.1;

/// How the corpora of a recipe are split.
pub(crate) struct Splitting<'a> {
    /// Names that are kept out of all training.
    held_out: &'a HoldOut,
    /// Corpora of the evaluation, where nothing says which of their examples are for the test.
    without_test: Vec<&'a str>,
}

impl<'a> Splitting<'a> {
    pub(crate) fn new(
        data: &'a IndexMap<String, DataOptions>,
        evaluated: &'a [At<String>],
        held_out: &'a HoldOut,
    ) -> Self {
        let options = |name: &&str| data.get(*name);
        // What is drawn from other corpora is for the test where these are.
        let evaluated: Vec<&str> = evaluated.iter().flat_map(|name| drawn_from(data, name)).collect();
        let names_test = |options: &DataOptions| {
            matches!(options.corpus.value, Corpus::Mined(_)) || split_options(options).names_test_split()
        };
        let has_test = evaluated.iter().filter_map(options).any(names_test);
        Self { held_out, without_test: if has_test { Vec::new() } else { evaluated } }
    }

    /// Reads a corpus and splits it.
    pub(crate) fn read(&self, name: &str, options: &DataOptions) -> Result<Content, RunError> {
        let mut content = read(options, Extent::Whole)?;
        let mut split = split_options(options);
        // A value that means the test is named by the user, not by us.
        let is_for_test = |value: &&str| split.guess_split(value) == Some(SplitGuess::Usual(Split::Test));
        let is_default = self.without_test.contains(&name) && !content.split_values().iter().any(is_for_test);
        if is_default {
            split.test_fraction = Some(DEFAULT_TEST_FRACTION);
        }
        content.split(&split, self.held_out)?;
        if is_default {
            let SplitReport { train, validation, test, .. } = content.report();
            content.add_note(format!(
                "nothing says which rows are for the test, and a tenth is held out for it: {} of {}; \
                 `data.{name}.split.test-fraction` changes that",
                thousands(*test as u64),
                thousands((train + validation + test) as u64)
            ));
        }
        Ok(content)
    }
}

/// The corpora that one is drawn from, or the corpus itself.
fn drawn_from<'a>(data: &'a IndexMap<String, DataOptions>, name: &'a At<String>) -> Vec<&'a str> {
    match data.get(&name.value).map(|options| &options.corpus.value) {
        Some(Corpus::PictureChoice(choices)) => choices.of.iter().map(|own| own.as_str()).collect(),
        _ => vec![name.as_str()],
    }
}

fn split_options(options: &DataOptions) -> SplitOptions {
    options.split.with_split_files(options.corpus.inner().has_split_files())
}

impl FromIterator<(String, Content)> for Corpora {
    fn from_iter<I: IntoIterator<Item = (String, Content)>>(corpora: I) -> Self {
        let mut read: IndexMap<String, Content> = corpora.into_iter().collect();
        remove_test_overlap(&mut read);
        let mined = read.keys().map(|name| (name.clone(), OnceLock::new())).collect();
        Self { read, mined, rewriters: IndexMap::new() }
    }
}

impl Corpora {
    /// Reads and splits every corpus, and gives those that are to be mixed their dictionaries. The test split of the embedded names is
    /// kept out of all training.
    pub(crate) fn read(
        data: &IndexMap<String, DataOptions>,
        dictionaries: &IndexMap<String, DictionaryOptions>,
        evaluated: &[At<String>],
    ) -> Result<Self, RunError> {
        let held_out: HoldOut = embedded::held_out()?;
        let splitting = Splitting::new(data, evaluated, &held_out);
        let read = |(name, options): (&String, _)| Ok((name.clone(), splitting.read(name, options)?));
        let mut corpora: Self = data.iter().map(read).collect::<Result<_, RunError>>()?;
        match corpora.mix(data, dictionaries, Extent::Whole).into_iter().find_map(MixingProblem::into_error) {
            Some(error) => Err(error),
            None => match corpora.augment(data).into_iter().next() {
                Some(problem) => Err(problem.into_error()),
                None => match corpora.rewrite(data).into_iter().next() {
                    Some(problem) => Err(problem.into_error()),
                    None => match corpora.draw_picture_choices(data, Extent::Whole).into_iter().next() {
                        Some(problem) => Err(problem.into_error()),
                        None => Ok(corpora),
                    },
                },
            },
        }
    }

    /// What rewrites the captions of a corpus; none where it does not ask for it.
    pub(crate) fn rewriter(&self, name: &str) -> Option<&Rewriter> {
        self.rewriters.get(name)
    }

    /// Takes what rewrites the captions of a corpus.
    pub(super) fn insert_rewriter(&mut self, name: &str, rewriter: Rewriter) {
        self.rewriters.insert(name.to_owned(), rewriter);
    }

    /// A corpus that was read.
    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Content> {
        self.read.get_mut(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Content)> {
        self.read.keys().filter_map(|name| Some((name.as_str(), self.find(name)?)))
    }

    pub(crate) fn find(&self, name: &str) -> Option<&Content> {
        self.mined.get(name).and_then(OnceLock::get).or_else(|| self.read.get(name))
    }

    pub(crate) fn get(&self, name: &str) -> Result<&Content, RunError> {
        self.find(name).ok_or_else(|| RunError::Recipe(format!("there is no corpus `{name}` under `data`")))
    }

    /// Whether a corpus has been mined.
    pub(crate) fn is_mined(&self, name: &str) -> bool {
        self.mined.get(name).is_some_and(|cell| cell.get().is_some())
    }

    /// Puts in a corpus that has been mined. One that is there stays.
    pub(crate) fn insert_mined(&self, name: &str, corpus: Content) {
        if let Some(cell) = self.mined.get(name) {
            cell.get_or_init(|| corpus);
        }
    }

    /// Kind of content of the first of these corpora; none if it is not there.
    pub(crate) fn kind(&self, names: &[At<String>]) -> Option<ContentKind> {
        names.first().and_then(|name| self.find(name)).map(Content::kind)
    }

    /// The corpus of a name, which has to hold examples of this sort.
    pub(crate) fn dataset<T: Example>(&self, name: &str) -> Result<&Dataset<T>, RunError> {
        let content = self.get(name)?;
        T::of(content).ok_or_else(|| {
            RunError::Recipe(format!(
                "corpus `{name}` holds {}, not {}",
                content.kind().name(),
                T::KIND.name()
            ))
        })
    }

    /// The corpora of these names, which have to hold examples of this sort.
    pub(crate) fn datasets<T: Example>(&self, names: &[At<String>]) -> Result<Vec<&Dataset<T>>, RunError> {
        names.iter().map(|name| self.dataset(name)).collect()
    }

    /// All corpora that hold examples of this sort, those of which nothing has been mined yet included.
    pub(crate) fn all<'c, T: Example + 'c>(&'c self) -> impl Iterator<Item = &'c Dataset<T>> {
        self.read.values().filter_map(T::of)
    }
}
