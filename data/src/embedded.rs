//! The names that come with the program, and the fifth of them that no training may see.
//!
//! The table holds names of places, languages and territories under the Unicode licence, whose notice stands
//! beside it in `names/`. Which names form the test part is decided by the hash of the name with a fixed
//! salt, when the table is read: every corpus option, and every version of the program, gives the same ones.

use alambic_settings::{IndexMap, Location};

use crate::corpora::{NamesTable, Unit};
use crate::dataset::Dataset;
use crate::error::DataError;
use crate::lexicon::LexiconBuilder;
use crate::source::{Extent, Format, Source};
use crate::split::{HoldOut, Match, Removals, Seen};
use crate::stable_hash::unit_interval;
use crate::table::Quoting;
use crate::words::Entry;

/// The table is the location `builtin:names`.
pub const NAME: &str = "names";

/// The notice under which the names are handed on.
pub const LICENCE: &str = include_str!("../names/LICENSE-UNICODE");

/// The value of [`crate::Entry::split`] for names that no training may see.
pub const TEST: &str = "test";

/// Salt and share of the test part. A change to either would let names that shipped models were never
/// trained on change places with names that they were.
const SALT: &str = "alambic names";
const SHARE: f64 = 0.2;

const TABLE: &str = include_str!("../names/names.unicode-licence.tsv");

pub(crate) fn source() -> Source {
    Source {
        name: format!("builtin:{NAME}"),
        format: Format::Tsv,
        bytes: TABLE.as_bytes().into(),
        is_cut: false,
        notes: Vec::new(),
    }
}

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

/// What every training of every corpus has to leave out: the embedded test part, its whole names and its
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

/// Marks the test part, and takes out of it what the other names hold: a word that also occurs there cannot
/// test anything.
pub(crate) fn hold_out_test_split(builder: &mut LexiconBuilder) {
    let entries = std::mem::take(builder.entries_mut());
    let (mut test, train): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| unit_interval(&[SALT, &entry.key]) < SHARE);
    let mut removed = IndexMap::new();
    Seen::of(&train).strip(
        &mut test,
        Match::Whole,
        &mut Removals::new("test part", "also in the rest", &mut removed),
    );
    for (reason, count) in removed {
        builder.drop_many(reason, count);
    }
    let marked = |mut entry: Entry, split: &str| {
        entry.split = Some(split.to_owned());
        entry
    };
    let entries = builder.entries_mut();
    entries.extend(train.into_iter().map(|entry| marked(entry, "train")));
    entries.extend(test.into_iter().map(|entry| marked(entry, TEST)));
    entries.sort_by_key(|entry| entry.line);
}
