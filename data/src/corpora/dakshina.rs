//! Dakshina: romanisations of Wikipedia words in twelve languages of South Asia.
//!
//! Roark et al., *Processing South Asian languages written in the Latin script: the Dakshina dataset*,
//! LREC 2020. Its lexicons (`LANGUAGE.translit.sampled.PART.tsv`) have no header and three columns: native
//! word, romanisation, how many annotators wrote it.

use alambic_settings::settings;

use super::ReadCorpus;
use super::word_pair_files::{Keep, Row, WordPairFiles};
use crate::content::Content;
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Extent, TableFormat, TableSource};
use crate::table::{Columns, Header, Quoting, Table};
use crate::word_builder::WordsBuilder;

settings! {
    /// Dakshina lexicons, one file a language: TSV of native word, romanisation, attestations.
    ///
    /// Files without a header are read as published; files with one have the columns `native` and
    /// `roman`, and may also have `attestations` and `split`.
    pub struct Dakshina {
        /// The files.
        #[flatten]
        pub files: WordPairFiles,
        /// Romanisations that fewer annotators wrote are dropped. Files without the column count one for each.
        pub min_attestations: usize = 1,
    }
}

const HEADER: Header<'_> =
    Header::Unless { marks: &["native", "roman"], names: &["native", "roman", "attestations"] };

impl ReadCorpus for Dakshina {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let builder = self
            .files
            .gather("dakshina", extent, |source, builder, keep| self.rows(source, builder, keep))?;
        Ok(builder.build(self.files.max_characters, extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.files.validation_paths.is_empty(), !self.files.test_paths.is_empty()]
    }
}

impl Dakshina {
    fn rows(
        &self,
        source: &TableSource,
        builder: &mut WordsBuilder,
        keep: &mut Keep<'_>,
    ) -> Result<(), DataError> {
        if !matches!(source.format, TableFormat::Tsv | TableFormat::Csv) {
            return Err(DataError::new(Place::file(&source.name), Fault::WrongFormat(source.format.name())));
        }
        // As published: tab-separated, and quotes are characters.
        let quoting = if source.format == TableFormat::Tsv { Quoting::None } else { Quoting::AsWritten };
        let columns = Columns {
            header: HEADER,
            quoting,
            texts: &["native", "roman"],
            optional: &[ATTESTATIONS, "split"],
            ..Columns::default()
        };
        let table = Table::read(source, &columns)?;
        builder.add_table(&table);
        let (natives, romans) = (table.column("native")?, table.column("roman")?);
        let splits = table.optional("split");
        let counts = attestations(&table)?;
        for row in 0..table.rows() {
            builder.count_row();
            if counts.as_ref().map_or(1, |counts| counts[row]) < self.min_attestations {
                builder.drop(format!("rows with fewer than {} attestations", self.min_attestations));
                continue;
            }
            let split = splits.as_ref().map(|column| column[row]);
            keep(builder, Row { native: natives[row], roman: romans[row], split, line: table.line(row) });
        }
        Ok(())
    }
}

/// The column of the number of annotators who wrote a romanisation.
const ATTESTATIONS: &str = "attestations";

fn attestations(table: &Table<'_>) -> Result<Option<Vec<usize>>, DataError> {
    let Some(texts) = table.optional(ATTESTATIONS) else { return Ok(None) };
    let mut problems = Problems::default();
    let mut counts = Vec::with_capacity(table.rows());
    for (row, text) in texts.into_iter().enumerate() {
        let count = text.trim().parse().unwrap_or_else(|_| {
            let fault = Fault::NotCount { column: ATTESTATIONS.to_owned(), found: text.to_owned() };
            problems.push(table.place(row), fault);
            0
        });
        counts.push(count);
    }
    problems.or(Some(counts))
}
