//! The key of an endpoint, which is sent and never shown.

use std::fmt;

use ureq::http::HeaderValue;

use super::error::EndpointError;

/// What stands in the place of a key in a text.
const HIDDEN: &str = "[key]";

/// Fewest characters of a key that is looked for in written texts. Shorter ones are words such as `EMPTY`, which servers
/// without keys are given, and which texts may hold.
const MIN_SECRET_CHARACTERS: usize = 12;

/// A key out of an environment variable.
#[derive(Clone)]
pub(crate) struct Key {
    /// The name of the variable.
    variable: String,
    value: String,
}

impl Key {
    /// # Errors
    /// When the variable is not set, empty, or holds what no header can.
    pub(crate) fn from_environment(variable: &str) -> Result<Self, EndpointError> {
        let failed = |problem| EndpointError::Key { variable: shown(variable), problem };
        let value = std::env::var_os(variable).ok_or_else(|| {
            failed("is not set; set it to the key, or leave `key-variable` out if the server needs none")
        })?;
        Self::new(variable, &value.to_string_lossy()).map_err(failed)
    }

    fn new(variable: &str, value: &str) -> Result<Self, &'static str> {
        let value = value.trim();
        if value.is_empty() {
            return Err("is empty; set it to the key, or leave `key-variable` out if the server needs none");
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "holds characters that no key has (spaces, line ends or letters beyond ASCII); set it anew",
            );
        }
        Ok(Self { variable: shown(variable), value: value.to_owned() })
    }

    /// The header that sends it; none if it is not a valid one.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", self.value)).ok()?;
        // Logs of the client leave it out then.
        header.set_sensitive(true);
        Some(header)
    }

    /// The name of its variable, as messages have it.
    pub(crate) fn variable(&self) -> &str {
        &self.variable
    }

    /// A message without the key, which some servers repeat.
    pub(crate) fn hidden_in_message(&self, text: &str) -> String {
        text.replace(&self.value, HIDDEN)
    }

    /// A body of an answer without the key.
    pub(crate) fn hidden_in_body(&self, body: Vec<u8>) -> Vec<u8> {
        let key = self.value.as_bytes();
        if key.len() < MIN_SECRET_CHARACTERS || !body.windows(key.len()).any(|window| window == key) {
            return body;
        }
        self.hidden_in_message(&String::from_utf8_lossy(&body)).into_bytes()
    }
}

impl fmt::Debug for Key {
    /// Without the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key({HIDDEN})")
    }
}

/// The name of a variable in backquotes, if it is one as variables are called: what else stands there may be the key itself.
fn shown(variable: &str) -> String {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if !variable.is_empty() && variable.bytes().all(is_name) {
        format!("`{variable}`")
    } else {
        "(whose name is not shown, since it is not of capital letters, digits and underscores)".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sk-0123456789abcdef";

    #[test]
    fn key_is_in_no_debug_output_message_or_body() {
        let key = Key::new("API_KEY", &format!(" {SECRET}\n")).unwrap();
        assert!(!format!("{key:?} {:?}", key.header()).contains("0123"));
        assert_eq!(key.hidden_in_message(&format!("wrong key {SECRET}.")), "wrong key [key].");
        assert_eq!(
            key.hidden_in_body(format!("{{\"a\": \"{SECRET}\"}}").into_bytes()),
            b"{\"a\": \"[key]\"}"
        );
        assert_eq!(key.variable(), "`API_KEY`");
    }

    #[test]
    fn short_words_for_keys_stay_in_bodies() {
        let key = Key::new("API_KEY", "EMPTY").unwrap();
        assert_eq!(key.hidden_in_body(b"EMPTY".to_vec()), b"EMPTY");
    }

    #[test]
    fn key_in_the_place_of_its_variable_is_not_shown() {
        let error = Key::from_environment("hf_abcdefgh").unwrap_err().to_string();
        assert!(!error.contains("hf_abcdefgh"), "{error}");
        assert!(
            Key::from_environment("ALAMBIC_NO_SUCH_KEY")
                .unwrap_err()
                .to_string()
                .contains("`ALAMBIC_NO_SUCH_KEY`")
        );
    }

    #[test]
    fn values_that_no_header_holds_are_refused_without_showing_them() {
        for value in ["", "  ", "ab cd", "schlüssel", "a\nb"] {
            assert!(Key::new("API_KEY", value).is_err());
        }
    }
}
