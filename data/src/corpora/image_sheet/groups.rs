//! Groups of pictures, which are one picture in splits.

use indexmap::IndexMap;
use indexmap::map::Entry;

use crate::base_emoji::base_emoji;
use crate::error::SheetFault;
use crate::pictures::PictureGroup;
use crate::split::{Split, SplitOptions};
use crate::stable_hash;

/// The value of the split of pictures in a style that training does not see.
pub(super) const UNSEEN_STYLE: &str = "unseen-style";

/// Share of the groups that no validation split takes, of those in an unseen style.
const NOT_VALIDATED: f64 = 0.8;

/// Whether a group is among a share of those that are asked about in a style in which training does not see them: they lie at the other
/// end of the hash by which a test split is carved out, and beyond what a validation split takes.
pub(super) fn is_unseen(group: &str, fraction: f64) -> bool {
    let usual = SplitOptions::default();
    usual.place_of(Split::Validation, group) >= 1.0 - NOT_VALIDATED
        && usual.place_of(Split::Test, group) >= 1.0 - fraction / NOT_VALIDATED
}

/// The value of `group` for emoji.
pub(super) const BASE_EMOJI: &str = "base-emoji";

/// The column of code points by which emoji form groups.
pub(super) const CODE_POINTS: &str = "base_unified";

/// What makes rows one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GroupKind<'o> {
    /// The value of a column.
    Column(&'o str),
    /// The emoji that they are variants of.
    BaseEmoji,
    /// Nothing: the pictures of a row alone.
    Row,
}

impl<'o> GroupKind<'o> {
    /// As the key of the corpus says it.
    pub(super) fn new(group: Option<&'o str>) -> Self {
        match group {
            None => Self::Row,
            Some(BASE_EMOJI) => Self::BaseEmoji,
            Some(column) => Self::Column(column),
        }
    }

    /// The name of a row's group by what its column holds, and by the name of its cell where that is empty.
    ///
    /// # Errors
    /// Where the column of code points holds something else.
    pub(super) fn name(self, value: Option<&str>, cell: &str) -> Result<String, SheetFault> {
        let value = value.map(str::trim).filter(|value| !value.is_empty());
        match (self, value) {
            (Self::Row, _) | (_, None) => Ok(cell.to_owned()),
            (Self::Column(_), Some(value)) => Ok(value.to_owned()),
            (Self::BaseEmoji, Some(value)) if value.split('-').all(is_code_point) => Ok(base_emoji(value)),
            (Self::BaseEmoji, Some(value)) => {
                Err(SheetFault::NotCodePoints { column: CODE_POINTS.into(), found: value.to_owned() })
            }
        }
    }

    /// A group of this name. Pictures of other corpora belong to it if they are of the same table, or on the same sheet; emoji
    /// wherever they come from. `files` are the fingerprints of both.
    pub(super) fn group(self, name: String, files: [&str; 2]) -> PictureGroup {
        let keys = match self {
            Self::BaseEmoji => vec![stable_hash::key(&["group", BASE_EMOJI, &name])],
            Self::Column(column) => {
                files.map(|file| stable_hash::key(&["group", column, &name, file])).to_vec()
            }
            Self::Row => vec![stable_hash::key(&["row", &name, files[0]])],
        };
        PictureGroup { name, keys }
    }
}

impl PictureGroup {
    /// The pictures of a group in a style, as a group of their own.
    pub(super) fn in_style(self, style: &str) -> Self {
        let keys = self.keys.iter().map(|key| stable_hash::key(&["style", style, &key.to_string()]));
        Self { name: format!("{}, {style}", self.name), keys: keys.collect() }
    }
}

/// Whether a text is a code point in hexadecimal digits.
fn is_code_point(text: &str) -> bool {
    (1..=6).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && u32::from_str_radix(text, 16).is_ok_and(|point| point <= 0x10_FFFF)
}

/// The splits of groups, each of which has one.
#[derive(Debug, Default)]
pub(super) struct GroupSplits(IndexMap<String, (Option<String>, usize)>);

