//! Aksharantar: word pairs mined and collected for twenty-one languages of India.
//!
//! Madhani et al., *Aksharantar: Open Indic-language transliteration datasets and models for the next billion
//! users*, Findings of EMNLP 2023. As published, each line is a JSON object whose keys `native word` and
//! `english word` hold the pair; beside them stand `unique_identifier`, `source` and `score`.

use alambic_settings::settings;

use super::ReadCorpus;
use super::word_pair_files::{Keep, Row, WordPairFiles};
use crate::content::Content;
use crate::error::DataError;
use crate::source::{Extent, TableFormat, TableSource};
use crate::table::{Columns, Table};
use crate::word_builder::WordsBuilder;

settings! {
    /// Aksharantar word pairs, one file a language: JSON lines as published, or a table `roman native split`.
    pub struct Aksharantar {
        /// The files.
        #[flatten]
        pub files: WordPairFiles,
    }
}

impl ReadCorpus for Aksharantar {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let builder = self.files.gather("aksharantar", extent, rows)?;
        Ok(builder.build(self.files.max_characters, extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.files.validation_paths.is_empty(), !self.files.test_paths.is_empty()]
    }
}

fn rows(source: &TableSource, builder: &mut WordsBuilder, keep: &mut Keep<'_>) -> Result<(), DataError> {
    let (native, roman) = if source.format == TableFormat::JsonLines {
        ("native word", "english word")
    } else {
        ("native", "roman")
    };
    let columns = Columns { texts: &[native, roman], optional: &["split"], ..Columns::default() };
    let table = Table::read(source, &columns)?;
    builder.add_table(&table);
    let (natives, romans) = (table.column(native)?, table.column(roman)?);
    let splits = table.optional("split");
    for row in 0..table.rows() {
        builder.count_row();
        let split = splits.as_ref().map(|column| column[row]);
        keep(builder, Row { native: natives[row], roman: romans[row], split, line: table.line(row) });
    }
    Ok(())
}
