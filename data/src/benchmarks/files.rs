//! Files of a benchmark below a folder of data.

use std::fs;
use std::path::{Path, PathBuf};

use alambic_settings::settings;

use super::languages::fill;
use crate::source::TableSource;

settings! {
    /// Where the files of a benchmark are.
    pub struct BenchmarkFiles {
        /// Folder of the files, below the folder of data or labels that a command is given. Left out: the name of the task.
        pub folder: Option<String>,
        /// Name of a language's file in that folder, as `annotations/{language}/test.jsonl`; `{iso3}`, `{name}`, `{flores}` and
        /// `{locale}` are what Tatoeba, TyDi QA, FLORES and MASSIVE call the language, and `*` is anything. Left out: the names
        /// under which the benchmark is published, of which the first that is there is read.
        pub file: Option<String>,
    }
}

impl BenchmarkFiles {
    /// The folder of a task's files below one of data.
    #[must_use]
    pub fn folder_in(&self, data: &Path, task: &str) -> PathBuf {
        data.join(self.folder.as_deref().unwrap_or(task))
    }

    /// The files of a language by the first name that is there, in the order of their names; empty where none is.
    pub(super) fn find(&self, folder: &Path, names: &[&str], language: &str) -> Vec<PathBuf> {
        let named = self.file.as_deref().map(|file| [file]);
        let names = named.as_ref().map_or(names, |named| named.as_slice());
        let mut filled = names.iter().filter_map(|name| fill(name, language));
        filled
            .find_map(|name| Some(matching(folder, &name)).filter(|files| !files.is_empty()))
            .unwrap_or_default()
    }

    /// The names that are looked for, for messages.
    pub(super) fn names(&self, names: &[&str], language: &str) -> Vec<String> {
        match &self.file {
            Some(file) => fill(file, language).into_iter().collect(),
            None => names.iter().filter_map(|name| fill(name, language)).collect(),
        }
    }
}

/// The regular files whose path below a folder fits a pattern, in which `*` stands for anything within one part; also those
/// compressed with gzip.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for part in pattern.split('/') {
        found = if part.contains('*') {
            found.iter().flat_map(|folder| children(folder, part)).collect()
        } else {
            found.iter().map(|folder| folder.join(part)).filter(|path| exists(path)).collect()
        };
    }
    found.retain(|path| path.is_file() || with_gz(path).is_file());
    found.into_iter().map(|path| if path.is_file() { path } else { with_gz(&path) }).collect()
}

fn with_gz(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".gz");
    path.with_file_name(name)
}

fn exists(path: &Path) -> bool {
    path.exists() || with_gz(path).exists()
}

/// What a folder holds whose name fits a pattern, in the order of names.
fn children(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
    names.retain(|name| name.to_str().is_some_and(|name| fits(name, pattern)));
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}

/// Whether a name fits a pattern with any number of `*`.
fn fits(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(place) = rest.find(part) else { return false };
        rest = &rest[place + part.len()..];
    }
    rest.is_empty()
}

/// A file that was found, with its content, and the language that is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct LanguageFile<'f> {
    pub(super) source: &'f TableSource,
    pub(super) path: &'f Path,
    /// The folder of the task.
    pub(super) folder: &'f Path,
    pub(super) language: &'f str,
}

impl LanguageFile<'_> {
    /// The file's name with another last part behind its last dot.
    pub(super) fn name_ending_in(&self, extension: &str) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(".gz").unwrap_or(&name);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        format!("{stem}.{extension}")
    }

    /// Whether the file's name ends in this.
    pub(super) fn has_ending(&self, ending: &str) -> bool {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_suffix(".gz").unwrap_or(&name).ends_with(ending)
    }
}

/// The line of the first place in a file at which a text stands, counted from 1.
pub(super) fn line_of(bytes: &[u8], text: &str) -> Option<usize> {
    let whole = std::str::from_utf8(bytes).ok()?;
    let place = whole.find(text)?;
    Some(whole[..place].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (name, pattern, expected) in [
            ("af_afribooms-ud-test.conllu", "af_*-ud-test.conllu", true),
            ("af_afribooms-ud-dev.conllu", "af_*-ud-test.conllu", false),
            ("afx", "af", false),
            ("a-b-c", "a*b*c", true),
            ("abc", "*", true),
            ("a", "a*a", false),
        ] {
            assert_eq!(fits(name, pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn first_name_that_is_there_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/UD_x/hi_x-ud-test.conllu", "b/UD_a/hi_a-ud-test.conllu", "test-hi.tsv.gz"] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let files = BenchmarkFiles { folder: None, file: None };
        let find = |names: &[&str]| {
            let found = files.find(folder.path(), names, "hi");
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(
            find(&["test-{language}.tsv", "b/*/{language}_*-ud-test.conllu"]),
            [PathBuf::from("test-hi.tsv.gz")]
        );
        let treebanks = ["b/UD_a/hi_a-ud-test.conllu", "b/UD_x/hi_x-ud-test.conllu"].map(PathBuf::from);
        assert_eq!(find(&["none", "b/*/{language}_*-ud-test.conllu"]), treebanks);
    }
}
