//! The table of names as the program carries it.

/// The table is the location `builtin:names`.
pub const NAME: &str = "names";

/// The notice under which the names are handed on.
pub const LICENCE: &str = include_str!("../../names/LICENSE-UNICODE");

/// The table, in TSV.
pub(crate) const TABLE: &str = include_str!("../../names/names.unicode-licence.tsv");

/// The tables that the program carries, in TSV, by what stands behind `builtin:` in their location: the names, and dictionaries of the
/// words of made-up scenes (colours, shapes and sides in their base forms) from English to Hindi and Japanese.
pub(crate) const TABLES: [(&str, &str); 3] = [
    (NAME, TABLE),
    ("scenes.en-hi", include_str!("../../dictionaries/scenes.en-hi.tsv")),
    ("scenes.en-ja", include_str!("../../dictionaries/scenes.en-ja.tsv")),
];
