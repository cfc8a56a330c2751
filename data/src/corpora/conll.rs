//! Files of tagged words, one word a line.

use std::collections::BTreeSet;

use alambic_settings::{Location, choices, settings};

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{CorpusFile, CorpusFiles, Extent, Files, TableSource};
use crate::statistics::ReadStatistics;
use crate::table::{lines, utf8};
use crate::tags::{classes_with_ends, mark_runs, mark_runs_with_ends};
use crate::texts::{Label, Labels, Text, TextsBuilder};

choices! {
    /// Tagging schemes: how tags mark spans.
    pub enum Scheme {
        /// They are taken as they stand. Spans are read out of `B-KIND` and `I-KIND`, as in IOB1 and IOB2, and out of
        /// `E-KIND` and `S-KIND`; other tags, such as parts of speech, form none.
        AsWritten = "as-written",
        /// Words of one tag that follow one another form a span, and `O` is none: they become `B-TAG` and `I-TAG`.
        Runs = "runs",
        /// Words of one tag that follow one another form a span, and `O` is none: they become `B-TAG`, `I-TAG` and `E-TAG`, a word by
        /// itself `S-TAG`; `T-POS` becomes `B-POS` and so on. The classes are `O` and these four of each kind, in the order POS,
        /// NEG, NEU, and then by name.
        RunsBioes = "runs-bioes",
    }
}

impl Scheme {
    /// Marks the spans in the tags of a sentence.
    pub(crate) fn mark(self, tags: &mut [String]) {
        match self {
            Self::AsWritten => {}
            Self::Runs => mark_runs(tags),
            Self::RunsBioes => mark_runs_with_ends(tags),
        }
    }
}

settings! {
    /// Sentences whose words are tagged, as CoNLL publishes them: files of one word a line, its columns separated by tabs or
    /// else by blanks, and an empty line between sentences. Lines that begin with `-DOCSTART-` are left out; so are those of
    /// CoNLL-U that are no words, `3-4` and `5.1`, where the word is not in the first column. Between tabs a word may be
    /// white space. A line such as `# text = …` before a sentence is refused unless `comment` is named.
    pub struct Conll {
        /// The files; `train-*.conll` are all whose names fit. As a table, the files of each language, by language code:
        /// `{ en = "en.conll", es = "es.conll" }`.
        pub paths: Files,
        /// Files whose sentences all have the split `validation`; as a table, by language.
        pub validation_paths: Files = Files::none(),
        /// Files whose sentences all have the split `test`; as a table, by language.
        pub test_paths: Files = Files::none(),
        /// Code of the language of all sentences, such as `es`, `zh-Hant` or `pt-BR`, for sampling and for reports by language. Left
        /// out: it is not known, unless `paths` say it.
        pub language: Option<String>,
        /// The column of the word, counted from 1.
        #[range(1..)]
        pub word: usize = 1,
        /// The column of the tag, counted from 1. Left out: the last.
        #[range(1..)]
        pub tag: Option<usize>,
        /// Tagging schemes: how tags mark spans.
        pub scheme: Scheme = Scheme::AsWritten,
        /// Names of the classes in the order of their ids. Left out: the tags of all files, in the order of the alphabet or of the
        /// scheme.
        pub classes: Vec<String> = Vec::new(),
        /// Whether the tags are not read: sentences without labels, whose words a teacher tags. The column of the tag need not be there.
        /// The classes are those of the other corpora of a stage, or `classes`.
        pub unlabelled: bool = false,
        /// Lines that begin with this are comments, but for a row between tabs whose first column is it and no more. Left out:
        /// there are none, since `#` is a word of many texts.
        pub comment: Option<String>,
    }
}

/// What of a file in CoNLL-U is no word.
const NO_WORDS: &str = "lines that span words or are nodes of the enhanced graph alone";

/// What of a file is taken for comments where no comment is expected.
const COMMENTS: &str = "lines within sentences that begin as comments do";

/// Begins a document in the files of CoNLL-2003.
const DOCUMENT: &str = "-DOCSTART-";

/// A sentence before its tags are known by their indices.
#[derive(Default)]
struct Sentence {
    source: String,
    split: Option<&'static str>,
    language: Option<String>,
    words: Vec<String>,
    tags: Vec<String>,
    /// The line of each word.
    lines: Vec<usize>,
}

