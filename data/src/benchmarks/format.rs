//! Published formats of benchmarks: one line each.

use std::path::{Path, PathBuf};

use alambic_settings::{Location, kinds};

use super::files::LanguageFile;
use super::references::References;
use super::{
    BenchmarkFiles, Flores, IndicCopa, IndicParaphrase, IndicQa, IndicSentiment, IndicXnli, Layout, Marvl,
    MassiveIntent, MassiveSlots, Naamapadam, Wit, XFlickrCo, Xcopa, Xgqa, XtremeBucc, XtremeMlqa, XtremePanx,
    XtremePawsx, XtremeTatoeba, XtremeTydiqa, XtremeUdpos, XtremeXnli, XtremeXquad, Xvnli,
};
use crate::error::{BenchmarkFault, DataError, Place};
use crate::source::{Extent, TableSource};

/// What a benchmark's format has: names of files, the layout of predictions, a reader of labels.
pub trait BenchmarkFormat {
    /// Where its files are.
    fn files(&self) -> &BenchmarkFiles;

    /// Names of the file of a language's test part, the likeliest first; see [`BenchmarkFiles::file`].
    fn names(&self) -> &'static [&'static str];

    /// The layout of predictions.
    fn layout(&self) -> Layout;

    /// The classes or tags, in the benchmark's order; empty where there is no fixed list.
    fn classes(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads what is right in the files of a language, at least one.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError>;
}

kinds! {
    /// Formats of benchmarks: how a test part is published, and predictions for it.
    pub enum Benchmark: dyn BenchmarkFormat {
        /// XNLI of XTREME.
        XtremeXnli(XtremeXnli) = "xtreme-xnli",
        /// PAWS-X of XTREME.
        XtremePawsx(XtremePawsx) = "xtreme-pawsx",
        /// Parts of speech of XTREME.
        XtremeUdpos(XtremeUdpos) = "xtreme-udpos",
        /// Names of XTREME.
        XtremePanx(XtremePanx) = "xtreme-panx",
        /// `XQuAD` of XTREME.
        XtremeXquad(XtremeXquad) = "xtreme-xquad",
        /// MLQA of XTREME.
        XtremeMlqa(XtremeMlqa) = "xtreme-mlqa",
        /// `TyDi` QA of XTREME.
        XtremeTydiqa(XtremeTydiqa) = "xtreme-tydiqa",
        /// BUCC 2018 of XTREME.
        XtremeBucc(XtremeBucc) = "xtreme-bucc",
        /// Tatoeba of XTREME.
        XtremeTatoeba(XtremeTatoeba) = "xtreme-tatoeba",
        /// XCOPA of XTREME-R.
        Xcopa(Xcopa) = "xcopa",
        /// `xGQA` of IGLUE.
        Xgqa(Xgqa) = "xgqa",
        /// XVNLI of IGLUE.
        Xvnli(Xvnli) = "xvnli",
        /// `MaRVL` of IGLUE.
        Marvl(Marvl) = "marvl",
        /// `xFlickr&CO` of IGLUE.
        XFlickrCo(XFlickrCo) = "xflickrco",
        /// WIT of IGLUE.
        Wit(Wit) = "wit",
        /// `IndicXNLI` of `IndicXTREME`.
        IndicXnli(IndicXnli) = "indic-xnli",
        /// `IndicSentiment` of `IndicXTREME`.
        IndicSentiment(IndicSentiment) = "indic-sentiment",
        /// `IndicXParaphrase` of `IndicXTREME`.
        IndicParaphrase(IndicParaphrase) = "indic-paraphrase",
        /// `IndicCOPA` of `IndicXTREME`.
        IndicCopa(IndicCopa) = "indic-copa",
        /// Names of `IndicXTREME`.
        Naamapadam(Naamapadam) = "naamapadam",
        /// `IndicQA` of `IndicXTREME`.
        IndicQa(IndicQa) = "indicqa",
        /// Retrieval of `IndicXTREME`.
        Flores(Flores) = "flores",
        /// Intents of `IndicXTREME`.
        MassiveIntent(MassiveIntent) = "massive-intent",
        /// Slots of `IndicXTREME`.
        MassiveSlots(MassiveSlots) = "massive-slots",
    }
}

impl Benchmark {
    /// The layout of predictions.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.inner().layout()
    }

    /// The folder of a task's files below one of data.
    #[must_use]
    pub fn folder(&self, data: &Path, task: &str) -> PathBuf {
        self.inner().files().folder_in(data, task)
    }

    /// The names under which a language's file is looked for in the task's folder.
    #[must_use]
    pub fn names(&self, language: &str) -> Vec<String> {
        let format = self.inner();
        format.files().names(format.names(), language)
    }

    /// Reads what is right in a language of a task; none where there is no file of it.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    pub fn references(
        &self,
        data: &Path,
        task: &str,
        language: &str,
    ) -> Result<Option<References>, DataError> {
        let format = self.inner();
        let paths = format.files().find(&self.folder(data, task), format.names(), language);
        let Some(first) = paths.first() else { return Ok(None) };
        let open = |path: &PathBuf| TableSource::open_lines(&Location::File(path.clone()), Extent::Whole);
        let sources = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let files: Vec<LanguageFile<'_>> = sources
            .iter()
            .zip(&paths)
            .map(|(source, path)| LanguageFile { source, path, language })
            .collect();
        let references = format.read(&files)?;
        if references.is_empty() {
            let fault = BenchmarkFault::NoLanguage(language.to_owned());
            return Err(DataError::new(Place::file(&first.display().to_string()), fault.into()));
        }
        Ok(Some(references))
    }
}
