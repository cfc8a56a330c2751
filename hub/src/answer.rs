//! What an answer's headers say of a file, read strictly.

use std::time::Instant;

use alambic_files::text::quoted;
use ureq::Body;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName};

/// Why a request came to nothing.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It may go better another time: no connection, a connection that was cut, a server that is busy.
    Passing(String),
    /// The hub has no such thing, or none for this user.
    Denied(String),
    /// It answers otherwise than a hub does, or goes past a limit.
    Wrong(String),
}

impl Failure {
    /// What went wrong, and what to do.
    pub(crate) fn message(self) -> String {
        match self {
            Self::Passing(message) => {
                format!("{message}; run it again, or with HF_HUB_OFFLINE=1 to use what is in the cache")
            }
            Self::Denied(message) => message,
            Self::Wrong(message) => {
                format!(
                    "{message}; that is no sound answer, and nothing of it was kept: try another HF_ENDPOINT"
                )
            }
        }
    }
}

/// What a hub told of a file along the redirects that lead to it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its commits; more than one contradict each other.
    pub(crate) commits: Vec<String>,
    /// Its `ETag`, without marks.
    pub(crate) etag: Option<String>,
    /// Whose word the `ETag` is.
    rank: Rank,
    /// Its length, where a redirect leads to the file.
    pub(crate) bytes: Option<u64>,
}

/// Whose word an `ETag` is: a later one counts more.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
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
    pub(crate) told: Told,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    /// When the request was sent.
    pub(crate) since: Instant,
}

impl Answer {
    /// The length of the whole file.
    ///
    /// # Errors
    /// Where the headers do not tell it, or contradict each other.
    pub(crate) fn whole(&self) -> Result<u64, Failure> {
        let total = match self.status {
            206 | 416 => self.range()?.map(|(_, total)| total),
            _ => self.length()?,
        };
        match (self.told.bytes, total) {
            (Some(told), Some(total)) if told != total => Err(Failure::Wrong(format!(
                "the hub says that it has {told} bytes, and the answer that it has {total}"
            ))),
            (Some(bytes), _) | (None, Some(bytes)) => Ok(bytes),
            (None, None) => Err(Failure::Wrong("the hub does not say how long it is".into())),
        }
    }

    /// `Content-Length`.
    pub(crate) fn length(&self) -> Result<Option<u64>, Failure> {
        header(&self.headers, &CONTENT_LENGTH)?.map(|text| number("Content-Length", text)).transpose()
    }

    /// Where a part begins, and how long the whole is, by `Content-Range`: `bytes 0-0/123`.
    pub(crate) fn range(&self) -> Result<Option<(u64, u64)>, Failure> {
        let Some(text) = header(&self.headers, &CONTENT_RANGE)? else { return Ok(None) };
        let parts = text.trim().strip_prefix("bytes ").and_then(|text| text.split_once('/'));
        let (range, total) =
            parts.ok_or_else(|| Failure::Wrong(format!("its Content-Range is `{}`", quoted(text))))?;
        let first = range.split('-').next().unwrap_or_default();
        let first = if first == "*" { 0 } else { number("Content-Range", first)? };
        Ok(Some((first, number("Content-Range", total)?)))
    }

    /// That the bytes that follow are those of the file.
    ///
    /// # Errors
    /// When they are compressed, which was not asked for.
    pub(crate) fn check_plain(&self) -> Result<(), Failure> {
        match header(&self.headers, &CONTENT_ENCODING)? {
            Some(encoding) if !encoding.trim().eq_ignore_ascii_case("identity") => Err(Failure::Wrong(
                format!("the answer is compressed (`{}`), which was not asked for", quoted(encoding)),
            )),
            _ => Ok(()),
        }
    }
}

impl Told {
    pub(crate) fn hear(&mut self, headers: &HeaderMap, is_home: bool) -> Result<(), Failure> {
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
            (Some(etag), true) => (Some(etag), Rank::HomeLinked),
            (Some(etag), false) => (Some(etag), Rank::OtherLinked),
            (None, true) => (header(headers, &ETAG)?, Rank::Home),
            (None, false) => (header(headers, &ETAG)?, Rank::Other),
        };
        if let Some(etag) = etag
            && (self.etag.is_none() || rank >= self.rank)
        {
            self.etag = Some(bare(etag)?);
            self.rank = rank;
        }
        Ok(())
    }

    /// True when nothing is left to ask.
    pub(crate) fn is_whole(&self) -> bool {
        !self.commits.is_empty() && self.rank == Rank::HomeLinked && self.bytes.is_some()
    }
}

/// An `ETag` without its quotes and without the mark of a weak one. It is no path yet, only a word.
fn bare(etag: &str) -> Result<String, Failure> {
    let text = etag.trim();
    let text = text.strip_prefix("W/").unwrap_or(text).trim_matches('"');
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+=:".contains(&byte);
    if text.is_empty() || text.len() > 256 || !text.bytes().all(is_word) {
        return Err(Failure::Wrong(format!("its ETag is `{}`, which is none", quoted(etag))));
    }
    Ok(text.to_owned())
}

/// A header's text.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Failure> {
    let text = headers.get(name).map(|value| value.to_str());
    text.transpose().map_err(|_| Failure::Wrong(format!("the header {name} of its answer is not ASCII")))
}

fn number(name: &str, text: &str) -> Result<u64, Failure> {
    let digits = text.trim();
    let number = if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None };
    number.ok_or_else(|| Failure::Wrong(format!("the {name} of its answer is `{}`", quoted(text))))
}
