//! The corpora of a recipe by name.

use std::sync::OnceLock;

use alambic_data::corpora::ReadCorpus;
use alambic_data::{Content, ContentKind, Dataset, Example, Extent, HoldOut, embedded, remove_test_overlap};
use alambic_settings::{At, IndexMap};

use crate::error::RunError;
use crate::options::data::DataOptions;

/// All corpora of a recipe.
#[derive(Debug, Default)]
pub(crate) struct Corpora {
    read: IndexMap<String, Content>,
    /// What takes the place of a corpus that only a run mines, once it is there.
    mined: IndexMap<String, OnceLock<Content>>,
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

/// Reads a corpus and splits it. What is held out is kept out of all training.
pub(crate) fn read_split(options: &DataOptions, held_out: &HoldOut) -> Result<Content, RunError> {
    let mut content = read(options, Extent::Whole)?;
    content.split(&options.split.with_split_files(options.corpus.inner().has_split_files()), held_out)?;
    Ok(content)
}

impl FromIterator<(String, Content)> for Corpora {
    fn from_iter<I: IntoIterator<Item = (String, Content)>>(corpora: I) -> Self {
        let mut read: IndexMap<String, Content> = corpora.into_iter().collect();
        remove_test_overlap(&mut read);
        let mined = read.keys().map(|name| (name.clone(), OnceLock::new())).collect();
        Self { read, mined }
    }
}

impl Corpora {
    /// Reads and splits every corpus. The test split of the embedded names is kept out of all training.
    pub(crate) fn read(options: &IndexMap<String, DataOptions>) -> Result<Self, RunError> {
        let held_out: HoldOut = embedded::held_out()?;
        options.iter().map(|(name, options)| Ok((name.clone(), read_split(options, &held_out)?))).collect()
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
