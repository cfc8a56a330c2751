//! Tags of the words of a treebank in CoNLL-U as XTREME makes them: what was split into several words (`3-4`) is one again,
//! with the tag of the part that is nearest to the root.

use std::collections::{BTreeMap, BTreeSet};

use super::classes::class_of;
use super::files::LanguageFile;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::table::{lines, utf8};

/// Columns of CoNLL-U.
const COLUMNS: usize = 10;

/// Which tag a fused word has where several of its parts are equally near to the root: the first of these (`UniversalDependencies`
/// tools, `conllu_to_conll.py`, as XTREME uses them).
fn precedence(language: &str) -> &'static [&'static str] {
    match language {
        "es" => &["VERB", "AUX", "PRON", "ADP", "DET"],
        "fr" => &["VERB", "AUX", "PRON", "NOUN", "ADJ", "ADV", "ADP", "DET", "PART", "SCONJ", "CONJ"],
        "it" => &["VERB", "AUX", "ADV", "PRON", "ADP", "DET", "INTJ"],
        _ => &[
            "VERB", "NOUN", "PROPN", "PRON", "ADJ", "NUM", "ADV", "INTJ", "AUX", "ADP", "DET", "PART",
            "CCONJ", "SCONJ", "X", "PUNCT",
        ],
    }
}

/// A sentence as it is written.
#[derive(Default)]
struct Sentence {
    /// Form and tag of each word, by its number.
    words: BTreeMap<usize, (String, String)>,
    /// The heads of each word, those of the enhanced graph too.
    heads: BTreeMap<usize, BTreeSet<usize>>,
    /// First and last word, and the form, of what was split.
    fused: Vec<(usize, usize, String)>,
}

/// A word and its tag.
type Word = (String, String);

/// The words of each sentence with their tags.
pub(super) fn tagged_words(file: &LanguageFile<'_>, tags: &[&str]) -> Result<Vec<Vec<Word>>, DataError> {
    let mut problems = Problems::default();
    let mut all = Vec::new();
    let mut sentence = Sentence::default();
    for (number, line) in lines(&file.source.bytes) {
        let Some(line) = utf8(file.source, number, line, &mut problems) else { continue };
        if line.is_empty() {
            all.extend(std::mem::take(&mut sentence).tagged(file.language));
        } else if !line.starts_with('#')
            && let Err(fault) = sentence.add(line, tags)
        {
            problems.push(Place::line(&file.source.name, number), fault);
        }
    }
    all.extend(sentence.tagged(file.language));
    problems.or(all)
}

impl Sentence {
    /// Adds a row.
    fn add(&mut self, line: &str, tags: &[&str]) -> Result<(), Fault> {
        let columns: Vec<&str> = line.split('\t').collect();
        if columns.len() != COLUMNS {
            return Err(Fault::ColumnCount { found: columns.len(), expected: COLUMNS });
        }
        let [id, form, tag, head, graph] = [0, 1, 3, 6, 8].map(|place| columns[place]);
        // Nodes of the enhanced graph alone.
        if id.contains('.') {
            return Ok(());
        }
        let number = |text: &str| {
            text.parse::<usize>()
                .map_err(|_| Fault::from(BenchmarkFault::NotWord(format!("`{text}` is no number"))))
        };
        if let Some((first, last)) = id.split_once('-') {
            self.fused.push((number(first)?, number(last)?, form.to_owned()));
            return Ok(());
        }
        let id = number(id)?;
        let heads = self.heads.entry(id).or_default();
        if head != "_" {
            heads.insert(number(head)?);
        }
        heads.extend(graph.split('|').filter_map(|edge| edge.split(':').next()?.parse::<usize>().ok()));
        self.words.insert(id, (form.to_owned(), class_of(tag, tags)?));
        Ok(())
    }

    /// The words from which one is reached, itself left out.
    fn ancestors(&self, word: usize) -> usize {
        let mut found = BTreeSet::new();
        let mut open = vec![word];
        while let Some(next) = open.pop() {
            for &head in self.heads.get(&next).into_iter().flatten() {
                if head != word && found.insert(head) {
                    open.push(head);
                }
            }
        }
        found.len()
    }

