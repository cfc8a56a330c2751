//! Recipes, and parts of them, that several tests run.

use std::path::{Path, PathBuf};

/// The folder of broken recipes, with a sound one in it.
pub(crate) fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

/// The sound recipe at a path that holds in any folder.
pub(crate) fn sound() -> String {
    broken().join("sound.toml").display().to_string()
}

/// The end of a recipe that trains and is evaluated on a few made-up reviews.
pub(crate) const REVIEWS: &str = r#"
[data.reviews.corpus.made-up-reviews]
size = 200
[data.reviews.split]
test-fraction = 0.1
validation-fraction = 0.1

[evaluation]
data = ["reviews"]
limit = 4
timed-examples = 4
"#;
