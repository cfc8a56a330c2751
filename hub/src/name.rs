//! Names of repositories and of files in them.

/// `OWNER/NAME[@REVISION][/PATH]` in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The whole name.
    pub text: String,
    /// The owner.
    pub owner: String,
    /// The repository.
    pub name: String,
    /// A branch, a tag or a commit.
    pub revision: Option<String>,
    /// A file in the repository.
    pub path: Option<String>,
}

/// A name that is not one of the hub's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`hf:{0}` is no name on the hub: write `hf:OWNER/NAME[@REVISION]`, and a file of a dataset behind it"
)]
pub struct NameError(String);

impl Name {
    /// Takes a name apart.
    ///
    /// # Errors
    /// When owner or repository is missing or holds what no name on the hub does.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let fail = || NameError(text.to_owned());
        let mut parts = text.splitn(3, '/');
        let owner = parts.next().unwrap_or_default();
        let repository = parts.next().ok_or_else(fail)?;
        let path = parts.next().map(str::to_owned);
        let (name, revision) = match repository.split_once('@') {
            Some((name, revision)) => (name, Some(revision.to_owned())),
            None => (repository, None),
        };
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
        };
        let path_is_plain = path.as_ref().is_none_or(|path| {
            !path.is_empty() && path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
        });
        if plain(owner) && plain(name) && revision.as_deref().is_none_or(plain) && path_is_plain {
            Ok(Self { text: text.to_owned(), owner: owner.to_owned(), name: name.to_owned(), revision, path })
        } else {
            Err(fail())
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let name = Name::parse("stanfordnlp/sst2@v1.0/data/train-00000.parquet").unwrap();
        assert_eq!((name.repository().as_str(), name.revision()), ("stanfordnlp/sst2", "v1.0"));
        assert_eq!(name.path.as_deref(), Some("data/train-00000.parquet"));
        assert_eq!(Name::parse("a/b").unwrap().revision(), "main");
        for wrong in ["", "bert", "a/", "/b", "a/b@", "a/b/", "a/b/../c", "../b", "a b/c", "a/b@c d"] {
            assert!(Name::parse(wrong).is_err(), "{wrong}");
        }
    }
}
