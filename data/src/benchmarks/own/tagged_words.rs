use alambic_settings::settings;

use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part, SentenceExample};
use super::super::references::References;
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::files::{file_of, references_of};
use crate::corpora::conll::Scheme;
use crate::error::{DataError, Fault, Place, Problems};
use crate::table::{lines, utf8};

settings! {
    /// Words of your own with a tag each: a file for each language with a word a line, its columns separated by tabs or else by blanks,
    /// and an empty line between sentences.
    pub struct TaggedWords {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Name of the file to train on, as `file`. Left out: there is none.
        pub train_file: Option<String>,
        /// Name of the file by which checkpoints are chosen, as `file`. Left out: a part of the training file.
        pub validation_file: Option<String>,
        /// The column of the word, counted from 1.
        #[range(1..)]
        pub word: usize = 1,
        /// The column of the tag, counted from 1.
        #[range(1..)]
        pub tag: usize = 2,
        /// Tagging schemes: how tags mark spans.
        pub scheme: Scheme = Scheme::AsWritten,
    }
}

impl BenchmarkFormat for TaggedWords {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.tsv", "{language}.test.conll", "{language}.test.txt"]
    }

    fn layout(&self) -> Layout {
        Layout::Tags
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        references_of(&files[0], self.sentences(files)?, Vec::new())
    }

    fn file_of(&self, part: Part) -> Option<&str> {
        file_of(part, [&self.train_file, &self.validation_file, &self.files.file])
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        if part == Part::Test { self.names() } else { &[] }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        self.sentences(files).map(Some)
    }
}

impl TaggedWords {
    fn sentences(&self, files: &[LanguageFile<'_>]) -> Result<Examples, DataError> {
        let mut all = Vec::new();
        for file in files {
            let mut problems = Problems::default();
            let (mut words, mut tags): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
            let end = |words: &mut Vec<String>, tags: &mut Vec<String>| {
                let mut tags = std::mem::take(tags);
                self.scheme.mark(&mut tags);
                SentenceExample { words: std::mem::take(words), tags: Some(tags) }
            };
            for (number, line) in lines(&file.source.bytes) {
                let Some(line) = utf8(file.source, number, line, &mut problems) else { continue };
                if line.trim().is_empty() {
                    all.push(end(&mut words, &mut tags));
                    continue;
                }
                let columns: Vec<&str> = if line.contains('\t') {
                    line.split('\t').collect()
                } else {
                    line.split_whitespace().collect()
                };
                match (columns.get(self.word - 1), columns.get(self.tag - 1)) {
                    (Some(word), Some(tag)) if !tag.trim().is_empty() => {
                        words.push((*word).to_owned());
                        tags.push(tag.trim().to_owned());
                    }
                    _ => {
                        let expected = self.word.max(self.tag);
                        let fault = Fault::ColumnCount { found: columns.len(), expected };
                        problems.push(Place::line(&file.source.name, number), fault);
                    }
                }
            }
            all.push(end(&mut words, &mut tags));
            problems.or(())?;
        }
        all.retain(|sentence| !sentence.words.is_empty());
        Ok(Examples::Sentences(all))
    }
}
