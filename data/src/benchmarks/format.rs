//! Published formats of benchmarks: one line each.

use std::path::{Path, PathBuf};

use alambic_settings::{Location, kinds};

use super::files::LanguageFile;
use super::inputs::{Examples, Part};
use super::references::References;
use super::{
    BenchmarkFiles, BenchmarkImages, BitextTable, Flores, IndicCopa, IndicParaphrase, IndicQa,
    IndicSentiment, IndicXnli, LanguageColumns, Layout, MadeUp, Marvl, MassiveIntent, MassiveSlots,
    Naamapadam, TaggedWords, TextTable, Wit, XFlickrCo, Xcopa, Xgqa, XtremeBucc, XtremeMlqa, XtremePanx,
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
    fn classes(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Reads what is right in the files of a language, at least one.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError>;

    /// Names of the file of a language's part that has inputs, the likeliest first.
    fn input_names(&self, part: Part) -> &'static [&'static str] {
        if part == Part::Test { self.names() } else { &[] }
    }

    /// Whether its data are made up, and lie in no file.
    fn is_made_up(&self) -> bool {
        false
    }

    /// The inputs of a language's part that are made up, with what is right; none of a format that reads files, or of a part that it
    /// does not have.
    ///
    /// # Errors
    /// When it does not have the language.
    fn made_up(&self, _language: &str, _: Part) -> Result<Option<(Examples, References)>, DataError> {
        Ok(None)
    }

    /// The name that a suite gives the file of a part; none for the usual names.
    fn file_of(&self, part: Part) -> Option<&str> {
        if part == Part::Test { self.files().file.as_deref() } else { None }
    }

    /// Names of the file of what is right in a language's validation part, where it lies apart from the inputs.
    fn validation_references(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where its images are; none where its inputs are texts, or where a text is of several images.
    fn images(&self) -> Option<&BenchmarkImages> {
        None
    }

    /// Reads the inputs in the files of a language, at least one; none of a format whose texts are of several images.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    fn examples(&self, _: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        Ok(None)
    }
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
        /// Texts of your own with a class.
        TextTable(TextTable) = "text-table",
        /// Texts of your own with a class, a column for each language.
        LanguageColumns(LanguageColumns) = "language-columns",
        /// Words of your own with tags.
        TaggedWords(TaggedWords) = "tagged-words",
        /// Sentences of your own with their translations.
        BitextTable(BitextTable) = "bitext-table",
        /// Made-up data.
        MadeUp(MadeUp) = "made-up",
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
        if format.is_made_up() {
            return Ok(format.made_up(language, Part::Test)?.map(|(_, references)| references));
        }
        let folder = self.folder(data, task);
        let paths = format.files().find(&folder, format.names(), language);
        open(&paths, (&folder, language), |files| {
            let references = format.read(files)?;
            Ok(Some(references).filter(|references| !references.is_empty()))
        })
    }

    /// The names under which the file of a language's part with inputs is looked for in the task's folder.
    #[must_use]
    pub fn input_names(&self, part: Part, named: Option<&str>, language: &str) -> Vec<String> {
        let files = self.input_files(part, named);
        files.names(self.inner().input_names(part), language)
    }

    /// Whether its data are made up, and lie in no file.
    #[must_use]
    pub fn is_made_up(&self) -> bool {
        self.inner().is_made_up()
    }

    /// Where its images are; none where its inputs are texts, or where a text is of several images.
    #[must_use]
    pub fn images(&self) -> Option<&BenchmarkImages> {
        self.inner().images()
    }

    /// The files of a language's part with inputs, those that `named` says, or else those of the format; empty where there are none.
    #[must_use]
    pub fn input_paths(
        &self,
        data: &Path,
        task: &str,
        language: &str,
        part: Part,
        named: Option<&str>,
    ) -> Vec<PathBuf> {
        let files = self.input_files(part, named);
        files.find(&self.folder(data, task), self.inner().input_names(part), language)
    }

    /// Reads the inputs of a language's part, out of the files that `named` says, or else those of the format; none where there is
    /// no file of it, or its texts are of several images.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    pub fn examples(
        &self,
        data: &Path,
        task: &str,
        language: &str,
        part: Part,
        named: Option<&str>,
    ) -> Result<Option<Examples>, DataError> {
        let format = self.inner();
        if format.is_made_up() {
            return Ok(format.made_up(language, part)?.map(|(examples, _)| examples));
        }
        let folder = self.folder(data, task);
        let paths = self.input_paths(data, task, language, part, named);
        open(&paths, (&folder, language), |files| format.examples(files, part))
    }

    /// Reads what is right in a language's validation part, where it lies apart from the inputs; none where there is no such file.
    ///
    /// # Errors
    /// All faults of a file, with their lines.
    pub fn validation_references(
        &self,
        data: &Path,
        task: &str,
        language: &str,
    ) -> Result<Option<References>, DataError> {
        let format = self.inner();
        let files = self.input_files(Part::Validation, None);
        let folder = self.folder(data, task);
        let paths = files.find(&folder, format.validation_references(), language);
        open(&paths, (&folder, language), |files| format.read(files).map(Some))
    }

    /// Where the files of a part are: of the test part where the format's own are.
    fn input_files(&self, part: Part, named: Option<&str>) -> BenchmarkFiles {
        let format = self.inner();
        let file = named.or_else(|| format.file_of(part)).map(str::to_owned);
        BenchmarkFiles { folder: format.files().folder.clone(), file }
    }
}

/// What `read` makes of the files of a language; none of no files.
fn open<T>(
    paths: &[PathBuf],
    (folder, language): (&Path, &str),
    read: impl FnOnce(&[LanguageFile<'_>]) -> Result<Option<T>, DataError>,
) -> Result<Option<T>, DataError> {
    let Some(first) = paths.first() else { return Ok(None) };
    let open = |path: &PathBuf| TableSource::open_lines(&Location::File(path.clone()), Extent::Whole);
    let sources = paths.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let files: Vec<LanguageFile<'_>> = sources
        .iter()
        .zip(paths)
        .map(|(source, path)| LanguageFile { source, path, folder, language })
        .collect();
    let found = read(&files)?;
    if found.is_none() {
        let is_empty = sources.iter().all(|source| source.bytes.trim_ascii().is_empty());
        let fault = if is_empty {
            BenchmarkFault::NoExamples
        } else {
            BenchmarkFault::NoLanguage(language.to_owned())
        };
        return Err(DataError::new(Place::file(&first.display().to_string()), fault.into()));
    }
    Ok(found)
}
