//! Listing of the files of a repository at a revision.

use std::collections::BTreeSet;

use alambic_files::text::quoted;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::Limits;
use crate::answer::Failure;
use crate::http::Client;
use crate::path::is_commit;

/// All that has a meaning in an address, but not the letters that names are made of.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The same with slashes left as they are.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Repository as the hub describes it.
#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// The commit that a revision stands for, and the names of its files: as the hub gives them, checked where one becomes a
/// path.
pub(crate) struct Listing {
    pub(crate) commit: String,
    pub(crate) files: BTreeSet<String>,
}

/// A revision, in which a slash would begin another part of the address.
pub(crate) fn encoded_revision(revision: &str) -> String {
    utf8_percent_encode(revision, RESERVED).to_string()
}

/// A path in an address.
pub(crate) fn encoded_path(path: &str) -> String {
    utf8_percent_encode(path, RESERVED_IN_PATH).to_string()
}

/// Asks for the listing at an address.
///
/// # Errors
/// When the hub does not give it, or it names no commit, or another than `revision` where that is one.
pub(crate) fn fetch(
    client: &Client,
    address: &str,
    revision: &str,
    limits: &Limits,
) -> Result<Listing, Failure> {
    let time = limits.time_for(limits.max_listing_bytes);
    let mut answer = client.get(address, None, time)?;
    answer.check_plain()?;
    let mut text = Vec::new();
    client.read(&mut answer, limits.max_listing_bytes, |piece| {
        text.extend_from_slice(piece);
        Ok::<(), Failure>(())
    })?;
    let info: Info = serde_json::from_slice(&text).map_err(|error| {
        Failure::Invalid(format!("its listing is not valid ({}); is this a hub?", quoted(&error.to_string())))
    })?;
    if !is_commit(&info.sha) {
        return Err(Failure::Invalid(format!(
            "it names the commit `{}`, which is not a commit hash",
            quoted(&info.sha)
        )));
    }
    if is_commit(revision) && info.sha != revision {
        return Err(Failure::Invalid(format!("it gives the commit {} for {revision}", info.sha)));
    }
    Ok(Listing { commit: info.sha, files: info.siblings.into_iter().map(|file| file.rfilename).collect() })
}
