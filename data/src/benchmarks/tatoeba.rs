//! Tatoeba as XTREME has it (Artetxe and Schwenk, 2019; Hu et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, in_sorted_order, side_by_side};
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

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train | Part::Validation => &[],
            Part::Test => {
                &["{language}-en.{language}", "tatoeba.{iso3}-eng.{iso3}", "v1/tatoeba.{iso3}-eng.{iso3}"]
            }
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let is_raw = file.path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("tatoeba."));
        if is_raw {
            return in_sorted_order(file, &file.name_ending_in("eng")).map(Some);
        }
        side_by_side(file, &file.name_ending_in("en"), false).map(Some)
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
