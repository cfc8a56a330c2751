//! A piece of a word a line, its tag and behind a tab the place of its word in the sentence, counted from 0; an empty line between
//! sentences.

use super::super::classes::class_of;
use super::super::references::{Gold, PieceTag, Predictions, References};
use super::super::rows::stripped;
use super::check_count;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let known: Vec<&str> = references.classes.iter().map(String::as_str).collect();
    let gold = match &references.gold {
        Gold::Tags(gold) => gold.as_slice(),
        _ => &[],
    };
    let mut problems = Problems::default();
    let mut sentences: Vec<Vec<PieceTag>> = Vec::new();
    let mut begins_sentence = true;
    let mut first_beyond = None;
    for (number, line) in stripped(source, &mut problems) {
        if line.is_empty() {
            begins_sentence = true;
            continue;
        }
        if std::mem::take(&mut begins_sentence) {
            sentences.push(Vec::new());
            if sentences.len() == gold.len() + 1 {
                first_beyond = Some(number);
            }
        }
        let words = gold.get(sentences.len() - 1).map(Vec::len);
        let Some(sentence) = sentences.last_mut() else { continue };
        match piece(line, &known, sentence.last().map_or(0, |piece| piece.word), words) {
            Ok(piece) => sentence.push(piece),
            Err(fault) => problems.push(Place::line(&source.name, number), fault),
        }
    }
    if let Err(mut error) = check_count(source, "sentences", sentences.len(), references) {
        error.problems.iter_mut().for_each(|problem| problem.place.line = first_beyond);
        problems.extend(error);
    }
    problems.or(Predictions::Pieces(sentences))
}

/// The piece of a line, of a sentence of so many words, behind a piece of the word `before`.
fn piece(line: &str, known: &[&str], before: usize, words: Option<usize>) -> Result<PieceTag, Fault> {
    let Some((tag, word)) = line.split_once('\t') else {
        let found = "a line of one column".into();
        return Err(BenchmarkFault::OtherLayout {
            expected: "a tag and, behind a tab, the place of its word",
            found,
        }
        .into());
    };
    let place =
        word.parse::<usize>().map_err(|_| Fault::NotCount { column: "2".into(), found: word.into() })?;
    if place < before {
        return Err(BenchmarkFault::WordOrder { found: place, before }.into());
    }
    if let Some(words) = words.filter(|words| place >= *words) {
        return Err(BenchmarkFault::PlaceBeyond { found: place, last: words.saturating_sub(1) }.into());
    }
    let tag = if known.is_empty() { tag.to_owned() } else { class_of(tag, known)? };
    Ok(PieceTag { word: place, tag })
}

pub(super) fn text(sentences: &[Vec<PieceTag>]) -> String {
    let line = |piece: &PieceTag| format!("{}\t{}\n", piece.tag, piece.word);
    let sentences: Vec<String> = sentences.iter().map(|pieces| pieces.iter().map(line).collect()).collect();
    sentences.join("\n")
}
