use std::path::Path;

use alambic_settings::Location;

use super::super::files::LanguageFile;
use super::super::rows::stripped;
use super::examples::{Examples, IdentifiedSentence};
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::{Extent, TableSource};

/// The sentences of a file, one a line.
fn lines_of(source: &TableSource) -> Result<Vec<String>, DataError> {
    let mut problems = Problems::default();
    let lines = stripped(source, &mut problems).into_iter().map(|(_, line)| line.to_owned()).collect();
    problems.or(lines)
}

/// A file that lies beside another.
fn beside(file: &LanguageFile<'_>, name: &str) -> Result<TableSource, DataError> {
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let is_packed = file.path.extension().is_some_and(|extension| extension == "gz");
    let name = if is_packed { format!("{name}.gz") } else { name.to_owned() };
    TableSource::open_lines(&Location::File(folder.join(name)), Extent::Whole)
}

/// Sentences of English, in a file of this name beside, that look for their translation in a file. Files side by side have as many
/// lines where each sentence stands beside its translation.
pub(in super::super) fn side_by_side(
    file: &LanguageFile<'_>,
    english: &str,
    is_aligned: bool,
) -> Result<Examples, DataError> {
    let candidates = lines_of(file.source)?;
    let english = beside(file, english)?;
    let queries = lines_of(&english)?;
    if is_aligned && queries.len() != candidates.len() {
        let found = format!("{} lines and {} of English ({})", candidates.len(), queries.len(), english.name);
        let fault = BenchmarkFault::OtherLayout { expected: "a translation of each English sentence", found };
        return Err(DataError::new(Place::file(&file.source.name), fault.into()));
    }
    Ok(Examples::Bitext { queries, candidates })
}

/// The same with the English sentences in the order of their code points, as XTREME sorts those of Tatoeba.
pub(in super::super) fn in_sorted_order(
    file: &LanguageFile<'_>,
    english: &str,
) -> Result<Examples, DataError> {
    let examples = side_by_side(file, english, true)?;
    Ok(match examples {
        Examples::Bitext { mut queries, candidates } => {
            // Bytes of UTF-8 are in the order of code points, as Python sorts.
            queries.sort();
            Examples::Bitext { queries, candidates }
        }
        other => other,
    })
}

/// Two texts whose lines are an id, a tab and a sentence: that of a file, and the English one beside it.
pub(in super::super) fn sentences_with_ids(
    file: &LanguageFile<'_>,
    english: &str,
) -> Result<Examples, DataError> {
    let english = beside(file, english)?;
    Ok(Examples::Mining([identified(file.source)?, identified(&english)?]))
}

fn identified(source: &TableSource) -> Result<Vec<IdentifiedSentence>, DataError> {
    let mut problems = Problems::default();
    let mut sentences = Vec::new();
    for (number, line) in stripped(source, &mut problems) {
        match line.split_once('\t') {
            Some((id, text)) if !id.is_empty() => {
                sentences.push(IdentifiedSentence { id: id.to_owned(), text: text.trim().to_owned() });
            }
            Some(_) => problems.push(Place::line(&source.name, number), Fault::EmptyField("id")),
            None => {
                let fault = Fault::ColumnCount { found: 1, expected: 2 };
                problems.push(Place::line(&source.name, number), fault);
            }
        }
    }
    problems.or(sentences)
}
