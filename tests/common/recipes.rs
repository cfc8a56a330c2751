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

/// A recipe on made-up reviews, [`REVIEWS`] apart, in which `small` learns from `expert` by losses that follow.
pub(crate) const DISTILLATION: &str = r#"
schema = 1
name = "scheduled"
seed = 5
threads = 2
stages = ["expert", "small"]

[model.expert.encoder]
layers = 2
width = 24
heads = 4
feed-forward = 48

[model.small.encoder]
layers = 1
width = 12
heads = 2
feed-forward = 24

[teacher.expert.checkpoint]
stage = "expert"

[train]
steps = 400
batch.size = 16
validate-every = 50
validation-examples = 8
checkpoint-every = 5

[stage.expert]
student = "expert"
data.texts = { data = ["reviews"] }
loss.cross-entropy = {}
train.steps = 10

[stage.small]
student = "small"
teacher = "expert"
data.texts = { data = ["reviews"] }
"#;

/// Losses of [`DISTILLATION`] that change over its steps, of which one has no weight in the first three tenths of them.
pub(crate) const SCHEDULED_LOSSES: &str = "
[stage.small.loss]
hidden.weight = { cosine = { start = 0.0, end = 1.0, from = 0.3, until = 0.8 } }
[stage.small.loss.logits]
weight = { linear = { start = 1.0, end = 0.25 } }
temperature = { linear = { start = 8.0, end = 1.0 } }
";
