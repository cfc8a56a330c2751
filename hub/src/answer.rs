//! Answers of a hub, and the metadata of a file in their headers, read strictly.

use std::time::Instant;

use alambic_files::text::quoted;
use ureq::Body;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName};

/// Failure of a request.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Transient: no connection, a connection that was cut, a server that is busy.
    Transient(String),
    /// The hub has no such thing, or none for this user.
    Denied(String),
    /// The answer is not one of a hub, or exceeds a limit.
    Invalid(String),
}

impl Failure {
    /// The message: what went wrong, and what to do.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Transient(message) => {
                format!("{message}; run it again, or with HF_HUB_OFFLINE=1 to use what is in the cache")
            }
            Self::Denied(message) => message,
            Self::Invalid(message) => {
                format!("{message}; nothing of the answer was kept: try another HF_ENDPOINT")
            }
        }
    }
}

/// Metadata of a file that a hub gave along the redirects that lead to it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ResponseMetadata {
    /// Its commits; more than one contradict each other.
    pub(crate) commits: Vec<String>,
    /// Its `ETag`, without marks.
    pub(crate) etag: Option<String>,
    /// The rank of the `ETag`.
    rank: EtagRank,
    /// Its length, where a redirect leads to the file.
    pub(crate) bytes: Option<u64>,
}

/// Rank of an `ETag` by the server that gave it: a later one counts more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum EtagRank {
    /// That of another server, which a redirect leads to, and which speaks as a hub does.
    #[default]
    Other,
    /// The same, of a large file.
    OtherLinked,
    /// The hub's.
    Home,
    /// The hub's, of a large file.
    HomeLinked,
}

/// An answer of status 200, 206 or 416.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) metadata: ResponseMetadata,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// When the request was sent.
    pub(crate) since: Instant,
}

impl Answer {
    /// The length of the whole file.
    ///
    /// # Errors
    /// Where the headers do not have it, or contradict each other.
    pub(crate) fn whole(&self) -> Result<u64, Failure> {
        let total = match self.status {
            206 | 416 => self.range()?.map(|(_, total)| total),
            _ => self.length()?,
        };
        match (self.metadata.bytes, total) {
            (Some(linked), Some(total)) if linked != total => Err(Failure::Invalid(format!(
                "the hub says that it has {linked} bytes, and the answer that it has {total}"
            ))),
            (Some(bytes), _) | (None, Some(bytes)) => Ok(bytes),
            (None, None) => Err(Failure::Invalid("the hub does not give its length".into())),
        }
    }

    /// `Content-Length`.
    pub(crate) fn length(&self) -> Result<Option<u64>, Failure> {
        header(&self.headers, &CONTENT_LENGTH)?.map(|text| number("Content-Length", text)).transpose()
    }

    /// The start of a part, and the length of the whole, by `Content-Range`: `bytes 0-0/123`.
    pub(crate) fn range(&self) -> Result<Option<(u64, u64)>, Failure> {
        let Some(text) = header(&self.headers, &CONTENT_RANGE)? else { return Ok(None) };
        let parts = text.trim().strip_prefix("bytes ").and_then(|text| text.split_once('/'));
        let (range, total) =
            parts.ok_or_else(|| Failure::Invalid(format!("its Content-Range is `{}`", quoted(text))))?;
        let first = range.split('-').next().unwrap_or_default();
        let first = if first == "*" { 0 } else { number("Content-Range", first)? };
        Ok(Some((first, number("Content-Range", total)?)))
    }

    /// Checks that the bytes that follow are those of the file.
    ///
    /// # Errors
    /// When they are compressed, which was not asked for.
    pub(crate) fn check_plain(&self) -> Result<(), Failure> {
        match header(&self.headers, &CONTENT_ENCODING)? {
            Some(encoding) if !encoding.trim().eq_ignore_ascii_case("identity") => Err(Failure::Invalid(
                format!("the answer is compressed (`{}`), which was not asked for", quoted(encoding)),
            )),
            _ => Ok(()),
        }
    }
}

impl ResponseMetadata {
    pub(crate) fn update(&mut self, headers: &HeaderMap, is_home: bool) -> Result<(), Failure> {
        let text = |name: &'static str| header(headers, &HeaderName::from_static(name));
        if let Some(commit) = text("x-repo-commit")?
            && !self.commits.iter().any(|other| other == commit)
        {
            self.commits.push(commit.to_owned());
        }
        if let Some(bytes) = text("x-linked-size")?
            && (is_home || self.bytes.is_none())
        {
            self.bytes = Some(number("X-Linked-Size", bytes)?);
        }
        let (etag, rank) = match (text("x-linked-etag")?, is_home) {
            (Some(etag), true) => (Some(etag), EtagRank::HomeLinked),
            (Some(etag), false) => (Some(etag), EtagRank::OtherLinked),
            (None, true) => (header(headers, &ETAG)?, EtagRank::Home),
            (None, false) => (header(headers, &ETAG)?, EtagRank::Other),
        };
        if let Some(etag) = etag
            && (self.etag.is_none() || rank >= self.rank)
        {
            self.etag = Some(unquoted_etag(etag)?);
            self.rank = rank;
        }
        Ok(())
    }

    /// True when nothing is left to ask.
    pub(crate) fn is_whole(&self) -> bool {
        !self.commits.is_empty() && self.rank == EtagRank::HomeLinked && self.bytes.is_some()
    }
}

/// An `ETag` without its quotes and without the mark of a weak one. It is no path yet, only a word.
fn unquoted_etag(etag: &str) -> Result<String, Failure> {
    let text = etag.trim();
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=:".contains(&byte);
    if text.is_empty() || text.len() > 256 || !text.bytes().all(is_word) {
        return Err(Failure::Invalid(format!("its ETag `{}` is not valid", quoted(etag))));
    }
    Ok(text.to_owned())
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| Failure::Invalid(format!("the header {name} of its answer is not ASCII")))
}

fn number(name: &str, text: &str) -> Result<u64, Failure> {
    let digits = text.trim();
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    number.ok_or_else(|| Failure::Invalid(format!("the {name} of its answer is `{}`", quoted(text))))
}
