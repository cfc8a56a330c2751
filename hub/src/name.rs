//! Names of repositories and of files in them.

use alambic_files::text::quoted;
use percent_encoding::percent_decode_str;

use crate::path::check_path;

/// Longest name of an owner or a repository; the hub's own limit.
const MAX_NAME: usize = 96;

/// Name of a repository on the hub, or of a file in it: `OWNER/NAME[@REVISION][/PATH]` in its parts.
///
/// The revision is a branch, a tag or a commit. Slashes within it are written `%2F`, since a file may follow:
/// `OWNER/NAME@feature%2Fx/data/train.csv`, and `%25` is a percent sign. The hub's own references `refs/pr/NUMBER` and
/// `refs/convert/NAME` may be written as they are. For a model, which no file follows, all that stands behind the `@` is
/// the revision, so that `OWNER/NAME@feature/x` is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubName {
    /// The whole name.
    pub text: String,
    /// The owner.
    pub owner: String,
    /// The repository.
    pub name: String,
    /// A branch, a tag or a commit, with its slashes.
    pub revision: Option<String>,
    /// A file in the repository.
    pub path: Option<String>,
}

/// Error of a name that is not valid on the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`hf:{name}` is not a valid name on the hub: {fault}; write `hf:OWNER/NAME[@REVISION]`, and a file of a dataset behind it; \
     slashes in a revision are `%2F`"
)]
pub struct HubNameError {
    name: String,
    fault: String,
}

impl HubName {
    /// Takes the name of a file of a dataset, or of a model, apart.
    ///
    /// # Errors
    /// When owner or repository is missing, or a part holds what no name on the hub does.
    pub fn parse(text: &str) -> Result<Self, HubNameError> {
        Self::read(text).map_err(|fault| HubNameError { name: quoted(text), fault })
    }

    fn read(text: &str) -> Result<Self, String> {
        let (owner, rest) = text.split_once('/').ok_or("it has no slash between owner and repository")?;
        let (repository, path) = split(rest);
        let (name, revision) = match repository.split_once('@') {
            Some((name, revision)) => (name, Some(revision)),
            None => (repository, None),
        };
        check_name("owner", owner)?;
        check_name("repository", name)?;
        let (revision, path) = match (revision, path) {
            // The hub's own references, of three parts.
            (Some("refs"), Some(path)) => {
                let (kind, rest) = split(path);
                let (number, path) = split(rest.unwrap_or_default());
                if !["pr", "convert"].contains(&kind) {
                    return Err("the slashes of its revision are not written `%2F`".into());
                }
                (Some(format!("refs/{kind}/{number}")), path)
            }
            (Some(revision), path) => (Some(decoded(revision)?), path),
            (None, path) => (None, path),
        };
        if let Some(revision) = &revision {
            check_revision(revision)?;
        }
        if let Some(path) = path {
            check_path(path).map_err(|fault| format!("its path {fault}"))?;
        }
        Ok(Self {
            text: text.to_owned(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            revision,
            path: path.map(str::to_owned),
        })
    }

    /// The name of a model, in which what follows the `@` is the revision to its end; a path is left where there is no
    /// revision.
    ///
    /// # Errors
    /// Those of [`Self::parse`].
    pub fn parse_model(text: &str) -> Result<Self, HubNameError> {
        let mut name = Self::parse(text)?;
        if let Some(revision) = &mut name.revision
            && let Some(path) = name.path.take()
        {
            let rest = decoded(&path).and_then(|rest| {
                let whole = format!("{revision}/{rest}");
                check_revision(&whole).map(|()| whole)
            });
            *revision = rest.map_err(|fault| HubNameError { name: quoted(text), fault })?;
        }
        Ok(name)
    }

    /// `OWNER/NAME`.
    pub(crate) fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// The revision; `main` where none is named.
    #[must_use]
    pub fn revision(&self) -> &str {
        self.revision.as_deref().unwrap_or("main")
    }
}

/// The parts before and behind the first slash.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)))
}

