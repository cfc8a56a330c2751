//! HTTP client of a hub: requests within limits of time and redirects, and with the token for the hub's own address alone.

use std::cell::RefCell;
use std::fmt;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use alambic_files::text::quoted;
use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, HeaderMap, LOCATION, RANGE};
use ureq::http::uri::{Scheme, Uri};

use crate::Limits;
use crate::answer::{Answer, Failure, ResponseMetadata, header};
use crate::digest::CHUNK_BYTES;

/// One address of a hub. Redirects are followed here and not by the agent, since the token must not follow all of them.
pub(crate) struct Client {
    /// Another after one whose connections had to be closed.
    agent: RefCell<Agent>,
    home: Origin,
    token: Option<String>,
    limits: Limits,
}

/// Scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    is_secure: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an HTTP address; none of other addresses.
    fn of(uri: &Uri) -> Option<Self> {
        let is_secure = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let port = match authority.port_u16() {
            Some(port) => port,
            // A port that is not a number belongs to no origin.
            None if !authority.as_str().ends_with(authority.host()) => return None,
            None if is_secure => 443,
            None => 80,
        };
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() { None } else { Some(Self { is_secure, host, port }) }
    }
}

impl Client {
    /// A client for the hub at `endpoint`.
    ///
    /// # Errors
    /// When that is not an HTTP address, or the token is not valid.
    pub(crate) fn new(endpoint: &str, token: Option<String>, limits: Limits) -> Result<Self, String> {
        let home = endpoint.parse::<Uri>().ok().as_ref().and_then(Origin::of).ok_or_else(|| {
            format!("`{}` is not the address of a hub: set HF_ENDPOINT to `https://HOST`", quoted(endpoint))
        })?;
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(
                "the token in HF_TOKEN or in the token file holds characters that a token may not have"
                    .into(),
            );
        }
        Ok(Self { agent: RefCell::new(agent(&limits)), home, token, limits })
    }

    /// Asks for an address, from the byte `from` on, within `time` for all that follows, the body with it.
    ///
    /// # Errors
    /// Where nothing comes, too slowly, or what comes is neither the thing asked for nor a redirect to it.
    pub(crate) fn get(&self, address: &str, range: Option<&str>, time: Duration) -> Result<Answer, Failure> {
        let since = Instant::now();
        let mut uri: Uri = address
            .parse()
            .map_err(|_| Failure::Invalid(format!("`{}` is not a valid address", quoted(address))))?;
        let mut metadata = ResponseMetadata::default();
        for _ in 0..=self.limits.max_redirects {
            let origin = Origin::of(&uri).ok_or_else(|| {
                Failure::Invalid(format!("`{}` is not an HTTP address", quoted(&uri.to_string())))
            })?;
            let is_home = origin == self.home;
            if !is_home && uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
                // The agent would send them.
                return Err(Failure::Invalid("it redirects to another address with a user's name".into()));
            }
            if self.home.is_secure && !origin.is_secure {
                return Err(Failure::Invalid(format!(
                    "it redirects to `{}`, which is not encrypted",
                    quoted(&uri.to_string())
                )));
            }
            // The long time that a long body may take is not for redirects.
            if since.elapsed() > time.min(self.limits.request_time) {
                return Err(Failure::Transient(format!("no answer within {} s", since.elapsed().as_secs())));
            }
            let left = time.saturating_sub(since.elapsed());
            let agent = self.agent.borrow().clone();
            let mut request = agent
                .get(&uri)
                .config()
                .timeout_global(Some(left))
                .build()
                // Lengths and digests are those of the file, not of what a server makes of it on the way.
                .header("accept-encoding", "identity");
            if let Some(range) = range {
                request = request.header(RANGE, range);
            }
            if let Some(token) = self.token.as_ref().filter(|_| is_home) {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let (head, body) = request.call().map_err(|error| failure(&error))?.into_parts();
            let status = head.status.as_u16();
            // Others than the hub may store the file: they know nothing of commits, and their ETags are their own.
            if is_home || head.headers.contains_key("x-repo-commit") {
                metadata.update(&head.headers, is_home)?;
            }
            match status {
                301 | 302 | 303 | 307 | 308 => {
                    if range == Some(PROBE) && metadata.is_whole() {
                        return Ok(Answer { status, metadata, headers: HeaderMap::new(), body, since });
                    }
                    uri = redirect_target(&uri, &head.headers)?;
                    self.drain(Answer {
                        status,
                        metadata: ResponseMetadata::default(),
                        headers: head.headers,
                        body,
                        since: Instant::now(),
                    });
                }
                200 => return Ok(Answer { status, metadata, headers: head.headers, body, since }),
                206 | 416 if range.is_some() => {
                    return Ok(Answer { status, metadata, headers: head.headers, body, since });
                }
                _ => return Err(status_failure(status, &head.headers)),
            }
        }
        Err(Failure::Invalid(format!("it redirects more than {} times", self.limits.max_redirects)))
    }

    /// Gives an answer's body to `take`, piece by piece, until its end or until `max` bytes are there and more would follow.
    ///
    /// # Errors
    /// When it is longer, comes too slowly, or is cut; and those of `take`.
    pub(crate) fn read<E: From<Failure>>(
        &self,
        answer: &mut Answer,
        max: u64,
        take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let (since, limits, agent) = (answer.since, self.limits, self.agent.borrow().clone());
        let received = AtomicU64::new(0);
        // A reader waits within the agent for bytes of the body, and what frames them may come in drops without end: another
        // thread closes the connection when too few are there.
        let (result, is_slow) = std::thread::scope(|scope| {
            let (end, ended) = mpsc::channel::<()>();
            let received = &received;
            let watch = scope.spawn(move || {
                loop {
                    let time = limits.time_for(received.load(Ordering::Relaxed));
                    let Some(left) = time.checked_sub(since.elapsed()) else {
                        agent.shutdown();
                        return true;
                    };
                    if ended.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                        return false;
                    }
                }
            });
            let result = read_chunks(answer, max, received, take);
            drop(end);
            (result, watch.join().unwrap_or(false))
        });
        if is_slow {
            self.agent.replace(self::agent(&limits));
            return Err(Failure::Transient(format!(
                "it comes too slowly, {} bytes in {} s",
                received.into_inner(),
                since.elapsed().as_secs()
            ))
            .into());
        }
        result
    }

    /// Reads the few bytes of a body that nobody wants: only then the connection serves the next request.
    pub(crate) fn drain(&self, mut answer: Answer) {
        if answer.body.content_length().is_some_and(|bytes| bytes <= MAX_DRAINED_BYTES) {
            // Where it fails, there is another connection.
            let _ = self.read(&mut answer, MAX_DRAINED_BYTES, |_| Ok::<(), Failure>(()));
        }
    }
}

