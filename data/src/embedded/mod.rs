//! The names that come with the program, and the fifth of them that no training may see.
//!
//! The table holds names of places, languages and territories under the Unicode licence, whose notice stands
//! beside it in `names/`. Which names form the test split is decided by the hash of the name with a fixed
//! salt, when the table is read: every corpus option, and every version of the program, gives the same ones.

mod read;
mod table;
mod test_split;

pub use read::{held_out, read};
pub(crate) use table::TABLES;
pub use table::{LICENCE, NAME};
pub use test_split::TEST;
pub(crate) use test_split::hold_out_test_split;