    /// The words with their tags; none of a sentence of no words, or one whose words are withheld, all or all but one.
    fn tagged(mut self, language: &str) -> Option<Vec<Word>> {
        for (first, last, form) in std::mem::take(&mut self.fused) {
            let parts: Vec<usize> = (first..=last).filter(|part| self.words.contains_key(part)).collect();
            let depths: Vec<usize> = parts.iter().map(|&part| self.ancestors(part)).collect();
            let Some(&least) = depths.iter().min() else { continue };
            let highest =
                parts.iter().zip(&depths).filter(|(_, depth)| **depth == least).map(|(part, _)| *part);
            let order = precedence(language);
            let rank = |part: &usize| {
                let tag = self.words.get(part).map_or("", |word| word.1.as_str());
                order.iter().position(|own| *own == tag).unwrap_or(order.len())
            };
            let Some(kept) = highest.min_by_key(rank) else { continue };
            self.words.retain(|word, _| *word == kept || !(first..=last).contains(word));
            if let Some(word) = self.words.get_mut(&kept) {
                word.0 = form;
            }
        }
        let withheld = self.words.values().filter(|(form, _)| form == "_").count();
        let is_told = withheld == 0 || withheld + 1 < self.words.len();
        (is_told && !self.words.is_empty()).then(|| self.words.into_values().collect())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::source::{TableFormat, TableSource};

    fn read(language: &str, rows: &[&str]) -> Vec<String> {
        let text: Vec<String> = rows
            .iter()
            .map(|row| {
                let columns: Vec<&str> = row.split(' ').collect();
                match columns.as_slice() {
                    [id, form, tag, head] => format!("{id}\t{form}\t_\t{tag}\t_\t_\t{head}\t_\t_\t_"),
                    [id, form, tag, head, graph] => {
                        format!("{id}\t{form}\t_\t{tag}\t_\t_\t{head}\t_\t{graph}\t_")
                    }
                    _ => (*row).to_owned(),
                }
            })
            .collect();
        let source = TableSource {
            name: "x.conllu".into(),
            format: TableFormat::Tsv,
            bytes: text.join("\n").into_bytes().into(),
            is_cut: false,
            notes: Vec::new(),
        };
        let file =
            LanguageFile { source: &source, path: Path::new("x.conllu"), folder: Path::new(""), language };
        let tags = ["ADP", "DET", "NOUN", "VERB", "PRON", "_"];
        let joined =
            |sentence: Vec<Word>| sentence.into_iter().map(|(_, tag)| tag).collect::<Vec<_>>().join(" ");
        tagged_words(&file, &tags).unwrap().into_iter().map(joined).collect()
    }

    #[test]
    fn fused_word_has_the_tag_of_the_part_nearest_to_the_root() {
        let rows = [
            "# text",
            "1 dar VERB 0",
            "2-3 selo _ _",
            "2 se PRON 1",
            "3 lo DET 2",
            "4.1 x _ _",
            "4 pan NOUN 1",
        ];
        assert_eq!(read("en", &rows), ["VERB PRON NOUN"]);
    }

    #[test]
    fn parts_equally_near_are_ranked_by_their_tags() {
        let rows = ["1 va VERB 0", "2-3 nel _ _", "2 in ADP 4", "3 il DET 4", "4 mare NOUN 1"];
        assert_eq!(read("it", &rows), ["VERB ADP NOUN"]);
        // An edge of the enhanced graph makes a part deeper.
        let rows =
            ["1 va VERB 0", "2-3 nel _ _", "2 in ADP 4 5:case", "3 il DET 4", "4 mare NOUN 1", "5 x NOUN 1"];
        assert_eq!(read("it", &rows), ["VERB DET NOUN NOUN"]);
    }

    #[test]
    fn sentences_without_their_words_are_left_out() {
        assert_eq!(read("en", &["1 _ NOUN 0", "2 _ VERB 1", "", "", "1 a NOUN 0"]), ["NOUN"]);
        assert_eq!(read("en", &["1 _ NOUN 0", "2 a VERB 1"]), Vec::<String>::new());
        assert_eq!(read("en", &["1 _ NOUN 0", "2 a VERB 1", "3 b VERB 1"]), ["NOUN VERB VERB"]);
    }
}