/// Reads the body of an answer, as [`Client::read`] does, without a look at the time.
fn read_chunks<E: From<Failure>>(
    answer: &mut Answer,
    max: u64,
    received: &AtomicU64,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let mut reader = answer.body.as_reader();
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut bytes = 0_u64;
    loop {
        let read = reader.read(&mut buffer).map_err(|error| failure(&ureq::Error::from(error)))?;
        if read == 0 {
            return Ok(bytes);
        }
        bytes += read as u64;
        if bytes > max {
            return Err(Failure::Invalid(format!("it has more than {max} bytes")).into());
        }
        received.store(bytes, Ordering::Relaxed);
        take(&buffer[..read])?;
    }
}

/// Bytes of an unwanted body that are read rather than the connection closed.
const MAX_DRAINED_BYTES: u64 = 16 << 10;

/// The range that asks for as little as possible, where only the metadata of the file are wanted.
pub(crate) const PROBE: &str = "bytes=0-0";

/// An agent that follows no redirect by itself.
fn agent(limits: &Limits) -> Agent {
    Agent::config_builder()
        .user_agent(concat!("alambic/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_resolve(Some(limits.connect_time))
        .timeout_connect(Some(limits.connect_time))
        .timeout_send_request(Some(limits.read_time))
        .timeout_recv_response(Some(limits.read_time))
        .timeout_per_read(Some(limits.read_time))
        .build()
        .into()
}

/// The address that a redirect leads to.
fn redirect_target(from: &Uri, headers: &HeaderMap) -> Result<Uri, Failure> {
    let location = header(headers, &LOCATION)?
        .ok_or_else(|| Failure::Invalid("it redirects without saying where to (no Location)".into()))?;
    let location = location.trim();
    let location = location.split_once('#').map_or(location, |(address, _)| address);
    let scheme = from.scheme_str().unwrap_or_default();
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let base = from.path();
    let address = if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.starts_with('?') {
        format!("{scheme}://{authority}{base}{location}")
    } else if location.split(['/', '?']).next().is_some_and(|first| first.contains(':')) {
        location.to_owned()
    } else {
        let folder = base.rfind('/').map_or("/", |end| &base[..=end]);
        format!("{scheme}://{authority}{folder}{location}")
    };
    address.parse().map_err(|_| {
        Failure::Invalid(format!("it redirects to `{}`, which is not a valid address", quoted(location)))
    })
}

/// The failure that a status without a file stands for.
fn status_failure(status: u16, headers: &HeaderMap) -> Failure {
    let said = headers.get("x-error-message").and_then(|value| value.to_str().ok());
    let said = said.map_or_else(String::new, |text| format!(" (`{}`)", quoted(text)));
    match status {
        401 | 403 => Failure::Denied(format!(
            "the hub answers {status}{said}: it may need a token in HF_TOKEN, or there is no such repository"
        )),
        404 | 410 => {
            Failure::Denied(format!("the hub answers {status}{said}: check the name and the revision"))
        }
        408 | 429 | 500..=599 => Failure::Transient(format!("the hub answers {status}{said}")),
        _ => Failure::Invalid(format!("the hub answers {status}{said}, which was not expected")),
    }
}

/// The failure that an error of the connection stands for.
fn failure(error: &ureq::Error) -> Failure {
    let text = quoted(&error.to_string());
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_) => Failure::Transient(text),
        _ => Failure::Invalid(text),
    }
}

