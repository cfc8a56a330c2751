//! Retrieval of `IndicXTREME`: FLORES-200, part devtest (NLLB Team, 2022).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, side_by_side};
use super::layouts::places::read_places;
use super::references::{Gold, References};
use super::rows::stripped;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{DataError, Problems};

settings! {
    /// FLORES-200: for each English sentence its translation among all sentences of another language. Read are the sentences of
    /// the other language, one a line, `devtest/XXX_XXXX.devtest`, whose order is that of the English ones; or places alone
    /// (`test-XX.tsv`), where a program asked in another order.
    pub struct Flores {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for Flores {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.tsv",
            "devtest/{flores}.devtest",
            "{flores}.devtest",
            "flores200_dataset/devtest/{flores}.devtest",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Places
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let places = if file.has_ending(".tsv") {
            read_places(file.source, None)?
        } else {
            let mut problems = Problems::default();
            let sentences = stripped(file.source, &mut problems).len();
            problems.or((0..sentences).collect())?
        };
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold: Gold::Places(places) })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train | Part::Validation => &[],
            Part::Test => &[
                "devtest/{flores}.devtest",
                "{flores}.devtest",
                "flores200_dataset/devtest/{flores}.devtest",
            ],
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        side_by_side(&files[0], "eng_Latn.devtest", true).map(Some)
    }
}
