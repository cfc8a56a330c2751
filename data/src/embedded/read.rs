//! Reading of the embedded names.

use alambic_settings::{IndexMap, Location};

use super::table::NAME;
use super::test_split::TEST;
use crate::corpora::{NamesTable, Unit};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::source::Extent;
use crate::split::HoldOut;
use crate::table::Quoting;
use crate::words::Entry;

/// Reads the embedded names in all their languages; their `split` is `train` or [`TEST`].
///
/// # Errors
/// None that a user can cause: the table is part of the program.
pub fn read(unit: Unit) -> Result<Dataset<Entry>, DataError> {
    let path = Location::Builtin(NAME.to_owned());
    let corpus = NamesTable {
        path,
        columns: IndexMap::new(),
        header: true,
        quoting: Quoting::None,
        split_column: None,
        unit,
        max_characters: usize::MAX,
    };
    corpus.words(Extent::Whole)
}

/// Names that no training of any corpus may see: the embedded test split, its whole names and its
/// words, in all languages.
///
/// # Errors
/// None that a user can cause: the table is part of the program.
pub fn held_out() -> Result<HoldOut, DataError> {
    let mut hold_out = HoldOut::default();
    for unit in [Unit::Name, Unit::Word] {
        let names = read(unit)?;
        hold_out.add(names.splits.train.iter().filter(|entry| entry.split.as_deref() == Some(TEST)));
    }
    Ok(hold_out)
}
