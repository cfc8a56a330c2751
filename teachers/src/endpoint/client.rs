//! HTTP client of an endpoint.

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use alambic_files::text::{quoted, shortened};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use ureq::{Agent, Body};

use super::base_url::BaseUrl;
use super::failure::Failure;
use super::key::Key;
use super::retry::retry_after;

/// The most bytes of an answer: more than thousands of embeddings have.
const MAX_BODY_BYTES: u64 = 256 << 20;
/// The most bytes of a message of error.
const MAX_ERROR_BYTES: u64 = 64 << 10;
/// The most characters of a message of the server's that are shown.
const MAX_SAID_CHARACTERS: usize = 300;
/// Time for a connection to be made.
const CONNECT_TIME: Duration = Duration::from_secs(20);

/// Connections to one endpoint, for several threads.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    key: Option<Key>,
    authorization: Option<HeaderValue>,
}

impl Client {
    /// A client whose requests take at most `timeout` each, with so many connections that stay open.
    pub(crate) fn new(base: &BaseUrl, key: Option<Key>, timeout: Duration, connections: usize) -> Self {
        let mut config = Agent::config_builder()
            .user_agent(concat!("alambic/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // The key would be sent to wherever a redirect leads, and a redirected POST is often sent without its body.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_resolve(Some(CONNECT_TIME.min(timeout)))
            .timeout_connect(Some(CONNECT_TIME.min(timeout)))
            .timeout_global(Some(timeout))
            .max_idle_connections(connections)
            .max_idle_connections_per_host(connections);
        if base.is_loopback() {
            // A proxy would look for the server on its own machine.
            config = config.proxy(None);
        }
        let authorization = key.as_ref().and_then(Key::header);
        Self { agent: config.build().into(), base: base.as_str().to_owned(), key, authorization }
    }

    /// The address that a path is appended to.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Closes all connections; requests that are under way fail.
    pub(crate) fn shutdown(&self) {
        self.agent.clone().shutdown();
    }

    /// Sends a body of JSON, and reads the one that comes back.
    ///
    /// # Errors
    /// [`Failure::Permanent`] where the server refuses for good, [`Failure::Transient`] for all else.
    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut request = self.agent.post(self.url(path)).header(CONTENT_TYPE, "application/json");
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send(body).map_err(|error| self.failure(&error))?;
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        if head.status.is_success() {
            return self.read(&mut body);
        }
        Err(self.refusal(status, &head.headers, &mut body))
    }

    fn read(&self, body: &mut Body) -> Result<Vec<u8>, Failure> {
        let bytes =
            read_at_most(body, MAX_BODY_BYTES).map_err(|error| self.failure(&ureq::Error::from(error)))?;
        if bytes.len() as u64 > MAX_BODY_BYTES {
            return Err(Failure::Permanent(format!("the answer has more than {MAX_BODY_BYTES} bytes")));
        }
        Ok(match &self.key {
            Some(key) => key.hidden_in_body(bytes),
            None => bytes,
        })
    }

    /// The failure that a status other than success stands for.
    fn refusal(&self, status: u16, headers: &HeaderMap, body: &mut Body) -> Failure {
        // A refusal without its reason is still one.
        let body = read_at_most(body, MAX_ERROR_BYTES).unwrap_or_default();
        let (said, code) = server_message(&body);
        let said = self.hidden(&said);
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(" (`{}`)", shortened(&said, MAX_SAID_CHARACTERS))
        };
        let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let permanent =
            |advice: &str| Failure::Permanent(format!("the server answers {status}{said}: {advice}"));
        match status {
            300..=399 => {
                let place = self.hidden(header(LOCATION).unwrap_or_default());
                permanent(&format!(
                    "it redirects to `{}`, and redirects are not followed; set `base-url` to the address itself",
                    quoted(&place)
                ))
            }
            400 | 422 => permanent(
                "the request is not one that it takes; check `model`, `prompt`, `extra-body` and what else is set",
            ),
            401 => match &self.key {
                Some(key) => {
                    permanent(&format!("the key in {} is not valid for it; check it", key.variable()))
                }
                None => permanent(
                    "it wants a key; name the environment variable that holds it with `key-variable`",
                ),
            },
            402 => permanent("the account has to be paid for"),
            403 => permanent("the key may not use this model; check `model` and the rights of the key"),
            404 | 405 => permanent("check `base-url`, which ends with `/v1` for most servers, and `model`"),
            413 => permanent("the request is too large for it; lower `batch`, or leave out long texts"),
            429 if code.as_deref() == Some("insufficient_quota") => {
                permanent("the account has no quota left")
            }
            408 | 425 | 429 | 500..=599 => {
                let wait = header(RETRY_AFTER).and_then(|value| retry_after(value, SystemTime::now()));
                Failure::Transient { message: format!("the server answers {status}{said}"), wait }
            }
            _ => permanent("no such answer is known; check `base-url`"),
        }
    }

    /// The failure that an error of the connection stands for.
    fn failure(&self, error: &ureq::Error) -> Failure {
        let text = quoted(&self.hidden(&error.to_string()));
        match error {
            ureq::Error::Timeout(_) => Failure::transient(format!("no whole answer in time ({text})")),
            ureq::Error::Io(_)
            | ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::ConnectProxyFailed(_)
            | ureq::Error::Protocol(_) => Failure::transient(text),
            _ => Failure::Permanent(text),
        }
    }

    /// A text of the server's without the key.
    fn hidden(&self, text: &str) -> String {
        self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hidden_in_message(text))
    }
}

/// The bytes of a body, at most one more than `max`.
fn read_at_most(body: &mut Body, max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.as_reader().take(max + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a body of error says, and its code.
fn server_message(body: &[u8]) -> (String, Option<String>) {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return (String::from_utf8_lossy(body).trim().to_owned(), None);
    };
    let error = value.get("error").unwrap_or(&value);
    let code = error.get("code").and_then(Value::as_str).map(str::to_owned);
    let said = ["message", "detail", "error"].iter().find_map(|key| error.get(key));
    let said = said.unwrap_or(error);
    (said.as_str().map_or_else(|| said.to_string(), str::to_owned), code)
}

/// Reads a body as an answer of the API.
///
/// # Errors
/// When it is not JSON, or JSON of something else.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let begin = || quoted(&String::from_utf8_lossy(&body[..body.len().min(MAX_SAID_CHARACTERS)]));
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() {
            let (said, _) = server_message(body);
            let said = shortened(&said, MAX_SAID_CHARACTERS);
            return Failure::transient(format!(
                "the answer is not one of this API ({}): `{said}`; check `base-url`",
                quoted(&error.to_string())
            ));
        }
        Failure::transient(format!("the answer is no JSON, or cut off: it begins with `{}`", begin()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_servers_are_found_in_all_their_forms() {
        for (body, message, code) in [
            (r#"{"error": {"message": "no", "code": "c"}}"#, "no", Some("c")),
            (r#"{"error": "no such model"}"#, "no such model", None),
            (r#"{"object": "error", "message": "too long", "code": 400}"#, "too long", None),
            (r#"{"detail": "Not Found"}"#, "Not Found", None),
            (r#"{"error": "Model is overloaded", "error_type": "overloaded"}"#, "Model is overloaded", None),
            ("<html>Bad gateway</html>\n", "<html>Bad gateway</html>", None),
            ("", "", None),
        ] {
            assert_eq!(
                server_message(body.as_bytes()),
                (message.to_owned(), code.map(str::to_owned)),
                "{body}"
            );
        }
    }
}