impl fmt::Debug for Client {
    /// Without the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("home", &self.home).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(from: &str, location: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, location.parse().unwrap());
        redirect_target(&from.parse().unwrap(), &headers).ok().map(|uri| uri.to_string())
    }

    #[test]
    fn redirects_of_every_form_are_read() {
        let from = "https://a.org:8000/b/c?d";
        for (location, to) in [
            ("https://e.org/f", "https://e.org/f"),
            ("//e.org/f", "https://e.org/f"),
            ("/f?g#h", "https://a.org:8000/f?g"),
            ("f", "https://a.org:8000/b/f"),
            ("?g", "https://a.org:8000/b/c?g"),
        ] {
            assert_eq!(led(from, location).as_deref(), Some(to), "{location}");
        }
        assert_eq!(led(from, "http://[::"), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Origin::of(&text.parse().unwrap());
        assert_eq!(origin("https://A.org/x"), origin("https://a.org:443"));
        assert_eq!(origin("https://user:word@a.org/"), origin("https://a.org"));
        for other in [
            "http://a.org",
            "https://a.org:80",
            "https://b.org",
            "https://a.org.b.org",
            "https://a.org@b.org",
            "https://a.org:99999",
            "https://a.org:",
        ] {
            assert_ne!(origin(other), origin("https://a.org"), "{other}");
        }
        assert_eq!(origin("ftp://a.org"), None);
    }
}
