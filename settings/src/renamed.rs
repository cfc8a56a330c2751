//! Renamed keys: the former names of keys, for the error about a recipe that was written before a renaming.

/// Table of renamed keys: each former name with the names that took its place. A former name may have stood in several
/// tables and be called differently in each: the name that the table at hand knows is the one that counts.
///
/// ```
/// use alambic_settings::RenamedKeys;
///
/// const RENAMED: RenamedKeys = RenamedKeys(&[("longest", &["max-length", "max-new-tokens"])]);
/// assert_eq!(RENAMED.current("longest", &["beam", "max-new-tokens"]), Some("max-new-tokens"));
/// assert_eq!(RENAMED.current("longest", &["beam"]), None);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct RenamedKeys(pub &'static [(&'static str, &'static [&'static str])]);

impl RenamedKeys {
    /// The present name of a key in a table of the keys `known`; none if it has no former name there.
    #[must_use]
    pub fn current<'k>(self, key: &str, known: &[&'k str]) -> Option<&'k str> {
        known.iter().copied().find(|known| self.all_current(key).contains(known))
    }

    /// All names that took the place of a key, in whatever table; empty if it is no former name.
    #[must_use]
    pub fn all_current(self, key: &str) -> &'static [&'static str] {
        self.0.iter().find(|(former, _)| *former == key).map_or(&[], |(_, names)| names)
    }
}
