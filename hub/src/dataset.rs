//! Files of a dataset's repository.

use std::path::PathBuf;

use alambic_files::text::quoted;
use hf_hub::RepoType;

use crate::snapshot::Snapshot;
use crate::{Hub, HubError, HubName};

/// Files of a dataset that an error names.
const MAX_LISTED_FILES: usize = 20;

impl Hub {
    /// A file of a dataset's repository, named `OWNER/NAME[@REVISION]/PATH`, fetched if it is not in the cache.
    ///
    /// # Errors
    /// As for [`Self::model`], and when there is no such file; the error lists the tables that there are.
    pub fn file(&self, name: &str) -> Result<PathBuf, HubError> {
        let name = HubName::parse(name)?;
        let path = name.path.as_deref().unwrap_or_default();
        let mut snapshot = Snapshot::open(self, &name, RepoType::Dataset)?;
        if !snapshot.contains(path) {
            return Err(snapshot.missing(no_file(&snapshot, path)));
        }
        let file = snapshot.fetch(path, self.limits.max_file_bytes)?;
        snapshot.write_reference();
        Ok(file)
    }
}

/// The error for a file that is not in a dataset, with the tables that are.
fn no_file(snapshot: &Snapshot, path: &str) -> HubError {
    let ends = [".parquet", ".csv", ".tsv", ".jsonl", ".json"];
    let tables: Vec<&str> =
        snapshot.files().filter(|file| ends.iter().any(|end| file.ends_with(end))).collect();
    if tables.is_empty() {
        return snapshot.refused("there is no table in it".to_owned());
    }
    let named: Vec<String> = tables.iter().take(MAX_LISTED_FILES).map(|file| quoted(file)).collect();
    let more = match tables.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let missing = if path.is_empty() { String::new() } else { format!("it has no `{}`; ", quoted(path)) };
    snapshot.refused(format!(
        "{missing}name one of its files behind it, as `hf:OWNER/NAME/PATH`; it has {}{more}",
        named.join(", ")
    ))
}
