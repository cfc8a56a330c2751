//! Tables of questions about images in a folder.

use alambic_settings::{IndexMap, Location, OneOrMany, settings};

use super::ReadCorpus;
use super::answers::{answer_classes, listed, once_each};
use crate::content::Content;
use crate::error::DataError;
use crate::image_datasets::{RawQuestion, TEST, build_questions};
use crate::image_files::{ImageFile, ImageFolder};
use crate::source::{Extent, TableSource, files};
use crate::stable_hash::join_fingerprints;
use crate::table::{Columns, Table};

settings! {
    /// Questions about images in a folder: tables in TSV, CSV, JSON lines or Parquet that name an image, a question and an
    /// answer in each row.
    pub struct ImageQuestions {
        /// The files. If they have a split column, its values are those that a split can name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The folder of the images: PNG, JPEG, WebP or GIF. Left out: there are none, and models read the `regions` that the data name.
        pub images: Option<Location>,
        /// The column of the image's file, below that folder.
        pub image: String = "image".to_owned(),
        /// The column of the question.
        pub question: String = "question".to_owned(),
        /// The language of that column, by its code.
        pub language: String = "en".to_owned(),
        /// Columns of the question in other languages, by language code.
        pub translations: IndexMap<String, String> = IndexMap::new(),
        /// The column of the answer.
        pub answer: String = "answer".to_owned(),
        /// The column of the kind of question. Left out: `kind`, if the table has one.
        pub kind: Option<String>,
        /// The answers that are classes, in the order of their ids. Left out: those of `answers-from`, or of the training
        /// and validation rows.
        pub answers: Vec<String> = Vec::new(),
        /// A file with the answers that are classes, in the order of their ids, as a published teacher has them: the
        /// `config.json` of a model, a list in JSON such as LXMERT's `trainval_label2ans.json`, or a line each. Left out: those of
        /// `answers`, or of the rows.
        pub answers_from: Option<Location>,
        /// Least number of rows with an answer for it to be a class, where classes are not listed.
        #[range(1..)]
        pub min_answer_count: usize = 1,
    }
}

impl ReadCorpus for ImageQuestions {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        once_each(&self.answers, "answers")?;
        let folder = self.images.as_ref().map(ImageFolder::open).transpose()?;
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let mut faults: Option<DataError> = None;
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some(TEST)),
        ];
        for (paths, file_split) in lists {
            for location in files(paths)? {
                let read = TableSource::open(&location, extent).and_then(|source| {
                    sources.push(source.name.clone());
                    fingerprints.push(source.fingerprint());
                    self.rows(&source, file_split, folder.as_ref(), &mut rows)
                });
                DataError::note(&mut faults, read);
            }
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        let listed = match &self.answers_from {
            Some(location) => Some(listed(location)?),
            None => (!self.answers.is_empty()).then(|| self.answers.clone()),
        };
        let classes = answer_classes(listed.as_deref(), self.min_answer_count);
        let languages = std::iter::once(&self.language).chain(self.translations.keys()).cloned().collect();
        Ok(build_questions(
            sources.join(", "),
            &join_fingerprints(&fingerprints),
            rows,
            classes,
            languages,
            extent,
        )?
        .into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl ImageQuestions {
    fn rows(
        &self,
        source: &TableSource,
        file_split: Option<&str>,
        folder: Option<&ImageFolder>,
        rows: &mut Vec<RawQuestion>,
    ) -> Result<(), DataError> {
        let needed: Vec<&str> = [&self.image, &self.question, &self.answer]
            .into_iter()
            .chain(self.translations.values())
            .map(String::as_str)
            .collect();
        let kind: Vec<&str> = self.kind.iter().map(String::as_str).collect();
        let columns =
            Columns { texts: &needed, values: &kind, optional: &["split", "kind"], ..Columns::default() };
        let table = Table::read(source, &columns)?;
        let (images, questions, answers) =
            (table.column(&self.image)?, table.column(&self.question)?, table.column(&self.answer)?);
        let (kinds, splits) =
            (optional(&table, self.kind.as_deref(), "kind")?, optional(&table, None, "split")?);
        let translations: Vec<(&String, Vec<&str>)> = self
            .translations
            .iter()
            .map(|(language, name)| Ok((language, table.column(name)?)))
            .collect::<Result<_, DataError>>()?;
        let text = |column: &Option<Vec<&str>>, row: usize| {
            column.as_ref().map(|column| column[row].trim().to_owned()).filter(|text| !text.is_empty())
        };
        for row in 0..table.rows() {
            let answer = answers[row].trim();
            let others = translations.iter().map(|(language, column)| (language, column[row].trim()));
            rows.push(RawQuestion {
                text: questions[row].trim().to_owned(),
                translations: others
                    .filter(|(_, text)| !text.is_empty())
                    .map(|(language, text)| ((*language).clone(), text.to_owned()))
                    .collect(),
                image: ImageFile::named(images[row].trim(), folder),
                answers: if answer.is_empty() { Vec::new() } else { vec![(answer.to_owned(), 1.0)] },
                kind: text(&kinds, row).unwrap_or_default(),
                split: file_split.map(str::to_owned).or_else(|| text(&splits, row)),
                place: table.place(row),
            });
        }
        Ok(())
    }
}

/// A column that is named, or the usual one if the table has it.
pub(super) fn optional<'t>(
    table: &'t Table<'_>,
    name: Option<&str>,
    usual: &str,
) -> Result<Option<Vec<&'t str>>, DataError> {
    match name {
        Some(name) => table.column(name).map(Some),
        None if table.has_column(usual) => table.column(usual).map(Some),
        None => Ok(None),
    }
}
