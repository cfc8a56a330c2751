//! From which language into which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A pair of different languages, written `hi-ta`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Direction {
    /// Code of the language read.
    pub source: String,
    /// Code of the language written.
    pub target: String,
}

impl fmt::Display for Direction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.source, self.target)
    }
}

impl FromStr for Direction {
    type Err = DirectionError;

    /// Reads one direction; `*` is not allowed here, see [`parse`].
    fn from_str(text: &str) -> Result<Self, DirectionError> {
        let (source, target) = sides(text)?;
        if source == "*" || target == "*" {
            return Err(DirectionError::Shape(text.to_owned()));
        }
        if source == target {
            return Err(DirectionError::Same(text.to_owned()));
        }
        Ok(Self { source: source.to_owned(), target: target.to_owned() })
    }
}

/// Faults of a pattern of directions, each with the pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectionError {
    /// Not two languages with a hyphen between.
    #[error(
        "`{0}` is no direction: write SOURCE-TARGET, such as `hi-ta`, or `*` for every language, such as `*-en`"
    )]
    Shape(String),
    /// A language that is not among those at hand.
    #[error("`{pattern}`: there is no language `{code}` here, only {}", .languages.join(", "))]
    UnknownLanguage {
        /// The pattern.
        pattern: String,
        /// The language in it that is not known.
        code: String,
        /// Those that are.
        languages: Vec<String>,
    },
    /// From a language into itself.
    #[error("`{0}`: source and target are the same language")]
    Same(String),
    /// A pattern of `*` that no two languages fulfil.
    #[error("`{0}` stands for no direction: there are too few languages")]
    Nothing(String),
}

impl DirectionError {
    /// The text that is wrong.
    #[must_use]
    pub fn pattern(&self) -> &str {
        match self {
            Self::Shape(pattern)
            | Self::Same(pattern)
            | Self::Nothing(pattern)
            | Self::UnknownLanguage { pattern, .. } => pattern,
        }
    }
}

/// The directions that patterns stand for: `hi-ta`, `*-en` (from every other language into English), `en-*`,
/// `*-*` (each into each other). They come in the order of the patterns, then of the languages, each once.
///
/// # Errors
/// At the first pattern that is malformed, names a language that is not among `languages`, or stands for
/// nothing.
pub fn parse(patterns: &[impl AsRef<str>], languages: &[String]) -> Result<Vec<Direction>, DirectionError> {
    let mut directions = Vec::new();
    for pattern in patterns {
        for direction in expand(pattern.as_ref(), languages)? {
            if !directions.contains(&direction) {
                directions.push(direction);
            }
        }
    }
    Ok(directions)
}

/// The directions of one pattern.
///
/// # Errors
/// As [`parse`].
pub fn expand(pattern: &str, languages: &[String]) -> Result<Vec<Direction>, DirectionError> {
    let (source, target) = sides(pattern)?;
    for code in [source, target] {
        if code != "*" && !languages.iter().any(|language| language == code) {
            return Err(DirectionError::UnknownLanguage {
                pattern: pattern.to_owned(),
                code: code.to_owned(),
                languages: languages.to_vec(),
            });
        }
    }
    if source == target && source != "*" {
        return Err(DirectionError::Same(pattern.to_owned()));
    }
    let mut directions = Vec::new();
    for from in languages.iter().filter(|code| source == "*" || *code == source) {
        for to in languages.iter().filter(|code| (target == "*" || *code == target) && *code != from) {
            directions.push(Direction { source: from.clone(), target: to.clone() });
        }
    }
    if directions.is_empty() { Err(DirectionError::Nothing(pattern.to_owned())) } else { Ok(directions) }
}

fn sides(pattern: &str) -> Result<(&str, &str), DirectionError> {
    match pattern.split_once('-') {
        Some((source, target)) if is_side(source) && is_side(target) => Ok((source, target)),
        _ => Err(DirectionError::Shape(pattern.to_owned())),
    }
}

fn is_side(text: &str) -> bool {
    text == "*" || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages() -> Vec<String> {
        ["en", "hi", "ta"].map(str::to_owned).to_vec()
    }

    fn shown(patterns: &[&str]) -> Vec<String> {
        parse(patterns, &languages()).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn patterns_expand_in_order() {
        assert_eq!(shown(&["hi-ta"]), ["hi-ta"]);
        assert_eq!(shown(&["*-en", "en-*"]), ["hi-en", "ta-en", "en-hi", "en-ta"]);
        assert_eq!(shown(&["*-*"]), ["en-hi", "en-ta", "hi-en", "hi-ta", "ta-en", "ta-hi"]);
        assert_eq!(shown(&["ta-*", "ta-en"]), ["ta-en", "ta-hi"], "each once");
    }

    #[test]
    fn errors_carry_the_pattern() {
        for pattern in ["hi", "hi-", "-", "hi_ta", "hi-ta-en", "HI-ta", "**-en"] {
            let error = parse(&[pattern], &languages()).unwrap_err();
            assert_eq!(error, DirectionError::Shape(pattern.to_owned()));
            assert_eq!(error.pattern(), pattern);
        }
        assert_eq!(parse(&["hi-hi"], &languages()).unwrap_err(), DirectionError::Same("hi-hi".into()));
        let error = parse(&["hi-fr"], &languages()).unwrap_err();
        assert_eq!(error.to_string(), "`hi-fr`: there is no language `fr` here, only en, hi, ta");
        let one = ["en".to_owned()];
        assert_eq!(parse(&["*-en"], &one).unwrap_err(), DirectionError::Nothing("*-en".into()));
    }

    #[test]
    fn a_direction_reads_what_it_writes() {
        let direction: Direction = "hi-ta".parse().unwrap();
        assert_eq!(direction.to_string(), "hi-ta");
        assert!("*-ta".parse::<Direction>().is_err());
        assert!("ta-ta".parse::<Direction>().is_err());
    }
}
