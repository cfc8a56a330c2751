//! Locations of models and data: paths, names of the program, names on the hub.

use std::fmt;
use std::path::PathBuf;

use crate::diagnostics::Diagnostic;
use crate::reader::Reader;
use crate::setting::Setting;
use crate::source::Origin;
use crate::tree::{Node, Value};
use crate::types::Type;

/// Location of a model or of data: a file or folder, within the program, or on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file or folder. A relative path of a recipe is already joined to the
    /// folder of the recipe that holds it, one of a `--set` is left to be taken
    /// from the current folder.
    File(PathBuf),
    /// What comes with the program: NAME of `builtin:NAME`.
    Builtin(String),
    /// A model on the hub, `OWNER/NAME[@REVISION]` of `hf:…`, or a file of a dataset, whose path stands behind it.
    Hub(String),
}

impl Location {
    /// Reads the text of a location that stands at `origin`.
    ///
    /// # Errors
    /// What is wrong with the text, in one line.
    pub fn parse(text: &str, origin: &Origin) -> Result<Self, String> {
        if let Some(name) = text.strip_prefix("builtin:") {
            return if name.is_empty() {
                Err("`builtin:` must be followed by a name".to_owned())
            } else {
                Ok(Self::Builtin(name.to_owned()))
            };
        }
        if let Some(name) = text.strip_prefix("hf:") {
            let mut parts = name.split('/');
            let owner = parts.next().unwrap_or_default();
            let repository = parts.next().unwrap_or_default();
            let (model, revision) = repository.split_once('@').unwrap_or((repository, "main"));
            // An empty part would be a path that begins, ends or goes on with a slash.
            return if [owner, model, revision].into_iter().chain(parts).any(str::is_empty) {
                Err("a model on the hub is named `hf:OWNER/NAME[@REVISION]`, a file of a dataset \
                     `hf:OWNER/NAME[@REVISION]/PATH`"
                    .to_owned())
            } else {
                Ok(Self::Hub(name.to_owned()))
            };
        }
        if text.is_empty() {
            return Err("a path must not be empty".to_owned());
        }
        Ok(match origin {
            Origin::Written { source, .. } => Self::File(source.folder().join(text)),
            Origin::Default => Self::File(PathBuf::from(text)),
        })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Builtin(name) => write!(formatter, "builtin:{name}"),
            Self::Hub(name) => write!(formatter, "hf:{name}"),
        }
    }
}

impl Setting for Location {
    fn describe() -> Type {
        Type::Location
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        let Value::Text(text) = &node.value else {
            return reader.report_wrong_type(node, "a string: a path, `builtin:NAME` or `hf:OWNER/NAME`");
        };
        match Self::parse(text, &node.origin) {
            Ok(location) => Some(location),
            Err(reason) => {
                let message = format!("`{}` is not a valid location", reader.path());
                reader.report(Diagnostic::error("recipe::location", message).label(&node.origin, reason));
                None
            }
        }
    }

    fn to_value(&self) -> Option<Value> {
        Some(Value::Text(self.to_string()))
    }
}
