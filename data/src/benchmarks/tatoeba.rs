//! Tatoeba as XTREME has it (Artetxe and Schwenk, 2019; Hu et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::layouts::places::read_places;
use super::references::{Gold, References};
use super::rows::stripped;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{DataError, Problems};

settings! {
    /// Tatoeba: for each English sentence its translation among all sentences of another language. Read are places alone
    /// (`test-XX.tsv`: for each English sentence, in their order after sorting, the line of its translation counted from 0),
    /// or the raw `tatoeba.XXX-eng.eng`, whose sentences stand beside their translations and which XTREME sorts by code point.
    /// Of XTREME's prepared files alone (`XX-en.en`) nobody can tell what is right.
    pub struct XtremeTatoeba {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XtremeTatoeba {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.tsv", "tatoeba.{iso3}-eng.eng", "v1/tatoeba.{iso3}-eng.eng"]
    }

    fn layout(&self) -> Layout {
        Layout::Places
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let mut places = Vec::new();
        for file in files {
            places.extend(if file.has_ending(".eng") {
                sorted(file)?
            } else {
                read_places(file.source, None)?
            });
        }
        Ok(References {
            source: files[0].source.name.clone(),
            classes: Vec::new(),
            gold: Gold::Places(places),
        })
    }
}

/// Where each sentence stood before sorting.
fn sorted(file: &LanguageFile<'_>) -> Result<Vec<usize>, DataError> {
    let mut problems = Problems::default();
    let mut sentences: Vec<(&str, usize)> = stripped(file.source, &mut problems)
        .into_iter()
        .enumerate()
        .map(|(place, (_, line))| (line, place))
        .collect();
    // Bytes of UTF-8 are in the order of code points, as Python sorts.
    sentences.sort_by_key(|(line, _)| *line);
    problems.or(sentences.into_iter().map(|(_, place)| place).collect())
}