impl ReadCorpus for Conll {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = TextsBuilder::default();
        let mut sentences = Vec::new();
        let files = CorpusFiles {
            lists: [&self.paths, &self.validation_paths, &self.test_paths],
            language: self.language.as_deref(),
            language_column: None,
        };
        // Never the head alone: rare tags may first come further down, and what tags there are decides about a model.
        let open = |location: &Location| TableSource::open_lines(location, Extent::Whole);
        builder.read(&files, open, |source, file, statistics| {
            self.sentences(source, file, &mut sentences, statistics)
        })?;
        for sentence in &mut sentences {
            self.scheme.mark(&mut sentence.tags);
        }
        let classes = self.classes(&sentences);
        let mut problems = Problems::default();
        for sentence in sentences {
            if let Some(text) = sentence.text(&classes, &mut problems) {
                builder.push(text);
            }
        }
        problems.or(())?;
        Ok(builder.build(Labels::Words(classes), false, extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl Conll {
    /// Reads the sentences of a file, and reports its faults.
    fn sentences(
        &self,
        source: &TableSource,
        file: &CorpusFile,
        sentences: &mut Vec<Sentence>,
        statistics: &mut ReadStatistics,
    ) -> Result<(), DataError> {
        statistics.add_source(source);
        let begin = || Sentence {
            source: source.name.clone(),
            split: file.split,
            language: file.language.clone(),
            ..Sentence::default()
        };
        let mut problems = Problems::default();
        let mut columns = self.columns(source);
        let mut sentence = begin();
        for (number, line) in lines(&source.bytes) {
            let Some(line) = utf8(source, number, line, &mut problems) else { continue };
            if line.trim_ascii().is_empty() || line.starts_with(DOCUMENT) {
                if !sentence.words.is_empty() {
                    sentences.push(std::mem::replace(&mut sentence, begin()));
                }
                continue;
            }
            let cells = cells(line);
            if let Some(mark) = self.comment.as_ref().filter(|mark| line.starts_with(mark.as_str())) {
                let is_word = line.contains('\t')
                    && columns == Some(cells.len())
                    && cells.first() == Some(&mark.trim());
                if !is_word {
                    // CoNLL-U has its comments before a sentence.
                    if !sentence.words.is_empty() {
                        *statistics.dropped.entry(COMMENTS.into()).or_default() += 1;
                    }
                    continue;
                }
            }
            if self.comment.is_none() && sentence.words.is_empty() && is_like_comment(line, &cells, columns) {
                problems.push(Place::line(&source.name, number), Fault::UnexpectedComment(line.to_owned()));
                continue;
            }
            if self.is_no_word(&cells, sentence.words.len()) {
                *statistics.dropped.entry(NO_WORDS.into()).or_default() += 1;
                continue;
            }
            let expected = *columns.get_or_insert(self.least_columns(cells.len()).max(cells.len()));
            match self.word_and_tag(&cells, expected) {
                Ok((word, tag)) => {
                    // Words stand with single blanks between.
                    sentence.words.push(word.replace(' ', "\u{a0}"));
                    sentence.tags.extend(tag.map(str::to_owned));
                    sentence.lines.push(number);
                }
                Err(fault) => problems.push(Place::line(&source.name, number), fault),
            }
        }
        if !sentence.words.is_empty() {
            sentences.push(sentence);
        }
        if columns.is_none() {
            problems.push(Place::file(&source.name), Fault::Empty);
        }
        problems.or(())
    }

    /// How many columns the rows of a file have, by the first that is no comment; none where there is no such row.
    fn columns(&self, source: &TableSource) -> Option<usize> {
        let is_comment = |line: &str| match &self.comment {
            Some(mark) => line.starts_with(mark.as_str()),
            None => is_like_comment(line, &cells(line), None),
        };
        let mut rows = lines(&source.bytes).filter_map(|(_, line)| std::str::from_utf8(line).ok());
        let is_row =
            |line: &&str| !line.trim_ascii().is_empty() && !line.starts_with(DOCUMENT) && !is_comment(line);
        let found = cells(rows.find(is_row)?).len();
        Some(found.max(self.least_columns(found)))
    }

    /// How many columns a row of `found` needs to have a word and a tag.
    fn least_columns(&self, found: usize) -> usize {
        match self.tag {
            _ if self.unlabelled => self.word,
            Some(tag) => self.word.max(tag),
            // The last column is the tag's, and not the word's as well.
            None if self.word >= found => self.word + 1,
            None => found,
        }
    }

    /// Whether a row of a CoNLL-U sentence is no word of its own, so many words being before it: `3-4` spans the two that
    /// follow, and `5.1` is a node of the enhanced graph behind the fifth. Its ids are in a first column of their own.
    fn is_no_word(&self, cells: &[&str], words: usize) -> bool {
        let has_ids = self.word > 1 && self.tag != Some(1);
        let number = |text: &str| text.parse::<usize>().ok();
        let Some(id) = cells.first().filter(|_| has_ids) else { return false };
        let spans = id.split_once('-').and_then(|(first, last)| Some((number(first)?, number(last)?)));
        let node = id.split_once('.').and_then(|(word, node)| Some((number(word)?, number(node)?)));
        spans.is_some_and(|(first, last)| first == words + 1 && last >= first)
            || node.is_some_and(|(word, _)| word == words)
    }

    /// The word of a row, and its tag if that is read.
    fn word_and_tag<'c>(
        &self,
        cells: &[&'c str],
        expected: usize,
    ) -> Result<(&'c str, Option<&'c str>), Fault> {
        if cells.len() != expected {
            return Err(Fault::ColumnCount { found: cells.len(), expected });
        }
        let tag = (!self.unlabelled).then(|| cells[self.tag.unwrap_or(expected) - 1].trim());
        let word = cells[self.word - 1];
        // A word of nothing but blanks is what stands between the separators.
        let shown = word.trim_matches(' ');
        match (word.is_empty(), tag) {
            (true, _) => Err(Fault::EmptyField("word")),
            (_, Some("")) => Err(Fault::EmptyField("tag")),
            _ => Ok((if shown.is_empty() { word } else { shown }, tag)),
        }
    }

    fn classes(&self, sentences: &[Sentence]) -> Vec<String> {
        if !self.classes.is_empty() {
            return self.classes.clone();
        }
        let tags = sentences.iter().flat_map(|sentence| &sentence.tags);
        match self.scheme {
            Scheme::RunsBioes if !self.unlabelled => classes_with_ends(tags),
            _ => tags.collect::<BTreeSet<_>>().into_iter().cloned().collect(),
        }
    }
}

impl Sentence {
    /// The sentence with the indices of its tags; none, and a problem noted, where one is not among the classes.
    fn text(self, classes: &[String], problems: &mut Problems) -> Option<Text> {
        let mut labels = Vec::with_capacity(self.tags.len());
        for (tag, line) in self.tags.iter().zip(&self.lines) {
            match classes.iter().position(|class| class == tag) {
                Some(index) => labels.push(index as u32),
                None => problems.push(
                    Place::line(&self.source, *line),
                    Fault::UnknownClass { found: tag.clone(), classes: classes.to_vec() },
                ),
            }
        }
        (labels.len() == self.tags.len()).then(|| Text {
            first: self.words.join(" "),
            second: None,
            negatives: Vec::new(),
            // A sentence has words, and so tags if they are read.
            label: if labels.is_empty() { Label::None } else { Label::Words(labels) },
            id: None,
            language: self.language,
            split: self.split.map(str::to_owned),
            line: self.lines.first().copied().unwrap_or_default(),
            mixer: None,
        })
    }
}

/// Whether a line before a sentence is most likely a comment of CoNLL-U (`# text = …`, `# newdoc`) and no row whose word is
/// `#`. `columns` is how many columns rows have, where it is known.
fn is_like_comment(line: &str, cells: &[&str], columns: Option<usize>) -> bool {
    let Some(rest) = line.strip_prefix('#') else { return false };
    let names_value = rest.split_once('=').is_some_and(|(key, _)| {
        let key = key.trim();
        line.starts_with("# ") && !key.is_empty() && !key.contains(char::is_whitespace)
    });
    let begins = |mark: &str| rest.trim() == mark || rest.trim_start().starts_with(&format!("{mark} id"));
    names_value || begins("newdoc") || begins("newpar") || columns.is_some_and(|count| count != cells.len())
}

/// The columns of a row: tab-separated where there is a tab, else separated by blanks.
fn cells(line: &str) -> Vec<&str> {
    if line.contains('\t') {
        line.split('\t').collect()
    } else {
        line.split(' ').filter(|cell| !cell.is_empty()).collect()
    }
}
