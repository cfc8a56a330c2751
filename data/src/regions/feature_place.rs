//! Places of features in their files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_files::read as files;
use safetensors::Dtype;

use crate::error::{Fault, Place};
use crate::shape_boxes::ShapeBoxes;

/// Place of features, in a file for the most part, from which they can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FeaturePlace {
    /// A line of TSV, from its first byte on.
    Line { path: Arc<PathBuf>, start: u64, length: usize },
    /// An archive of NumPy.
    Archive(PathBuf),
    /// A tensor in a file of safetensors, from its first byte on.
    Tensor { path: Arc<PathBuf>, start: u64, length: usize, dtype: Dtype },
    /// No file: they are made of a drawing.
    Drawing(Arc<ShapeBoxes>),
}

impl FeaturePlace {
    /// The file, for an error message.
    pub(super) fn place(&self) -> Place {
        Place::file(&match self {
            Self::Line { path, .. } | Self::Tensor { path, .. } => path.display().to_string(),
            Self::Archive(path) => path.display().to_string(),
            Self::Drawing(_) => String::new(),
        })
    }
}

/// Opens a file; a pipe or a device is none.
pub(super) fn open(path: &Path) -> Result<File, Fault> {
    files::open(path).map_err(|error| Fault::Unreadable(error.reason()))
}