/// A revision with its `%2F` as slashes.
fn decoded(revision: &str) -> Result<String, String> {
    let is_whole = revision.match_indices('%').all(|(at, _)| {
        revision.get(at + 1..at + 3).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    });
    if !is_whole {
        return Err("a `%` in its revision is not followed by two hexadecimal digits".into());
    }
    percent_decode_str(revision)
        .decode_utf8()
        .map(String::from)
        .map_err(|_| "its revision is not UTF-8 once its `%` are read".into())
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    let is_plain =
        name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
    if name.is_empty() || name.len() > MAX_NAME || name.starts_with('.') || !is_plain {
        return Err(format!(
            "its {what} may hold only letters, digits, `-`, `_` and `.`, and has at most {MAX_NAME} of them"
        ));
    }
    // The hub has none of them, and `a--b/c` would share its folder in the cache with `a/b--c`.
    if name.contains("--") || name.contains("..") {
        return Err(format!("its {what} holds `--` or `..`"));
    }
    Ok(())
}

/// Checks that a revision is one that git could have, and a path below `refs`.
fn check_revision(revision: &str) -> Result<(), String> {
    check_path(revision).map_err(|fault| format!("its revision {fault}"))?;
    let is_reference = !revision.starts_with('-')
        && !revision.contains("..")
        && !revision.contains("@{")
        && !revision.contains([' ', '~', '^', '['])
        && !format!("{revision}/").contains(".lock/")
        && revision.split('/').all(|part| !part.starts_with('.'));
    if is_reference { Ok(()) } else { Err("its revision is not a valid git reference".into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name = HubName::parse("stanfordnlp/sst2@v1.0/data/train-00000.parquet").unwrap();
        assert_eq!((name.repository().as_str(), name.revision()), ("stanfordnlp/sst2", "v1.0"));
        assert_eq!(name.path.as_deref(), Some("data/train-00000.parquet"));
        assert_eq!(HubName::parse("a/b").unwrap().revision(), "main");
        let long = "a".repeat(97);
        for wrong in [
            "",
            "bert",
            "a/",
            "/b",
            "a/b@",
            "a/b/",
            "a/b/../c",
            "../b",
            "a b/c",
            "a/b@c d",
            "a/b@..",
            "a/b@%2e%2e%2fc",
            "a/b@c%2",
            "a/b@%ff",
            "a/b@c%00",
            "a/b@x.lock",
            "a/b@c%5Cd",
            "a/b@refs/pr",
            "a/b@refs/pr/",
            "a/b@refs/heads/c",
            "a--b/c",
            "a/b..c",
            "a/b/c\\d",
            "a/b/nul",
            "a\u{1b}/b",
            &format!("{long}/b"),
        ] {
            assert!(HubName::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn branches_with_slashes_are_named() {
        let read = |text: &str| {
            let name = HubName::parse(text).unwrap();
            (name.revision().to_owned(), name.path)
        };
        assert_eq!(read("a/b@feature%2Fx/data/c.csv"), ("feature/x".into(), Some("data/c.csv".into())));
        assert_eq!(read("a/b@refs/pr/1/c.csv"), ("refs/pr/1".into(), Some("c.csv".into())));
        assert_eq!(read("a/b@refs%2Fconvert%2Fparquet/c"), ("refs/convert/parquet".into(), Some("c".into())));
        assert_eq!(read("a/b@100%25/c"), ("100%".into(), Some("c".into())));
        let model = |text: &str| HubName::parse_model(text).unwrap();
        for text in ["a/b@feature/x", "a/b@feature%2Fx", "a/b@feature%2fx"] {
            assert_eq!((model(text).revision(), model(text).path), ("feature/x", None), "{text}");
        }
        assert_eq!(model("a/b@refs/pr/1").revision(), "refs/pr/1");
        assert_eq!(model("a/b/c").path.as_deref(), Some("c"));
        assert!(HubName::parse_model("a/b@c/d.lock").is_err());
    }
}
