//! Statements about images that are true or false, as NLVR and NLVR2 publish them.

use alambic_settings::{Location, OneOrMany};
use indexmap::IndexMap;

use crate::dataset::Dataset;
use crate::error::{DataError, Fault, Problems};
use crate::image_datasets::TEST;
use crate::pictures::{Picture, PictureGroup};
use crate::questions::{Question, QuestionDetails, STATEMENT_ANSWERS};
use crate::source::{Extent, TableSource, for_each_file};
use crate::stable_hash::join_fingerprints;
use crate::statistics::ReadStatistics;
use crate::table::{Columns, Table};

/// Files of a corpus of statements, and the further columns that are read of them.
pub(super) struct StatementFiles<'o> {
    pub(super) paths: &'o OneOrMany<Location>,
    pub(super) validation_paths: &'o OneOrMany<Location>,
    pub(super) test_paths: &'o OneOrMany<Location>,
    /// A column that holds anything, and has to be there.
    pub(super) nested: &'o [&'o str],
    /// A column that may be there.
    pub(super) optional: &'o str,
    /// Kind of the statements, which tells them apart from those of other corpora.
    pub(super) kind: &'o str,
}

/// A statement before its image is known.
pub(super) struct StatementRow<'t> {
    pub(super) identifier: &'t str,
    /// What the column holds that may be there.
    pub(super) optional: Option<&'t str>,
    /// What the column of anything holds, as JSON.
    pub(super) nested: Option<&'t str>,
}

/// An image of a statement: its name, its group, and what makes it where it is new.
pub(super) struct StatementImage {
    pub(super) name: String,
    pub(super) group: String,
    pub(super) picture: Picture,
}

/// Reads statements with their images. `image` makes the image of a row; of rows whose images have one name the first is taken.
///
/// # Errors
/// All faults of the files, and what `image` notes.
pub(super) fn read_statements(
    files: &StatementFiles<'_>,
    extent: Extent,
    mut image: impl FnMut(&StatementRow<'_>) -> Result<StatementImage, Fault>,
) -> Result<Dataset<Question>, DataError> {
    let (mut sources, mut fingerprints) = (Vec::new(), Vec::new());
    let mut images: IndexMap<String, Picture> = IndexMap::new();
    let mut identifiers: IndexMap<String, ()> = IndexMap::new();
    let mut questions = Vec::new();
    let mut statistics = ReadStatistics::default();
    let lists =
        [(files.paths, None), (files.validation_paths, Some("validation")), (files.test_paths, Some(TEST))];
    for_each_file(lists, extent, |source: &TableSource, split| {
        sources.push(source.name.clone());
        fingerprints.push(source.fingerprint());
        let optional = ["label", files.optional];
        let columns = Columns {
            texts: &["identifier", "sentence"],
            optional: &optional,
            nested: files.nested,
            ..Columns::default()
        };
        let table = Table::read(source, &columns)?;
        statistics.add_table(&table);
        statistics.rows += table.rows();
        let (own, sentences) = (table.column("identifier")?, table.column("sentence")?);
        let (labels, optional) = (table.optional("label"), table.optional(files.optional));
        let nested = files.nested.first().map(|name| table.column(name)).transpose()?;
        let mut problems = Problems::default();
        for row in 0..table.rows() {
            let (identifier, sentence) = (own[row].trim(), sentences[row].trim());
            if sentence.is_empty() {
                *statistics.dropped.entry("rows without a sentence".into()).or_default() += 1;
                continue;
            }
            let place = table.place(row);
            let given = StatementRow {
                identifier,
                optional: optional.as_ref().map(|column| column[row].trim()).filter(|text| !text.is_empty()),
                nested: nested.as_ref().map(|column| column[row]),
            };
            let mut read = || -> Result<(StatementImage, Vec<(u32, f32)>), Fault> {
                if identifiers.insert(identifier.to_owned(), ()).is_some() {
                    return Err(Fault::DuplicateId(identifier.to_owned()));
                }
                let label = labels.as_ref().map(|labels| labels[row].trim()).unwrap_or_default();
                Ok((image(&given)?, answer(label)?))
            };
            match read() {
                Err(fault) => problems.push(place, fault),
                Ok((StatementImage { name, group, picture }, answers)) => {
                    let entry = images.entry(name);
                    let image = entry.index();
                    let split = split.map(str::to_owned);
                    entry.or_insert_with(|| Picture {
                        group: Some(PictureGroup { name: group, keys: Vec::new() }),
                        splits: vec![split.clone()],
                        ..picture
                    });
                    questions.push(Question {
                        text: sentence.to_owned(),
                        translations: IndexMap::new(),
                        image,
                        answers,
                        kind: files.kind.to_owned(),
                        split,
                    });
                }
            }
        }
        problems.or(())
    })?;
    statistics.source = sources.join(", ");
    statistics.kept = questions.len();
    if questions.is_empty() && extent == Extent::Whole {
        return Err(statistics.nothing_kept(&statistics.source));
    }
    let details = QuestionDetails {
        answers: STATEMENT_ANSWERS.map(str::to_owned).to_vec(),
        languages: vec!["en".to_owned()],
        ..QuestionDetails::of_images(images.into_values().collect(), &questions)
    };
    Ok(Dataset::new(questions, details, statistics, join_fingerprints(&fingerprints)))
}

/// The answer that a label stands for; none where there is no label, as in hidden test parts.
fn answer(label: &str) -> Result<Vec<(u32, f32)>, Fault> {
    match label {
        "True" | "true" => Ok(vec![(1, 1.0)]),
        "False" | "false" => Ok(vec![(0, 1.0)]),
        "" => Ok(Vec::new()),
        other => Err(Fault::NotOneOf {
            column: "label".into(),
            found: other.to_owned(),
            known: ["True", "False"].map(str::to_owned).to_vec(),
        }),
    }
}
