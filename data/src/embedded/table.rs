//! The table of names as the program carries it.

/// The table is the location `builtin:names`.
pub const NAME: &str = "names";

/// The notice under which the names are handed on.
pub const LICENCE: &str = include_str!("../../names/LICENSE-UNICODE");

/// The table, in TSV.
pub(crate) const TABLE: &str = include_str!("../../names/names.unicode-licence.tsv");
