//! Tiny models that tests export.

#![allow(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::{Tokenizer, TokenizerFiles};

/// The folder of a tiny model with what is expected of it.
pub(crate) fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity").join(model)
}

/// The files of a small vocabulary.
pub(crate) fn vocabulary() -> TokenizerFiles {
    Tokenizer::train_words(["a good film"], 40).unwrap().files(16).unwrap()
}

/// A copy of a tiny model with a vocabulary, which those of the parity tests do not have.
pub(crate) fn readable(model: &str, folder: &Path) -> PathBuf {
    let copy = folder.join("model");
    std::fs::create_dir_all(&copy).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(parity(model).join("model").join(name), copy.join(name)).unwrap();
    }
    vocabulary().write(&copy).unwrap();
    copy
}
