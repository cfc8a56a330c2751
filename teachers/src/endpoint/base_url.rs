//! Address of an API.

use alambic_files::text::quoted;
use ureq::http::Uri;

/// Paths that are put behind the address, and that users may have put there already.
const PATHS: [&str; 2] = ["/chat/completions", "/embeddings"];

/// Address that the paths of an API are put behind: `http` or `https`, without a user, a query or a final slash.
#[derive(Debug, Clone)]
pub(crate) struct BaseUrl {
    text: String,
    host: String,
}

impl BaseUrl {
    /// # Errors
    /// What is wrong with the text. What may hold a password is not shown.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim().trim_end_matches('/');
        if text.contains('@') {
            return Err("holds a user's name or password, which files and reports would show; leave it out, and name the \
                        environment variable of a key with `key-variable`"
                .into());
        }
        if text.contains(['?', '#']) {
            return Err("has something behind `?` or `#`; leave it out".into());
        }
        let uri: Option<Uri> = text.parse().ok();
        let parts = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
        let Some((_, authority)) = parts.filter(|(scheme, _)| ["http", "https"].contains(scheme)) else {
            return Err(format!(
                "is `{}`; an address such as `http://localhost:8080/v1` is needed",
                quoted(text)
            ));
        };
        let has_port = authority.as_str() == authority.host() || authority.port_u16().is_some();
        if authority.host().is_empty() || !has_port {
            return Err(format!("is `{}`, which has no host or no valid port", quoted(text)));
        }
        if let Some(path) = PATHS.iter().find(|path| text.ends_with(*path)) {
            return Err(format!("ends with `{path}`, which is put behind it; leave that out"));
        }
        Ok(Self { text: text.to_owned(), host: authority.host().to_ascii_lowercase() })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is an address of this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host == "[::1]" || self.host.starts_with("127.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_final_slash() {
        for (text, expected, is_loopback) in [
            ("http://localhost:8080/v1/", "http://localhost:8080/v1", true),
            ("https://api.example.org/v1", "https://api.example.org/v1", false),
            ("http://[::1]:8000", "http://[::1]:8000", true),
            (" http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1", true),
        ] {
            let url = BaseUrl::parse(text).unwrap();
            assert_eq!((url.as_str(), url.is_loopback()), (expected, is_loopback));
        }
    }

    #[test]
    fn addresses_that_cannot_be_are_refused() {
        for (text, said) in [
            ("localhost:8080", "needed"),
            ("ftp://a.org", "needed"),
            ("", "needed"),
            ("http://", "needed"),
            ("http://a.org:99999/v1", "port"),
            ("http://a.org/v1?key=x", "`?`"),
            ("http://a.org/v1/chat/completions", "leave that out"),
        ] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn passwords_are_refused_and_not_shown() {
        for text in ["https://user:secret@a.org/v1", "user:secret@a.org"] {
            let error = BaseUrl::parse(text).unwrap_err();
            assert!(!error.contains("secret") && error.contains("password"), "{error}");
        }
    }
}
