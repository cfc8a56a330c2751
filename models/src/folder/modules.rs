//! The modules of a folder of sentence-transformers.

use std::path::{Component, Path, PathBuf};

use alambic_files::text::quoted;
use serde::Deserialize;

use crate::{ModelError, json};

/// The file that says which modules a model is made of, in their order, and where each lies.
pub(crate) const MODULES: &str = "modules.json";

/// Package of the classes that sentence-transformers has itself. Others of the same names come with a folder, and may do
/// anything.
const PACKAGE: &str = "sentence_transformers.";

/// The module that reads tokens.
const TRANSFORMER: &str = "Transformer";

/// The module of static embeddings.
pub(crate) const STATIC: &str = "StaticEmbedding";

/// The module that is a linear layer.
pub(super) const DENSE: &str = "Dense";

/// The module of recurrent pooling, which comes with the folder.
pub(crate) const RECURRENT: &str = "RecurrentPooling";

/// A module of a model.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Module {
    /// The class in Python.
    #[serde(rename = "type")]
    pub(crate) class: String,
    /// Its folder within that of the model; empty for that itself.
    #[serde(default)]
    path: String,
}

impl Module {
    /// The name of its class, without the package where that is sentence-transformers, or where it is [`RECURRENT`].
    pub(crate) fn kind(&self) -> &str {
        let name = self.class.rsplit('.').next().unwrap_or_default();
        if self.class.starts_with(PACKAGE) || name == RECURRENT { name } else { &self.class }
    }

    /// Its folder.
    ///
    /// # Errors
    /// When it lies outside the model's.
    pub(crate) fn folder(&self, root: &Path) -> Result<PathBuf, ModelError> {
        let path = Path::new(&self.path);
        if path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Ok(if self.path.is_empty() { root.to_owned() } else { root.join(path) });
        }
        Err(ModelError::content(
            &root.join(MODULES),
            format!("`{}` is no folder within that of the model", quoted(&self.path)),
        ))
    }
}

/// The modules of a folder; none where it has no `modules.json`.
pub(crate) fn read(root: &Path) -> Result<Option<Vec<Module>>, ModelError> {
    json::read_if_there(&root.join(MODULES))
}

/// The folder that holds configuration, weights and tokenizer of a model: the model's own, or in older folders of
/// sentence-transformers one within it.
pub(crate) fn transformer(root: &Path) -> Result<PathBuf, ModelError> {
    let reads = |module: &Module| [TRANSFORMER, STATIC].contains(&module.kind());
    let first = read(root)?.into_iter().flatten().find(reads);
    let Some(module) = first else { return Ok(root.to_owned()) };
    let folder = module.folder(root)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let message =
        format!("there is no folder `{}`, in which its {TRANSFORMER} should lie", quoted(&module.path));
    Err(ModelError::content(&root.join(MODULES), message))
}

/// Whether the first module of a folder is one of static embeddings.
pub(crate) fn is_static(root: &Path) -> Result<bool, ModelError> {
    Ok(read(root)?.is_some_and(|modules| modules.first().is_some_and(|module| module.kind() == STATIC)))
}

/// Whether a module is the one that reads tokens.
pub(crate) fn is_transformer(module: &Module) -> bool {
    module.kind() == TRANSFORMER
}
