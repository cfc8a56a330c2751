use super::super::files::LanguageFile;
use super::super::squad_files::articles;
use super::examples::{Examples, PassageExample};
use crate::error::DataError;

/// The questions of the files of `SQuAD` 1.1 with their passages.
pub(in super::super) fn passages(files: &[LanguageFile<'_>]) -> Result<Examples, DataError> {
    let mut examples = Vec::new();
    for file in files {
        for paragraph in articles(file)?.into_iter().flat_map(|article| article.paragraphs) {
            let passage = paragraph.context;
            examples.extend(paragraph.qas.into_iter().map(|own| PassageExample {
                id: own.id.0,
                question: own.text,
                passage: passage.clone(),
            }));
        }
    }
    Ok(Examples::Passages(examples))
}