impl GroupSplits {
    /// Notes the split of a group at a line.
    ///
    /// # Errors
    /// Where the group has another one before.
    pub(super) fn add(&mut self, group: &str, split: Option<&str>, line: usize) -> Result<(), SheetFault> {
        match self.0.entry(group.to_owned()) {
            Entry::Vacant(entry) => {
                entry.insert((split.map(str::to_owned), line));
                Ok(())
            }
            Entry::Occupied(entry) if entry.get().0.as_deref() == split => Ok(()),
            Entry::Occupied(entry) => {
                let (other, line) = entry.get();
                Err(SheetFault::GroupInTwo {
                    group: group.to_owned(),
                    found: split.unwrap_or_default().to_owned(),
                    other: other.clone().unwrap_or_default(),
                    line: *line,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_by_a_column_by_their_emoji_or_not_at_all() {
        assert_eq!(GroupKind::new(None).name(Some("x"), "a:1,2").unwrap(), "a:1,2");
        assert_eq!(GroupKind::new(Some("kind")).name(Some(" x "), "a:1,2").unwrap(), "x");
        assert_eq!(GroupKind::new(Some("kind")).name(Some(" "), "a:1,2").unwrap(), "a:1,2");
        let emoji = GroupKind::new(Some("base-emoji"));
        assert_eq!(emoji.name(Some("1F469-1F3FB-200D-1F33E"), "a:1,2").unwrap(), "1F9D1-200D-1F33E");
        for wrong in ["frog", "1F469-", "1F469_200D", "FFFFFF", "+1F46"] {
            assert!(emoji.name(Some(wrong), "a:1,2").is_err(), "{wrong}");
        }
    }

    #[test]
    fn group_has_one_split() {
        let mut splits = GroupSplits::default();
        splits.add("a", Some("train"), 2).unwrap();
        splits.add("a", Some("train"), 3).unwrap();
        splits.add("b", None, 4).unwrap();
        assert!(splits.add("a", Some("dev"), 5).unwrap_err().to_string().contains("at line 2"));
        assert!(splits.add("b", Some("dev"), 6).is_err());
    }

    #[test]
    fn groups_of_an_unseen_style_are_a_share_that_no_split_takes() {
        let names: Vec<String> = (0..4000).map(|number| format!("group {number}")).collect();
        let usual = SplitOptions::default();
        let of = |fraction: f64| names.iter().filter(|name| is_unseen(name, fraction)).collect::<Vec<_>>();
        let (few, many) = (of(0.1), of(0.2));
        assert!((340..460).contains(&few.len()) && (720..880).contains(&many.len()), "{}", many.len());
        assert!(few.iter().all(|name| many.contains(name)), "smaller shares lie within larger ones");
        let is_taken = |name: &&&String| {
            usual.place_of(Split::Test, name) < 0.75 || usual.place_of(Split::Validation, name) < 0.2
        };
        assert!(!many.iter().any(|name| is_taken(&name)));
        assert!(of(0.0).is_empty());
    }

    #[test]
    fn group_in_a_style_is_another_group() {
        let whole = GroupKind::BaseEmoji.group("1F600".into(), ["1", "2"]);
        let own = whole.clone().in_style("noto");
        assert_eq!(own.name, "1F600, noto");
        assert!(own.keys.iter().all(|key| !whole.keys.contains(key)));
        assert_ne!(own, whole.in_style("twemoji"));
    }

    #[test]
    fn emoji_are_known_in_any_file_and_other_groups_in_their_own() {
        let keys = |kind: GroupKind<'_>, files: [&'static str; 2]| kind.group("x".into(), files).keys;
        assert_eq!(keys(GroupKind::BaseEmoji, ["1", "2"]), keys(GroupKind::BaseEmoji, ["3", "4"]));
        let column = GroupKind::Column("kind");
        let shared = |one: [&'static str; 2], other: [&'static str; 2]| {
            keys(column, one).iter().any(|key| keys(column, other).contains(key))
        };
        assert!(
            shared(["1", "2"], ["1", "3"])
                && shared(["1", "2"], ["3", "2"])
                && !shared(["1", "2"], ["3", "4"])
        );
    }
}
