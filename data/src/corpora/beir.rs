//! Folders of queries, passages and judgements, as BEIR and MTEB publish them.

use std::path::{Path, PathBuf};

use alambic_settings::{Location, settings};

use super::ReadCorpus;
use super::retrieval::{read_judgements, read_passages, read_queries};
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::search::SearchBuilder;
use crate::source::Extent;

settings! {
    /// A folder as BEIR publishes it (Thakur et al., 2021): `corpus.jsonl`, `queries.jsonl`, and `qrels/train.tsv`, `qrels/dev.tsv`
    /// and `qrels/test.tsv`, of which those count that are there; or a dataset of MTEB as the hub has it: `corpus`, `queries` and
    /// `qrels` (or `data`) as files or as folders of files, in JSON lines or Parquet, whose names begin with the split. Columns are
    /// those of `retrieval`. Queries of `dev` have the split `validation`, those of `test` the split `test`.
    pub struct Beir {
        /// The folder.
        pub folder: Location,
        /// Whether queries that no file of judgements names are kept to be trained on: a teacher scores the passages that BM25 finds
        /// for them (`mined-negatives`). Stages without a teacher, validation and evaluation leave them out.
        pub unjudged: bool = false,
        /// Code of the language, for reports. Left out: it is not known.
        pub language: Option<String>,
    }
}

/// Ends of names of files that are read.
const ENDS: [&str; 7] = [".jsonl", ".jsonl.gz", ".json", ".parquet", ".tsv", ".tsv.gz", ".txt"];

impl Beir {
    fn folder(&self) -> Result<&Path, DataError> {
        let fail = |fault| Err(DataError::new(Place::file(&self.folder.to_string()), fault));
        match &self.folder {
            Location::File(path) if path.is_dir() => Ok(path),
            Location::File(_) => fail(Fault::NotFolder),
            _ => fail(Fault::Hub("no folder is read from the hub; name its files under `retrieval`".into())),
        }
    }

    /// The files that a part of the folder consists of: a file of this name, or those of a folder of this name.
    fn part(&self, name: &str) -> Result<Vec<Location>, DataError> {
        let folder = self.folder()?;
        let file = ENDS.iter().map(|end| folder.join(format!("{name}{end}"))).find(|path| path.is_file());
        let found = file.map_or_else(|| tables(&folder.join(name)), |file| vec![file]);
        if found.is_empty() {
            let place = Place::file(&folder.join(format!("{name}.jsonl")).display().to_string());
            return Err(DataError::new(place, Fault::Unreadable("there is no such file".into())));
        }
        Ok(found.into_iter().map(Location::File).collect())
    }

    /// The files of judgements of a split, by the beginnings of their names.
    fn judgements(&self, splits: &[&str]) -> Vec<Location> {
        let Location::File(folder) = &self.folder else { return Vec::new() };
        let is_of_split = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            splits.iter().any(|split| name.starts_with(split))
        };
        let files = ["qrels", "data"].into_iter().flat_map(|name| tables(&folder.join(name)));
        files.filter(is_of_split).map(Location::File).collect()
    }
}

/// The tables in a folder, in the order of their names.
fn tables(folder: &Path) -> Vec<PathBuf> {
    let is_table = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path.is_file() && ENDS.iter().any(|end| name.ends_with(end))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = entries.filter(is_table).collect();
    found.sort_unstable();
    found
}

/// The splits, and how files of their judgements are called.
const TRAIN: &[&str] = &["train"];
const VALIDATION: &[&str] = &["dev", "validation", "valid"];
const TEST: &[&str] = &["test"];

impl ReadCorpus for Beir {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = SearchBuilder::new(extent).keeping_unjudged(self.unjudged);
        read_passages(&self.part("corpus")?, extent, &mut builder)?;
        read_queries(&self.part("queries")?, extent, &mut builder)?;
        let mut count = 0;
        for (splits, split) in [(TRAIN, None), (VALIDATION, Some("validation")), (TEST, Some("test"))] {
            let files = self.judgements(splits);
            count += files.len();
            read_judgements(&files, split, extent, &mut builder)?;
        }
        if count == 0 {
            let place = Place::file(&self.folder()?.join("qrels").display().to_string());
            return Err(DataError::new(place, Fault::NoJudgements));
        }
        Ok(builder.build(self.language.as_deref(), extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [VALIDATION, TEST].map(|splits| !self.judgements(splits).is_empty())
    }
}
