//! Models of the parity tests with other files.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::{Path, PathBuf};

use alambic_models::{ModelFolder, architecture};
use alambic_tensor::parameters::{Weights, load, save};
use serde_json::Value;
use tempfile::TempDir;

/// A file or folder of the parity tests.
pub(crate) fn parity(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(path)
}

/// A model of the parity tests, to be changed.
pub(crate) struct Changed {
    pub(crate) folder: TempDir,
    pub(crate) json: Value,
    pub(crate) weights: Weights,
}

impl Changed {
    pub(crate) fn of(model: &str) -> Self {
        let model = parity(model).join("model");
        Self {
            folder: tempfile::tempdir().unwrap(),
            json: serde_json::from_str(&fs::read_to_string(model.join("config.json")).unwrap()).unwrap(),
            weights: load(&model.join("model.safetensors")).unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self) -> ModelFolder {
        save(&self.weights, &[], &self.path("model.safetensors")).unwrap();
        self.write_config()
    }

    pub(crate) fn write_config(&self) -> ModelFolder {
        fs::write(self.path("config.json"), self.json.to_string()).unwrap();
        ModelFolder::open(self.folder.path()).unwrap()
    }

    /// What is said of the folder when it is opened.
    pub(crate) fn said(&self) -> String {
        self.write();
        self.said_of_written()
    }

    pub(crate) fn said_of_written(&self) -> String {
        ModelFolder::open(self.folder.path())
            .and_then(|folder| architecture::open(&folder))
            .map(drop)
            .unwrap_err()
            .to_string()
    }

    /// The weights under other names.
    pub(crate) fn rename(&mut self, name: impl Fn(&str) -> String) {
        self.weights = self.weights.drain(..).map(|(old, tensor)| (name(&old), tensor)).collect();
    }
}
